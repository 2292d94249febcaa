package importer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/internal/progress"
	"drayage/pkg/bundle"
	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// mixed has an index, images that share a layer in one repository and across
// several, and two components that are one image.
func mixed() *world {
	w := newWorld()
	w.add("quay.io/acme/multi:v1", w.index(w.content("base", "amd64"), w.content("base", "arm64")))
	w.add("quay.io/acme/one:v1", w.content("base", "one"))
	w.add("quay.io/acme/two:v1", w.content("base", "two"))
	same := w.content("base", "tool")
	for _, name := range []string{"cli", "must-gather", "tools", "network-tools"} {
		w.component(name, same)
	}
	w.component("etcd", w.content("base", "etcd"))
	return w
}

// allTags are mixed's places, and what stands there.
func allTags(b *bundle.Bundle) map[string]digest.Digest {
	tags := map[string]digest.Digest{}
	for _, i := range b.Manifest.Images {
		if i.Component != "" {
			tags["ocp4/openshift:"+i.Release+"-"+i.Component] = i.Descriptor.Digest
		} else {
			tags[strings.TrimPrefix(i.Name, "quay.io/")] = i.Descriptor.Digest
		}
	}
	return tags
}

func client(t *testing.T) *oci.Client {
	t.Helper()
	t.Setenv("REGISTRY_AUTH_FILE", "")
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	c, err := oci.NewClient(oci.ClientOptions{Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// meter adds up what work reports.
type meter struct {
	mu          sync.Mutex
	total, done int64
	phases      int
	share       int64            // of the total, each node's
	of          map[string]int64 // done by node
	notes       []string
}

func (m *meter) take(e progress.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch e.Kind {
	case progress.Phase:
		m.total += e.Bytes
		m.phases++
		m.share, m.of = e.Bytes/int64(max(1, len(e.Nodes))), map[string]int64{}
	case progress.Advance, progress.Skip:
		m.done += e.Bytes
		m.of[e.Node] += e.Bytes
	case progress.Note, progress.Ended, progress.Failed:
		if e.Kind == progress.Failed {
			m.total, m.done = m.total-m.share, m.done-m.of[e.Node]
		}
		if e.Class != "" {
			return
		}
		m.notes = append(m.notes, e.Node+": "+e.Name)
	}
}

// push pushes to all nodes of a site, with many requests at once.
func push(t *testing.T, b *bundle.Bundle, s *site.Site) ([]NodeResult, *meter, error) {
	t.Helper()
	m := &meter{}
	results, err := Push(t.Context(), b, s, PushOptions{Client: client(t), Nodes: s.Nodes, Jobs: 8, Progress: m.take})
	for i := range results {
		results[i].Seconds = 0
	}
	return results, m, err
}

func (m *meter) check(t *testing.T) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phases != 1 || m.total == 0 || m.done != m.total {
		t.Errorf("%d phases, %d of %d bytes reported, want one and all", m.phases, m.done, m.total)
	}
}

func (n *node) check(t *testing.T, b *bundle.Bundle) {
	t.Helper()
	for name, want := range allTags(b) {
		if got := n.tag(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestNodesAreFilledInOrder(t *testing.T) {
	b := mixed().bundle(t)
	nodes := []*node{newNode(t), newNode(t), newNode(t)}
	for _, n := range nodes {
		n.pause = time.Millisecond
	}
	results, m, err := push(t, b, siteOf(nodes...))
	if err != nil {
		t.Fatal(err)
	}
	m.check(t)
	for i, n := range nodes {
		n.check(t, b)
		changes := n.changes()
		kinds := make([]string, len(changes))
		for i, c := range changes {
			kinds[i], _, _ = strings.Cut(c, " ")
		}
		rank := map[string]int{"blob": 0, "mount": 0, "manifest": 1, "tag": 2}
		if !slices.IsSortedFunc(kinds, func(a, b string) int { return rank[a] - rank[b] }) {
			t.Errorf("want blobs, then manifests, then tags: %q", changes)
		}
		slices.Sort(changes)
		if again := slices.Compact(slices.Clone(changes)); len(again) != len(changes) {
			t.Errorf("something was written twice: %q", changes)
		}
		// 7 layers and 6 configs are each sent once; base goes to four repositories.
		want := NodeResult{Node: []string{"node1", "node2", "node3"}[i], Host: strings.TrimPrefix(n.server.URL, "http://"),
			Images: 8, Sent: 13, Mounted: 3, BytesSent: m.total / 3}
		if results[i] != want {
			t.Errorf("got  %+v\nwant %+v", results[i], want)
		}
	}
	if len(m.notes) != 3 || !slices.Contains(m.notes, "node2: done: 8 images, 13 blobs sent, 3 mounted, 0 there already") {
		t.Errorf("notes %q", m.notes)
	}
}

func TestSecondRunOnlyAsks(t *testing.T) {
	b := mixed().bundle(t)
	n := newNode(t)
	if _, _, err := push(t, b, siteOf(n)); err != nil {
		t.Fatal(err)
	}
	n.changes()
	results, m, err := push(t, b, siteOf(n))
	if err != nil {
		t.Fatal(err)
	}
	m.check(t)
	if changes := n.changes(); len(changes) > 0 {
		t.Errorf("changed %q", changes)
	}
	if r := results[0]; r.Images != 8 || r.Present != 16 || r.Sent+r.Mounted != 0 || r.BytesSent != 0 || !r.Whole {
		t.Errorf("got %+v", r)
	}
}

func TestWhatIsThereIsNotSentAgain(t *testing.T) {
	b := mixed().bundle(t)
	n := newNode(t)
	// base is in the last of its repositories only, one is there and of another
	// size: something that was cut.
	n.blobs["ocp4/openshift@"+digest.FromString("base").String()] = 4
	n.blobs["acme/one@"+digest.FromString("one").String()] = 2
	results, m, err := push(t, b, siteOf(n))
	if err != nil {
		t.Fatal(err)
	}
	m.check(t)
	n.check(t, b)
	changes := n.changes()
	for _, want := range []string{
		"mount acme/multi@" + digest.FromString("base").String(),
		"mount acme/one@" + digest.FromString("base").String(),
		"mount acme/two@" + digest.FromString("base").String(),
		"blob acme/one@" + digest.FromString("one").String(),
	} {
		if !slices.Contains(changes, want) {
			t.Errorf("want %s in %q", want, changes)
		}
	}
	if r := results[0]; r.Sent != 12 || r.Mounted != 3 || r.Present != 1 {
		t.Errorf("got %+v", r)
	}
}

func TestRefusedMountIsAnUpload(t *testing.T) {
	b := mixed().bundle(t)
	n := newNode(t)
	n.noMount = true
	results, m, err := push(t, b, siteOf(n))
	if err != nil {
		t.Fatal(err)
	}
	m.check(t)
	n.check(t, b)
	if r := results[0]; r.Sent != 16 || r.Mounted != 0 || r.BytesSent != m.total+3*int64(len("base")) {
		t.Errorf("got %+v", r)
	}
}

// The retry of an upload takes back what the first attempt reported, and a
// registry that answers before it has read makes no difference.
func TestProgressAddsUpThroughRetriesAndEarlyAnswers(t *testing.T) {
	w := newWorld()
	w.add("quay.io/acme/one:v1", w.content("a", strings.Repeat("large ", 200_000)))
	b := w.bundle(t)
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"503 after the whole body": func(w http.ResponseWriter, r *http.Request) bool {
			io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		},
		"503 at once": func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		},
		"the connection is cut": func(w http.ResponseWriter, r *http.Request) bool {
			r.Body.Read(make([]byte, 1000))
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			var mu sync.Mutex
			failed := map[string]bool{}
			n.otherwise(func(w http.ResponseWriter, r *http.Request) bool {
				mu.Lock()
				d := r.URL.Query().Get("digest")
				first := r.Method == http.MethodPut && d != "" && !failed[d]
				failed[d] = true
				mu.Unlock()
				return first && answer(w, r)
			})
			_, m, err := push(t, b, siteOf(n))
			if err != nil {
				t.Fatal(err)
			}
			m.check(t)
			n.check(t, b)
		})
	}
	t.Run("201 before the body is read", func(t *testing.T) {
		n := newNode(t)
		n.otherwise(func(w http.ResponseWriter, r *http.Request) bool {
			d := r.URL.Query().Get("digest")
			if r.Method != http.MethodPut || d == "" {
				return false
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			n.blobs["acme/one@"+d] = r.ContentLength
			w.WriteHeader(http.StatusCreated)
			return true
		})
		_, m, err := push(t, b, siteOf(n))
		if err != nil {
			t.Fatal(err)
		}
		m.check(t)
	})
}

func TestNodeThatIsDownDoesNotStopTheOthers(t *testing.T) {
	b := mixed().bundle(t)
	nodes := []*node{newNode(t), newNode(t), newNode(t)}
	s := siteOf(nodes...)
	nodes[1].server.Close()
	results, m, err := push(t, b, s)
	failed := (*NodesError)(nil)
	if !errors.As(err, &failed) || failed.Failed != 1 || failed.Of != 3 || len(failed.Errs) != 1 {
		t.Fatalf("got %v", err)
	}
	down := s.Nodes[1].Address
	if !strings.HasPrefix(err.Error(), "node2: "+down+": ") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
	if r := results[1]; r.Node != "node2" || r.Host != down || r.Images != 0 || !strings.HasPrefix(r.Error, down+": ") {
		t.Errorf("node2: %+v", r)
	}
	for _, i := range []int{0, 2} {
		nodes[i].check(t, b)
		if r := results[i]; r.Images != 8 || r.Error != "" {
			t.Errorf("%+v", r)
		}
	}
	if !slices.ContainsFunc(m.notes, func(s string) bool { return strings.HasPrefix(s, "node2: stopped") }) {
		t.Errorf("notes %q", m.notes)
	}
}

// A node that refuses something in the middle shows no image that is not whole.
func TestNodeThatIsFull(t *testing.T) {
	b := mixed().bundle(t)
	n := newNode(t)
	n.otherwise(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && r.URL.Query().Get("digest") == digest.FromString("two").String() {
			w.WriteHeader(http.StatusInsufficientStorage)
			return true
		}
		return false
	})
	results, _, err := push(t, b, siteOf(n))
	httpError := (*oci.HTTPError)(nil)
	if !errors.As(err, &httpError) || httpError.Status != http.StatusInsufficientStorage {
		t.Errorf("got %v", err)
	}
	for _, c := range n.changes() {
		if !strings.HasPrefix(c, "blob ") && !strings.HasPrefix(c, "mount ") {
			t.Errorf("there is an image before its blobs: %s", c)
		}
	}
	if r := results[0]; r.Images != 0 || r.Error == "" {
		t.Errorf("got %+v", r)
	}
	n.otherwise(nil)
	if _, m, err := push(t, b, siteOf(n)); err != nil {
		t.Errorf("the same again: %v", err)
	} else {
		m.check(t)
		n.check(t, b)
	}
}

func TestTagThatPointsElsewhereIsMoved(t *testing.T) {
	b := mixed().bundle(t)
	n := newNode(t)
	if _, _, err := push(t, b, siteOf(n)); err != nil {
		t.Fatal(err)
	}
	n.changes()
	n.manifests["acme/one:v1"] = n.manifests["acme/two:v1"]
	delete(n.manifests, "ocp4/openshift:4.9.0-x86_64-etcd")
	if _, _, err := push(t, b, siteOf(n)); err != nil {
		t.Fatal(err)
	}
	n.check(t, b)
	changes := n.changes()
	slices.Sort(changes)
	if want := []string{"tag acme/one:v1", "tag ocp4/openshift:4.9.0-x86_64-etcd"}; !slices.Equal(changes, want) {
		t.Errorf("changed %q, want %q", changes, want)
	}
}

// An index comes after all that it names, also where one child has two parents.
func TestIndexesComeAfterTheirChildren(t *testing.T) {
	w := newWorld()
	shared, other := w.content("shared"), w.content("other")
	inner := w.index(shared, other)
	for i, root := range []ocispec.Descriptor{
		w.index(w.index(shared), inner),
		w.index(shared, inner),
		w.index(inner, w.index(inner, shared)),
	} {
		w.add("quay.io/acme/nested:v"+string(rune('1'+i)), root)
	}
	n := newNode(t) // it refuses an index before its children
	b := w.bundle(t)
	if _, m, err := push(t, b, siteOf(n)); err != nil {
		t.Error(err)
	} else {
		m.check(t)
	}
	n.check(t, b)
}

func TestCancelledPush(t *testing.T) {
	b := mixed().bundle(t)
	quick, slow := newNode(t), newNode(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var once sync.Once
	slow.otherwise(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			io.Copy(io.Discard, r.Body) // a server learns of the end of its client only then
			once.Do(cancel)
			<-r.Context().Done()
			return true
		}
		return false
	})
	s := siteOf(quick, slow)
	begun := time.Now()
	results, err := Push(ctx, b, s, PushOptions{Client: client(t), Nodes: s.Nodes})
	if err != context.Canceled {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %s to end", took)
	}
	if len(results) != 2 || results[1].Error != "cancelled" || results[1].Images != 0 {
		t.Errorf("got %+v", results)
	}
}

func TestCancelledBeforeItBegan(t *testing.T) {
	b := mixed().bundle(t)
	n := newNode(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := siteOf(n)
	if _, err := Push(ctx, b, s, PushOptions{Client: client(t), Nodes: s.Nodes}); err != context.Canceled {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if changes := n.changes(); len(changes) > 0 || n.asked > 0 {
		t.Errorf("changed %q, asked %d times", changes, n.asked)
	}
}

// Damage that was not there when the bundle was opened is the bundle's, and the
// node does not get it.
func TestDamageOnTheMedium(t *testing.T) {
	for name, victim := range map[string]func(*bundle.Bundle) digest.Digest{
		"a layer":           func(*bundle.Bundle) digest.Digest { return digest.FromString("two") },
		"an image manifest": func(b *bundle.Bundle) digest.Digest { return b.Manifest.Images[0].Descriptor.Digest },
	} {
		t.Run(name, func(t *testing.T) {
			b := mixed().bundle(t)
			n := newNode(t)
			d := victim(b)
			spoil(t, b, d)
			_, _, err := push(t, b, siteOf(n))
			invalid := (*bundle.InvalidError)(nil)
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), d.Encoded()) || !strings.Contains(err.Error(), "needed by quay.io/") {
				t.Errorf("got %v", err)
			}
			for _, c := range n.changes() {
				if strings.HasPrefix(c, "tag ") || strings.Contains(c, d.String()) {
					t.Errorf("the node has %s", c)
				}
			}
		})
	}
}

// spoil changes a byte of a blob in the file of an open bundle.
func spoil(t *testing.T, b *bundle.Bundle, d digest.Digest) {
	t.Helper()
	f, err := os.OpenFile(path(t, b), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, e := range b.Entries() {
		if strings.HasSuffix(e.Name, d.Encoded()) {
			if _, err := f.WriteAt([]byte("X"), e.Offset+1); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("%s is not in the bundle", d)
}

// path is where a bundle lies: what it says of its damage begins with it.
func path(t *testing.T, b *bundle.Bundle) string {
	t.Helper()
	invalid := (*bundle.InvalidError)(nil)
	if !errors.As(b.Damage(&oci.ContentError{Want: ocispec.Descriptor{Digest: digest.FromString("any")}}), &invalid) {
		t.Fatal("no path")
	}
	return invalid.Path
}

func TestBlobThatThePackingListLacks(t *testing.T) {
	b := mixed().bundle(t)
	n := newNode(t)
	base := digest.FromString("base")
	b.Manifest.Blobs = slices.DeleteFunc(b.Manifest.Blobs, func(d ocispec.Descriptor) bool { return d.Digest == base })
	_, _, err := push(t, b, siteOf(n))
	want := base.String() + ": is needed in acme/multi, acme/one, acme/two, ocp4/openshift and the packing list does not list it"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if changes := n.changes(); len(changes) > 0 {
		t.Errorf("changed %q", changes)
	}
}

func TestTwoImagesForOnePlace(t *testing.T) {
	w := newWorld()
	w.add("quay.io/acme/one:v1", w.content("one"))
	w.add("docker.io/acme/one:v1", w.content("another"))
	n := newNode(t)
	_, m, err := push(t, w.bundle(t), siteOf(n))
	if err == nil || !strings.Contains(err.Error(), "acme/one:v1: two images want this place") || m.phases != 0 || n.asked != 0 {
		t.Errorf("got %v, %d phases, %d questions", err, m.phases, n.asked)
	}
}

func TestOneImageUnderTwoNamesInOnePlace(t *testing.T) {
	w := newWorld()
	same := w.content("one")
	w.add("quay.io/acme/one:v1", same)
	w.add("docker.io/acme/one:v1", same)
	n := newNode(t)
	results, m, err := push(t, w.bundle(t), siteOf(n))
	if err != nil || results[0].Images != 1 {
		t.Errorf("%+v, %v", results, err)
	}
	m.check(t)
}

func TestNodesErrorIsALineForEach(t *testing.T) {
	one, two := errors.New("node1: x"), errors.New("node2: y")
	err := failed([]error{one, nil, two})
	want := &NodesError{Failed: 2, Of: 3, Errs: []error{one, two}}
	if !reflect.DeepEqual(err, want) || err.Error() != "node1: x\nnode2: y" || !errors.Is(err, two) {
		t.Errorf("got %+v", err)
	}
	if err := failed([]error{nil, nil}); err != nil {
		t.Errorf("all nodes whole: %v", err)
	}
}
