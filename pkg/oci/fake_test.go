package oci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// quickClient is a client that does not wait long between attempts, and that
// knows nothing of the credentials of whoever runs the tests.
func quickClient(t *testing.T, o ClientOptions) *Client {
	t.Helper()
	aloneAtHome(t)
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	c, err := NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	c.firstBackoff = time.Millisecond
	return c
}

func aloneAtHome(t *testing.T) {
	t.Helper()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "DOCKER_CONFIG"} {
		t.Setenv(name, t.TempDir())
	}
	for _, name := range []string{"REGISTRY_AUTH_FILE", "CONTAINERS_REGISTRIES_CONF", "DOCKER_AUTH_CONFIG"} {
		t.Setenv(name, "")
	}
}

// fake is a server that notes what it is asked. What answer does not answer, by
// returning false, a registry in memory does.
type fake struct {
	*httptest.Server
	answer func(w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	requests []*http.Request
}

func newFake(t *testing.T, answer func(w http.ResponseWriter, r *http.Request) bool) *fake {
	t.Helper()
	return startFake(t, answer, httptest.NewServer)
}

func startFake(t *testing.T, answer func(w http.ResponseWriter, r *http.Request) bool, start func(http.Handler) *httptest.Server) *fake {
	t.Helper()
	f := &fake{answer: answer}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	f.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests = append(f.requests, r)
		f.mu.Unlock()
		if f.answer == nil || !f.answer(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(func() {
		f.CloseClientConnections()
		f.Close()
	})
	return f
}

func (f *fake) host() string { return f.Listener.Addr().String() }

func (f *fake) repo(path string) Repository {
	return Repository{Host: f.host(), Path: path, Insecure: true}
}

// count tells how many requests had this method and a path with this part.
func (f *fake) count(method, part string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		if r.Method == method && strings.Contains(r.URL.Path, part) {
			n++
		}
	}
	return n
}

// clear forgets the requests so far.
func (f *fake) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = nil
}

// times answers the first n requests of a method and a path with this part;
// negative n answers all.
func times(n int, method, part string, answer http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		mine := n != 0 && r.Method == method && strings.Contains(r.URL.Path, part)
		if mine {
			n--
		}
		mu.Unlock()
		if mine {
			answer(w, r)
		}
		return mine
	}
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

// hang never answers, and ends when the client goes.
func hang(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// fill puts a world's content into a registry, below one path, each image under
// the tag of its name.
func fill(t *testing.T, c *Client, r Repository, w *world) {
	t.Helper()
	for d, raw := range w.blobs {
		desc := ocispec.Descriptor{Digest: d, Size: int64(len(raw))}
		if err := c.PutBlob(t.Context(), r, desc, opener(raw)); err != nil {
			t.Fatal(err)
		}
	}
	// Children are made before what names them.
	for _, i := range w.images {
		raw := w.blobs[i.Descriptor.Digest]
		for _, ref := range []string{i.Descriptor.Digest.String(), i.Name[strings.LastIndexByte(i.Name, ':')+1:]} {
			if err := c.PutManifest(t.Context(), r, ref, i.Descriptor.MediaType, raw); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func opener(raw []byte) func(int64) (io.ReadCloser, error) {
	return func(at int64) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw[at:])), nil }
}

func blobOf(content string) ocispec.Descriptor {
	return ocispec.Descriptor{Digest: digest.FromString(content), Size: int64(len(content))}
}

// mustSay checks that there is an error and what it says.
func mustSay(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", want)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error is %q, want it to say %q", err, w)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\x1b\x07") {
		t.Errorf("error is %q: more than one plain line", err)
	}
}

func mustNotSay(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(err.Error(), w) {
			t.Errorf("error is %q: it must not say %q", err, w)
		}
	}
}

// tokenServer lets in whoever asks, for as many requests as uses says: a
// registry whose tokens run out soon. It is a registry's answer and the
// registry's own token server in one.
type tokenServer struct {
	uses int // of each token; 0 means for ever
	// form is the token's document; %s is the token.
	form string

	mu     sync.Mutex
	made   int
	left   map[string]int
	scopes []string
}

func (s *tokenServer) answer(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path == "/token" {
		s.give(w, r)
		return true
	}
	if s.valid(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
		return false
	}
	challenge := fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, r.Host)
	if path, _, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/blobs/"); ok {
		challenge += `,scope="repository:` + path + `:pull,push"`
	}
	w.Header().Set("WWW-Authenticate", challenge)
	status(401, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)(w, r)
	return true
}

func (s *tokenServer) give(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	token := fmt.Sprintf("token-%d", s.made)
	if s.left == nil {
		s.left = map[string]int{}
	}
	s.left[token] = s.uses
	s.scopes = append(s.scopes, r.URL.Query()["scope"]...)
	form := s.form
	if form == "" {
		form = `{"token":%q}`
	}
	fmt.Fprintf(w, form, token)
}

func (s *tokenServer) valid(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	left, ok := s.left[token]
	if !ok || (s.uses > 0 && left == 0) {
		return false
	}
	s.left[token]--
	return true
}

func authFile(t *testing.T, auths map[string]string) string {
	t.Helper()
	doc := map[string]map[string]map[string]string{"auths": {}}
	for key, user := range auths {
		doc["auths"][key] = map[string]string{"username": user, "password": "secret-of-" + user}
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "auth.json", string(raw))
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
