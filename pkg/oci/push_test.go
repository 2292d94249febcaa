package oci

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestBlobsComeBackAsTheyWerePut(t *testing.T) {
	f, c := newFake(t, nil), quickClient(t, ClientOptions{})
	for _, content := range []string{"", "x", strings.Repeat("0123456789", 100_000)} {
		d := blobOf(content)
		if err := c.PutBlob(t.Context(), f.repo("a"), d, opener([]byte(content))); err != nil {
			t.Fatalf("%d bytes: %v", len(content), err)
		}
		r, err := c.OpenBlob(t.Context(), f.repo("a"), d, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); string(got) != content || err != nil {
			t.Errorf("%d bytes: %d came back, %v", len(content), len(got), err)
		}
		r.Close()
	}
}

func TestUploadsGoWhereTheLocationSays(t *testing.T) {
	const content = "content"
	cases := []struct{ name, location, want string }{
		{"relative", "/v2/a/blobs/uploads/1", "/v2/a/blobs/uploads/1?digest="},
		{"relative to the request", "1", "/v2/a/blobs/uploads/1?digest="},
		{"absolute", "http://HOST/v2/a/blobs/uploads/1", "/v2/a/blobs/uploads/1?digest="},
		{"with a query", "/up?_state=a%3D%3D&x", "/up?_state=a%3D%3D&x&digest="},
		{"with a signed query", "http://HOST/up?sig=a;b=c+d%20e&digest", "/up?sig=a;b=c+d%20e&digest&digest="},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var asked, body atomic.Value
			f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
				switch r.Method {
				case "POST":
					w.Header().Set("Location", strings.Replace(c.location, "HOST", r.Host, 1))
					w.WriteHeader(202)
				case "PUT":
					raw, _ := io.ReadAll(r.Body)
					asked.Store(r.URL.RequestURI())
					body.Store(string(raw))
					w.WriteHeader(201)
				default:
					return false
				}
				return true
			})
			d := blobOf(content)
			if err := quickClient(t, ClientOptions{}).PutBlob(t.Context(), f.repo("a"), d, opener([]byte(content))); err != nil {
				t.Fatal(err)
			}
			want := c.want + strings.Replace(d.Digest.String(), ":", "%3A", 1)
			if asked.Load() != want || body.Load() != content {
				t.Errorf("put %q to %q, want %q", body.Load(), asked.Load(), want)
			}
		})
	}
}

func TestALocationThatIsNoneIsFinal(t *testing.T) {
	for location, want := range map[string]string{
		"":                               "no Location",
		"http://%zz/?sig=signed":         "invalid URL escape",
		"ftp://example.test/?sig=signed": "unsupported protocol scheme",
	} {
		f := newFake(t, times(-1, "POST", "/blobs/", func(w http.ResponseWriter, _ *http.Request) {
			if location != "" {
				w.Header().Set("Location", location)
			}
			w.WriteHeader(202)
		}))
		err := quickClient(t, ClientOptions{}).PutBlob(t.Context(), f.repo("a"), blobOf("x"), opener([]byte("x")))
		mustSay(t, err, f.host()+": P", want)
		mustNotSay(t, err, "signed")
		if n := f.count("POST", "/blobs/"); n != 1 {
			t.Errorf("%q: asked %d times", location, n)
		}
	}
}

// counted counts how often content is opened.
func counted(raw []byte, n *atomic.Int32) func(int64) (io.ReadCloser, error) {
	return func(at int64) (io.ReadCloser, error) {
		n.Add(1)
		return opener(raw)(at)
	}
}

