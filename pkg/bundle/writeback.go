package bundle

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"drayage/pkg/oci"
)

const (
	// onTheWay is how many bytes may be on their way to the medium, written but
	// not there yet. It is what a disk needs to be kept busy, and on a stick that
	// takes 20 MB/s it is 3 seconds: so far at most the progress is ahead.
	onTheWay = 64 << 20
	// worthSending is the least that is sent to the medium by itself.
	worthSending = 256 << 10
)

// writeback brings what is written to the medium while more is fetched. Left to
// the kernel that begins late: gigabytes wait in memory, all is said to be done,
// and the last sync takes minutes on a slow medium.
type writeback struct {
	file    *volumes
	stop    context.CancelCauseFunc // ends the writing: it is in vain
	offsets map[digest.Digest]int64

	mu      sync.Mutex
	sent    map[digest.Digest]int64 // how much of each blob
	waiting []sentRange
	bytes   int64 // of waiting
	err     error
}

// sentRange is a piece of one file that was sent to the medium.
type sentRange struct {
	f           *os.File
	offset, len int64
}

func newWriteback(l *oci.Layout, file *volumes, stop context.CancelCauseFunc) *writeback {
	w := &writeback{file: file, stop: stop, offsets: map[digest.Digest]int64{}, sent: map[digest.Digest]int64{}}
	for i, p := range l.Parts {
		w.offsets[p.Digest] = l.Blobs[i].Offset
	}
	return w
}

// wrote sends what is new of a blob of which n bytes are in place, and waits
// while too much is on its way.
func (w *writeback) wrote(d digest.Digest, n int64) {
	w.mu.Lock()
	from := min(w.sent[d], n)
	w.sent[d] = n
	w.mu.Unlock()
	if n-from < worthSending {
		return
	}
	for _, r := range w.file.ranges(w.offsets[d]+from, n-from) {
		w.note(r.f, unix.SyncFileRange(int(r.f.Fd()), r.offset, r.len, unix.SYNC_FILE_RANGE_WRITE))
		w.settle(r)
	}
}

// settle adds a range to those on their way, and waits for the oldest of them.
func (w *writeback) settle(r sentRange) {
	w.mu.Lock()
	w.waiting = append(w.waiting, r)
	w.bytes += r.len
	var due []sentRange
	for w.bytes > onTheWay {
		due = append(due, w.waiting[0])
		w.bytes -= w.waiting[0].len
		w.waiting = w.waiting[1:]
	}
	w.mu.Unlock()
	const wait = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	for _, r := range due {
		w.note(r.f, unix.SyncFileRange(int(r.f.Fd()), r.offset, r.len, wait))
	}
}

// note keeps the first error of a medium, of the file it was told of. It is told
// here once: a later fsync of the same open file says nothing of it.
func (w *writeback) note(f *os.File, err error) {
	if !brokenMedium(err) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = &os.PathError{Op: "write", Path: f.Name(), Err: err}
		w.stop(w.err)
	}
}

// brokenMedium tells whether what sync_file_range said is of the medium. Disks,
// sticks and NFS have many errors (EIO, EREMOTEIO, ENODATA, ETIMEDOUT, ESTALE): it
// is all but the few of a file system that does not know this call, where the last
// sync does all.
func brokenMedium(err error) bool {
	if err == nil {
		return false
	}
	for _, unknown := range []error{unix.ENOSYS, unix.EINVAL, unix.ESPIPE, unix.EOPNOTSUPP} {
		if errors.Is(err, unknown) {
			return false
		}
	}
	return true
}

// failed is the first error that a medium told.
func (w *writeback) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
