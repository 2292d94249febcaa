package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/internal/progress"
	"drayage/pkg/oci"
)

// maxTroubles is after how many answers that are neither yes nor no a node is
// asked no more: each was asked for several times already.
const maxTroubles = 20

// checker asks one node. Keys are repository@digest and repository:tag.
type checker struct {
	registry
	client *oci.Client
	jobs   int
	deep   bool
	report progress.Func

	mu       sync.Mutex
	proven   map[string]bool
	problems map[string]string // what is missing or wrong
	damaged  []digest.Digest
	troubles []error
	done     int64 // bytes reported
}

// piece is one content and the places where it has to be, at least one.
type piece struct {
	desc   ocispec.Descriptor
	isBlob bool
	at     []spot
}

// spot is where a piece has to be: ref is its digest, or a tag.
type spot struct{ repo, ref string }

func (s spot) key() string {
	if digest.Digest(s.ref).Validate() == nil {
		return s.repo + "@" + s.ref
	}
	return s.repo + ":" + s.ref
}

// pieces are all manifests, by their tags and by their digests, and then all
// blobs: each content once, each spot once.
func (w *work) pieces() []piece {
	var all []piece
	known := map[digest.Digest]int{}
	asked := map[string]bool{}
	add := func(m manifestWork, ref string) {
		s := spot{m.repo, ref}
		i, ok := known[m.desc.Digest]
		if !ok {
			i = len(all)
			known[m.desc.Digest] = i
			all = append(all, piece{desc: m.desc})
		}
		if !asked[s.key()] {
			asked[s.key()] = true
			all[i].at = append(all[i].at, s)
		}
	}
	for _, groups := range [][][]manifestWork{w.signatures, w.tags} {
		for _, group := range groups {
			for _, t := range group {
				add(t, t.ref)
				add(t, t.desc.Digest.String())
			}
		}
	}
	for _, m := range w.manifests {
		add(m, m.ref)
	}
	for _, b := range w.needed() {
		p := piece{desc: b.desc, isBlob: true}
		for _, repo := range b.repos {
			p.at = append(p.at, spot{repo, b.desc.Digest.String()})
		}
		all = append(all, p)
	}
	return all
}

// piece asks for one content in all its places, and reads it back once if that
// is wanted. The error ends the node.
func (c *checker) piece(ctx context.Context, p piece) error {
	var there []spot
	for _, s := range p.at {
		ok, err := c.look(ctx, p, s)
		if err != nil {
			return err
		}
		if ok {
			there = append(there, s)
		}
	}
	if c.deep && len(there) > 0 {
		if ok, err := c.prove(ctx, p, there); err != nil || !ok {
			return err
		}
	} else if !c.deep {
		c.advance(1)
	} else if p.isBlob {
		c.advance(p.desc.Size)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range there {
		c.proven[s.key()] = true
	}
	return nil
}

// look asks for a piece in one place and notes what is wrong there.
func (c *checker) look(ctx context.Context, p piece, s spot) (ok bool, err error) {
	got := ocispec.Descriptor{Digest: p.desc.Digest}
	found := false
	if p.isBlob {
		got.Size, found, err = c.client.StatBlob(ctx, c.in(s.repo), p.desc.Digest)
	} else {
		got, found, err = c.client.StatManifest(ctx, c.in(s.repo), s.ref)
	}
	switch {
	case err != nil:
		return false, c.trouble(ctx, s, err, noAnswer(err))
	case !found:
		c.wrong(s, "is not there")
	case got.Digest != p.desc.Digest:
		c.wrong(s, fmt.Sprintf("is %s, want %s", got.Digest, p.desc.Digest))
	case got.Size != p.desc.Size && got.Size >= 0: // not every registry says it
		c.wrong(s, fmt.Sprintf("has %d bytes, want %d", got.Size, p.desc.Size))
		c.damage(p.desc.Digest)
	default:
		return true, nil
	}
	return false, nil
}

// prove reads a piece back from one of the places where it is. What is wrong
// with it there is wrong in all of them: registries keep a content once.
func (c *checker) prove(ctx context.Context, p piece, there []spot) (ok bool, err error) {
	repo := c.in(there[0].repo)
	if p.isBlob {
		err = c.readBlob(ctx, repo, p.desc)
	} else {
		_, _, err = c.client.Manifest(ctx, repo, p.desc.Digest.String())
	}
	switch e := (*oci.HTTPError)(nil); {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.As(err, &e) && (e.Status != 0 || !errors.Is(e, io.ErrUnexpectedEOF)):
		return false, c.trouble(ctx, there[0], err, false)
	}
	c.damage(p.desc.Digest)
	for _, s := range there {
		c.wrong(s, "is damaged: "+problem(err))
	}
	return false, nil
}

// problem is what is wrong with a content, without its name where that is known.
func problem(err error) string {
	if e := (*oci.ContentError)(nil); errors.As(err, &e) {
		return e.Problem()
	}
	return err.Error()
}

func (c *checker) readBlob(ctx context.Context, repo oci.Repository, d ocispec.Descriptor) error {
	r, err := c.client.ReadBlob(ctx, []oci.Repository{repo}, d)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.CopyBuffer(advancing{c}, r, make([]byte, chunk))
	return err
}

// advancing reports what is read back.
type advancing struct{ c *checker }

func (a advancing) Write(b []byte) (int, error) {
	a.c.advance(int64(len(b)))
	return len(b), nil
}

func (c *checker) advance(n int64) {
	c.mu.Lock()
	c.done += n
	c.mu.Unlock()
	c.report.Advance(n)
}

func (c *checker) wrong(s spot, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems[s.key()] = what
}

func (c *checker) damage(d digest.Digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.damaged = append(c.damaged, d)
}

// trouble is an answer that is neither yes nor no. It comes back when it is one
// too many, or the last one.
func (c *checker) trouble(ctx context.Context, s spot, err error, last bool) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if last {
		return err
	}
	c.wrong(s, "is not proven: "+err.Error())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.troubles = append(c.troubles, err)
	if len(c.troubles) >= maxTroubles {
		return err
	}
	return nil
}

// noAnswer tells a registry that is not there, or does not prove itself, from
// one that is out of order.
func noAnswer(err error) bool {
	e := (*oci.HTTPError)(nil)
	return errors.As(err, &e) && e.Status == 0
}