func TestUploadsThatAreCutBeginAgain(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100_000)
	d := blobOf(string(content))
	f := newFake(t, times(2, "PUT", "/blobs/", func(_ http.ResponseWriter, r *http.Request) {
		io.CopyN(io.Discard, r.Body, 1000)
		panic(http.ErrAbortHandler)
	}))
	var opened atomic.Int32
	c := quickClient(t, ClientOptions{})
	if err := c.PutBlob(t.Context(), f.repo("a"), d, counted(content, &opened)); err != nil {
		t.Fatal(err)
	}
	if n := opened.Load(); n != 3 {
		t.Errorf("opened %d times, want 3", n)
	}
	if there, err := c.HasBlob(t.Context(), f.repo("a"), d); !there || err != nil {
		t.Errorf("%t, %v", there, err)
	}
}

func TestUploadErrorsAreFinalOrNot(t *testing.T) {
	cases := []struct {
		name   string
		answer http.HandlerFunc
		opened int32
		want   string
	}{
		{"disk full", status(507, `{"errors":[{"code":"UNKNOWN","message":"disk full"}]}`), 1, "507 UNKNOWN: disk full"},
		{"another digest", status(400, `{"errors":[{"code":"DIGEST_INVALID"}]}`), 1, "400 DIGEST_INVALID"},
		{"busy for ever", status(503, ""), attempts, "503 Service Unavailable"},
		{"silent", hang, 1, "no byte for 700ms"},
		{"no entry", status(401, ""), 1, "401 Unauthorized"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, times(-1, "PUT", "/blobs/", c.answer))
			var opened atomic.Int32
			client := quickClient(t, ClientOptions{Timeout: 700 * time.Millisecond})
			err := client.PutBlob(t.Context(), f.repo("a"), blobOf("x"), counted([]byte("x"), &opened))
			mustSay(t, err, f.host()+": PUT a/blobs/uploads/", c.want)
			// A registry that had let us in and does not any more is asked once more.
			if c.name == "no entry" {
				c.opened++
			}
			// What is given up takes no room on the registry, but where it would be
			// waited for in vain.
			begun, cancelled := f.count("POST", "/blobs/uploads/"), f.count("DELETE", "/blobs/uploads/")
			if c.name == "silent" {
				cancelled++
			}
			if begun != cancelled {
				t.Errorf("begun %d times, cancelled %d times", begun, cancelled)
			}
			if n := opened.Load(); n != c.opened {
				t.Errorf("opened %d times, want %d", n, c.opened)
			}
		})
	}
}

func TestUploadsFollowRedirectsWithTheirBody(t *testing.T) {
	const content = "content"
	store := newFake(t, nil)
	var got atomic.Value
	store.answer = func(w http.ResponseWriter, r *http.Request) bool {
		raw, _ := io.ReadAll(r.Body)
		got.Store(string(raw))
		w.WriteHeader(201)
		return true
	}
	f := newFake(t, times(-1, "PUT", "/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, store.URL+"/bucket", http.StatusTemporaryRedirect)
	}))
	c := quickClient(t, ClientOptions{})
	if err := c.PutBlob(t.Context(), f.repo("a"), blobOf(content), opener([]byte(content))); err != nil || got.Load() != content {
		t.Errorf("blob: %v, %q", err, got.Load())
	}
	if err := c.PutManifest(t.Context(), f.repo("a"), "v1", ocispec.MediaTypeImageManifest, []byte("{}")); err != nil || got.Load() != "{}" {
		t.Errorf("manifest: %v, %q", err, got.Load())
	}
}

// slowReader gives its content only after a while.
type slowReader struct {
	io.Reader
	wait time.Duration
}

func (r slowReader) Read(p []byte) (int, error) {
	time.Sleep(r.wait)
	return r.Reader.Read(p)
}

