package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"

	"drayage/internal/progress"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// Stream writes the bundle of a packing list to w, from its beginning to its
// end: the bytes that [Unfinished.Write] writes. It is for a pipe. There is nothing to go on
// with, and a blob that is wrong ends it.
func Stream(ctx context.Context, m *manifest.Manifest, open OpenFunc, w io.Writer, o WriteOptions) (*Written, error) {
	l, own, err := layout(m)
	if err != nil {
		return nil, err
	}
	o.Progress.Phase("write", partBytes(l))
	inTurn, end := o.classes(m, l).inTurn(o.opener(own, open))
	if err := l.Stream(ctx, w, inTurn, o.Progress); err != nil {
		return nil, o.explain(err)
	}
	end()
	written := &Written{Path: "-", Root: l.Root, Bytes: l.Size, Images: len(m.Images), Blobs: len(l.Blobs)}
	if m.Delta != nil {
		written.Bases = m.Delta.Bases
	}
	return written, nil
}

// maxFront bounds what is kept of a stream to find its packing list, in bytes.
const maxFront = oci.MaxIndex + 2*manifest.MaxSize + oci.MaxManifest + 1<<20

// VerifyStream is [Verify] for a bundle that can be read only once. Damage to
// the front ends it: without the packing list nothing is known of the rest.
func VerifyStream(ctx context.Context, r io.Reader, root digest.Digest, p progress.Func) (*Report, error) {
	unpacked, err := unzstd(r)
	if err != nil {
		return nil, err
	}
	defer unpacked.Close()
	front := &frontReader{r: unpacked, most: maxFront}
	b, l, err := front.open(root)
	if another := (*RootError)(nil); errors.As(err, &another) {
		return nil, err
	}
	report := &Report{Path: "-", RootChecked: root != "", Findings: []oci.Finding{}}
	if err != nil {
		report.RootChecked, report.Findings = false, perLine(err)
		return report, ctx.Err()
	}
	report.Root, report.Manifest, report.Bytes, report.Blobs = b.Root, b.Manifest, l.Size, len(l.Blobs)
	report.Signatures, report.Unsigned, report.Omitted = len(b.Manifest.Signatures), b.Manifest.Unsigned, b.Manifest.Omitted
	report.Images = len(b.Manifest.Images)
	if l.Root != b.Root {
		report.Findings = append(report.Findings, oci.Finding{Entry: "index.json", Problem: "does not list what the packing list lists"})
		return report, nil
	}
	b.Archive = l.Promise(front, b.Images)
	if b.Manifest.Delta != nil {
		report.Findings = append(report.Findings, b.complete()...)
	}
	p.Phase("verify", partBytes(l))
	content, err := l.VerifyStream(ctx, front.rest(), b.Archive, p)
	if err != nil {
		return nil, err
	}
	report.Findings = merge(report.Findings, content)
	return report, nil
}

// frontReader reads a stream at offsets, and keeps what it has read.
type frontReader struct {
	r      io.Reader
	most   int64 // bytes that may be kept
	kept   []byte
	ended  bool  // r gave no more
	passed bool  // what follows is read by another
	quit   error // a context ended, and not what r gives
}

func (f *frontReader) ReadAt(b []byte, at int64) (int, error) {
	end := at + int64(len(b))
	if end > f.most {
		return 0, fmt.Errorf("what describes the images is not among the first %d bytes", f.most)
	}
	if more := end - int64(len(f.kept)); more > 0 {
		if f.passed {
			return 0, io.ErrUnexpectedEOF
		}
		n, err := io.CopyN((*appender)(f), f.r, more)
		if n < more {
			if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
				f.quit = err
			}
			f.ended = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
			return copy(b, f.kept[min(at, int64(len(f.kept))):]), err
		}
	}
	return copy(b, f.kept[at:]), nil
}

// rest reads the stream from its beginning: what was kept, as much as that is
// when it gets there, and then what follows.
func (f *frontReader) rest() io.Reader { return &restReader{f: f} }

type restReader struct {
	f  *frontReader
	at int
}

func (r *restReader) Read(b []byte) (int, error) {
	if r.at < len(r.f.kept) {
		n := copy(b, r.f.kept[r.at:])
		r.at += n
		return n, nil
	}
	r.f.passed = true
	return r.f.r.Read(b)
}

type appender frontReader

func (a *appender) Write(b []byte) (int, error) {
	a.kept = append(a.kept, b...)
	return len(b), nil
}

// open reads the packing list. Before that comes index.json: if that has another
// root, nothing behind it is read.
func (f *frontReader) open(root digest.Digest) (*Bundle, *oci.Layout, error) {
	a, err := oci.OpenFront(f, notBlobs)
	if err == nil && root != "" && a.Root != root {
		err = &RootError{"-", a.Root, root}
	}
	if err == nil {
		a, err = oci.OpenFront(f, frontEntries)
	}
	if err != nil {
		return nil, nil, err
	}
	b := &Bundle{Archive: a}
	if b.Manifest, err = b.packingList(); err != nil {
		return nil, nil, err
	}
	b.Images = withPlatforms(b.Images, b.Manifest.Images)
	l, _, err := layout(b.Manifest)
	return b, l, err
}
