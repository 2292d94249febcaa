package bundle

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"drayage/internal/durable"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// journaled is what a bundle's journal is called.
const journaled = partial + ".journal"

// worthKeeping is how many bytes of a bundle that failed are kept for the next
// run; what is less is fetched again sooner than it is explained.
const worthKeeping = 1 << 20

// Unfinished is a bundle on its way: FILE.partial, held against a second build
// to the same name, and what an earlier run left in it.
type Unfinished struct {
	path  string
	split VolumeOptions
	// lock is FILE.partial. A bundle that is not split is written into it.
	lock *os.File
	// others are the locks of the other folders, empty.
	others  []*os.File
	file    *volumes
	journal *journal
	stale   []string // journals of volumes that tell of less than ours
	// prepared says that what was there has been made this bundle's, or taken away.
	prepared bool
	// ofVolumes says that the journal that was there is one of volumes, or may be.
	ofVolumes bool
	done      bool
	lost      bool // the lock's name is not ours any more
	// syncFolder is durable.SyncFolder, but for tests.
	syncFolder func(string) error
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

// Begin takes hold of the partial file of a bundle, or of those of its volumes.
// Their names begin with that of path; its folder counts only when o names none.
// It is an error when another build has them, and a [LeftError] when what an earlier
// run left would be lost. Close has to follow.
func Begin(path string, o VolumeOptions) (*Unfinished, error) {
	if o.Size != 0 && (o.Size < MinVolume || o.Size > oci.MaxBundle) {
		return nil, fmt.Errorf("volumes of %d bytes: want %d to %d", o.Size, int64(MinVolume), int64(oci.MaxBundle))
	}
	if len(o.Dirs) == 0 {
		o.Dirs = []string{filepath.Dir(path)}
	} else if o.Size > 0 {
		path = filepath.Join(o.Dirs[0], filepath.Base(path))
	}
	lock, err := hold(path)
	if err != nil {
		return nil, err
	}
	u := &Unfinished{path: path, split: o, lock: lock, syncFolder: durable.SyncFolder}
	if err = u.holdFolders(); err == nil {
		err = u.find()
	}
	if err != nil {
		return nil, errors.Join(err, letGo(append(u.others, lock)...))
	}
	return u, nil
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

// Write writes the bundle of a packing list, and if asked FILE.sha256 beside it. Blobs
// are read from open. What an earlier run wrote is proven and not fetched again:
// where it was writing this very bundle, in its place and to the half of a blob;
// where it was writing another one, blobs that are whole, if there is room for
// both. A reader from open that is an io.Seeker serves to go on within a blob.
//
// Nothing stands under the final name before it is whole, on the medium and
// proven; a bundle that was there before is replaced then and not sooner. When
// Write fails or ctx ends, the error is an [UnfinishedError] if more than a
// little is kept for the next run; else nothing is left behind. Only when the
// very last steps fail, about the names of files, the new bundle stands and the
// error says so.
func (u *Unfinished) Write(ctx context.Context, m *manifest.Manifest, open OpenFunc, o WriteOptions) (*Written, error) {
	l, own, err := layout(m)
	if err != nil {
		return nil, err
	}
	old, err := u.prepare(l, o)
	if old != nil {
		defer old.file.Close()
		open = old.before(open)
	}
	if err != nil {
		return nil, err
	}
	o.Progress.PhaseOfBlobs("write", partBytes(l), partSizes(l), nil)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	medium := newWriteback(l, u.file, stop)
	classes := o.classes(m, l)
	sums, err := l.Write(ctx, u.file, o.opener(own, open), oci.WriteOptions{
		SumEvery: o.sumEvery(u.split, l), Jobs: o.Jobs, Progress: o.Progress, Kept: u.journal.has,
		Wrote: func(d digest.Digest, n int64) {
			u.journal.wrote(d, n)
			medium.wrote(d, n)
			classes.wrote(d, n)
		},
	})
	var checks staged
	if err = cmp.Or(medium.failed(), err); err == nil {
		checks, err = u.publish(sums)
	}
	if err != nil {
		return nil, u.explain(o.explain(err), l.Size)
	}
	u.done = true
	if err := u.settle(checks); err != nil {
		return nil, err
	}
	written := &Written{Path: u.path, Root: l.Root, Bytes: l.Size, Images: len(m.Images), Blobs: len(l.Blobs)}
	if m.Delta != nil {
		written.Bases = m.Delta.Bases
	}
	if written.Volumes = u.volumesWritten(sums); written.Volumes != nil {
		written.Path = filepath.Join(filepath.Dir(written.Volumes[0].Path), filepath.Base(u.path))
	} else if o.Checksum {
		written.SHA256 = sums[0]
	}
	return written, nil
}

// prepare makes the partial file one of this bundle and reserves its space. It
// returns what an earlier run left of another bundle, or nil: most of that is
// usually the same content at other offsets.
func (u *Unfinished) prepare(l *oci.Layout, o WriteOptions) (old *Unfinished, err error) {
	if err := checkSplit(l.Size, u.split.Size); err != nil {
		return nil, err
	}
	left := u.journal.bytes()
	if u.journal.root == l.Root && u.journal.size == l.Size && u.journal.each == u.split.Size {
		u.prepared = true
		err = errors.Join(u.unname(), u.journal.begin(l, u.split.Size))
	} else if err = u.fits(l.Size, left); err == nil {
		u.prepared = true
		old, err = u.setAside(l, left)
	}
	if err != nil {
		return old, err
	}
	err = u.takeRoom(l.Size)
	if tooSmall := (*SpaceError)(nil); old != nil && errors.As(err, &tooSmall) { // for both
		err = errors.Join(old.file.Close(), u.takeRoom(l.Size))
		old = nil
	}
	if err == nil {
		_ = u.note(false) // costs only what the next run is told
	}
	if left > 0 && err == nil {
		o.Progress.Note("", fmt.Sprintf("%s: %d bytes are there from an earlier run", u.file.files[0].Name(), left))
	}
	return old, err
}

// takeRoom makes the file or the volumes, as far as they are not there, and
// reserves their space.
func (u *Unfinished) takeRoom(size int64) error {
	if u.file != nil && u.file.files != nil && u.split.Size > 0 {
		return u.reserveVolumes()
	}
	if u.split.Size > 0 {
		return u.create(size)
	}
	u.file = single(u.lock, size)
	return reserve(u.lock, u.path, size)
}

// setAside begins new partial files. Those that were there lose their names and
// are returned if they are worth it; they go with the process. The journal is a new
// one before anything goes, or it would tell the next run of what is not there.
func (u *Unfinished) setAside(l *oci.Layout, left int64) (old *Unfinished, err error) {
	next := emptyJournal(u.journal.path)
	next.voids = u.split.Size == 0 && u.ofVolumes
	if err := next.begin(l, u.split.Size); err != nil {
		if next.file != nil && left >= worthKeeping { // the one that was there is cut
			err = errors.Join(err, u.journal.restore())
		}
		next.close()
		return nil, err
	}
	was := *u
	u.file, u.journal = nil, next
	if left < worthKeeping {
		if was.file != nil && was.journal.each > 0 {
			err = was.file.Close()
		}
		return nil, errors.Join(err, u.clear(), u.lock.Truncate(0))
	}
	if err := u.clear(); err != nil { // while the name is held
		return &was, err
	}
	if err := os.Remove(u.lock.Name()); err != nil {
		return &was, err
	}
	lock, err := hold(u.path)
	if err != nil { // another build may have the name now, and all that goes with it
		u.lost = true
		return &was, err
	}
	u.lock = lock
	return &was, nil
}

// explain says of an error that something was kept.
func (u *Unfinished) explain(err error, size int64) error {
	if kept := u.journal.bytes(); kept >= worthKeeping {
		return &UnfinishedError{Path: u.file.files[0].Name(), Kept: kept, Size: size, Err: err}
	}
	return err
}

// Close lets the partial file go, and takes it away unless it is worth keeping.
func (u *Unfinished) Close() (err error) {
	defer u.lock.Close() // and with it the lock, after all else
	defer func() { err = errors.Join(err, letGo(u.others...)) }()
	if u.file != nil && !slices.Contains(u.file.files, u.lock) {
		defer u.file.Close()
	}
	defer u.journal.close()
	switch {
	case u.lost:
		return nil
	case u.done && u.split.Size == 0: // the partial file has its name now
		return nil
	case u.done:
		return gone(u.lock.Name())
	case u.journal.bytes() >= worthKeeping:
		return nil
	case !u.prepared && (u.split.Size > 0 || u.ofVolumes): // a medium may not be there today
		return gone(u.lock.Name())
	case !u.prepared:
		return errors.Join(u.journal.remove(), gone(u.lock.Name()))
	}
	return errors.Join(u.clear(), u.journal.remove(), gone(u.lock.Name()))
}
