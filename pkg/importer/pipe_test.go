package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/bundle"
	"drayage/pkg/oci"
)

// piped is a world's bundle as a stream, and the same opened as a file.
func piped(t *testing.T, w *world) ([]byte, *bundle.Bundle) {
	t.Helper()
	b := w.bundle(t)
	var out bytes.Buffer
	if _, err := bundle.Stream(t.Context(), b.Manifest, w.open, &out, bundle.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), b
}

// pushPipe fills nodes from a stream.
func pushPipe(t *testing.T, r io.Reader, patience time.Duration, nodes ...*node) ([]NodeResult, *meter, error) {
	t.Helper()
	m := &meter{}
	pipe, err := bundle.OpenPipe(r, "")
	if err != nil {
		return nil, m, err
	}
	defer pipe.Close()
	s := siteOf(nodes...)
	results, err := FillPipe(t.Context(), pipe, s, FillOptions{
		PushOptions: PushOptions{Client: client(t), Nodes: s.Nodes, Progress: m.take, Patience: patience}, NoCheck: true,
	})
	for i := range results {
		results[i].Seconds = 0
	}
	return results, m, err
}

// once counts what is read and is nothing but a reader.
type once struct {
	r io.Reader
	n int64
}

func (o *once) Read(b []byte) (int, error) {
	n, err := o.r.Read(b[:min(len(b), 60_000)])
	o.n += int64(n)
	return n, err
}

func TestPipeFillsNodesInOrder(t *testing.T) {
	raw, b := piped(t, heavy())
	nodes := []*node{newNode(t), newNode(t), newNode(t)}
	source := &once{r: bytes.NewReader(raw)}
	results, m, err := pushPipe(t, source, time.Hour, nodes...)
	if err != nil {
		t.Fatal(err)
	}
	m.check(t)
	if source.n != int64(len(raw)) {
		t.Errorf("%d bytes read, the pipe has %d", source.n, len(raw))
	}
	for i, n := range nodes {
		n.check(t, b)
		changes := n.changes()
		rank := func(s string) int { return strings.Index("blob mount manifest tag", strings.Fields(s)[0]) / 12 }
		if !slices.IsSortedFunc(changes, func(a, b string) int { return rank(a) - rank(b) }) {
			t.Errorf("want blobs, then manifests, then tags: %q", changes)
		}
		// 6 layers, 6 configs, and base goes to six repositories.
		if r := results[i]; r.Images != 6 || r.Sent != 13 || r.Mounted != 5 || r.BytesSent != blobBytes(t, b) {
			t.Errorf("%+v", r)
		}
	}
}

// What is there passes by, and the pipe is read to its end all the same.
func TestPipeAgainOnlyAsks(t *testing.T) {
	raw, b := piped(t, mixed())
	nodes := []*node{newNode(t), newNode(t)}
	if _, _, err := pushPipe(t, bytes.NewReader(raw), time.Hour, nodes...); err != nil {
		t.Fatal(err)
	}
	delete(nodes[1].blobs, "acme/one@"+digest.FromString("one").String())
	for _, n := range nodes {
		n.changes()
	}
	source := &once{r: bytes.NewReader(raw)}
	results, m, err := pushPipe(t, source, time.Hour, nodes...)
	if err != nil {
		t.Fatal(err)
	}
	m.check(t)
	if changes := nodes[0].changes(); len(changes) > 0 || !results[0].Whole {
		t.Errorf("changed %q, %+v", changes, results[0])
	}
	if changes := nodes[1].changes(); len(changes) != 1 || results[1].Sent != 1 {
		t.Errorf("changed %q, %+v", changes, results[1])
	}
	if source.n != int64(len(raw)) {
		t.Errorf("%d bytes read, the pipe has %d", source.n, len(raw))
	}
	nodes[1].check(t, b)
}

// A registry that mounts nothing gets a blob for its other repositories from itself.
func TestPipeToANodeThatRefusesMounts(t *testing.T) {
	raw, b := piped(t, mixed())
	n := newNode(t)
	n.noMount = true
	results, _, err := pushPipe(t, bytes.NewReader(raw), time.Hour, n)
	if err != nil {
		t.Fatal(err)
	}
	n.check(t, b)
	if r := results[0]; r.Sent != 16 || r.Mounted != 0 {
		t.Errorf("%+v", r)
	}
}

// cuts are the ends of all headers and contents, and places within.
func cuts(b *bundle.Bundle, size int) []int {
	var at []int
	for _, e := range b.Entries() {
		at = append(at, int(e.Header), int(e.Header)+100, int(e.Offset), int(e.Offset+e.Size/2), int(e.Offset+e.Size))
	}
	return append(at, size-1024, size-1)
}

