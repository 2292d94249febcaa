package importer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/bundle"
)

// delta writes the delta of a world over the bundle of another and opens it.
func (w *world) delta(t *testing.T, over *bundle.Bundle, path string) *bundle.Bundle {
	t.Helper()
	base, err := bundle.ReadBase(path)
	if err != nil {
		t.Fatal(err)
	}
	whole := w.bundle(t)
	m, docs, err := bundle.Thin(whole.Manifest, w.raw, []*bundle.Base{base})
	if err != nil || docs == nil {
		t.Fatal(err)
	}
	open := func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
		if d.Digest == digest.FromBytes(docs) {
			return io.NopCloser(bytes.NewReader(docs)), nil
		}
		return w.open(ctx, d)
	}
	written, err := writeBundle(t.Context(), m, open, filepath.Join(t.TempDir(), "delta.tar"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(written.Path, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// write writes the world's bundle and returns its path.
func (w *world) path(t *testing.T) (string, *bundle.Bundle) {
	t.Helper()
	b := w.bundle(t)
	path := filepath.Join(t.TempDir(), "base.tar")
	written, err := writeBundle(t.Context(), b.Manifest, w.open, path)
	if err != nil {
		t.Fatal(err)
	}
	return written.Path, b
}

// changed is mixed with one image changed, and one that has got another name.
func changed() *world {
	w := newWorld()
	w.add("quay.io/acme/multi:v1", w.index(w.content("base", "amd64"), w.content("base", "arm64")))
	w.add("quay.io/acme/one:v1", w.content("base", "one, mended"))
	w.add("quay.io/acme/second:v1", w.content("base", "two"))
	same := w.content("base", "tool")
	for _, name := range []string{"cli", "must-gather", "tools", "network-tools"} {
		w.component(name, same)
	}
	w.component("etcd", w.content("base", "etcd"))
	return w
}

func TestDeltaIsPushedToNodesThatHaveTheBase(t *testing.T) {
	path, old := mixed().path(t)
	b := changed().delta(t, old, path)
	filled, empty, half := newNode(t), newNode(t), newNode(t)
	if _, _, err := push(t, old, siteOf(filled, half)); err != nil {
		t.Fatal(err)
	}
	filled.changes()
	half.changes()
	half.mu.Lock() // it has lost the layer of one component
	delete(half.blobs, "ocp4/openshift@"+digest.FromString("etcd").String())
	half.mu.Unlock()

	results, _, err := push(t, b, siteOf(filled, empty, half))
	nodes := (*NodesError)(nil)
	lack := (*LackError)(nil)
	if !errors.As(err, &nodes) || nodes.Failed != 2 || !errors.As(err, &lack) {
		t.Fatalf("got %v", err)
	}
	lines := strings.Split(err.Error(), "\n")
	if want := "node2: lacks 11 of the 11 blobs that this delta leaves to the base " + old.Root.String() + ": "; !strings.HasPrefix(lines[0], want) {
		t.Errorf("got  %s\nwant %s", lines[0], want)
	}
	if want := "node3: lacks 1 of the 11 blobs that this delta leaves to the base " + old.Root.String() + ": 4 bytes, first " + digest.FromString("etcd").String() + " of quay.io/release/parts@"; !strings.HasPrefix(lines[1], want) {
		t.Errorf("got  %s\nwant %s", lines[1], want)
	}
	for _, n := range []*node{empty, half} {
		if did := n.changes(); len(did) > 0 {
			t.Errorf("was changed: %q", did)
		}
	}
	filled.check(t, b)
	did := filled.changes()
	mounted := func(text string) bool {
		return slices.Contains(did, "mount acme/second@"+digest.FromString(text).String())
	}
	if !mounted("base") || !mounted("two") {
		t.Errorf("what has got another name was not mounted: %q", did)
	}
	if results[0].Sent != 2 || results[0].Error != "" { // the layer and the config of one
		t.Errorf("%+v", results[0])
	}
	if results, _, err := push(t, b, siteOf(filled)); err != nil || results[0].Sent != 0 || len(filled.changes()) > 0 {
		t.Errorf("again: %+v, %v", results, err)
	}
}

func TestNodeThatDoesNotMountRefusesADelta(t *testing.T) {
	path, old := mixed().path(t)
	b := changed().delta(t, old, path)
	n := newNode(t)
	if _, _, err := push(t, old, siteOf(n)); err != nil {
		t.Fatal(err)
	}
	n.noMount = true
	if _, _, err := push(t, b, siteOf(n)); err == nil || !strings.Contains(err.Error(), "and the registry does not mount it") {
		t.Errorf("got %v", err)
	}
	if tag := n.tag("acme/second:v1"); tag != "" {
		t.Errorf("an image stands there that is not whole: %s", tag)
	}
}

// What a delta leaves to its base belongs to a whole node like the rest.
func TestCheckOfADeltaAsksForTheBaseToo(t *testing.T) {
	path, old := mixed().path(t)
	b := changed().delta(t, old, path)
	n := newNode(t)
	for _, from := range []*bundle.Bundle{old, b} {
		if _, _, err := push(t, from, siteOf(n)); err != nil {
			t.Fatal(err)
		}
	}
	states, err := check(t, b, siteOf(n), false)
	if err != nil || !states[0].Whole {
		t.Fatalf("%+v, %v", states, err)
	}
	n.mu.Lock()
	delete(n.blobs, "ocp4/openshift@"+digest.FromString("etcd").String())
	n.mu.Unlock()
	states, err = check(t, b, siteOf(n), false)
	if err == nil || states[0].Whole || states[0].MissingBlobs != 1 || states[0].MissingBytes != 4 || states[0].MissingImages != 1 {
		t.Errorf("%+v, %v", states, err)
	}
}

// Both questions come before anything is sent, and a node has to pass both.
func TestDeltaOverASparseBaseIsPushed(t *testing.T) {
	path, old := partlyWorld("linux/amd64").path(t)
	b := partlyWorld("linux/amd64", "linux/arm64").delta(t, old, path)
	filled, empty, strict := newNode(t), newNode(t), newNode(t)
	takes, other := &lenient{deletable: true}, &lenient{deletable: true}
	takes.on(filled)
	other.on(empty)
	if _, _, err := push(t, old, siteOf(filled)); err != nil {
		t.Fatal(err)
	}
	strict.mu.Lock() // it has the blobs of the base, and not its index
	filled.mu.Lock()
	for k, v := range filled.blobs {
		strict.blobs[k] = v
	}
	filled.mu.Unlock()
	strict.mu.Unlock()
	filled.changes()
	results, _, err := push(t, b, siteOf(filled, empty, strict))
	var lack *LackError
	var sparse *SparseError
	if !errors.As(err, &lack) || !errors.As(err, &sparse) || results[0].Error != "" {
		t.Fatalf("%+v, %v", results, err)
	}
	if results[0].Sent != 2 || results[0].Images != 2 { // the layer and the config of arm64
		t.Errorf("%+v", results[0])
	}
	filled.check(t, b)
	if len(other.asked) > 0 || len(empty.changes()) > 0 {
		t.Errorf("the node without the base was asked %q", other.asked)
	}
	if did := strict.changes(); len(did) > 0 {
		t.Errorf("the node that refuses was changed: %q", did)
	}
}
