package importer

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/opencontainers/go-digest"

	"drayage/pkg/oci"
)

// tapeReader is one node's reader of a blob on a tape.
type tapeReader struct {
	ctx context.Context
	t   *tape
	fd  *tapeFeed
	p   *pusher

	n      int // the chunk that it is at
	offset int // in that chunk
	closed time.Time
}

// passed tells whether open would fail, and says nothing of what a node needs.
func (t *tape) passed(p *pusher, d digest.Digest) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.gone(t.feed(d), p, d)
}

func (t *tape) gone(fd *tapeFeed, p *pusher, d digest.Digest) error {
	_, again := fd.at[p]
	switch {
	case t.err != nil && !fd.whole:
		return t.err
	case again && fd.first > 0, !again && fd.passing:
		return fmt.Errorf("%s: %w", d, oci.ErrPassed)
	}
	return nil
}

// Read waits for what has not come yet. A tape that comes slowly is no registry's
// fault: clients do not count the time in here.
func (r *tapeReader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	for {
		n, err, ready := r.take(b)
		if ready {
			return n, err
		}
		changed := r.t.changed
		r.t.mu.Unlock()
		select {
		case <-changed:
		case <-r.ctx.Done():
		}
		r.t.mu.Lock()
	}
}

// take gives what is there. It copies under the lock: chunks are used again.
func (r *tapeReader) take(b []byte) (n int, err error, ready bool) { //nolint:revive // the error belongs to the bytes
	switch i := r.n - r.fd.first; {
	case r.ctx.Err() != nil:
		return 0, context.Cause(r.ctx), true
	case r.fd.at[r.p] != r: // it left, or another attempt took its place
		return 0, io.ErrClosedPipe, true
	case i < len(r.fd.chunks):
		n = copy(b, r.fd.chunks[i][r.offset:])
		r.offset += n
		if r.offset == len(r.fd.chunks[i]) {
			r.n, r.offset = r.n+1, 0
			r.t.wake()
		}
		return n, nil, true
	case r.fd.err != nil:
		return 0, r.fd.err, true
	case r.fd.whole:
		return 0, io.EOF, true
	case r.t.err != nil:
		return 0, r.t.err, true
	}
	return 0, nil, false
}

// Close keeps the place: the blob may have to be sent again. Where its beginning
// is gone it cannot be, and nobody has to wait for this node.
func (r *tapeReader) Close() error {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	r.closed = r.t.now()
	r.fd.abandon()
	r.t.wake()
	return nil
}

// abandon drops closed readers of a blob that nobody can begin again. It says
// whether there were any.
func (fd *tapeFeed) abandon() (some bool) {
	if fd.first == 0 {
		return false
	}
	for p, r := range fd.at {
		if !r.closed.IsZero() {
			delete(fd.at, p)
			some = true
		}
	}
	return some
}

// letGo gives up what is kept for uploads that may be repeated, and have not been
// for a tenth of patience. Who was refused before the first byte, and asked to wait,
// misses that blob and not the rest.
func (t *tape) letGo() {
	for _, fd := range t.order {
		for p, r := range fd.at {
			if !fd.pinned && !r.closed.IsZero() && t.now().Sub(r.closed) > t.patience/10 {
				delete(fd.at, p)
			}
		}
	}
}
