package oci

import (
	"context"
	"errors"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/internal/progress"
)

// noteEvery is how much of a blob may be written before Wrote is told, in bytes:
// what a killed run may have to fetch again of each blob that was on its way.
const noteEvery = 1 << 20

// writeBlob brings one blob to its place: what an earlier run left there is
// proven and kept, the rest is fetched.
func writeBlob(ctx context.Context, w *placedWriter, d ocispec.Descriptor, kept int64, open func() (io.ReadCloser, error)) error {
	whole := false
	if kept > 0 && kept <= d.Size {
		var err error
		if whole, err = takeUp(ctx, w, d, kept, open); err != nil {
			return err
		}
	}
	if !whole {
		if err := copyProven(ctx, w, d, open); err != nil {
			return err
		}
	}
	w.wrote(d.Digest, d.Size)
	return nil
}

// takeUp goes on with a blob of which kept bytes may be in place already. They
// are hashed like all others: after a power cut a file can have less in it than
// a journal says. When the whole turns out wrong, or the content cannot be read
// from its middle, the blob is not whole and has to be written anew.
func takeUp(ctx context.Context, w *placedWriter, d ocispec.Descriptor, kept int64, open func() (io.ReadCloser, error)) (whole bool, err error) {
	hash := digest.SHA256.Hash()
	n, err := copyBuffered(ctx, hash, outputReader{io.NewSectionReader(w.f, w.base, kept)})
	if err != nil {
		return false, err
	}
	w.skip(n)
	if n < d.Size {
		rest, err := openAt(n, open)
		if rest == nil {
			return false, err
		}
		defer rest.Close()
		if _, err := copyBuffered(ctx, io.MultiWriter(w, hash), io.LimitReader(rest, d.Size-n)); err != nil {
			return false, err
		}
	}
	return w.at == d.Size && digest.NewDigest(digest.SHA256, hash) == d.Digest, nil
}

// openAt opens content at an offset, or returns nil for content that begins at
// its beginning only.
func openAt(offset int64, open func() (io.ReadCloser, error)) (io.ReadCloser, error) {
	r, err := open()
	if err != nil {
		return nil, err
	}
	if s, ok := r.(io.Seeker); ok {
		if _, err := s.Seek(offset, io.SeekStart); err == nil {
			return r, nil
		}
	}
	return nil, r.Close()
}

// placedWriter writes a blob to its place in the file and reports what it does.
type placedWriter struct {
	f        File
	base, at int64
	digest   digest.Digest
	size     int64
	report   progress.Func
	wrote    func(digest.Digest, int64)
	pace     func() error
	noted    int64
}

func (w *placedWriter) Write(p []byte) (int, error) {
	n, err := w.f.WriteAt(p, w.base+w.at)
	err = output(err)
	w.at += int64(n)
	w.report.Advance(int64(n))
	if w.at-w.noted >= noteEvery {
		w.noted = w.at
		if w.at < w.size { // writeBlob tells of what is whole, when it is proven
			w.wrote(w.digest, w.at)
		}
		if err == nil {
			err = w.pace()
		}
	}
	return n, err
}

// skip passes over what is in place already.
func (w *placedWriter) skip(n int64) {
	w.at += n
	w.report.Skip(n)
}

// Seek goes back to the beginning, and takes the reported bytes back with it.
func (w *placedWriter) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekStart {
		return w.at, errors.New("a blob is written from its beginning")
	}
	if w.at > 0 {
		w.report.Advance(-w.at)
	}
	w.at, w.noted = 0, 0
	return 0, nil
}
