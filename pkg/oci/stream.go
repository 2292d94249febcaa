package oci

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/internal/progress"
)

// Stream writes the tar from its beginning to its end: the bytes that Write
// writes, one blob after the other. What has been written cannot be taken back,
// so a blob whose content is wrong ends the stream with a [ContentError].
func (l *Layout) Stream(ctx context.Context, w io.Writer, open func(context.Context, ocispec.Descriptor) (io.ReadCloser, error), p progress.Func) error {
	if _, err := w.Write(l.front()); err != nil {
		return err
	}
	for i, e := range l.Blobs {
		d := l.Parts[i]
		if _, err := w.Write(header(e.Name, e.Size)); err != nil {
			return err
		}
		if err := copyOnce(ctx, io.MultiWriter(outputWriter{w}, reporter{p}), d, func() (io.ReadCloser, error) { return open(ctx, d) }); err != nil {
			return blobError(BlobError{d.Digest, err})
		}
		if _, err := w.Write(make([]byte, e.end()-e.Offset-e.Size)); err != nil {
			return err
		}
	}
	_, err := w.Write(make([]byte, trailer))
	return err
}

// Promise is the archive that a layout promises, of which r has the front: its
// small blobs can be read, and what lies behind them is not known to be there.
func (l *Layout) Promise(r io.ReaderAt, images []Named) *Archive {
	a := &Archive{r: r, size: l.Size, Root: l.Root, Images: images, entries: map[digest.Digest]Entry{}}
	for _, e := range l.Blobs {
		a.keep(e)
	}
	return a
}

// VerifyStream proves a tar that can be read only once. It must be byte for byte
// the one of this layout; a is what the layout promises. The findings come in the
// order of the tar. Where a header is wrong, nothing behind it is read.
func (l *Layout) VerifyStream(ctx context.Context, r io.Reader, a *Archive, p progress.Func) ([]Finding, error) {
	s := &streamed{verification: newVerification(a), l: l, r: r}
	if err := s.read(ctx, p); err != nil {
		return nil, err
	}
	s.extra()
	s.platforms()
	for d, n := range s.needs {
		if _, document := a.document(n.desc); !a.Has(d) && !document && !s.elsewhere(n.desc) {
			s.add(d, "is not in the bundle")
		}
	}
	return slices.Concat(s.tar, s.sorted()), nil
}

// streamed is a tar that passes by.
type streamed struct {
	*verification
	l   *Layout
	r   io.Reader
	tar []Finding // about the tar and not about one blob
}

// read reads everything, or to where nothing is known any more.
func (s *streamed) read(ctx context.Context, p progress.Func) error {
	if !s.same(s.l.front(), "", "the front is not what the packing list says") {
		return ctx.Err()
	}
	for i, e := range s.l.Blobs {
		whole := s.same(header(e.Name, e.Size), e.Name, fmt.Sprintf("its tar header at offset %d is not there", e.Header)) &&
			s.blob(ctx, s.l.Parts[i], p) &&
			s.same(make([]byte, e.end()-e.Offset-e.Size), e.Name, "the bytes after its end are not zero")
		if !whole {
			return ctx.Err()
		}
	}
	if !s.same(make([]byte, trailer), "", "the end of the tar is not zeros") {
		return ctx.Err()
	}
	if n, _ := io.ReadFull(s.r, make([]byte, 1)); n > 0 {
		s.tar = append(s.tar, Finding{Problem: fmt.Sprintf("goes on after %d bytes, where it should end", s.l.Size)})
	}
	return ctx.Err()
}

// same reads as many bytes as are wanted and compares. False means that it is no
// use to go on.
func (s *streamed) same(want []byte, entry, problem string) bool {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(s.r, got); err != nil {
		problem = "is cut: " + err.Error()
	} else if bytes.Equal(got, want) {
		return true
	}
	s.tar = append(s.tar, Finding{Entry: entry, Problem: problem})
	return false
}

// blob proves one blob. False means that the stream ended.
func (s *streamed) blob(ctx context.Context, d ocispec.Descriptor, p progress.Func) bool {
	hash := digest.SHA256.Hash()
	n, err := copyBuffered(ctx, io.MultiWriter(hash, reporter{p}), io.LimitReader(s.r, d.Size))
	switch got := digest.NewDigest(digest.SHA256, hash); {
	case err != nil:
		s.add(d.Digest, err.Error())
	case n < d.Size || got != d.Digest:
		s.add(d.Digest, (&ContentError{Want: d, Size: n, Got: got}).Problem())
	default:
		s.links(d)
	}
	return err == nil && n == d.Size
}
