package oci

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// sizes keeps the sizes of what was sent, by method.
type sizes struct {
	mu sync.Mutex
	of map[string][]int64
}

func (s *sizes) note(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[string][]int64{}
	}
	s.of[r.Method] = append(s.of[r.Method], r.ContentLength)
}

// atMost refuses larger bodies as a proxy does, before it has read them; taken
// notes the others.
func atMost(most int64, taken *sizes) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.ContentLength > most {
			w.Header().Set("Connection", "close") // as nginx does
			status(413, "<html>too large</html>")(w, r)
			return true
		}
		if strings.Contains(r.URL.Path, "/blobs/uploads/") && r.ContentLength > 0 {
			taken.note(r)
		}
		return false
	}
}

func TestLargeBlobsGoInChunksWhereAProxyWantsThem(t *testing.T) {
	const mebibyte = 1 << 20
	var taken sizes
	f, c := newFake(t, atMost(mebibyte, &taken)), quickClient(t, ClientOptions{})
	large := bytes.Repeat([]byte("0123456789"), 350_000)
	var opened atomic.Int32
	for i, content := range [][]byte{large, large[1:], large[:mebibyte]} {
		f.clear()
		d := blobOf(string(content))
		if err := c.PutBlob(t.Context(), f.repo("a"), d, counted(content, &opened)); err != nil {
			t.Fatal(err)
		}
		if there, err := c.HasBlob(t.Context(), f.repo("a"), d); !there || err != nil {
			t.Errorf("%t, %v", there, err)
		}
		// The first one finds out: 3.5 MB, then chunks of 2 MiB and of 1 MiB.
		if want := []int{6, 4, 1}[i]; f.count("PATCH", "")+f.count("PUT", "") != want {
			t.Errorf("blob %d: %d PATCH and %d PUT", i, f.count("PATCH", ""), f.count("PUT", ""))
		}
	}
	if n := opened.Load(); n > 4 {
		t.Errorf("three blobs were opened %d times", n)
	}
	for method, all := range taken.of {
		for _, n := range all {
			if n > mebibyte {
				t.Errorf("%s of %d bytes was taken", method, n)
			}
		}
	}
}

// A proxy may cut the connection together with its answer, so that only the cut is
// seen. Asked before anything is sent, its answer is heard.
func TestAProxyThatCutsIsHeard(t *testing.T) {
	var taken sizes
	refuse := atMost(1<<20, &taken)
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.ContentLength > 1<<20 && r.Header.Get("Expect") == "" {
			panic(http.ErrAbortHandler)
		}
		return refuse(w, r)
	})
	content := bytes.Repeat([]byte("0123456789"), 350_000)
	if err := quickClient(t, ClientOptions{}).PutBlob(t.Context(), f.repo("a"), blobOf(string(content)), opener(content)); err != nil {
		t.Fatal(err)
	}
	if len(taken.of["PATCH"]) != 3 {
		t.Errorf("taken: %v", taken.of)
	}
}

// Content that passes by is opened once, whatever the proxy takes.
func TestContentThatPassesByIsNotLostToAProxy(t *testing.T) {
	const mebibyte = 1 << 20
	var taken sizes
	refuse := atMost(mebibyte, &taken)
	f, c := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.ContentLength > mebibyte && r.Header.Get("Expect") == "" {
			t.Errorf("%s of %d bytes did not ask first", r.Method, r.ContentLength)
		}
		return refuse(w, r)
	}), quickClient(t, ClientOptions{})
	var opened atomic.Int32
	for n := range int32(2) {
		content := bytes.Repeat([]byte{byte(n)}, 5*mebibyte+1)
		if err := c.PutPassingBlob(t.Context(), f.repo("a"), blobOf(string(content)), counted(content, &opened)); err != nil || opened.Load() != n+1 {
			t.Errorf("%v, opened %d times", err, opened.Load())
		}
	}
}

