package oci

import (
	"context"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"drayage/internal/progress"
)

// File is what a tar is written into: one file, or several that are one.
type File interface {
	io.ReaderAt
	io.WriterAt
	// Name is for errors.
	Name() string
	// Truncate gives it a size; what is new reads as zeros.
	Truncate(size int64) error
}

// WriteOptions belong to Layout.Write.
type WriteOptions struct {
	// SumEvery is how many bytes of the tar each of the sums is of, the last one
	// of what is left. 0 means no sums: they hash every byte a second time.
	SumEvery int64
	// Jobs is how many blobs are fetched at once. 0 means 6.
	Jobs     int
	Progress progress.Func
	// Kept says how many bytes of a blob, from its beginning, an earlier run
	// wrote to its place. They are read again and not believed. It may be nil.
	Kept func(digest.Digest) int64
	// Wrote is told how many bytes of a blob are in its place, at least each
	// megabyte, and its size when it is whole and proven, and not before. Fewer
	// than it was told before means that the blob was wrong and is written anew. It
	// may be nil and is called by many goroutines, each of which writes on when it
	// returns: so it can hold back writers that are ahead of their medium.
	Wrote func(d digest.Digest, n int64)
}

func (o *WriteOptions) fill() {
	if o.Jobs <= 0 {
		o.Jobs = 6
	}
	if o.Kept == nil {
		o.Kept = func(digest.Digest) int64 { return 0 }
	}
	if o.Wrote == nil {
		o.Wrote = func(digest.Digest, int64) {}
	}
}

// Write writes the tar into f, whose size becomes Layout.Size: every blob
// straight to its place, several at a time, each read once from open, proven
// while it passes, and written once. When it returns nil, every byte is in f.
// A blob whose content is wrong is asked for twice; then the error holds a
// [ContentError]. The sha256 of each range of the tar comes back in hex if it is
// asked for: it is computed behind the writers, from what they have just written.
func (l *Layout) Write(ctx context.Context, f File, open func(context.Context, ocispec.Descriptor) (io.ReadCloser, error), o WriteOptions) (sums []string, err error) {
	o.fill()
	if err := l.writeFrame(f); err != nil {
		return nil, err
	}
	follow := newFollower(f, l.Size, o.SumEvery)
	follow.done(0, l.frontEnd())
	follow.done(l.Size-trailer, l.Size)
	g, ctx := errgroup.WithContext(ctx)
	if follow != nil {
		follow.name = f.Name()
		g.Go(func() (err error) {
			sums, err = follow.sums(ctx)
			return err
		})
	}
	g.Go(func() error { return l.writeBlobs(ctx, f, open, o, follow) })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return sums, nil
}

// writeFrame writes all that is not a blob's content: headers, the two files at
// the front, padding and trailer (zeros, which a file grown by Truncate has).
func (l *Layout) writeFrame(f File) error {
	if err := f.Truncate(l.Size); err != nil {
		return err
	}
	if _, err := f.WriteAt(l.front(), 0); err != nil {
		return err
	}
	for _, e := range l.Blobs {
		if _, err := f.WriteAt(header(e.Name, e.Size), e.Header); err != nil {
			return err
		}
	}
	return nil
}

// front is all before the first blob's header.
func (l *Layout) front() []byte {
	var front []byte
	for _, e := range []struct {
		name string
		raw  []byte
	}{{layoutName, layoutContent}, {indexName, l.Index}} {
		front = append(front, header(e.name, int64(len(e.raw)))...)
		front = append(front, e.raw...)
		front = append(front, make([]byte, -len(front)&(block-1))...)
	}
	return front
}

func (l *Layout) writeBlobs(ctx context.Context, f File, open func(context.Context, ocispec.Descriptor) (io.ReadCloser, error), o WriteOptions, follow *follower) error {
	g, each := errgroup.WithContext(ctx)
	g.SetLimit(o.Jobs)
	for i, e := range l.Blobs {
		if each.Err() != nil {
			break
		}
		d := l.Parts[i]
		g.Go(func() error {
			w := &placedWriter{f: f, base: e.Offset, digest: d.Digest, size: d.Size, report: o.Progress.Of(d.Digest.String()), wrote: o.Wrote, pace: func() error { return follow.pace(each) }}
			if err := w.pace(); err != nil {
				return err
			}
			if err := writeBlob(each, w, d, o.Kept(d.Digest), func() (io.ReadCloser, error) { return open(each, d) }); err != nil {
				return blobError(BlobError{d.Digest, err})
			}
			follow.done(e.Header, e.end())
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// frontEnd is where the first blob's header begins.
func (l *Layout) frontEnd() int64 {
	if len(l.Blobs) > 0 {
		return l.Blobs[0].Header
	}
	return l.Size - trailer
}

// BlobError is an error that befell one blob. It reads as its cause, which
// names the blob or the request for it.
type BlobError struct {
	Digest digest.Digest
	Err    error
}

// Error is the cause.
func (e *BlobError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *BlobError) Unwrap() error { return e.Err }
