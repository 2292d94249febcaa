package oci

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"sync"
)

// follower computes the sha256 of a file that is being written out of order: it
// reads on as far as everything up to there has been written. What it reads was
// written a moment ago and comes from memory; the file is not read from the
// medium again.
type follower struct {
	f    *os.File
	size int64

	mu     sync.Mutex
	ready  map[int64]int64 // begin -> end of what is written beyond the front
	front  int64           // everything before it is written
	signal chan struct{}
}

func newFollower(f *os.File, size int64) *follower {
	return &follower{f: f, size: size, ready: map[int64]int64{}, signal: make(chan struct{}, 1)}
}

// done says that [begin, end) is written and will not change.
func (w *follower) done(begin, end int64) {
	w.mu.Lock()
	w.ready[begin] = end
	for next, ok := w.ready[w.front]; ok; next, ok = w.ready[w.front] {
		delete(w.ready, w.front)
		w.front = next
	}
	w.mu.Unlock()
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

// sum returns the file's sha256 in hex once all of it has been written.
func (w *follower) sum(ctx context.Context) (string, error) {
	hash := sha256.New()
	for at := int64(0); at < w.size; {
		w.mu.Lock()
		front := w.front
		w.mu.Unlock()
		if front == at {
			select {
			case <-w.signal:
				continue
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
		n, err := copyBuffered(ctx, hash, io.NewSectionReader(w.f, at, front-at))
		if err != nil {
			return "", err
		}
		at += n
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
