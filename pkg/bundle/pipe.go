package bundle

import (
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"

	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// MaxPipeFront bounds what is kept in memory of a bundle that comes through a
// pipe, in bytes: index.json, the packing list, the documents of a delta, image
// indexes and image manifests. A release takes 2 MB.
const MaxPipeFront = 32 << 20

// Pipe is a bundle that passes by once. What its images consist of is known from
// the beginning and kept; blobs come from Tape, and cannot be read in another way.
type Pipe struct {
	*Bundle
	// Tape begins with the first blob.
	Tape *oci.Tape

	unpacked io.ReadCloser
}

// OpenPipe reads the beginning of a bundle and checks it as [Open] does: the root
// before all else, the packing list, and that every image manifest is there. r may
// be packed ([Pack]). What is wrong is an [InvalidError] or a [RootError]; where r
// ends with the error of a context, that comes back.
func OpenPipe(r io.Reader, root digest.Digest) (*Pipe, error) {
	unpacked, err := unzstd(r)
	if err != nil {
		return nil, err
	}
	front := &frontReader{r: unpacked, most: MaxPipeFront}
	b, l, err := front.open(root)
	if err == nil {
		err = describe(b, l, front)
	}
	if err != nil {
		unpacked.Close()
		return nil, front.invalid(err)
	}
	return &Pipe{Bundle: b, Tape: l.Tape(front.rest()), unpacked: unpacked}, nil
}

// Close frees what unpacking takes. It leaves what OpenPipe was given open.
func (p *Pipe) Close() error { return p.unpacked.Close() }

// describe reads all that says what images consist of.
func describe(b *Bundle, l *oci.Layout, front *frontReader) error {
	if l.Root != b.Root {
		return errors.New("index.json: does not list what the packing list lists")
	}
	b.path, b.Archive = "-", l.Promise(front, b.Images)
	if b.Manifest.Delta != nil {
		if findings := b.complete(); len(findings) > 0 {
			return &InvalidError{Path: b.path, Findings: findings}
		}
	}
	for _, img := range b.Images {
		if err := oci.Walk(img.Root(), b.Archive.Manifest, func(oci.Link) {}); err != nil {
			return fmt.Errorf("%s: %w", img.Name, err)
		}
	}
	return nil
}

// invalid says what is wrong with a front.
func (f *frontReader) invalid(err error) error {
	var invalid *InvalidError
	var another *RootError
	switch {
	case f.quit != nil:
		return f.quit
	case errors.As(err, &another), errors.As(err, &invalid) && !f.ended:
		return err
	case f.ended && len(f.kept) == 0:
		err = errors.New("nothing came through the pipe")
	case f.ended:
		err = fmt.Errorf("is cut after %d bytes, before all images are described", len(f.kept))
	}
	return &InvalidError{Path: "-", Findings: perLine(err), Cut: f.ended, Newer: errors.As(err, new(*manifest.NewerError))}
}