// Wherever a pipe is cut: one line, nothing that is half there is shown, and the
// whole pipe after it brings the rest.
func TestPipeThatIsCut(t *testing.T) {
	w := newWorld()
	w.add("quay.io/acme/multi:v1", w.index(w.content("base", "amd64"), w.content("base", strings.Repeat("arm64", 60_000))))
	w.add("quay.io/acme/one:v1", w.content("base", "one"))
	raw, b := piped(t, w)
	for _, at := range cuts(b, len(raw)) {
		n := newNode(t)
		_, _, err := pushPipe(t, bytes.NewReader(raw[:at]), time.Hour, n)
		invalid := (*bundle.InvalidError)(nil)
		if !errors.As(err, &invalid) || !invalid.Cut || strings.Contains(err.Error(), "\n") {
			t.Fatalf("cut at %d: %v", at, err)
		}
		last := b.Entries()[len(b.Entries())-1]
		for _, c := range n.changes() {
			if !strings.HasPrefix(c, "blob ") && !strings.HasPrefix(c, "mount ") && at < int(last.Offset+last.Size) {
				t.Errorf("cut at %d: %s", at, c)
			}
		}
		if at < int(b.Entries()[6].Header) { // nobody was asked anything
			continue
		}
		n.idle()
		if _, _, err := pushPipe(t, bytes.NewReader(raw), time.Hour, n); err != nil {
			t.Fatalf("after a cut at %d: %v", at, err)
		}
		n.check(t, b)
	}
}

// A wrong byte: no registry completes the blob, and nobody shows its image.
func TestPipeWithAWrongByte(t *testing.T) {
	raw, b := piped(t, mixed())
	d := digest.FromString("two")
	section, err := b.Section(descriptorOf(b, d))
	if err != nil {
		t.Fatal(err)
	}
	_, at, _ := section.Outer()
	raw[at] ^= 1
	n := newNode(t)
	_, _, err = pushPipe(t, bytes.NewReader(raw), time.Hour, n)
	invalid := (*bundle.InvalidError)(nil)
	if !errors.As(err, &invalid) || invalid.Cut || !strings.Contains(err.Error(), d.Encoded()) || !strings.Contains(err.Error(), "needed by quay.io/acme/two:v1") {
		t.Errorf("%v", err)
	}
	for _, c := range n.changes() {
		if strings.HasPrefix(c, "tag ") || strings.Contains(c, d.String()) {
			t.Errorf("there is %s", c)
		}
	}
}

// A changed header or padding ends it, with its place.
func TestPipeWithAWrongHeader(t *testing.T) {
	raw, b := piped(t, mixed())
	e := b.Entries()[len(b.Entries())-1]
	for _, at := range []int64{e.Header, e.Offset + e.Size, int64(len(raw)) - 1} {
		raw[at] ^= 1
		n := newNode(t)
		_, _, err := pushPipe(t, bytes.NewReader(raw), time.Hour, n)
		raw[at] ^= 1
		invalid := (*bundle.InvalidError)(nil)
		if !errors.As(err, &invalid) || invalid.Cut {
			t.Errorf("byte %d: %v", at, err)
		}
	}
	_, _, err := pushPipe(t, bytes.NewReader(append(raw, 0)), time.Hour, newNode(t))
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("goes on after %d bytes", len(raw))) {
		t.Errorf("%v", err)
	}
}

func TestPipeWithANodeThatIsDown(t *testing.T) {
	raw, b := piped(t, mixed())
	nodes := []*node{newNode(t), newNode(t)}
	nodes[0].server.Close()
	_, _, err := pushPipe(t, bytes.NewReader(raw), time.Hour, nodes...)
	failed := (*NodesError)(nil)
	if !errors.As(err, &failed) || failed.Failed != 1 || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v", err)
	}
	nodes[1].check(t, b)
}

// A node that takes nothing any more falls out: the others are whole, and it
// shows nothing. The next pipe brings it the rest.
func TestHangingNodeFallsOutOfThePipe(t *testing.T) {
	raw, b := piped(t, heavy())
	nodes := []*node{newNode(t), newNode(t)}
	release := make(chan struct{})
	nodes[1].otherwise(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && r.ContentLength > 1<<20 {
			<-release
		}
		return false
	})
	results, _, err := pushPipe(t, bytes.NewReader(raw), 300*time.Millisecond, nodes...)
	close(release)
	slow := (*SlowError)(nil)
	if !errors.As(err, &slow) || !strings.HasPrefix(err.Error(), "node2: fell out of the pipe: the others have waited ") {
		t.Fatalf("%v", err)
	}
	nodes[0].check(t, b)
	if results[0].Error != "" || results[1].Images != 0 {
		t.Errorf("%+v", results)
	}
	nodes[1].otherwise(nil)
	nodes[1].idle()
	if _, _, err := pushPipe(t, bytes.NewReader(raw), time.Hour, nodes...); err != nil {
		t.Fatal(err)
	}
	nodes[1].check(t, b)
}

