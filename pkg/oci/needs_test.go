package oci

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// An index of a few megabytes under many names is a few gigabytes of who needs
// what. It is not gathered, and is said.
func TestVerifyBoundsWhoNeedsWhat(t *testing.T) {
	var children []ocispec.Descriptor
	for i := range 3000 { // of which none is there
		children = append(children, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromString(fmt.Sprint(i)), Size: 1})
	}
	w := newWorld()
	d := w.index("quay.io/a/one:v0", children...)
	for i := range 1999 {
		w.images = append(w.images, Named{Name: fmt.Sprintf("quay.io/a/one:v%d", i+1), Descriptor: d})
	}
	read := 0
	all, whole := needs(w.images, func(d ocispec.Descriptor) ([]byte, error) {
		read++
		return w.manifest(d)
	})
	names := 0
	for _, n := range all {
		names += len(n.images)
	}
	if whole || read != 1 || names > maxNeeds {
		t.Errorf("whole %v, read %d times, %d names", whole, read, names)
	}
	l, err := NewLayout(w.images, []ocispec.Descriptor{d})
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if err := l.Stream(t.Context(), &raw, w.open, nil); err != nil {
		t.Fatal(err)
	}
	findings := verifyBytes(t, raw.Bytes())
	if !slices.ContainsFunc(findings, func(f Finding) bool {
		return f.String() == "index.json: its images need their blobs more than 4194304 times in all: not all of them are looked at"
	}) || slices.ContainsFunc(findings, func(f Finding) bool { return strings.Contains(f.Problem, "nothing names it") }) {
		t.Errorf("%d findings, first %v", len(findings), findings[0])
	}
}

// One root under two names is walked once, and belongs to both.
func TestNeedsOfOneRootUnderTwoNames(t *testing.T) {
	w := newWorld()
	d := w.image("quay.io/a/two:v1", "layer")
	w.images = append(w.images, Named{Name: "quay.io/a/one:v1", Descriptor: d})
	all, whole := needs(w.images, w.manifest)
	if got := strings.Join(all[digest.FromString("layer")].images, " "); !whole || got != "quay.io/a/one:v1 quay.io/a/two:v1" {
		t.Errorf("%s", got)
	}
}
