package importer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/bundle"
	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// work is what every node of a site has to have: computed once, the same for all.
type work struct {
	blobs []blobWork // in the order of the tar
	// signatures are the tags of sigstore attachments. They name no image of the
	// bundle, so they can be there before the image that they are about.
	signatures [][]manifestWork
	// manifests are those that no tag points at, each after what it names.
	manifests []manifestWork
	// tags come in groups of one digest: a tag is a write of its manifest too.
	tags  [][]manifestWork
	bytes int64 // of the blobs, each once
	// images are the names on the node, each with all that it consists of: the
	// name as repository:tag first, then repository@digest. A name may come twice.
	images [][]string
	// classOf are the classes of images that need a blob; see classes.
	classOf map[digest.Digest][]string
	// sparse are indexes of which some images are not in the bundle.
	sparse sparseWork
	// held are blobs that a delta leaves out, sorted by digest; bases hold them.
	held  []blobWork
	bases []digest.Digest
	// around are all repositories that the delta or its bases use, sorted.
	around []string
}

// blobWork is one blob and the repositories that need it, sorted.
type blobWork struct {
	desc  ocispec.Descriptor
	repos []string
	image string // one that needs it, of those that are left out
}

// manifestWork is one index or image manifest under one name: a tag, or its digest.
type manifestWork struct {
	repo, ref string
	desc      ocispec.Descriptor
	raw       []byte
	signature bool // the tag of a sigstore attachment
}

func newWork(b *bundle.Bundle, r site.Repositories) (*work, error) {
	placements, err := mirror.Placements(b.Manifest, r)
	if err != nil {
		return nil, err
	}
	c := &collector{b: b, repos: map[digest.Digest][]string{}, seen: map[string]bool{}, groups: map[digest.Digest]int{}}
	for _, p := range placements {
		if err := c.place(p); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Image.Name, err)
		}
	}
	c.around = around(b, placements, r)
	c.splitTags()
	if err := c.orderBlobs(); err != nil {
		return nil, err
	}
	return &c.work, nil
}

// collector makes the work out of placements.
type collector struct {
	work
	b     *bundle.Bundle
	repos map[digest.Digest][]string // blob -> repositories
	seen  map[string]bool            // repository@digest of manifests, repository:tag
	// groups is where in tags a digest is.
	groups map[digest.Digest]int
}

func (c *collector) place(p mirror.Placement) error {
	root := oci.Root{Descriptor: p.Image.Descriptor, Platforms: p.Image.Platforms}
	image := []string{p.Repository + ":" + p.Tag}
	err := oci.Walk(root, c.b.Archive.Manifest, func(l oci.Link) {
		image = append(image, p.Repository+"@"+l.Descriptor.Digest.String())
		if l.Kind != oci.KindIndex && l.Kind != oci.KindManifest {
			c.need(l.Descriptor.Digest, p.Repository)
			c.classify(l.Descriptor.Digest, p.Image.Role)
		}
	})
	if err != nil {
		return err
	}
	c.images = append(c.images, image)
	raw, err := c.children(p.Repository, root, root.Descriptor)
	if err != nil {
		return err
	}
	if err := c.sparse.note(p.Repository, root, raw, c.b.Archive.Manifest); err != nil {
		return err
	}
	c.tag(manifestWork{
		repo: p.Repository, ref: p.Tag, desc: p.Image.Descriptor, raw: raw, signature: p.Image.Role == manifest.RoleSignature,
	})
	return nil
}

func (c *collector) need(d digest.Digest, repo string) {
	if i, there := slices.BinarySearch(c.repos[d], repo); !there {
		c.repos[d] = slices.Insert(c.repos[d], i, repo)
	}
}

// children lists what an index names, each after what it names itself: a
// registry refuses an index before its children. The walk has bounded the depth.
func (c *collector) children(repo string, root oci.Root, parent ocispec.Descriptor) (raw []byte, err error) {
	if raw, err = c.b.Archive.Manifest(parent); err != nil {
		return nil, err
	}
	links, err := oci.Links(parent.MediaType, raw)
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		m := manifestWork{repo: repo, ref: l.Descriptor.Digest.String(), desc: l.Descriptor}
		// What an index within the index stands for depends on the platforms.
		key, looked := m.repo+"@"+m.ref, m.repo+"@"+m.ref
		if l.Kind == oci.KindIndex {
			looked += " " + strings.Join(root.Platforms, " ")
		}
		if (l.Kind != oci.KindIndex && l.Kind != oci.KindManifest) || c.seen[looked] || !root.Keeps(l) {
			continue
		}
		known := c.seen[key]
		c.seen[key], c.seen[looked] = true, true
		if m.raw, err = c.children(repo, root, m.desc); err != nil {
			return nil, err
		}
		if !known {
			c.manifests = append(c.manifests, m)
		}
	}
	return raw, nil
}

func (c *collector) tag(t manifestWork) {
	key := t.repo + ":" + t.ref
	if c.seen[key] {
		return
	}
	c.seen[key] = true
	group, ok := c.groups[t.desc.Digest]
	if !ok {
		group = len(c.tags)
		c.groups[t.desc.Digest] = group
		c.tags = append(c.tags, nil)
	}
	c.tags[group] = append(c.tags[group], t)
}

// splitTags puts sigstore attachments before all other tags.
func (c *collector) splitTags() {
	all := c.tags
	c.tags = nil
	for _, group := range all {
		if slices.ContainsFunc(group, func(t manifestWork) bool { return t.signature }) {
			c.signatures = append(c.signatures, group)
		} else {
			c.tags = append(c.tags, group)
		}
	}
}

// orderBlobs lists the blobs as they lie in the tar, so that a medium is read
// from its beginning to its end. Nothing that an image needs may be left over.
func (c *collector) orderBlobs() error {
	for _, d := range c.b.Manifest.Blobs {
		if repos := c.repos[d.Digest]; repos != nil {
			c.blobs = append(c.blobs, blobWork{desc: d, repos: repos})
			c.bytes += d.Size
			delete(c.repos, d.Digest)
		}
	}
	c.leave(c.b)
	var errs []error
	for _, d := range slices.Sorted(maps.Keys(c.repos)) {
		errs = append(errs, fmt.Errorf("%s: is needed in %s and the packing list does not list it", d, strings.Join(c.repos[d], ", ")))
	}
	return errors.Join(errs...)
}
