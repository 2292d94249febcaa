package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/oci"
)

const (
	// tapeWindow is how much of a pipe is kept for nodes that are behind, in bytes.
	tapeWindow = 12 << 20
	// keepWhole is up to which size, in bytes, a blob is kept until every node that
	// needs it has it: an upload of it can be repeated.
	keepWhole = 1 << 20
)

// tape gives nodes the blobs of a bundle that passes by once. One goroutine reads
// it ([tape.play]), and each byte once for all nodes. Nodes go through the blobs
// in the order of the tape; it stops before a blob until every node has said
// whether it needs it, and while its window is full of what some have not taken.
//
// Then the slowest node is what all wait for. One that keeps the others waiting
// for longer than patience falls out, and one whose registry does not answer falls
// out at once: what passes by now it does not get. It comes back when its registry
// answers after a rest ([tape.fall]). A node that waits for the tape, and is waited
// for by nobody, may take its time.
type tape struct {
	src      *oci.Tape
	needed   map[digest.Digest]bool // blobs that belong to some node
	patience time.Duration
	window   int64
	now      func() time.Time

	mu      sync.Mutex
	changed chan struct{}     // closed when any of this changes
	seats   map[*pusher]*seat // of nodes that are waited for
	out     map[*pusher]*seat // of those that fell out, and may come back
	feeds   map[digest.Digest]*tapeFeed
	order   []*tapeFeed // those that hold chunks, in the order of the tape
	held    int64       // bytes in chunks
	free    [][]byte
	err     error // why nothing follows

	deserted time.Time // since when nobody is waited for
}

// tapeFeed is one blob.
type tapeFeed struct {
	known   map[*pusher]bool        // who has said whether it needs the blob
	at      map[*pusher]*tapeReader // of those who read it
	passing bool                    // nobody can join any more
	whole   bool                    // nothing is added any more
	pinned  bool
	first   int // the number of chunks[0]
	chunks  [][]byte
	err     error
}

func newTape(src *oci.Tape, w *work, patience time.Duration) *tape {
	if patience <= 0 {
		patience = oci.DefaultTimeout
	}
	t := &tape{
		src: src, patience: patience, window: tapeWindow, now: time.Now, needed: map[digest.Digest]bool{},
		changed: make(chan struct{}), seats: map[*pusher]*seat{}, out: map[*pusher]*seat{}, feeds: map[digest.Digest]*tapeFeed{},
	}
	for _, b := range w.blobs {
		t.needed[b.desc.Digest] = true
	}
	return t
}

// skip says that a node does not need a blob, or not any more.
func (t *tape) skip(p *pusher, d digest.Digest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fd := t.feed(d)
	delete(fd.at, p)
	if !fd.passing {
		fd.known[p] = true
	}
	t.wake()
}

// open gives a node the content of a blob, as it comes. A second time it gives it
// again, if its beginning is still there; if not the error is [oci.ErrPassed].
func (t *tape) open(ctx context.Context, p *pusher, d ocispec.Descriptor) (io.ReadCloser, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fd := t.feed(d.Digest)
	if err := t.gone(fd, p, d.Digest); err != nil {
		return nil, err
	}
	if t.out[p] != nil {
		return nil, fmt.Errorf("%s: %w", d.Digest, oci.ErrPassed)
	}
	r := &tapeReader{ctx: ctx, t: t, fd: fd, p: p}
	fd.at[p] = r
	if !fd.passing {
		fd.known[p] = true
	}
	t.wake()
	return r, nil
}

func (t *tape) feed(d digest.Digest) *tapeFeed {
	fd := t.feeds[d]
	if fd == nil {
		fd = &tapeFeed{known: map[*pusher]bool{}, at: map[*pusher]*tapeReader{}}
		t.feeds[d] = fd
	}
	return fd
}

func (t *tape) wake() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// play reads the tape to its end. The error is also that of all who still wait for
// something. When no node is left, or ctx ends, it goes no further than to the next blob.
func (t *tape) play(ctx context.Context) error {
	err := t.blobs(ctx)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err == nil { // somebody waits for what the packing list does not list
		t.end(errors.New("the bundle has ended"))
		return nil
	}
	t.end(err)
	return err
}

func (t *tape) blobs(ctx context.Context) error {
	for {
		d, err := t.src.Next()
		if err != nil {
			return err
		}
		if !t.needed[d.Digest] {
			continue
		}
		fd, err := t.begin(ctx, d)
		if err == nil && fd != nil {
			err = t.pass(ctx, fd, d)
		}
		if err != nil {
			return err
		}
	}
}

// begin waits until every node has said whether it needs a blob. There is no feed
// if none does.
func (t *tape) begin(ctx context.Context, d ocispec.Descriptor) (*tapeFeed, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fd := t.feed(d.Digest)
	err := t.await(ctx, func() (bool, []*pusher) {
		var missing []*pusher
		for p := range t.seats {
			if !fd.known[p] {
				missing = append(missing, p)
			}
		}
		return len(missing) == 0, missing
	})
	fd.passing, fd.known = true, nil
	if err != nil || len(fd.at) == 0 {
		fd.whole = true
		return nil, err
	}
	fd.pinned = d.Size <= keepWhole
	t.order = append(t.order, fd)
	return fd, nil
}

