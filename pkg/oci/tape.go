package oci

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Tape is a bundle's tar that passes by once: blob after blob, in their order,
// and each byte between them is the one that the layout puts there. It is not
// for use by several goroutines at once. What is wrong is a [TapeError], and
// final. The content of blobs is given as it comes: whoever reads it proves it.
type Tape struct {
	l    *Layout
	r    io.Reader
	next int   // the part that Next comes to
	left int64 // content of the part before it that was not read yet
	at   int64 // bytes read
	err  error
}

// TapeError is a tar that is cut, or is another than its packing list says.
type TapeError struct {
	Finding
	// Cut says that it is right as far as it goes, and ends there.
	Cut bool
}

// Error is the finding in one line.
func (e *TapeError) Error() string { return e.Finding.String() }

// Tape begins to read a tar that has to be just this layout's.
func (l *Layout) Tape(r io.Reader) *Tape { return &Tape{l: l, r: r} }

// Next goes to the next blob and past what was not read of the one before. After
// the last one comes io.EOF, when the tar ends where it should.
func (t *Tape) Next() (ocispec.Descriptor, error) {
	if t.err != nil {
		return ocispec.Descriptor{}, t.err
	}
	if t.err = t.between(); t.err != nil {
		return ocispec.Descriptor{}, t.err
	}
	t.left = t.l.Blobs[t.next].Size
	t.next++
	return t.l.Parts[t.next-1], nil
}

// between reads to the content of the next blob, or to the end.
func (t *Tape) between() error {
	if t.next == 0 {
		if err := t.same(t.l.front(), "", "the front is not what the packing list says"); err != nil {
			return err
		}
	} else if err := t.finish(t.l.Blobs[t.next-1]); err != nil {
		return err
	}
	if t.next < len(t.l.Blobs) {
		e := t.l.Blobs[t.next]
		return t.same(header(e.Name, e.Size), e.Name, fmt.Sprintf("its tar header at offset %d is not there", e.Header))
	}
	if err := t.same(make([]byte, trailer), "", "the end of the tar is not zeros"); err != nil {
		return err
	}
	switch n, err := io.ReadFull(t.r, make([]byte, 1)); {
	case n > 0:
		return t.wrong("", fmt.Sprintf("goes on after %d bytes, where it should end", t.l.Size))
	case !errors.Is(err, io.EOF):
		return t.cut("", err)
	}
	return io.EOF
}

// finish passes over the rest of a blob and its padding.
func (t *Tape) finish(e Entry) error {
	n, err := io.CopyN(io.Discard, t.r, t.left)
	t.left -= n
	t.at += n
	if err != nil {
		return t.cut(e.Name, err)
	}
	return t.same(make([]byte, e.end()-e.Offset-e.Size), e.Name, "the bytes after its end are not zero")
}

// Read reads of the blob that Next came to. At its end comes io.EOF.
func (t *Tape) Read(b []byte) (int, error) {
	switch {
	case t.err != nil:
		return 0, t.err
	case t.left == 0:
		return 0, io.EOF
	}
	n, err := t.r.Read(b[:min(int64(len(b)), t.left)])
	t.left -= int64(n)
	t.at += int64(n)
	if err != nil && t.left > 0 {
		t.err = t.cut(t.l.Blobs[t.next-1].Name, err)
		return n, t.err
	}
	return n, nil
}

// same reads as many bytes as are wanted and compares.
func (t *Tape) same(want []byte, entry, problem string) error {
	got := make([]byte, len(want))
	n, err := io.ReadFull(t.r, got)
	t.at += int64(n)
	switch {
	case err != nil && bytes.Equal(got[:n], want[:n]):
		return t.cut(entry, err)
	case !slices.Equal(got, want):
		return t.wrong(entry, problem)
	}
	return nil
}

func (t *Tape) wrong(entry, problem string) error {
	return &TapeError{Finding: Finding{Entry: entry, Problem: problem}}
}

// cut is an end before the end. The cause is told and not wrapped: for a client
// of registries an end of file is a bad link, and a bad link is tried again.
func (t *Tape) cut(entry string, err error) error {
	problem := fmt.Sprintf("is cut after %d of %d bytes", t.at, t.l.Size)
	if entry != "" {
		problem += ", in " + entry
	}
	ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if !ended {
		problem += ": " + err.Error()
	}
	return &TapeError{Finding{Problem: problem}, ended}
}
