package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestManifestByTagAndByDigest(t *testing.T) {
	f, c, w := newFake(t, nil), quickClient(t, ClientOptions{}), small()
	fill(t, c, f.repo("a/one"), w)
	want := w.images[len(w.images)-1].Descriptor // the tag is all images', and the last one's in the end
	for _, ref := range []string{"v1", want.Digest.String()} {
		got, raw, err := c.Manifest(t.Context(), f.repo("a/one"), ref)
		if err != nil || got.Digest != want.Digest || got.MediaType != want.MediaType || int64(len(raw)) != want.Size {
			t.Errorf("%s: got %v, %v", ref, got, err)
		}
	}
	_, _, err := c.Manifest(t.Context(), f.repo("a/one"), "nothing")
	mustSay(t, err, f.host()+": GET a/one/manifests/nothing: 404 MANIFEST_UNKNOWN")
	if !NotFound(err) {
		t.Error("is no NotFound")
	}
}

func TestManifestThatIsNotWhatItSaysIsRefused(t *testing.T) {
	const doc = `{"schemaVersion":2}`
	wrong := "sha256:" + strings.Repeat("0", 64)
	cases := []struct {
		name, ref, header, body, want string
		asked                         int
	}{
		{"other content than its digest", wrong, "", doc, "its content is " + digest.FromString(doc).String(), 2},
		{"another digest in the header", "v1", wrong, doc, "the registry says " + wrong, 2},
		{"too long", "v1", "", strings.Repeat(" ", MaxManifest+1), "more than 4194304 bytes", 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, times(-1, "GET", "/manifests/", func(w http.ResponseWriter, r *http.Request) {
				if c.header != "" {
					w.Header().Set("Docker-Content-Digest", c.header)
				}
				io.WriteString(w, c.body)
			}))
			_, _, err := quickClient(t, ClientOptions{}).Manifest(t.Context(), f.repo("a"), c.ref)
			mustSay(t, err, c.want)
			if n := f.count("GET", "/manifests/"); n != c.asked {
				t.Errorf("asked %d times, want %d", n, c.asked)
			}
		})
	}
}

func TestManifestThatIsWrongOnceIsFetchedAgain(t *testing.T) {
	w := small()
	f := newFake(t, nil)
	c := quickClient(t, ClientOptions{})
	fill(t, c, f.repo("a"), w)
	f.answer = times(1, "GET", "/manifests/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"sche`) })
	if _, raw, err := c.Manifest(t.Context(), f.repo("a"), w.images[0].Descriptor.Digest.String()); err != nil || len(raw) < 100 {
		t.Errorf("%q, %v", raw, err)
	}
}

// A registry without TLS is asked with TLS first; what breaks after that is
// tried again all the same.
func TestDoorThatBreaksOnceIsKnockedAtAgain(t *testing.T) {
	f := newFake(t, times(1, "GET", "/v2/", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	_, found, err := quickClient(t, ClientOptions{}).StatManifest(t.Context(), f.repo("a"), "v1")
	if err != nil || found {
		t.Errorf("found %t, %v", found, err)
	}
}

// A connection that is dropped says nothing about the content.
func TestDroppedDownloadIsNoDamage(t *testing.T) {
	blob := "content"
	f := newFake(t, times(-1, "GET", "/blobs/", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	r, err := quickClient(t, ClientOptions{}).ReadBlob(t.Context(), []Repository{f.repo("a")}, ocispec.Descriptor{Digest: digest.FromString(blob), Size: int64(len(blob))})
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadAll(r)
	if errors.As(err, new(*ContentError)) {
		t.Errorf("taken for damage: %v", err)
	}
	mustSay(t, err, f.host()+": GET a/blobs/", "EOF")
}

// A registry that gives one byte with each connection gives no blob.
func TestDownloadByteByByteEnds(t *testing.T) {
	blob := strings.Repeat("x", 1000)
	d := ocispec.Descriptor{Digest: digest.FromString(blob), Size: int64(len(blob))}
	f := newFake(t, times(-1, "GET", "/blobs/", func(w http.ResponseWriter, r *http.Request) {
		var from int
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-999/1000", from))
		w.Header().Set("Content-Length", fmt.Sprint(1000-from))
		w.WriteHeader(http.StatusPartialContent)
		io.WriteString(w, "x")
	}))
	r, err := quickClient(t, ClientOptions{}).ReadBlob(t.Context(), []Repository{f.repo("a")}, d)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, r); err == nil || n > maxCuts+1 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestManifestCutOnTheWayIsFetchedAgain(t *testing.T) {
	w := small()
	f := newFake(t, nil)
	c := quickClient(t, ClientOptions{})
	fill(t, c, f.repo("a"), w)
	f.answer = times(2, "GET", "/manifests/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, `{"sche`)
	})
	if _, raw, err := c.Manifest(t.Context(), f.repo("a"), w.images[0].Descriptor.Digest.String()); err != nil || len(raw) < 100 {
		t.Errorf("%q, %v", raw, err)
	}
}

