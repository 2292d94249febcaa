package oci

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Archive is a bundle's tar, read by offset. Nothing is unpacked, and the
// medium may be read-only. Many goroutines may read at once.
type Archive struct {
	r    io.ReaderAt
	size int64
	// Root is the digest of index.json as it lies in the tar.
	Root digest.Digest
	// Images is what index.json lists.
	Images []Named

	entries map[digest.Digest]Entry
	order   []Entry
	elsewhere
}

// OpenArchive reads the tar's headers and index.json. The tar must be just as a
// Layout writes it: entries in any number, but each a regular file named
// oci-layout, index.json or blobs/sha256/<64 hex>, no name twice, with the
// header and padding that our writer gives it. So there is nothing for two
// readers to disagree about, and a changed byte outside the blobs is found too.
//
// All that is wrong comes back as findings. The archive is nil when not even
// index.json could be read; otherwise it holds what could be read, for a
// verification that reports on the rest.
func OpenArchive(r io.ReaderAt, size int64) (*Archive, []Finding) {
	a := &Archive{r: r, size: size, entries: map[digest.Digest]Entry{}}
	findings := a.scan()
	index, err := a.front()
	if err != nil {
		return nil, slices.Concat([]Finding{{Problem: err.Error()}}, findings)
	}
	a.Root = digest.FromBytes(index)
	if a.Images, err = decodeIndex(index); err != nil {
		findings = append(findings, Finding{Entry: indexName, Problem: err.Error()})
	}
	if a.Images == nil {
		if err == nil {
			findings = append(findings, Finding{Entry: indexName, Problem: "lists no image"})
		}
		return nil, findings
	}
	return a, findings
}

// maxDamaged bounds the damaged headers behind which the next one is looked for:
// a search reads on for a megabyte or more, and a hostile file has many.
const maxDamaged = 64

// scan goes from header to header. Where one is damaged it says so and goes on
// at the next one that is whole.
func (a *Archive) scan() []Finding {
	var findings []Finding
	seen := map[string]bool{}
	at, damaged := int64(0), 0
	for n := 0; ; n++ {
		e, done, err := a.next(at)
		if err != nil {
			findings = append(findings, Finding{Problem: err.Error()})
			if damaged++; damaged > maxDamaged {
				return append(findings, Finding{Problem: "has too many damaged headers to go on"})
			}
			next, ok := a.resync(at + block)
			if !ok {
				return findings
			}
			at = next
			continue
		}
		if done {
			break
		}
		switch {
		case n >= MaxEntries:
			return append(findings, Finding{Problem: fmt.Sprintf("has more than %d entries", MaxEntries)})
		case seen[e.Name]:
			findings = append(findings, Finding{Entry: e.Name, Problem: "stands in the tar twice"})
		}
		seen[e.Name] = true
		a.keep(e)
		findings = append(findings, a.padding(e)...)
		at = e.end()
	}
	return append(findings, a.checkEnd(at)...)
}

func (a *Archive) keep(e Entry) {
	a.order = append(a.order, e)
	if hex, ok := strings.CutPrefix(e.Name, blobPrefix); ok {
		d := digest.NewDigestFromEncoded(digest.SHA256, hex)
		if _, twice := a.entries[d]; !twice {
			a.entries[d] = e
		}
	}
}

// next reads the header at an offset. done is true at the trailer.
func (a *Archive) next(at int64) (e Entry, done bool, err error) {
	var first [block]byte
	if _, err := a.r.ReadAt(first[:], at); err != nil {
		return e, false, a.cut(at, err)
	}
	if first == [block]byte{} {
		return e, true, nil
	}
	// A header may take more than one block: PAX records for a large size.
	h, err := tar.NewReader(io.NewSectionReader(a.r, at, a.size-at)).Next()
	if err != nil {
		return e, false, fmt.Errorf("no tar header at offset %d: %w", at, err)
	}
	if !knownName(h.Name) || h.Typeflag != tar.TypeReg {
		return e, false, fmt.Errorf("entry %q (type %q) has no place in a bundle", printable(h.Name), h.Typeflag)
	}
	if h.Size > a.size { // and no sum of it can overflow
		return e, false, fmt.Errorf("%s: is cut: the file has %d bytes, this entry alone %d", h.Name, a.size, h.Size)
	}
	e = entryAt(at, h.Name, h.Size)
	raw := make([]byte, e.Offset-at)
	if _, err := a.r.ReadAt(raw, at); err != nil || !bytes.Equal(raw, header(h.Name, h.Size)) {
		return e, false, fmt.Errorf("%s: its tar header at offset %d is not as a bundle's writer makes it", h.Name, at)
	}
	if e.end() > a.size-trailer {
		return e, false, fmt.Errorf("%s: is cut: the file has %d bytes, this entry ends at %d", h.Name, a.size, e.end())
	}
	return e, false, nil
}

// resync finds the next whole header at or after an offset.
func (a *Archive) resync(at int64) (int64, bool) {
	chunk := make([]byte, 1<<20)
	for ; at < a.size; at += int64(len(chunk)) {
		n, _ := a.r.ReadAt(chunk, at)
		for i := 0; i+block <= n; i += block {
			if !bytes.HasPrefix(chunk[i:], []byte(blobPrefix)) {
				continue
			}
			if _, done, err := a.next(at + int64(i)); err == nil && !done {
				return at + int64(i), true
			}
		}
	}
	return 0, false
}

