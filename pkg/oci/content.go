package oci

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

// Content is everything that a set of images consists of: the bytes of what is
// small (indexes and image manifests, and blobs that we made ourselves), and
// for everything else the repositories where it can be had. It is filled by
// AddImage and AddBlob, from many goroutines, and read when all is in.
type Content struct {
	source *Source

	mu    sync.Mutex
	small map[digest.Digest][]byte
	repos map[digest.Digest][]string
}

// NewContent makes an empty set whose images are fetched from a source.
func NewContent(s *Source) *Content {
	return &Content{source: s, small: map[digest.Digest][]byte{}, repos: map[digest.Digest][]string{}}
}

// AddBlob adds a blob that we made.
func (c *Content) AddBlob(raw []byte) digest.Digest {
	d := digest.FromBytes(raw)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.small[d] = raw
	return d
}

// Resolve asks the source which image a reference stands for, and keeps its manifest.
func (c *Content) Resolve(ctx context.Context, ref string) (ocispec.Descriptor, error) {
	desc, raw, err := c.source.Resolve(ctx, ref)
	if err != nil {
		return desc, err
	}
	c.AddBlob(raw)
	return desc, nil
}

// AddImage fetches the index and image manifests that belong to an image, as far
// as they are not here yet, at most MaxImageManifests. Its blobs are noted, not
// fetched.
func (c *Content) AddImage(ctx context.Context, repository string, root Root) error {
	a := &adding{c: c, repository: repository, root: root, seen: map[digest.Digest]bool{}}
	a.group, ctx = errgroup.WithContext(ctx)
	a.group.SetLimit(4)
	a.group.Go(func() error { return a.add(ctx, root.Descriptor, 0) })
	return a.group.Wait()
}

// MaxImageManifests bounds the indexes and image manifests of one image.
// Release images have a handful, an image for all platforms some thirty.
const MaxImageManifests = 4096

// adding is one image on its way into a Content.
type adding struct {
	c          *Content
	repository string
	root       Root
	group      *errgroup.Group

	mu   sync.Mutex
	seen map[digest.Digest]bool
}

// first is true once for each manifest: indexes may name one as often as they
// like, and each other.
func (a *adding) first(d digest.Digest) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen[d] {
		return false, nil
	}
	a.seen[d] = true
	if len(a.seen) > MaxImageManifests {
		return false, fmt.Errorf("%s: names more than %d image manifests", a.repository, MaxImageManifests)
	}
	return true, nil
}

func (a *adding) add(ctx context.Context, d ocispec.Descriptor, depth int) error {
	first, err := a.first(d.Digest)
	if err != nil || !first {
		return err
	}
	if depth > maxDepth {
		return fmt.Errorf("%s@%s: indexes are nested more than %d deep", a.repository, d.Digest, maxDepth)
	}
	raw, err := a.c.fetchManifest(ctx, a.repository, d)
	if err != nil {
		return err
	}
	links, err := Links(d.MediaType, raw)
	if err != nil {
		return fmt.Errorf("%s@%s: %w", a.repository, d.Digest, err)
	}
	for _, l := range a.root.keep(d.MediaType, links) {
		if l.Kind != KindIndex && l.Kind != KindManifest {
			a.c.note(l.Descriptor.Digest, a.repository)
			continue
		}
		child := func() error { return a.add(ctx, l.Descriptor, depth+1) }
		// TryGo: a nested index must not wait for itself at the limit.
		if a.group.TryGo(child) {
			continue
		}
		if err := child(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Content) fetchManifest(ctx context.Context, repository string, d ocispec.Descriptor) ([]byte, error) {
	if raw, ok := c.here(d.Digest); ok {
		return raw, nil
	}
	if d.Size > MaxManifest {
		return nil, fmt.Errorf("%s@%s: manifest of %d bytes, at most %d are read", repository, d.Digest, d.Size, MaxManifest)
	}
	_, raw, err := c.source.Resolve(ctx, repository+"@"+d.Digest.String())
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) != d.Size {
		return nil, fmt.Errorf("%s@%s: has %d bytes, want %d", repository, d.Digest, len(raw), d.Size)
	}
	c.AddBlob(raw)
	return raw, nil
}

func (c *Content) here(d digest.Digest) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	raw, ok := c.small[d]
	return raw, ok
}

// note remembers where a blob can be had. The list is kept sorted, so that the
// order in which images were added does not show.
func (c *Content) note(d digest.Digest, repository string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i, there := slices.BinarySearch(c.repos[d], repository); !there {
		c.repos[d] = slices.Insert(c.repos[d], i, repository)
	}
}

// Manifest returns the bytes of an index or image manifest that was added.
func (c *Content) Manifest(d ocispec.Descriptor) ([]byte, error) {
	if raw, ok := c.here(d.Digest); ok {
		return raw, nil
	}
	return nil, fmt.Errorf("%s: was not fetched", d.Digest)
}

// Open reads any piece of the content. What comes from a registry is not
// proven; the reader does that.
func (c *Content) Open(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
	if raw, ok := c.here(d.Digest); ok {
		return io.NopCloser(bytes.NewReader(raw)), nil
	}
	repos := c.repositories(d.Digest)
	if len(repos) == 0 {
		return nil, fmt.Errorf("%s: no image names it", d.Digest)
	}
	return c.source.openAny(ctx, repos, d)
}

// ReadAhead reads a blob before the bundle is begun. It is proven, and kept for
// a later Open.
func (c *Content) ReadAhead(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
	if raw, ok := c.here(d.Digest); ok {
		return io.NopCloser(bytes.NewReader(raw)), nil
	}
	repos := c.repositories(d.Digest)
	if len(repos) == 0 {
		return nil, fmt.Errorf("%s: no image names it", d.Digest)
	}
	return c.source.readAhead(ctx, repos, d)
}

func (c *Content) repositories(d digest.Digest) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.repos[d]) // note shifts what lies in it
}

// Parts lists what belongs to images, each piece once, in the order of a
// bundle: indexes and image manifests, then configs, then layers, each in the
// order in which the images name them.
func Parts(roots []Root, manifest ManifestFunc) ([]Link, error) {
	var parts []Link
	seen := map[digest.Digest]bool{}
	for _, root := range roots {
		err := Walk(root, manifest, func(l Link) {
			if !seen[l.Descriptor.Digest] {
				seen[l.Descriptor.Digest] = true
				parts = append(parts, Link{plain(l.Descriptor), l.Kind})
			}
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(parts, func(a, b Link) int { return sectionOf(a.Kind) - sectionOf(b.Kind) })
	return parts, nil
}

// sectionOf orders kinds as they lie in a bundle.
func sectionOf(k Kind) int {
	if k == KindIndex {
		return int(KindManifest)
	}
	return int(k)
}

// ImageBytes is the size of all that belongs to one image, each piece once.
func ImageBytes(root Root, manifest ManifestFunc) (int64, error) {
	var n int64
	err := Walk(root, manifest, func(l Link) { n += l.Descriptor.Size })
	return n, err
}

// plain keeps of a descriptor what names the content, so that the same blob
// reads the same whoever names it.
func plain(d ocispec.Descriptor) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}
}
