package importer

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// node is a registry in memory, as strict as a registry may be: a repository has
// the blobs that were sent or mounted there and no others, and a manifest is
// refused before all that it names. It notes every request.
type node struct {
	t      *testing.T
	server *httptest.Server

	mu        sync.Mutex
	blobs     map[string]int64              // repository@digest -> size
	manifests map[string]ocispec.Descriptor // repository@digest or repository:tag
	raw       map[digest.Digest][]byte      // content, once for all repositories
	requests  []string                      // those that were answered, without HEAD
	asked     int                           // HEAD requests
	writers   map[digest.Digest]int         // writes under way
	faults    []string

	// What it does otherwise than it should.
	noMount bool                                                     // refuses every mount
	pause   time.Duration                                            // within each write
	before  func(w http.ResponseWriter, r *http.Request) (done bool) // sees each request first
}

func newNode(t *testing.T) *node {
	n := &node{t: t, blobs: map[string]int64{}, manifests: map[string]ocispec.Descriptor{}, writers: map[digest.Digest]int{}, raw: map[digest.Digest][]byte{}}
	n.server = httptest.NewServer(n)
	t.Cleanup(func() {
		n.server.Close()
		for _, f := range n.faults {
			t.Error(f)
		}
	})
	return n
}

// site is a site of these nodes, called node1, node2 and so on.
func siteOf(nodes ...*node) *site.Site {
	s := &site.Site{
		OpenShift: "4.9", Registry: site.Registry{PlainHTTP: true, Port: 5000},
		Repositories: site.Repositories{Release: "ocp4/openshift", Registry: "registry", Operators: "olm-mirror"},
	}
	for i, n := range nodes {
		s.Nodes = append(s.Nodes, site.Node{Name: fmt.Sprintf("node%d", i+1), Address: strings.TrimPrefix(n.server.URL, "http://")})
	}
	return s
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	before := n.before
	n.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/v2/")
	switch {
	case ok && path == "":
		w.WriteHeader(http.StatusOK)
	case strings.Contains(path, "/blobs/uploads/"):
		repo, _, _ := strings.Cut(path, "/blobs/uploads/")
		n.upload(w, r, repo)
	case strings.Contains(path, "/blobs/"):
		repo, d, _ := strings.Cut(path, "/blobs/")
		n.blob(w, r, repo, digest.Digest(d))
	case strings.Contains(path, "/manifests/"):
		repo, ref, _ := strings.Cut(path, "/manifests/")
		n.manifest(w, r, repo, ref)
	default:
		http.NotFound(w, r)
	}
}

func (n *node) fault(format string, a ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults = append(n.faults, fmt.Sprintf(format, a...))
}

// did notes a request that changed something.
func (n *node) did(what string) { n.requests = append(n.requests, what) }

func (n *node) blob(w http.ResponseWriter, r *http.Request, repo string, d digest.Digest) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	size, ok := n.blobs[repo+"@"+d.String()]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(size))
	if r.Method == http.MethodGet {
		w.Write(n.raw[d])
	}
}

func (n *node) upload(w http.ResponseWriter, r *http.Request, repo string) {
	query := r.URL.Query()
	switch r.Method {
	case http.MethodPost:
		n.mu.Lock()
		defer n.mu.Unlock()
		size, there := n.blobs[query.Get("from")+"@"+query.Get("mount")]
		if query.Get("mount") != "" && there && !n.noMount {
			n.blobs[repo+"@"+query.Get("mount")] = size
			n.did("mount " + repo + "@" + query.Get("mount"))
			w.WriteHeader(http.StatusCreated)
			return
		}
		w.Header().Set("Location", "/v2/"+repo+"/blobs/uploads/session")
		w.WriteHeader(http.StatusAccepted)
	case http.MethodPut:
		n.putBlob(w, r, repo, digest.Digest(query.Get("digest")))
	case http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	}
}

// write guards a write: never two of one digest at once.
func (n *node) write(d digest.Digest) (end func()) {
	n.mu.Lock()
	n.writers[d]++
	if n.writers[d] > 1 {
		n.faults = append(n.faults, fmt.Sprintf("two writers of %s at once", d))
	}
	n.mu.Unlock()
	time.Sleep(n.pause)
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.writers[d]--
	}
}

func (n *node) putBlob(w http.ResponseWriter, r *http.Request, repo string, d digest.Digest) {
	defer n.write(d)()
	raw, err := io.ReadAll(r.Body)
	if err != nil || digest.FromBytes(raw) != d {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.blobs[repo+"@"+d.String()], n.raw[d] = int64(len(raw)), raw
	n.did("blob " + repo + "@" + d.String())
	w.WriteHeader(http.StatusCreated)
}

func separated(repo, ref string) string {
	if strings.HasPrefix(ref, "sha256:") {
		return repo + "@" + ref
	}
	return repo + ":" + ref
}

func (n *node) manifest(w http.ResponseWriter, r *http.Request, repo, ref string) {
	if r.Method == http.MethodPut {
		n.putManifest(w, r, repo, ref)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	d, ok := n.manifests[separated(repo, ref)]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Docker-Content-Digest", d.Digest.String())
	w.Header().Set("Content-Type", d.MediaType)
	w.Header().Set("Content-Length", fmt.Sprint(d.Size))
	if r.Method == http.MethodGet {
		w.Write(n.raw[d.Digest])
	}
}

func (n *node) putManifest(w http.ResponseWriter, r *http.Request, repo, ref string) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	d := ocispec.Descriptor{MediaType: r.Header.Get("Content-Type"), Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	defer n.write(d.Digest)()
	links, err := oci.Links(d.MediaType, raw)
	if err != nil {
		n.fault("%s %s: %v", repo, ref, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range links {
		key := repo + "@" + l.Descriptor.Digest.String()
		_, blob := n.blobs[key]
		_, manifest := n.manifests[key]
		if !blob && !manifest {
			w.WriteHeader(http.StatusBadRequest)
			json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]string{"code": "MANIFEST_BLOB_UNKNOWN", "message": key}}})
			return
		}
	}
	n.raw[d.Digest] = raw
	n.manifests[repo+"@"+d.Digest.String()] = d
	n.manifests[separated(repo, ref)] = d
	what := "tag "
	if strings.HasPrefix(ref, "sha256:") {
		what = "manifest "
	}
	n.did(what + separated(repo, ref))
	w.WriteHeader(http.StatusCreated)
}

// changes are the requests that changed something, and forgets them.
func (n *node) changes() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.requests
	n.requests = nil
	return all
}

// tag is what a tag points at.
func (n *node) tag(name string) digest.Digest {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.manifests[name].Digest
}

// otherwise sees each request first from now on; nil ends that.
func (n *node) otherwise(before func(w http.ResponseWriter, r *http.Request) (done bool)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.before = before
}