// What a HEAD means: it is there, it is not, or nobody knows.
func TestHeadTellsMissingFromForbidden(t *testing.T) {
	there := digest.FromString("x")
	cases := []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		want   digest.Digest
		err    string
	}{
		{"there", times(-1, "HEAD", "/manifests/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Docker-Content-Digest", there.String())
		}), there, ""},
		{"there, and does not say which", func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == "GET" && strings.Contains(r.URL.Path, "/manifests/") {
				io.WriteString(w, "x")
				return true
			}
			return r.Method == "HEAD"
		}, there, ""},
		{"missing", times(-1, "HEAD", "/manifests/", status(404, "")), "", ""},
		{"no entry", times(-1, "HEAD", "/manifests/", status(401, "")), "", "HEAD a/manifests/v1: 401 Unauthorized"},
		{"forbidden", times(-1, "HEAD", "/manifests/", status(403, "")), "", "HEAD a/manifests/v1: 403 Forbidden"},
		{"no registry at all", times(-1, "GET", "/v2/", status(404, "<html>")), "", ": GET /v2/: 404 Not Found"},
		{"no token server", func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="x"`)
			code := map[bool]int{true: 404, false: 401}[r.URL.Path == "/token"]
			status(code, "")(w, r)
			return true
		}, "", ": token for a: 404 Not Found"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, c.answer)
			got, err := quickClient(t, ClientOptions{}).ManifestDigest(t.Context(), f.repo("a"), "v1")
			if c.err != "" {
				mustSay(t, err, f.host(), c.err)
			} else if err != nil || got != c.want {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestHasBlobWantsTheSizeToo(t *testing.T) {
	f, c, d := newFake(t, nil), quickClient(t, ClientOptions{}), blobOf("content")
	if err := c.PutBlob(t.Context(), f.repo("a"), d, opener([]byte("content"))); err != nil {
		t.Fatal(err)
	}
	longer, other := d, blobOf("other")
	longer.Size++
	for want, d := range map[bool]ocispec.Descriptor{true: d, false: longer} {
		if got, err := c.HasBlob(t.Context(), f.repo("a"), d); got != want || err != nil {
			t.Errorf("%d bytes: %t, %v", d.Size, got, err)
		}
	}
	if got, err := c.HasBlob(t.Context(), f.repo("a"), other); got || err != nil {
		t.Errorf("not there: %t, %v", got, err)
	}
}

func TestErrorsAreOneCleanLine(t *testing.T) {
	cases := []struct {
		name string
		code int
		body string
		want string
	}{
		{"the specification's document", 401, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}`, "401 UNAUTHORIZED: authentication required"},
		{"a code alone", 403, `{"errors":[{"code":"DENIED"}]}`, "403 DENIED"},
		{"a message alone", 400, `{"errors":[{"message":"no"}]}`, "400 no"},
		{"no errors", 400, `{"errors":[]}`, "400 Bad Request"},
		{"a proxy's page", 413, "<html>too large</html>", "413 Request Entity Too Large"},
		{"a status that nobody knows", 799, "", "799 unknown status"},
		{"words that steer a terminal", 400, `{"errors":[{"code":"\u001b[2J","message":"a\nb\u0007\u202e"}]}`, "400  [2J: a b  "},
		{"endless words", 400, `{"errors":[{"message":"` + strings.Repeat("x", 1000) + `"}]}`, "400 " + strings.Repeat("x", 200) + "..."},
		{"an endless body", 400, strings.Repeat("x", 1<<20), "400 Bad Request"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, times(-1, "GET", "/manifests/", status(c.code, c.body)))
			_, _, err := quickClient(t, ClientOptions{}).Manifest(t.Context(), f.repo("a"), "v1")
			want := f.host() + ": GET a/manifests/v1: " + c.want
			mustSay(t, err, want)
			if err.Error() != want {
				t.Errorf("error is %q, want %q", err, want)
			}
			if n := f.count("GET", "/manifests/"); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

