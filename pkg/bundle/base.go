package bundle

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// Base is what a site has already: an earlier bundle, or its packing list.
type Base struct {
	// Root is that of the bundle. For a packing list alone it is that of the bundle
	// which holds everything.
	Root digest.Digest
	// Manifest is the packing list of all that the site has, also for a delta.
	Manifest *manifest.Manifest

	held map[digest.Digest]int64
}

func (b *Base) holds(d ocispec.Descriptor) bool {
	size, ok := b.held[d.Digest]
	return ok && size == d.Size
}

// ReadBase reads a bundle, as [Open] does, or a packing list that was saved. A
// delta counts with all that it leaves out: whoever has it has its bases. dirs
// are where volumes are looked for.
func ReadBase(path string, dirs ...string) (*Base, error) {
	m, root, err := readList(path)
	if m == nil && err == nil {
		m, root, err = readWhole(path, dirs)
	}
	if err != nil {
		return nil, err
	}
	b := &Base{Root: root, Manifest: m, held: map[digest.Digest]int64{}}
	for _, d := range m.Blobs {
		b.held[d.Digest] = d.Size
	}
	return b, nil
}

// readList reads a packing list that stands alone. It is nil for all that does
// not begin like one.
func readList(path string) (*manifest.Manifest, digest.Digest, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, "", nil // Open says it, and looks for volumes
	}
	defer f.Close()
	var first [1]byte
	if _, err := f.ReadAt(first[:], 0); err != nil || first[0] != '{' {
		return nil, "", nil
	}
	raw, err := io.ReadAll(io.LimitReader(f, manifest.MaxSize+1))
	if err != nil {
		return nil, "", err
	}
	m, err := manifest.Decode(raw)
	if err == nil && m.Delta != nil {
		err = fmt.Errorf("is the packing list of a delta, which does not say what is left out; inspect --save-manifest saves one that does")
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	l, _, err := layout(m)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	return m, l.Root, nil
}

func readWhole(path string, dirs []string) (*manifest.Manifest, digest.Digest, error) {
	b, err := Open(path, "", dirs...)
	if err != nil {
		return nil, "", err
	}
	defer b.Close()
	m, err := b.Whole()
	return m, b.Root, err
}

// Whole is the packing list of a bundle as if it left nothing out.
func (b *Bundle) Whole() (*manifest.Manifest, error) {
	if b.Manifest.Delta == nil {
		return b.Manifest, nil
	}
	var roots []oci.Root
	for _, i := range b.Manifest.Images {
		roots = append(roots, oci.Root{Descriptor: i.Descriptor, Platforms: i.Platforms})
	}
	parts, err := oci.Parts(roots, b.Archive.Manifest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.path, err)
	}
	m := *b.Manifest
	m.Delta, m.Blobs = nil, nil
	m.SetFeatures()
	for _, p := range parts {
		m.Blobs = append(m.Blobs, p.Descriptor)
	}
	return &m, m.Validate()
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