func TestChunksAreNoSmallerThanTheRegistryWants(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 350_000)
	for _, c := range []struct {
		name, least string
		most        int64
		patches     int
		want        string
	}{
		{"no wish", "", 1 << 20, 3, ""},
		{"a wish that is no number", "many", 1 << 20, 3, ""},
		{"a wish", "1500000", 2_000_000, 2, ""},
		{"a wish that the proxy does not grant", "1500000", 1 << 20, 0, "413 Request Entity Too Large (of 1500000 bytes)"},
		{"nothing is let through", "", 1000, 0, "413 Request Entity Too Large (of 262144 bytes)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var taken sizes
			refuse := atMost(c.most, &taken)
			f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == "POST" && c.least != "" {
					w.Header().Set("OCI-Chunk-Min-Length", c.least)
				}
				return refuse(w, r)
			})
			err := quickClient(t, ClientOptions{}).PutBlob(t.Context(), f.repo("a"), blobOf(string(content)), opener(content))
			if c.want != "" {
				mustSay(t, err, f.host()+": PATCH a/blobs/uploads/", c.want)
			} else if err != nil {
				t.Error(err)
			}
			if got := len(taken.of["PATCH"]); got != c.patches {
				t.Errorf("%d chunks, want %d: %v", got, c.patches, taken.of)
			}
			if n := len(f.requests); n > 16 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestAManifestThatIsTooLargeIsSaid(t *testing.T) {
	f := newFake(t, times(-1, "PUT", "/manifests/", status(413, "")))
	err := quickClient(t, ClientOptions{}).PutManifest(t.Context(), f.repo("a"), "v1", "text/plain", []byte("12345"))
	mustSay(t, err, "PUT a/manifests/v1: 413 Request Entity Too Large (of 5 bytes)")
}

// A registry that has the blob and whose answer was lost is not sent it again.
func TestALostAnswerIsNoReasonToSendAgain(t *testing.T) {
	f := newFake(t, nil)
	inner, lost := f.Config.Handler, atomic.Bool{}
	f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "PUT" && lost.CompareAndSwap(false, true) {
			inner.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		inner.ServeHTTP(w, r)
	})
	if err := quickClient(t, ClientOptions{}).PutBlob(t.Context(), f.repo("a"), blobOf("x"), opener([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	if n, posts := f.count("PUT", "/blobs/"), f.count("POST", "/blobs/"); n != 1 || posts != 1 {
		t.Errorf("%d PUT and %d POST, want one of each", n, posts)
	}
}

// A registry that forgets what it has got, or says nonsense of it, gets the blob
// from its beginning, and its old upload does not come back.
func TestUploadsOfWhichNothingIsKeptBeginAgain(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"forgotten":     status(404, `{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}`),
		"unknown here":  status(405, ""),
		"nothing":       said("0-0"),
		"more than all": said("0-4000000"),
		"no range":      said(""),
		"nonsense":      said("7-12"),
	} {
		t.Run(name, func(t *testing.T) {
			content := bytes.Repeat([]byte("0123456789"), 350_000)
			cut := times(1, "PUT", "/blobs/", func(_ http.ResponseWriter, r *http.Request) {
				io.CopyN(io.Discard, r.Body, 1000)
				panic(http.ErrAbortHandler)
			})
			asked := times(-1, "GET", "/blobs/uploads/", answer)
			f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool { return cut(w, r) || asked(w, r) })
			if err := quickClient(t, ClientOptions{}).PutBlob(t.Context(), f.repo("a"), blobOf(string(content)), opener(content)); err != nil {
				t.Fatal(err)
			}
			if n, gone := f.count("POST", "/blobs/"), f.count("DELETE", "/blobs/"); n != 2 || gone != 1 {
				t.Errorf("begun %d times, cancelled %d times", n, gone)
			}
		})
	}
}

func said(header string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Range", header)
		w.WriteHeader(204)
	}
}

// keeping is a registry that keeps what a cut upload brought. Each PUT is cut after
// so many bytes, until all is there.
type keeping struct {
	mu    sync.Mutex
	after int64
	got   []byte
	cuts  int
}

func (k *keeping) answer(w http.ResponseWriter, r *http.Request) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case r.Method == "GET" && strings.Contains(r.URL.Path, "/blobs/uploads/"):
		said("0-"+strconv.Itoa(len(k.got)-1))(w, r)
	case r.Method == "PUT":
		if at := r.Header.Get("Content-Range"); len(k.got) > 0 && !strings.HasPrefix(at, strconv.Itoa(len(k.got))+"-") {
			w.WriteHeader(416)
			return true
		}
		part, _ := io.ReadAll(io.LimitReader(r.Body, k.after))
		k.got = append(k.got, part...)
		if int64(len(part)) == k.after {
			k.cuts++
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(201)
	default:
		return false
	}
	return true
}

