package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/bundle"
)

// partly has an index of three images of which one travels.
func partly(t *testing.T) *bundle.Bundle {
	t.Helper()
	return partlyWorld("linux/amd64").bundle(t)
}

func partlyWorld(platforms ...string) *world {
	w := newWorld()
	var children []ocispec.Descriptor
	for _, arch := range []string{"amd64", "arm64", "s390x"} {
		d := w.content("base", arch)
		d.Platform = &ocispec.Platform{OS: "linux", Architecture: arch}
		children = append(children, d)
	}
	bare := w.content("attestation")
	bare.Platform = &ocispec.Platform{OS: "unknown", Architecture: "unknown"}
	w.add("quay.io/acme/multi:v1", w.index(append(children, bare, children[1])...))
	w.images[0].Platforms = platforms
	w.add("quay.io/acme/one:v1", w.content("base", "one"))
	return w
}

// lenient makes a node take indexes whose children are not there, and notes what
// was put and deleted under a manifest's name.
type lenient struct {
	mu        sync.Mutex
	questions []ocispec.Index
	asked     []string
	deletable bool
}

func (l *lenient) on(n *node) {
	n.otherwise(func(w http.ResponseWriter, r *http.Request) bool {
		repo, ref, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/manifests/")
		if !ok || r.Method == http.MethodHead || r.Method == http.MethodGet {
			return false
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.asked = append(l.asked, r.Method+" "+repo+" "+ref[:min(len(ref), 7)])
		if r.Method == http.MethodDelete {
			w.WriteHeader(map[bool]int{true: http.StatusAccepted, false: http.StatusMethodNotAllowed}[l.deletable])
			return true
		}
		if r.Header.Get("Content-Type") != ocispec.MediaTypeImageIndex {
			return false
		}
		raw, _ := io.ReadAll(r.Body)
		var index ocispec.Index
		if err := json.Unmarshal(raw, &index); err != nil {
			n.fault("%v", err)
		}
		if len(index.Manifests) != 5 { // not the one that travels
			l.questions = append(l.questions, index)
		} else {
			n.mu.Lock()
			defer n.mu.Unlock()
			d := described(raw)
			n.raw[d.Digest] = raw
			n.manifests[repo+"@"+d.Digest.String()], n.manifests[separated(repo, ref)] = d, d
		}
		w.WriteHeader(http.StatusCreated)
		return true
	})
}

func described(raw []byte) ocispec.Descriptor {
	w := newWorld()
	return w.put(ocispec.MediaTypeImageIndex, raw)
}

func TestNodeThatTakesSparseIndexes(t *testing.T) {
	for _, deletable := range []bool{true, false} {
		t.Run(fmt.Sprint(deletable), func(t *testing.T) {
			b, n, l := partly(t), newNode(t), &lenient{deletable: deletable}
			l.on(n)
			results, m, err := push(t, b, siteOf(n))
			if err != nil || results[0].Images != 2 || results[0].Sent != 5 {
				t.Fatalf("%+v, %v", results, err)
			}
			m.check(t)
			n.check(t, b)
			if len(l.questions) != 1 || len(l.asked) < 3 || l.asked[0] != "PUT acme/multi sha256:" || l.asked[1] != "DELETE acme/multi sha256:" {
				t.Fatalf("asked %q, %+v", l.asked, l.questions)
			}
			var about []string
			for _, d := range l.questions[0].Manifests {
				about = append(about, d.Platform.OS+"/"+d.Platform.Architecture)
			}
			if got := strings.Join(about, " "); got != "linux/arm64 linux/s390x unknown/unknown" {
				t.Errorf("asked about %s", got)
			}
			n.changes()
			l.asked = nil
			if _, _, err := push(t, b, siteOf(n)); err != nil || len(l.asked) > 0 || len(n.changes()) > 0 {
				t.Errorf("a second time: %v, asked %q", err, l.asked)
			}
		})
	}
}

func TestNodeThatRefusesSparseIndexes(t *testing.T) {
	b, strict, takes, l := partly(t), newNode(t), newNode(t), &lenient{}
	l.on(takes)
	results, _, err := push(t, b, siteOf(strict, takes))
	var nodes *NodesError
	var sparse *SparseError
	if !errors.As(err, &nodes) || nodes.Failed != 1 || !errors.As(err, &sparse) {
		t.Fatalf("%v", err)
	}
	const want = "node1: refuses indexes of which some platforms are missing, and the bundle has such: "
	if got := err.Error(); !strings.HasPrefix(got, want) || !strings.Contains(got, "400 MANIFEST_BLOB_UNKNOWN") || strings.Contains(got, "\n") {
		t.Errorf("got %s", got)
	}
	if changes := strict.changes(); len(changes) > 0 || results[0].BytesSent > 0 || results[0].Sent > 0 {
		t.Errorf("sent %+v: %q", results[0], changes)
	}
	if results[1].Error != "" {
		t.Errorf("the other node: %s", results[1].Error)
	}
}

// Whoever does not let us in, or is out of order, has not answered the question.
func TestNoAnswerIsNoRefusal(t *testing.T) {
	b := partly(t)
	for status, refused := range map[int]bool{400: true, 404: true, 415: true, 422: true, 403: false, 429: false, 507: false} {
		n := newNode(t)
		n.otherwise(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPut {
				return false
			}
			w.WriteHeader(status)
			return true
		})
		_, _, err := push(t, b, siteOf(n))
		var sparse *SparseError
		if err == nil || errors.As(err, &sparse) != refused {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestWholeBundleAsksNothing(t *testing.T) {
	b, n := mixed().bundle(t), newNode(t)
	n.otherwise(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		return false
	})
	if _, _, err := push(t, b, siteOf(n)); err != nil {
		t.Error(err)
	}
	n.check(t, b)
}

// An index within an index stands for as much as each image wants of it.
func TestIndexWithinAnIndexOfSomePlatforms(t *testing.T) {
	w := newWorld()
	var inner []ocispec.Descriptor
	for _, arch := range []string{"amd64", "arm64"} {
		d := w.content("base", arch)
		d.Platform = &ocispec.Platform{OS: "linux", Architecture: arch}
		inner = append(inner, d)
	}
	outer := w.index(w.index(inner...))
	w.add("quay.io/acme/multi:v1", outer)
	w.add("quay.io/acme/multi:v2", outer)
	w.images[0].Platforms, w.images[1].Platforms = []string{"linux/amd64"}, []string{"linux/arm64"}
	b := w.bundle(t)
	work, err := newWork(b, siteOf(newNode(t)).Repositories)
	if err != nil {
		t.Fatal(err)
	}
	if len(work.manifests) != 3 || len(work.blobs) != 5 || len(work.sparse.indexes) != 1 {
		t.Errorf("%d manifests, %d blobs, %d sparse indexes", len(work.manifests), len(work.blobs), len(work.sparse.indexes))
	}
}