func TestErrorsOfOurOwnAreCleanToo(t *testing.T) {
	mustSay(t, &HTTPError{Host: "h", Method: "GET", Path: "a", Err: errors.New("certificate of \x1b[2Jevil\nhost")}, "h: GET a: certificate of  [2Jevil host")
}

func TestRefusedConnectionsAreTriedFourTimesInAll(t *testing.T) {
	f := newFake(t, times(-1, "GET", "/v2/", status(503, "")))
	c := quickClient(t, ClientOptions{})
	_, _, err := c.Manifest(t.Context(), f.repo("a"), "v1")
	mustSay(t, err, f.host()+": GET /v2/: 503 Service Unavailable")
	if n := f.count("GET", "/v2/"); n != attempts {
		t.Errorf("knocked %d times, want %d", n, attempts)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	gone := Repository{Host: l.Addr().String(), Path: "a", Insecure: true}
	c.firstBackoff = 20 * time.Millisecond
	start := time.Now()
	_, _, err = c.Manifest(t.Context(), gone, "v1")
	mustSay(t, err, gone.Host, "connection refused")
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error is %#v", err)
	}
	if d := time.Since(start); d < 140*time.Millisecond {
		t.Errorf("took %s, want at least 140 ms", d)
	}
}

// A host that takes longer to enter than silence may last, but is not silent.
func TestKnockingAgainIsNoSilence(t *testing.T) {
	f := newFake(t, times(3, "GET", "/v2/", status(503, "")))
	c := quickClient(t, ClientOptions{Timeout: 600 * time.Millisecond})
	c.firstBackoff = 120 * time.Millisecond // 840 ms and more in all
	_, err := c.ManifestDigest(t.Context(), f.repo("a"), "v1")
	if err != nil {
		t.Error(err)
	}
}

func TestSilenceIsGivenUpOnce(t *testing.T) {
	const timeout = 400 * time.Millisecond
	cases := []struct{ name, method, part string }{
		{"at the door", "GET", "/v2/"},
		{"at a manifest", "GET", "/manifests/"},
		{"at a question", "HEAD", "/manifests/"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, times(-1, c.method, c.part, hang))
			client := quickClient(t, ClientOptions{Timeout: timeout})
			start := time.Now()
			var err error
			if c.method == "HEAD" {
				_, err = client.ManifestDigest(t.Context(), f.repo("a"), "v1")
			} else {
				_, _, err = client.Manifest(t.Context(), f.repo("a"), "v1")
			}
			mustSay(t, err, f.host(), "no byte for 400ms, given up")
			if n := f.count(c.method, c.part); n != 1 {
				t.Errorf("asked %d times", n)
			}
			if d := time.Since(start); d < timeout {
				t.Errorf("took %s", d)
			}
		})
	}
}