// seen waits for the answer that is being given: its client may be gone before it.
func (k *keeping) seen() ([]byte, int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.got, k.cuts
}

// A link that breaks again and again brings a blob over, as long as each time
// brings some of it.
func TestUploadsGoOnWhereTheyWereCut(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 1_000_000)
	k := &keeping{after: 110_000}
	f := newFake(t, k.answer)
	if err := quickClient(t, ClientOptions{}).PutBlob(t.Context(), f.repo("a"), blobOf(string(content)), opener(content)); err != nil {
		t.Fatal(err)
	}
	if got, cuts := k.seen(); !bytes.Equal(got, content) || cuts != 90 || f.count("POST", "/blobs/") != 1 {
		t.Errorf("%d bytes came, %d cuts, begun %d times", len(got), cuts, f.count("POST", "/blobs/"))
	}
	k = &keeping{after: 1000} // too little to hope
	f = newFake(t, k.answer)
	err := quickClient(t, ClientOptions{}).PutBlob(t.Context(), f.repo("a"), blobOf(string(content)), opener(content))
	if _, cuts := k.seen(); err == nil || cuts < maxCuts || cuts > 2*maxCuts {
		t.Errorf("%v after %d cuts", err, cuts)
	}
}

// What a registry loses is brought again, and counts from there, but not for ever.
func TestGains(t *testing.T) {
	const much = 1 << 20
	for name, c := range map[string]struct {
		at   []int64
		want string
	}{
		"more each time":          {[]int64{0, 1, 2, 3 * much, 4 * much}, "-++++"},
		"nothing":                 {[]int64{0, 0, 0, 0}, "----"},
		"no more":                 {[]int64{0, much, much, much}, "-+--"},
		"lost once":               {[]int64{0, much, 2 * much, 0, much, 2 * much, 3 * much}, "-++-+++"},
		"lost each time":          {[]int64{much, 0, much, 0, much, 0, much, 0, much, 0, much, 0, much}, "+-+-+-+-+----"},
		"lost each time, in part": {[]int64{much, 5, much, 4, much, 3, much, 2, much, 1, much, 1, much}, "+-+-+-+-+----"},
	} {
		var g gains
		var got strings.Builder
		for _, at := range c.at {
			if g.more(at) {
				got.WriteByte('+')
			} else {
				got.WriteByte('-')
			}
		}
		if got.String() != c.want {
			t.Errorf("%s: %s, want %s", name, got.String(), c.want)
		}
	}
}

// A registry that has got all of a blob and brings it onto a slow disk is silent.
func TestASlowCommitIsWaitedFor(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 10_000)
	f := newFake(t, nil)
	inner := f.Config.Handler
	got := make(chan *http.Request, 1)
	f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPut:
			all, _ := io.ReadAll(r.Body)
			late := r.Clone(context.WithoutCancel(r.Context()))
			late.Body = io.NopCloser(bytes.NewReader(all))
			got <- late
			<-r.Context().Done()
			return
		case http.MethodHead:
			select {
			case late := <-got: // this answer is still no
				w.WriteHeader(404)
				inner.ServeHTTP(httptest.NewRecorder(), late)
				return
			default:
			}
		}
		inner.ServeHTTP(w, r)
	})
	c := quickClient(t, ClientOptions{Timeout: 500 * time.Millisecond})
	if err := c.PutBlob(t.Context(), f.repo("a"), blobOf(string(content)), opener(content)); err != nil {
		t.Error(err)
	}
	if n := f.count("POST", "/blobs/"); n != 1 {
		t.Errorf("begun %d times", n)
	}
}

// Content may have to wait for other nodes before it can be read.
func TestContentThatIsOpenedSlowlyIsNoSilentRegistry(t *testing.T) {
	f := newFake(t, nil)
	c := quickClient(t, ClientOptions{Timeout: 300 * time.Millisecond})
	err := c.PutBlob(t.Context(), f.repo("a"), blobOf("x"), func(int64) (io.ReadCloser, error) {
		time.Sleep(700 * time.Millisecond)
		return io.NopCloser(strings.NewReader("x")), nil
	})
	if err != nil {
		t.Error(err)
	}
}
