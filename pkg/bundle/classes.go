package bundle

import (
	"context"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/internal/progress"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// classes tells when the blobs of a class of images are written.
type classes struct {
	all    *progress.Classes // nil when nobody knows whose the blobs are
	sizes  map[digest.Digest]int64
	report progress.Func
}

// classes finds the classes of a layout's blobs by the images that need them.
func (o WriteOptions) classes(m *manifest.Manifest, l *oci.Layout) *classes {
	c := &classes{sizes: map[digest.Digest]int64{}, report: o.Progress}
	if o.Owners == nil || o.Progress == nil {
		return c
	}
	roles := map[string][]string{}
	for _, i := range m.Images {
		roles[i.Name] = append(roles[i.Name], i.Role.Class())
	}
	c.all = progress.NewClasses()
	for _, p := range l.Parts {
		var of []string
		for _, name := range o.Owners[p.Digest] {
			of = append(of, roles[name]...)
		}
		slices.Sort(of)
		c.all.Add(p.Digest.String(), p.Size, slices.Compact(of))
		c.sizes[p.Digest] = p.Size
	}
	return c
}

// wrote is told how much of a blob is written.
func (c *classes) wrote(d digest.Digest, n int64) {
	if size, known := c.sizes[d]; !known || n < size {
		return
	}
	for _, e := range c.all.Done(d.String(), true) {
		c.report.ClassEnded(e)
	}
}

// inTurn is for blobs that are opened one after the other: the one before is
// written when the next is opened, and the last one when end is called.
func (c *classes) inTurn(open OpenFunc) (opened OpenFunc, end func()) {
	before := ocispec.Descriptor{}
	end = func() { c.wrote(before.Digest, before.Size) }
	return func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
		if d.Digest != before.Digest { // not asked for again after an error
			end()
			before = d
		}
		return open(ctx, d)
	}, end
}

// partSizes are the parts in their order, for the time that is told.
func partSizes(l *oci.Layout) []progress.Blob {
	all := make([]progress.Blob, 0, len(l.Parts))
	for _, d := range l.Parts {
		all = append(all, progress.Blob{Name: d.Digest.String(), Bytes: d.Size})
	}
	return all
}