// pass reads one blob. The last bytes are given only when all are proven. A blob
// that is wrong is an error for those who need it, and the tape goes on.
func (t *tape) pass(ctx context.Context, fd *tapeFeed, d ocispec.Descriptor) error {
	hash := digest.SHA256.Hash()
	for left := d.Size; left > 0; {
		b, err := t.room(ctx, min(chunk, left))
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(t.src, b); err != nil {
			return err
		}
		hash.Write(b)
		left -= int64(len(b))
		if left > 0 {
			t.give(fd, b, false, nil)
		} else if got := digest.NewDigest(digest.SHA256, hash); got == d.Digest {
			t.give(fd, b, true, nil)
		} else {
			t.give(fd, b[:0], true, &oci.ContentError{Want: d, Size: d.Size, Got: got})
		}
	}
	if d.Size == 0 { // there is but one such
		t.give(fd, nil, true, nil)
	}
	return nil
}

// room waits until there is room for n bytes.
func (t *tape) room(ctx context.Context, n int64) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.await(ctx, func() (bool, []*pusher) {
		t.evict(n)
		if t.held+n > t.window && len(t.slowest()) < len(t.seats) {
			t.letGo()
			t.evict(n)
		}
		return t.held+n <= t.window, t.slowest()
	})
	if err != nil {
		return nil, err
	}
	if last := len(t.free) - 1; last >= 0 && n == chunk {
		b := t.free[last]
		t.free = t.free[:last]
		return b, nil
	}
	return make([]byte, n), nil
}

func (t *tape) give(fd *tapeFeed, b []byte, whole bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(b) > 0 {
		fd.chunks = append(fd.chunks, b)
		t.held += int64(len(b))
	}
	fd.whole, fd.err = whole, err
	t.wake()
}

// evict lets go of what nobody needs, the oldest first: of blobs that every node
// has, and where that is not enough, of what every node has read.
func (t *tape) evict(n int64) {
	var kept []*tapeFeed
	for _, fd := range t.order {
		if len(fd.at) == 0 {
			t.forget(fd, fd.first+len(fd.chunks))
		}
		if !fd.whole || len(fd.chunks) > 0 {
			kept = append(kept, fd)
		}
	}
	t.order = kept
	for _, fd := range t.order {
		if t.held+n <= t.window {
			return
		}
		if !fd.pinned {
			t.forget(fd, fd.slowest())
			if fd.abandon() {
				t.forget(fd, fd.slowest())
			}
		}
	}
}

// slowest is the chunk that the slowest reader of a blob is at.
func (fd *tapeFeed) slowest() int {
	at := fd.first + len(fd.chunks)
	for _, r := range fd.at {
		at = min(at, r.n)
	}
	return at
}

// forget frees the chunks before a number.
func (t *tape) forget(fd *tapeFeed, before int) {
	for fd.first < before && len(fd.chunks) > 0 {
		t.held -= int64(len(fd.chunks[0]))
		if len(fd.chunks[0]) == chunk {
			t.free = append(t.free, fd.chunks[0])
		}
		fd.chunks[0] = nil
		fd.chunks = fd.chunks[1:]
		fd.first++
	}
}

// slowest are those who keep the window full.
func (t *tape) slowest() (who []*pusher) {
	for p := range t.seats {
		for _, fd := range t.order {
			if r := fd.at[p]; r != nil && (r.n < fd.first+len(fd.chunks) || fd.pinned) {
				who = append(who, p)
				break
			}
		}
	}
	return who
}

// errAlone is a tape that no node listens to.
var errAlone = errors.New("no node is left")

// await waits until something is ready. The wait counts against the nodes that
// are its reason, if it keeps others waiting too, and when it becomes too much
// they fall out. It is called with t.mu held, and gives it away while it waits.
func (t *tape) await(ctx context.Context, ready func() (bool, []*pusher)) error {
	tick := time.NewTicker(max(t.patience/20, time.Millisecond))
	defer tick.Stop()
	var blamed []*pusher
	for since := t.now(); ; {
		now := t.now()
		for _, p := range blamed {
			if s := t.seats[p]; s != nil {
				if waited := s.late.add(since, now); waited > t.patience {
					t.fall(p, &SlowError{Waited: waited}, t.patience)
				}
			}
		}
		since = now
		if err := ctx.Err(); err != nil {
			return err
		}
		if t.lonely() {
			return errAlone
		}
		ok, slow := false, []*pusher(nil)
		if len(t.seats) > 0 {
			ok, slow = ready()
		}
		if ok {
			return nil
		}
		blamed = slow
		if len(slow) == len(t.seats) { // nobody waits for anybody
			blamed = nil
		}
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
		}
		t.mu.Lock()
	}
}