// Nobody waits for the only node, however long it takes.
func TestSlowNodeAloneDoesNotFallOut(t *testing.T) {
	w := newWorld()
	w.add("quay.io/acme/one:v1", w.content(strings.Repeat("large ", 3_000_000)))
	raw, b := piped(t, w)
	n := newNode(t)
	slowly(n, 20<<20)
	if _, _, err := pushPipe(t, bytes.NewReader(raw), 50*time.Millisecond, n); err != nil {
		t.Fatal(err)
	}
	n.check(t, b)
}

// An upload that failed is repeated when the blob is small. A large one is missed:
// the others come all the same, and the next pipe brings it.
func TestUploadsThatFailOnce(t *testing.T) {
	w := newWorld()
	large := strings.Repeat("large ", 3_000_000) // more than the window
	w.add("quay.io/acme/small:v1", w.content("small"))
	w.add("quay.io/acme/large:v1", w.content(large))
	w.add("quay.io/acme/z:v1", w.content("last"))
	raw, b := piped(t, w)
	fail := func(n *node, d digest.Digest) {
		failed := false
		n.otherwise(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("digest") != d.String() || failed {
				return false
			}
			failed = true
			io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		})
	}
	n := newNode(t)
	fail(n, digest.FromString("small"))
	if _, m, err := pushPipe(t, bytes.NewReader(raw), time.Hour, n); err != nil {
		t.Fatal(err)
	} else {
		m.check(t)
	}
	n.check(t, b)

	n = newNode(t)
	fail(n, digest.FromString(large))
	results, _, err := pushPipe(t, bytes.NewReader(raw), time.Hour, n)
	missed := (*MissedError)(nil)
	if !errors.As(err, &missed) || missed.Blobs != 1 || missed.Bytes != int64(len(large)) || !strings.Contains(err.Error(), ": 503 ") || !errors.Is(err, oci.ErrPassed) {
		t.Fatalf("%v", err)
	}
	if results[0].Sent != 5 || results[0].Images != 0 {
		t.Errorf("%+v", results[0])
	}
	if _, _, err := pushPipe(t, bytes.NewReader(raw), time.Hour, n); err != nil {
		t.Fatal(err)
	}
	n.check(t, b)
}

// A registry that wants to be asked again in a while holds nobody up with a blob
// that has passed by then.
func TestUploadThatWaitsHoldsNobodyUp(t *testing.T) {
	w := newWorld()
	large := strings.Repeat("large ", 6_000_000) // much more than the window
	w.add("quay.io/acme/large:v1", w.content(large))
	w.add("quay.io/acme/z:v1", w.content("last"))
	raw, b := piped(t, w)
	nodes := []*node{newNode(t), newNode(t)}
	over := make(chan struct{})
	nodes[1].otherwise(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("digest") != digest.FromString(large).String() {
			return false
		}
		answer := http.NewResponseController(w)
		_ = answer.EnableFullDuplex() // the answer is heard, whatever is still to come
		io.CopyN(io.Discard, r.Body, int64(len(large))/2)
		w.Header().Set("Retry-After", "2")
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = answer.Flush()
		<-over
		return true
	})
	_, _, err := pushPipe(t, bytes.NewReader(raw), time.Second, nodes...)
	close(over)
	missed := (*MissedError)(nil)
	if !errors.As(err, &missed) || missed.Blobs != 1 || errors.As(err, new(*SlowError)) {
		t.Errorf("%v", err)
	}
	nodes[0].check(t, b)
}

// What nodes lack is said beside what is wrong with the bundle, and not in its place.
func TestDamageIsSaidBesideNodes(t *testing.T) {
	damage := &bundle.InvalidError{Path: "-", Findings: []oci.Finding{{Problem: "is cut"}}}
	down := &NodesError{Failed: 1, Of: 3, Errs: []error{errors.New("node3: down")}}
	err := together(3, errors.Join(damage, down), nil)
	if invalid := (*bundle.InvalidError)(nil); !errors.As(err, &invalid) {
		t.Errorf("got %v", err)
	}
	if err := together(3, down, &NodesError{Failed: 1, Of: 2, Errs: []error{errors.New("node1: not whole")}}); err == nil || err.(*NodesError).Failed != 2 {
		t.Errorf("got %v", err)
	}
}

func descriptorOf(b *bundle.Bundle, d digest.Digest) ocispec.Descriptor {
	for _, p := range b.Manifest.Blobs {
		if p.Digest == d {
			return p
		}
	}
	return ocispec.Descriptor{Digest: d}
}

// idle waits until a node has noticed that whoever wrote to it went.
func (n *node) idle() {
	n.server.CloseClientConnections()
	for busy := true; busy; time.Sleep(time.Millisecond) {
		n.mu.Lock()
		busy = false
		for _, writers := range n.writers {
			busy = busy || writers > 0
		}
		n.mu.Unlock()
	}
}
