package oci

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"drayage/internal/progress"
)

// Finding is one thing that is wrong with a bundle.
type Finding struct {
	// Entry is the name in the tar, empty when the tar itself is meant.
	Entry string `json:"entry,omitempty"`
	// Images are the names of the images that need the entry, sorted.
	Images []string `json:"images,omitempty"`
	// Problem is what is wrong, in one line.
	Problem string `json:"problem"`
}

// String is the finding in one line.
func (f Finding) String() string {
	s := f.Problem
	if f.Entry != "" {
		s = f.Entry + ": " + s
	}
	switch len(f.Images) {
	case 0:
	case 1:
		s += "; needed by " + f.Images[0]
	default:
		s += fmt.Sprintf("; needed by %s and %d more", f.Images[0], len(f.Images)-1)
	}
	return s
}

// Verify proves everything that index.json names and that belongs to a [Root]:
// each reference leads to a blob of the right size and sha256, and no blob is
// there that nothing names. Every byte is read once. The findings come in the order of the tar; an error
// means that verification itself ended early.
func (a *Archive) Verify(ctx context.Context, p progress.Func) ([]Finding, error) {
	v := newVerification(a)
	v.extra()
	v.platforms()
	if err := v.hashAll(ctx, p); err != nil {
		return nil, err
	}
	return v.sorted(), nil
}

type verification struct {
	a        *Archive
	needs    map[digest.Digest]*need
	whole    bool // needs are all that there are
	mu       sync.Mutex
	findings []Finding
}

func newVerification(a *Archive) *verification {
	v := &verification{a: a}
	if v.needs, v.whole = needs(a.Images, a.Manifest); !v.whole {
		v.findings = append(v.findings, Finding{Entry: indexName,
			Problem: fmt.Sprintf("its images need their blobs more than %d times in all: not all of them are looked at", maxNeeds)})
	}
	return v
}

func (v *verification) add(d digest.Digest, problem string) {
	f := Finding{Entry: blobName(d), Problem: problem}
	v.mu.Lock()
	defer v.mu.Unlock()
	if n := v.needs[d]; n != nil {
		f.Images = n.images
	}
	v.findings = append(v.findings, f)
}

func (v *verification) extra() {
	for d := range v.a.entries {
		if v.whole && v.needs[d] == nil {
			v.add(d, "nothing names it")
		}
	}
}

// platforms reports indexes without a platform that is said to travel.
func (v *verification) platforms() {
	for _, same := range byRoot(v.a.Images) {
		img, missing := same[0], (*PlatformError)(nil)
		if err := CheckPlatforms(img.Root(), v.a.Manifest); errors.As(err, &missing) {
			v.add(img.Descriptor.Digest, strings.TrimPrefix(err.Error(), img.Descriptor.Digest.String()+": "))
		}
	}
}

// hashAll proves every needed blob, in the order of the tar: a medium is read
// from its beginning to its end.
func (v *verification) hashAll(ctx context.Context, p progress.Func) error {
	order := make([]*need, 0, len(v.needs))
	for _, n := range v.needs {
		order = append(order, n)
	}
	at := func(n *need) int64 { return v.a.entries[n.desc.Digest].Offset }
	slices.SortFunc(order, func(a, b *need) int { return cmp.Compare(at(a), at(b)) })
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for _, n := range order {
		g.Go(func() error { return v.prove(ctx, n.desc, p) })
	}
	return g.Wait()
}

func (v *verification) prove(ctx context.Context, d ocispec.Descriptor, p progress.Func) error {
	if v.elsewhere(d) {
		return nil
	}
	r, err := v.a.Open(ctx, d)
	if err != nil {
		v.add(d.Digest, strings.TrimPrefix(err.Error(), d.Digest.String()+": "))
		return nil
	}
	_, err = copyBuffered(ctx, reporter{p}, r)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		v.add(d.Digest, strings.TrimPrefix(err.Error(), d.Digest.String()+": "))
		return nil
	}
	v.links(d)
	return nil
}

// links reports a manifest that is whole and still cannot be followed.
func (v *verification) links(d ocispec.Descriptor) {
	if _, ok := KindOf(d.MediaType); !ok {
		return
	}
	raw, err := v.a.Manifest(d)
	if err == nil {
		_, err = Links(d.MediaType, raw)
	}
	if err != nil {
		v.add(d.Digest, err.Error())
	}
}

// sorted puts the findings into the order of the tar, what is missing last.
func (v *verification) sorted() []Finding {
	position := map[string]int{}
	for i, e := range v.a.order {
		position[e.Name] = i + 1
	}
	rank := func(f Finding) int {
		if i := position[f.Entry]; i > 0 {
			return i
		}
		return len(v.a.order) + 1
	}
	slices.SortFunc(v.findings, func(a, b Finding) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a.Entry+a.Problem, b.Entry+b.Problem)
	})
	return v.findings
}

// reporter counts what is written to it and keeps nothing.
type reporter struct{ p progress.Func }

func (r reporter) Write(b []byte) (int, error) {
	r.p.Advance(int64(len(b)))
	return len(b), nil
}
