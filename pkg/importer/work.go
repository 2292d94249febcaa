package importer

import (
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/bundle"
	"drayage/pkg/mirror"
	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// work is what every node of a site has to have: computed once, the same for all.
type work struct {
	blobs []blobWork // in the order of the tar
	// manifests are those that no tag points at, each after what it names.
	manifests []manifestWork
	tags      []manifestWork
	bytes     int64 // of the blobs, each once
}

// blobWork is one blob and the repositories that need it, sorted.
type blobWork struct {
	desc  ocispec.Descriptor
	repos []string
}

// manifestWork is one index or image manifest under one name: a tag, or its digest.
type manifestWork struct {
	repo, ref string
	desc      ocispec.Descriptor
	raw       []byte
}

func newWork(b *bundle.Bundle, r site.Repositories) (*work, error) {
	placements, err := mirror.Placements(b.Manifest, r)
	if err != nil {
		return nil, err
	}
	c := &collector{b: b, repos: map[digest.Digest][]string{}, seen: map[string]bool{}}
	for _, p := range placements {
		if err := c.place(p); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Image.Name, err)
		}
	}
	c.orderBlobs()
	return &c.work, nil
}

// collector makes the work out of placements.
type collector struct {
	work
	b     *bundle.Bundle
	repos map[digest.Digest][]string // blob -> repositories
	seen  map[string]bool            // repository@digest of manifests
}

func (c *collector) place(p mirror.Placement) error {
	var children []manifestWork
	err := oci.Walk(p.Image.Descriptor, c.b.Archive.Manifest, func(l oci.Link) {
		switch l.Kind {
		case oci.KindIndex, oci.KindManifest:
			children = append(children, manifestWork{repo: p.Repository, ref: l.Descriptor.Digest.String(), desc: l.Descriptor})
		default:
			c.need(l.Descriptor.Digest, p.Repository)
		}
	})
	if err != nil {
		return err
	}
	// The walk names parents first; a registry wants them last. The first of
	// all is the image itself, which goes under its tag.
	for _, m := range slices.Backward(children[1:]) {
		if err := c.manifest(m); err != nil {
			return err
		}
	}
	return c.tag(p)
}

func (c *collector) need(d digest.Digest, repo string) {
	if i, there := slices.BinarySearch(c.repos[d], repo); !there {
		c.repos[d] = slices.Insert(c.repos[d], i, repo)
	}
}

func (c *collector) manifest(m manifestWork) (err error) {
	if key := m.repo + "@" + m.ref; !c.seen[key] {
		c.seen[key] = true
		m.raw, err = c.b.Archive.Manifest(m.desc)
		c.manifests = append(c.manifests, m)
	}
	return err
}

func (c *collector) tag(p mirror.Placement) (err error) {
	t := manifestWork{repo: p.Repository, ref: p.Tag, desc: p.Image.Descriptor}
	if key := t.repo + ":" + t.ref; !c.seen[key] {
		c.seen[key] = true
		t.raw, err = c.b.Archive.Manifest(t.desc)
		c.tags = append(c.tags, t)
	}
	return err
}

// orderBlobs lists the blobs as they lie in the tar, so that a medium is read
// from its beginning to its end.
func (c *collector) orderBlobs() {
	for _, d := range c.b.Manifest.Blobs {
		if repos := c.repos[d.Digest]; repos != nil {
			c.blobs = append(c.blobs, blobWork{desc: d, repos: repos})
			c.bytes += d.Size
		}
	}
}