// Many requests wait for the one that finds out how a host is spoken to. All of
// them are to say that the host is silent, and none that it was cancelled.
func TestAllWhoWaitAtASilentDoorSaySo(t *testing.T) {
	f := newFake(t, times(-1, "GET", "/v2/", hang))
	c := quickClient(t, ClientOptions{Timeout: 100 * time.Millisecond})
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = c.HasBlob(t.Context(), f.repo(fmt.Sprintf("a/%d", i%3)), blobOf("x"))
		})
	}
	wg.Wait()
	for _, err := range errs {
		if !errors.Is(err, errStalled) || errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
	}
	if n := f.count("GET", "/v2/"); n != 1 {
		t.Errorf("knocked %d times", n)
	}
}

func TestTheCallersEndIsItsOwnError(t *testing.T) {
	f := newFake(t, times(-1, "GET", "/manifests/", hang))
	c := quickClient(t, ClientOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := c.Manifest(ctx, f.repo("a"), "v1"); err != context.DeadlineExceeded {
		t.Errorf("deadline: %#v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, stop)
	if _, _, err := c.Manifest(ctx, f.repo("a"), "v1"); err != context.Canceled {
		t.Errorf("cancelled: %#v", err)
	}
}

func TestOpenBlobReadsFromAnOffset(t *testing.T) {
	const content = "0123456789"
	ranged := func(header string, rest string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", header)
			status(206, rest)(w, nil)
		}
	}
	cases := []struct {
		name   string
		answer http.HandlerFunc
		want   string
		err    string
	}{
		{"that is honoured", ranged("bytes 4-9/10", "456789"), "456789", ""},
		{"that is ignored", status(200, content), "456789", ""},
		{"that is misread", ranged("bytes 3-9/10", "3456789"), "", `asked for bytes from 4, was given "bytes 3-9/10"`},
		{"without saying which", status(206, "456789"), "", `was given ""`},
		{"beyond what is there", status(200, "01"), "", "has 2 bytes, want to go on at 4"},
		{"that is refused", status(416, ""), "", "416 Requested Range Not Satisfiable"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, times(-1, "GET", "/blobs/", c.answer))
			d := blobOf(content)
			r, err := quickClient(t, ClientOptions{}).OpenBlob(t.Context(), f.repo("a"), d, 4)
			if c.err != "" {
				mustSay(t, err, f.host()+": GET a/blobs/"+d.Digest.String(), c.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if got, err := io.ReadAll(r); string(got) != c.want || err != nil {
				t.Errorf("read %q, %v", got, err)
			}
		})
	}
}

// A slow medium takes its time between two reads. The registry is not to blame.
func TestAReaderWhoTakesItsTimeIsNoSilentRegistry(t *testing.T) {
	content := strings.Repeat("0123456789", 200_000)
	f := newFake(t, times(-1, "GET", "/blobs/", status(200, content)))
	r, err := quickClient(t, ClientOptions{Timeout: 300 * time.Millisecond}).OpenBlob(t.Context(), f.repo("a"), blobOf(content), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	time.Sleep(450 * time.Millisecond)
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(450 * time.Millisecond)
	if n, err := io.Copy(io.Discard, r); n != int64(len(content))-10 || err != nil {
		t.Errorf("read %d bytes more, %v", n, err)
	}
}

func TestSilenceInTheMiddleOfABlobIsNoticed(t *testing.T) {
	f := newFake(t, times(-1, "GET", "/blobs/", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "0123")
		w.(http.Flusher).Flush()
		hang(w, r)
	}))
	r, err := quickClient(t, ClientOptions{Timeout: 100 * time.Millisecond}).OpenBlob(t.Context(), f.repo("a"), blobOf("0123456789"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	mustSay(t, err, f.host()+": GET a/blobs/", "no byte for 100ms")
	if string(got) != "0123" {
		t.Errorf("read %q", got)
	}
}
