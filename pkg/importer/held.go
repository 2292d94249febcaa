package importer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/bundle"
	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// LackError is a node that does not have what a delta leaves out. Nothing was
// sent to it.
type LackError struct {
	// Blobs of Of that are left out are not there, together of Bytes.
	Blobs, Of int
	Bytes     int64
	// First is one of them, and Image needs it.
	First digest.Digest
	Image string
	// Base is the root of the first base, of Bases.
	Base  digest.Digest
	Bases int
}

// Error names the first of them.
func (e *LackError) Error() string {
	bases := "the base " + e.Base.String()
	if e.Bases > 1 {
		bases = fmt.Sprintf("the bases %s and %d more", e.Base, e.Bases-1)
	}
	return fmt.Sprintf("lacks %d of the %d blobs that this delta leaves to %s: %d bytes, first %s of %s", e.Blobs, e.Of, bases, e.Bytes, e.First, e.Image)
}

// holding is what a node has of what a delta leaves out.
type holding struct {
	p      *pusher
	around []string

	mu     sync.Mutex
	mounts []mountWork
	lost   []blobWork // in none of the repositories that need it
	found  int        // of those, in other ones
}

// maxMisses is how many blobs are searched for in all repositories before a node
// that has none of them is believed to have no other either: an empty node is
// not asked a hundred thousand questions.
const maxMisses = 64

// mountWork is a blob that has to appear in repositories of a node that has it.
type mountWork struct {
	desc ocispec.Descriptor
	from string
	to   []string
}

// ready asks a node all that could speak against filling it, before anything is
// sent: whether it has what a delta leaves out, and then whether it takes sparse
// indexes. What comes back has to be mounted.
func (p *pusher) ready(ctx context.Context, w *work) ([]mountWork, error) {
	mounts, err := p.held(ctx, w)
	if err != nil {
		return nil, err
	}
	return mounts, p.probe(ctx, w.sparse)
}

// held makes sure that a node has all that a delta leaves out, and says what is
// not yet in the repositories that need it.
func (p *pusher) held(ctx context.Context, w *work) ([]mountWork, error) {
	if len(w.held) == 0 {
		return nil, nil
	}
	h := &holding{p: p, around: w.around}
	if err := each(ctx, p.jobs, w.held, h.ask); err != nil {
		return nil, err
	}
	lost := h.lost
	h.lost = nil
	if err := each(ctx, p.jobs, lost, h.search); err != nil {
		return nil, err
	}
	if len(h.lost) > 0 {
		return nil, h.lacks(w)
	}
	return h.mounts, nil
}

// ask asks the repositories that need a blob for it.
func (h *holding) ask(ctx context.Context, b blobWork) error {
	m := mountWork{desc: b.desc}
	for _, repo := range b.repos {
		there, err := h.p.client.HasBlob(ctx, h.p.in(repo), b.desc)
		if err != nil {
			return err
		}
		if there {
			m.from = repo
			h.p.count(func(r *NodeResult) { r.Present++ })
		} else {
			m.to = append(m.to, repo)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.from == "" {
		h.lost = append(h.lost, b)
		return nil
	}
	if len(m.to) > 0 {
		h.mounts = append(h.mounts, m)
	}
	return nil
}

// search looks for a blob in all other repositories: an image may have got
// another name.
func (h *holding) search(ctx context.Context, b blobWork) error {
	h.mu.Lock()
	hopeless := h.found == 0 && len(h.lost) >= maxMisses
	h.mu.Unlock()
	for _, repo := range h.around {
		if hopeless {
			break
		}
		if slices.Contains(b.repos, repo) {
			continue
		}
		there, err := h.p.client.HasBlob(ctx, h.p.in(repo), b.desc)
		if err != nil {
			return err
		}
		if there {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.found++
			h.mounts = append(h.mounts, mountWork{desc: b.desc, from: repo, to: b.repos})
			return nil
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost = append(h.lost, b)
	return nil
}

// mount brings a blob into the repositories that need it, one after the other.
func (p *pusher) mount(ctx context.Context, m mountWork) error {
	for _, repo := range m.to {
		mounted, err := p.client.Mount(ctx, p.in(repo), m.desc.Digest, m.from)
		if err != nil {
			return err
		}
		if !mounted {
			return fmt.Errorf("%s: %s: is in %s and is needed in %s, and the registry does not mount it", p.Host, m.desc.Digest, m.from, repo)
		}
		p.count(func(r *NodeResult) { r.Mounted++ })
	}
	return nil
}

// lacks says what the node does not have, the first in the order of digests.
func (h *holding) lacks(w *work) error {
	e := &LackError{Blobs: len(h.lost), Of: len(w.held), Base: w.bases[0], Bases: len(w.bases)}
	for _, b := range h.lost {
		e.Bytes += b.desc.Size
		if e.First == "" || b.desc.Digest < e.First {
			e.First, e.Image = b.desc.Digest, b.image
		}
	}
	return e
}

// around are the repositories of a delta and of what its bases have elsewhere.
func around(b *bundle.Bundle, placements []mirror.Placement, r site.Repositories) []string {
	if b.Manifest.Delta == nil {
		return nil
	}
	for _, i := range b.Elsewhere {
		// An image that has no place here cannot be where something is.
		more, _ := mirror.Placements(&manifest.Manifest{Images: []manifest.Image{i}}, r)
		placements = append(placements, more...)
	}
	var repos []string
	for _, p := range placements {
		repos = append(repos, p.Repository)
	}
	slices.Sort(repos)
	return slices.Compact(repos)
}

// leave sorts what a delta leaves out from what is needed and nowhere.
func (c *collector) leave(b *bundle.Bundle) {
	if b.Manifest.Delta == nil {
		return
	}
	for _, base := range b.Manifest.Delta.Bases {
		c.bases = append(c.bases, base.Root)
	}
	owners := oci.Owners(b.Images, b.Archive.Manifest)
	for d, repos := range c.repos {
		size, left := b.LeftOut(d)
		if !left {
			continue
		}
		w := blobWork{desc: ocispec.Descriptor{Digest: d, Size: size}, repos: repos}
		if names := owners[d]; len(names) > 0 {
			w.image = names[0]
		}
		c.held = append(c.held, w)
		delete(c.repos, d)
	}
	slices.SortFunc(c.held, func(a, b blobWork) int { return cmp.Compare(a.desc.Digest, b.desc.Digest) })
}

// needed are all blobs that a node must have, whether they travel or not.
func (w *work) needed() []blobWork { return slices.Concat(w.blobs, w.held) }

// neededBytes is the size of those, each once.
func (w *work) neededBytes() (n int64) {
	for _, b := range w.needed() {
		n += b.desc.Size
	}
	return n
}