// A stick that thinks for a while is not a node that is silent.
func TestASlowMediumIsNoSilentNode(t *testing.T) {
	f := newFake(t, nil)
	c := quickClient(t, ClientOptions{Timeout: 300 * time.Millisecond})
	err := c.PutBlob(t.Context(), f.repo("a"), blobOf("x"), func(int64) (io.ReadCloser, error) {
		return io.NopCloser(slowReader{strings.NewReader("x"), 450 * time.Millisecond}), nil
	})
	if err != nil {
		t.Error(err)
	}
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

// What is wrong with the content is neither the node's fault nor tried again.
func TestContentThatCannotBeReadIsSaid(t *testing.T) {
	f, c := newFake(t, nil), quickClient(t, ClientOptions{})
	wrong := &ContentError{Want: blobOf("x"), Size: 1, Got: digest.FromString("y")}
	opened := 0
	for _, open := range []func(int64) (io.ReadCloser, error){
		func(int64) (io.ReadCloser, error) { opened++; return nil, wrong },
		func(int64) (io.ReadCloser, error) { opened++; return io.NopCloser(brokenReader{wrong}), nil },
	} {
		for _, d := range []ocispec.Descriptor{blobOf("x"), blobOf(strings.Repeat("x", 1<<20))} {
			err := c.PutBlob(t.Context(), f.repo("a"), d, open)
			var got *ContentError
			if !errors.As(err, &got) {
				t.Errorf("error is %v", err)
			}
		}
	}
	if opened != 4 {
		t.Errorf("opened %d times, want 4", opened)
	}
}

func TestACancelledUploadSaysSo(t *testing.T) {
	f := newFake(t, times(-1, "PUT", "/blobs/", hang))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	err := quickClient(t, ClientOptions{}).PutBlob(ctx, f.repo("a"), blobOf("x"), opener([]byte("x")))
	if err != context.Canceled {
		t.Errorf("error is %#v", err)
	}
}

func TestMount(t *testing.T) {
	location := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/v2/b/blobs/uploads/session?x=1")
			w.WriteHeader(code)
		}
	}
	cases := []struct {
		name    string
		answer  http.HandlerFunc
		want    bool
		cancels int
		err     string
	}{
		{"done", location(201), true, 0, ""},
		{"not done", location(202), false, 1, ""},
		{"not done, without a session", status(202, ""), false, 0, ""},
		{"not known", status(404, ""), false, 0, ""},
		{"not allowed", status(403, ""), false, 0, ""},
		{"not implemented", status(405, ""), false, 0, ""},
		{"in trouble", status(503, ""), false, 0, "503 "},
		{"always busy", status(429, ""), false, 0, "429 "},
		{"silent", hang, false, 0, "no byte for"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, times(-1, "POST", "/v2/b/blobs/", c.answer))
			client := quickClient(t, ClientOptions{Timeout: 700 * time.Millisecond})
			got, err := client.Mount(t.Context(), f.repo("b"), digest.FromString("x"), "a")
			if c.err != "" {
				mustSay(t, err, c.err)
			} else if err != nil {
				t.Error(err)
			}
			if n := f.count("DELETE", "/v2/b/blobs/uploads/session"); got != c.want || n != c.cancels {
				t.Errorf("mounted %t, %d sessions cancelled", got, n)
			}
			for _, r := range f.requests {
				if r.Method == "POST" && r.URL.RawQuery != "from=a&mount="+strings.Replace(digest.FromString("x").String(), ":", "%3A", 1) {
					t.Errorf("asked with %q", r.URL.RawQuery)
				}
			}
		})
	}
}

func TestPutManifestIsRepeatedWhole(t *testing.T) {
	const doc = `{"schemaVersion":2}`
	var mu sync.Mutex
	var bodies []string
	f := newFake(t, nil)
	f.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "PUT" {
			return false
		}
		raw, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, string(raw))
		w.WriteHeader(map[bool]int{true: 503, false: 201}[len(bodies) < 3])
		return true
	}
	err := quickClient(t, ClientOptions{}).PutManifest(t.Context(), f.repo("a"), "v1", ocispec.MediaTypeImageManifest, []byte(doc))
	if err != nil || strings.Join(bodies, " ") != doc+" "+doc+" "+doc {
		t.Errorf("%v: sent %q", err, bodies)
	}
}
