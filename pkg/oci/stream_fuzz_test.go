package oci

import (
	"bytes"
	"io"
	"runtime"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// FuzzOpenFront: whatever the bytes are, reading the first entries ends, does
// not panic, and takes memory by what there is and not by what a header says.
func FuzzOpenFront(f *testing.F) {
	good := bundleOf(f, small())
	for _, raw := range append(mutations(good, 50), good, giant(f, good, 1<<33), good[:1500], nil) {
		f.Add(raw, uint8(5))
	}
	f.Fuzz(func(t *testing.T, raw []byte, entries uint8) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		a, err := OpenFront(bytes.NewReader(raw), int(entries))
		runtime.ReadMemStats(&after)
		if err == nil && (a == nil || len(a.Images) == 0 || len(a.Entries()) != int(entries)) {
			t.Errorf("%d entries were asked for, and there is %+v", entries, a)
		}
		if took, most := after.TotalAlloc-before.TotalAlloc, uint64(2*MaxIndex+1<<20+200*len(raw)); took > most {
			t.Errorf("%d bytes took %d bytes of memory, want at most %d", len(raw), took, most)
		}
	})
}

// FuzzVerifyStream: of all the bytes that can come through a pipe only those of
// the layout are found good.
func FuzzVerifyStream(f *testing.F) {
	w := small()
	good := bundleOf(f, w)
	front, err := OpenFront(bytes.NewReader(good), 2)
	if err != nil {
		f.Fatal(err)
	}
	l := layoutOf(f, w)
	for _, raw := range append(mutations(good, 100), good, append(bytes.Clone(good), 0), good[:len(good)-1], nil) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := &countedInput{r: bytes.NewReader(raw)}
		findings, err := l.VerifyStream(t.Context(), r, l.Promise(bytes.NewReader(raw), front.Images), nil)
		if err != nil {
			t.Fatal(err)
		}
		if same := bytes.Equal(raw, good); same != (len(findings) == 0) {
			t.Errorf("the bytes of the layout: %t, findings: %v", same, findings)
		}
		if r.n > l.Size+1 {
			t.Errorf("%d bytes were read of a tar of %d", r.n, l.Size)
		}
	})
}

// FuzzLinks: of any bytes the links are those of a manifest, each with a
// digest and a size that can be asked for, or there is an error.
func FuzzLinks(f *testing.F) {
	w := newWorld()
	one := w.image("a/b:c", "one", "two")
	w.index("a/b:d", one)
	for _, d := range w.images {
		f.Add(d.Descriptor.MediaType, w.blobs[d.Descriptor.Digest])
	}
	f.Add(w.images[0].Descriptor.MediaType, []byte(`{"schemaVersion":2,"layers":[{"digest":"sha256:0","size":-1}]}`))
	f.Fuzz(func(t *testing.T, mediaType string, raw []byte) {
		links, err := Links(mediaType, raw)
		if err != nil {
			return
		}
		for _, link := range links {
			if d := link.Descriptor; d.Digest.Validate() != nil || d.Size < 0 {
				t.Errorf("link to %q of %d bytes", d.Digest, d.Size)
			}
		}
	})
}

// countedInput counts what is read.
type countedInput struct {
	r io.Reader
	n int64
}

func (c *countedInput) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

func layoutOf(f *testing.F, w *world) *Layout {
	f.Helper()
	var roots []Root
	for _, i := range w.images {
		roots = append(roots, i.Root())
	}
	links, err := Parts(roots, w.manifest)
	if err != nil {
		f.Fatal(err)
	}
	parts := make([]ocispec.Descriptor, len(links))
	for i, link := range links {
		parts[i] = link.Descriptor
	}
	l, err := NewLayout(w.images, parts)
	if err != nil {
		f.Fatal(err)
	}
	return l
}
