package oci

import (
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxDepth bounds indexes within indexes. One level is usual, two have been seen.
const maxDepth = 4

// ManifestFunc gives the bytes of an index or image manifest, already proven to
// have the digest and size that the descriptor names. Its errors name the digest.
type ManifestFunc func(ocispec.Descriptor) ([]byte, error)

// Walk visits everything that belongs to an image, root first, each piece of
// content once, in the order in which it is named. A piece that cannot be read
// is visited and its error kept; the walk goes on beside it and returns all
// errors joined.
func Walk(root Root, manifest ManifestFunc, visit func(Link)) error {
	kind, ok := KindOf(root.Descriptor.MediaType)
	if !ok {
		return fmt.Errorf("%s: %w", root.Descriptor.Digest, unreadableType(root.Descriptor.MediaType))
	}
	w := newWalk(root, manifest, visit)
	w.step(Link{root.Descriptor, kind}, 0)
	return errors.Join(w.errs...)
}

func newWalk(root Root, manifest ManifestFunc, visit func(Link)) *walk {
	return &walk{root: root, manifest: manifest, visit: visit, seen: map[digest.Digest]bool{}}
}

type walk struct {
	root     Root
	manifest ManifestFunc
	visit    func(Link)
	seen     map[digest.Digest]bool
	errs     []error

	indexesOnly bool // image manifests are visited and not read
}

func (w *walk) step(l Link, depth int) {
	if w.indexesOnly && l.Kind != KindIndex {
		w.visit(l) // each time: one image may be for several platforms
		return
	}
	if w.seen[l.Descriptor.Digest] {
		return
	}
	w.seen[l.Descriptor.Digest] = true
	w.visit(l)
	if l.Kind != KindIndex && l.Kind != KindManifest {
		return
	}
	links, err := w.links(l, depth)
	if err != nil {
		w.errs = append(w.errs, err)
		return
	}
	for _, next := range links {
		w.step(next, depth+1)
	}
}

func (w *walk) links(l Link, depth int) ([]Link, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%s: indexes are nested more than %d deep", l.Descriptor.Digest, maxDepth)
	}
	raw, err := w.manifest(l.Descriptor)
	if err != nil {
		return nil, err
	}
	links, err := Links(l.Descriptor.MediaType, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.Descriptor.Digest, err)
	}
	return w.root.keep(l.Descriptor.MediaType, links), nil
}

func unreadableType(mediaType string) error {
	if len(mediaType) >= len(dockerSchema1) && mediaType[:len(dockerSchema1)] == dockerSchema1 {
		return fmt.Errorf("is a Docker schema 1 manifest, a format that registries no longer take")
	}
	return fmt.Errorf("media type %q is neither an image index nor an image manifest", mediaType)
}