func (a *Archive) cut(at int64, err error) error {
	if errors.Is(err, io.EOF) && a.size == MaxBundle { // of a front; see OpenFront
		return fmt.Errorf("is cut: it ends in or before the header at %d", at)
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("is cut: the file ends at %d, in or before the header at %d", a.size, at)
	}
	return fmt.Errorf("at offset %d: %w", at, err)
}

func knownName(name string) bool {
	if name == layoutName || name == indexName {
		return true
	}
	hex, ok := strings.CutPrefix(name, blobPrefix)
	return ok && digest.NewDigestFromEncoded(digest.SHA256, hex).Validate() == nil
}

// padding checks that what fills an entry's last block is zeros.
func (a *Archive) padding(e Entry) []Finding {
	pad := make([]byte, e.end()-e.Offset-e.Size)
	if _, err := a.r.ReadAt(pad, e.Offset+e.Size); err != nil {
		return []Finding{{Entry: e.Name, Problem: err.Error()}}
	}
	if len(bytes.Trim(pad, "\x00")) > 0 {
		return []Finding{{Entry: e.Name, Problem: "the bytes after its end are not zero"}}
	}
	return nil
}

func (a *Archive) checkEnd(at int64) []Finding {
	if a.size-at != trailer {
		return []Finding{{Problem: fmt.Sprintf("the tar ends at %d and the file at %d", at+trailer, a.size)}}
	}
	var end [trailer]byte
	if _, err := a.r.ReadAt(end[:], at); err != nil || end != [trailer]byte{} {
		return []Finding{{Problem: "the end of the tar is not zeros"}}
	}
	return nil
}

// front checks the first two entries and returns index.json.
func (a *Archive) front() ([]byte, error) {
	if len(a.order) < 2 || a.order[0].Name != layoutName || a.order[1].Name != indexName {
		return nil, fmt.Errorf("is no bundle: it does not begin with %s and %s", layoutName, indexName)
	}
	if layout, err := a.read(a.order[0], block); err != nil || !bytes.Equal(layout, layoutContent) {
		return nil, fmt.Errorf("%s: is not that of an OCI image layout %s", layoutName, ocispec.ImageLayoutVersion)
	}
	return a.read(a.order[1], MaxIndex)
}

func (a *Archive) read(e Entry, most int64) ([]byte, error) {
	if e.Size > most {
		return nil, fmt.Errorf("%s: %d bytes, at most %d are read", e.Name, e.Size, most)
	}
	raw := make([]byte, e.Size)
	if _, err := a.r.ReadAt(raw, e.Offset); err != nil {
		return nil, fmt.Errorf("%s: %w", e.Name, err)
	}
	return raw, nil
}

// ReadBlob reads a small blob and proves it. most bounds its size in bytes.
func (a *Archive) ReadBlob(d ocispec.Descriptor, most int64) ([]byte, error) {
	e, err := a.entry(d)
	if err != nil {
		return nil, err
	}
	raw, err := a.read(e, most)
	if err != nil {
		return nil, err
	}
	if got := digest.FromBytes(raw); got != d.Digest {
		return nil, &ContentError{Want: d, Size: d.Size, Got: got}
	}
	return raw, nil
}

// Manifest reads an index or image manifest; it is a [ManifestFunc].
func (a *Archive) Manifest(d ocispec.Descriptor) ([]byte, error) {
	if raw, ok := a.document(d); ok {
		return raw, nil
	}
	return a.ReadBlob(d, MaxManifest)
}

// Open reads a blob. The content is proven as it is read: at its end comes
// io.EOF when it was right and a [ContentError] when it was not.
func (a *Archive) Open(_ context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
	e, err := a.entry(d)
	if err != nil {
		return nil, err
	}
	return &provenReader{r: io.NewSectionReader(a.r, e.Offset, e.Size), want: d, hash: digest.SHA256.Hash()}, nil
}

// Section is a blob's place in the tar, unproven.
func (a *Archive) Section(d ocispec.Descriptor) (*io.SectionReader, error) {
	e, err := a.entry(d)
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(a.r, e.Offset, e.Size), nil
}

func (a *Archive) entry(d ocispec.Descriptor) (Entry, error) {
	e, ok := a.entries[d.Digest]
	switch {
	case !ok:
		return e, fmt.Errorf("%s: is not in the bundle", d.Digest)
	case e.Size != d.Size:
		return e, fmt.Errorf("%s: has %d bytes in the bundle, want %d", d.Digest, e.Size, d.Size)
	}
	return e, nil
}

// Entries lists the tar's entries in their order.
func (a *Archive) Entries() []Entry { return a.order }

// BlobBytes is what all blobs in the tar have: what Verify reads.
func (a *Archive) BlobBytes() int64 {
	var n int64
	for _, e := range a.entries {
		n += e.Size
	}
	return n
}

// Size is the size of the file in bytes.
func (a *Archive) Size() int64 { return a.size }
