package bundle

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"drayage/internal/durable"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// journaled is what a bundle's journal is called.
const journaled = partial + ".journal"

// worthKeeping is how many bytes of a bundle that failed are kept for the next
// run; what is less is fetched again sooner than it is explained.
const worthKeeping = 1 << 20

// Unfinished is a bundle on its way: FILE.partial, held against a second build
// to the same name, and what an earlier run left in it.
type Unfinished struct {
	path    string
	file    *os.File
	journal *journal
	done    bool
}

// UnfinishedError is a build that ended early and kept what it had.
type UnfinishedError struct {
	// Path is the partial file. Kept of Size bytes are in it.
	Path       string
	Kept, Size int64
	Err        error
}

// Error is the cause.
func (e *UnfinishedError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UnfinishedError) Unwrap() error { return e.Err }

// Begin takes hold of the partial file of a bundle. It is an error when another
// build has it. Close has to follow.
func Begin(path string) (*Unfinished, error) {
	f, err := hold(path)
	if err != nil {
		return nil, err
	}
	u := &Unfinished{path: path, file: f, journal: readJournal(path + journaled)}
	if info, err := f.Stat(); err != nil || info.Size() != u.journal.size {
		u.journal = emptyJournal(path + journaled)
	}
	return u, nil
}

// Write writes the bundle of a packing list to a file, as [Begin] and
// [Unfinished.Write] do.
func Write(ctx context.Context, m *manifest.Manifest, open OpenFunc, path string, o WriteOptions) (*Written, error) {
	u, err := Begin(path)
	if err != nil {
		return nil, err
	}
	written, err := u.Write(ctx, m, open, o)
	return written, errors.Join(err, u.Close())
}

// Open returns a blob that is whole in the partial file, proven. It serves
// planning, which reads some blobs before it is known what the bundle will be.
func (u *Unfinished) Open(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, bool) {
	k, there := u.journal.kept[d.Digest]
	if !there || k.size != d.Size || k.written != d.Size {
		return nil, false
	}
	content := io.NewSectionReader(u.file, k.offset, k.size)
	hash := sha256.New()
	if _, err := io.Copy(hash, content); err != nil || digest.NewDigest(digest.SHA256, hash) != d.Digest || ctx.Err() != nil {
		return nil, false
	}
	return io.NopCloser(io.NewSectionReader(u.file, k.offset, k.size)), true
}

// before gives the blobs that are whole here, and those of open besides.
func (u *Unfinished) before(open OpenFunc) OpenFunc {
	return func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
		if r, there := u.Open(ctx, d); there {
			return r, nil
		}
		return open(ctx, d)
	}
}

// Write writes the bundle of a packing list, and FILE.sha256 beside it. Blobs
// are read from open. What an earlier run wrote is proven and not fetched again:
// where it was writing this very bundle, in its place and to the half of a blob;
// where it was writing another one, blobs that are whole, if there is room for
// both. A reader from open that is an io.Seeker serves to go on within a blob.
//
// Nothing stands under the final name before it is whole, on the medium and
// proven; a bundle that was there before is replaced then and not sooner. When
// Write fails or ctx ends, the error is an [UnfinishedError] if more than a
// little is kept for the next run; else nothing is left behind. Only when the
// very last step fails, the checksum's name, the new bundle stands and the error
// says so.
func (u *Unfinished) Write(ctx context.Context, m *manifest.Manifest, open OpenFunc, o WriteOptions) (*Written, error) {
	l, own, err := layout(m)
	if err != nil {
		return nil, err
	}
	old, err := u.prepare(l, o)
	if err != nil {
		return nil, err
	}
	if old != nil {
		defer old.file.Close()
		open = old.before(open)
	}
	o.Progress.Phase("write", partBytes(l))
	sum, err := l.Write(ctx, u.file, o.opener(own, open), oci.WriteOptions{
		Jobs: o.Jobs, Progress: o.Progress, Kept: u.journal.has, Wrote: u.journal.wrote,
	})
	var sums *durable.Staged
	if err == nil {
		sums, err = u.publish(sum)
	}
	if err != nil {
		return nil, u.explain(o.explain(err), l.Size)
	}
	u.done = true
	if err := errors.Join(u.journal.remove(), sums.Commit()); err != nil {
		return nil, err
	}
	return &Written{Path: u.path, Root: l.Root, SHA256: sum, Bytes: l.Size, Images: len(m.Images), Blobs: len(l.Blobs)}, nil
}

// prepare makes the partial file one of this bundle and reserves its space. It
// returns what an earlier run left of another bundle, or nil: most of that is
// usually the same content at other offsets.
func (u *Unfinished) prepare(l *oci.Layout, o WriteOptions) (old *Unfinished, err error) {
	left := u.journal.bytes()
	if u.journal.root != l.Root || u.journal.size != l.Size {
		if old, err = u.setAside(left); err != nil {
			return nil, err
		}
	}
	if err := u.journal.begin(l); err != nil {
		return old, err
	}
	err = reserve(u.file, u.path, l.Size)
	if tooSmall := (*SpaceError)(nil); old != nil && errors.As(err, &tooSmall) { // for both
		err = errors.Join(old.file.Close(), reserve(u.file, u.path, l.Size))
		old = nil
	}
	if left > 0 && err == nil {
		o.Progress.Note("", fmt.Sprintf("%s: %d bytes are there from an earlier run", u.file.Name(), left))
	}
	return old, err
}

// setAside begins a new partial file. The one that was there loses its name and
// is returned if it is worth it; it goes with the process.
func (u *Unfinished) setAside(left int64) (old *Unfinished, err error) {
	if left < worthKeeping {
		u.journal = emptyJournal(u.journal.path)
		return nil, u.file.Truncate(0)
	}
	was := *u
	if err := os.Remove(u.file.Name()); err != nil {
		return nil, err
	}
	f, err := hold(u.path)
	if err != nil {
		return nil, err
	}
	u.file, u.journal = f, emptyJournal(u.journal.path)
	return &was, nil
}

// publish brings the file onto the medium and under its name. Its checksum is on
// the medium before, under a name of its own, so that a medium without room for
// it does not end with a new bundle and the checksum of an old one.
func (u *Unfinished) publish(sum string) (*durable.Staged, error) {
	if err := u.file.Sync(); err != nil {
		return nil, err
	}
	line := []byte(sum + "  " + filepath.Base(u.path) + "\n")
	sums, err := durable.Stage(u.path+".sha256", line)
	if errors.Is(err, unix.ENOSPC) { // the journal has served, and takes room
		if err = u.journal.remove(); err == nil {
			sums, err = durable.Stage(u.path+".sha256", line)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := os.Rename(u.file.Name(), u.path); err != nil {
		return nil, errors.Join(err, sums.Discard())
	}
	return sums, nil
}

// explain says of an error that something was kept.
func (u *Unfinished) explain(err error, size int64) error {
	if kept := u.journal.bytes(); kept >= worthKeeping {
		return &UnfinishedError{Path: u.file.Name(), Kept: kept, Size: size, Err: err}
	}
	return err
}

// Close lets the partial file go, and takes it away unless it is worth keeping.
func (u *Unfinished) Close() error {
	defer u.file.Close() // and with it the lock, after all else
	if u.done {
		return nil
	}
	if u.journal.bytes() >= worthKeeping {
		u.journal.close()
		return nil
	}
	return errors.Join(u.journal.remove(), gone(u.file.Name()))
}
