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
		w.note(unix.SyncFileRange(int(r.f.Fd()), r.offset, r.len, unix.SYNC_FILE_RANGE_WRITE))
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
		w.note(unix.SyncFileRange(int(r.f.Fd()), r.offset, r.len, wait))
	}
}

// note keeps the first error of a medium. It is told here once: a later fsync of
// the same open file says nothing of it. A file system that cannot do this is
// none; there the last sync does all.
func (w *writeback) note(err error) {
	if !brokenMedium(err) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = &os.PathError{Op: "write", Path: w.file.files[0].Name(), Err: err}
		w.stop(w.err)
	}
}

// brokenMedium tells whether an error is one of writing to a medium.
func brokenMedium(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// failed is the first error that a medium told.
func (w *writeback) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
