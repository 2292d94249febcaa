package plan

import (
	"archive/tar"
	"bytes"
	"encoding/json"
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
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/oci"
)

// upstream is a registry in memory that holds what is to be mirrored.
type upstream struct {
	t    *testing.T
	url  string
	host string // host:port

	mu  sync.Mutex
	got map[string]int // how often each path was fetched
	// otherwise answers in place of the registry, if it says so.
	otherwise func(http.ResponseWriter, *http.Request) bool
}

func newUpstream(t *testing.T) *upstream {
	u := &upstream{t: t, got: map[string]int{}}
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			u.mu.Lock()
			u.got[r.URL.Path]++
			u.mu.Unlock()
		}
		if u.otherwise != nil && u.otherwise(w, r) {
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	u.url, u.host = server.URL, strings.TrimPrefix(server.URL, "http://")
	return u
}

// fetched is how often a blob was fetched from a repository.
func (u *upstream) fetched(repo string, d digest.Digest) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.got["/v2/"+repo+"/blobs/"+d.String()]
}

func (u *upstream) request(method, path, mediaType string, body []byte) {
	u.t.Helper()
	req, err := http.NewRequest(method, u.url+"/v2/"+path, bytes.NewReader(body))
	if err != nil {
		u.t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		u.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		u.t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
}

func (u *upstream) blob(repo, mediaType string, raw []byte) ocispec.Descriptor {
	u.t.Helper()
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	u.request(http.MethodPost, repo+"/blobs/uploads/?digest="+d.Digest.String(), "application/octet-stream", raw)
	return d
}

// document puts an index or image manifest under a tag, or its digest alone.
func (u *upstream) document(repo, tag, mediaType string, v any) ocispec.Descriptor {
	u.t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		u.t.Fatal(err)
	}
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	if tag == "" {
		tag = d.Digest.String()
	}
	u.request(http.MethodPut, repo+"/manifests/"+tag, mediaType, raw)
	return d
}

// image puts an image for amd64.
func (u *upstream) image(repo, tag string, layers ...[]byte) ocispec.Descriptor {
	u.t.Helper()
	return u.configured(repo, tag, ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}}, layers...)
}

func (u *upstream) configured(repo, tag string, config ocispec.Image, layers ...[]byte) ocispec.Descriptor {
	u.t.Helper()
	config.RootFS.Type, config.RootFS.DiffIDs = "layers", []digest.Digest{}
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Layers: []ocispec.Descriptor{}}
	for _, l := range layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromBytes(l))
		m.Layers = append(m.Layers, u.blob(repo, ocispec.MediaTypeImageLayer, l))
	}
	raw, err := json.Marshal(config)
	if err != nil {
		u.t.Fatal(err)
	}
	m.Config = u.blob(repo, ocispec.MediaTypeImageConfig, raw)
	return u.document(repo, tag, m.MediaType, m)
}

func (u *upstream) index(repo, tag string, children ...ocispec.Descriptor) ocispec.Descriptor {
	u.t.Helper()
	return u.document(repo, tag, ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: children,
	})
}

// layer is a tar of files, given as path and content in turn.
func layer(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// source asks this registry without TLS, and nobody for credentials.
func (u *upstream) source() *oci.Source {
	u.t.Helper()
	dir := u.t.TempDir()
	u.t.Setenv("REGISTRY_AUTH_FILE", "")
	u.t.Setenv("DOCKER_CONFIG", dir)
	conf := filepath.Join(dir, "registries.conf")
	text := "[[registry]]\nlocation = \"" + u.host + "\"\ninsecure = true\n"
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		u.t.Fatal(err)
	}
	s, err := oci.NewSource(oci.SourceOptions{
		ClientOptions: oci.ClientOptions{Timeout: 20 * time.Second}, RegistriesConf: conf, SpoolDir: dir,
	})
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { s.Close() })
	return s
}
