package oci

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// spool keeps blobs that are read before the bundle is laid out, in one file
// without a name. Blobs come one after the other; each is proven when it is in.
type spool struct {
	dir string

	filling sync.Mutex // one blob at a time goes to the end of the file
	mu      sync.Mutex
	file    *os.File
	end     int64
	blobs   map[digest.Digest]section
}

type section struct{ offset, size int64 }

// open returns a kept blob.
func (s *spool) open(d digest.Digest) (io.ReadCloser, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.blobs[d]
	if !ok {
		return nil, false
	}
	return io.NopCloser(io.NewSectionReader(s.file, at.offset, at.size)), true
}

// fill keeps a blob and returns it.
func (s *spool) fill(ctx context.Context, d ocispec.Descriptor, open func() (io.ReadCloser, error)) (io.ReadCloser, error) {
	s.filling.Lock()
	defer s.filling.Unlock()
	if r, ok := s.open(d.Digest); ok {
		return r, nil
	}
	if err := s.create(); err != nil {
		return nil, err
	}
	w := io.NewOffsetWriter(s.file, s.end)
	if err := copyProven(ctx, w, d, open); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.blobs[d.Digest] = section{s.end, d.Size}
	s.end += d.Size
	s.mu.Unlock()
	r, _ := s.open(d.Digest)
	return r, nil
}

// create makes the file and takes its name away.
func (s *spool) create() error {
	if s.file != nil {
		return nil
	}
	f, err := os.CreateTemp(s.dir, ".drayage-spool-*")
	if err != nil {
		return err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.file, s.blobs = f, map[digest.Digest]section{}
	return nil
}

func (s *spool) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// A blob that arrives with a wrong byte is fetched once more: a bad proxy is
// more often the cause than a bad registry. Where there are more places than
// that, each of them is asked once.
const fetches = 2

// copyProven copies a blob to w and proves size and digest. w is written again
// from its beginning for each fetch, so it must be a writer at an offset.
func copyProven(ctx context.Context, w io.WriteSeeker, d ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
	for i := 1; ; i++ {
		if _, err := w.Seek(0, io.SeekStart); err != nil {
			return err
		}
		err := copyOnce(ctx, w, d, open)
		if e, wrong := err.(*ContentError); !wrong || i >= fetches && !e.elsewhere {
			return err
		}
	}
}

func copyOnce(ctx context.Context, w io.Writer, d ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	hash := digest.SHA256.Hash()
	// One byte more than wanted tells a blob that is too long.
	n, err := copyBuffered(ctx, io.MultiWriter(w, hash), io.LimitReader(r, d.Size))
	if err != nil {
		return err
	}
	if n == d.Size {
		var extra [1]byte
		if m, _ := io.ReadFull(r, extra[:]); m > 0 {
			return (&ContentError{Want: d, Size: d.Size + 1}).blame(r)
		}
	}
	got := digest.NewDigest(digest.SHA256, hash)
	if n != d.Size || got != d.Digest {
		return (&ContentError{Want: d, Size: n, Got: got}).blame(r)
	}
	return nil
}

// ContentError is content that is not what its descriptor says.
type ContentError struct {
	Want ocispec.Descriptor
	// Size is how many bytes there were, or were before it was clear that they are too many.
	Size int64
	// Got is the digest of the content, empty when the size was wrong already.
	Got digest.Digest
	// From are the hosts that gave it, as far as that is known.
	From string

	elsewhere bool // another place can be asked
}

// Error names the blob, what is wrong with it, and who gave it.
func (e *ContentError) Error() string {
	if e.From != "" {
		return fmt.Sprintf("%s: %s, from %s", e.Want.Digest, e.Problem(), e.From)
	}
	return e.Want.Digest.String() + ": " + e.Problem()
}

// Problem is what is wrong, without the name.
func (e *ContentError) Problem() string {
	switch {
	case e.Size < e.Want.Size:
		return fmt.Sprintf("ends after %d of %d bytes", e.Size, e.Want.Size)
	case e.Size > e.Want.Size:
		return fmt.Sprintf("is longer than %d bytes", e.Want.Size)
	}
	return "content is " + e.Got.String()
}
