package oci

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
)

// follower computes the sha256 of a file, or of each range of it, that is being written out of order: it
// reads on as far as everything up to there has been written. What it reads was
// written a moment ago and comes from memory; the file is not read from the
// medium again. So that this holds, and so that it is not left with much to do
// alone in the end, writers wait for it when it is far behind. For a nil one
// nobody waits, and it computes nothing.
type follower struct {
	f     io.ReaderAt
	name  string // of f, for errors
	size  int64
	every int64 // bytes of each sum

	mu     sync.Mutex
	ready  map[int64]int64 // begin -> end of what is written beyond the front
	front  int64           // everything before it is written
	at     int64           // everything before it is hashed
	moved  chan struct{}   // closed when at moves
	signal chan struct{}
}

const (
	// farBehind is how many bytes may wait to be hashed before writers wait.
	farBehind = 32 << 20
	// stride is how many bytes are hashed before writers are told.
	stride = 4 << 20
)

// newFollower returns nil if no sums are wanted: if every is 0.
func newFollower(f io.ReaderAt, size, every int64) *follower {
	if every <= 0 {
		return nil
	}
	return &follower{f: f, size: size, every: every, ready: map[int64]int64{}, moved: make(chan struct{}), signal: make(chan struct{}, 1)}
}

// done says that [begin, end) is written and will not change.
func (w *follower) done(begin, end int64) {
	if w == nil {
		return
	}
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

// sums returns the sha256 of each range in hex once all of it has been written.
func (w *follower) sums(ctx context.Context) ([]string, error) {
	var sums []string
	for begin := int64(0); begin < w.size; begin += w.every {
		sum, err := w.sum(ctx, begin, min(begin+w.every, w.size))
		if err != nil {
			return nil, err
		}
		sums = append(sums, sum)
	}
	return sums, nil
}

func (w *follower) sum(ctx context.Context, at, end int64) (string, error) {
	hash := sha256.New()
	for at < end {
		front, err := w.wait(ctx, at)
		if err != nil {
			return "", err
		}
		n, err := copyBuffered(ctx, hash, io.NewSectionReader(w.f, at, min(front, end, at+stride)-at))
		if err == nil && n == 0 { // somebody has cut the file
			err = fmt.Errorf("%s: ends at %d while it is written: %w", w.name, at, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return "", err
		}
		at += n
		w.moveTo(at)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func (w *follower) moveTo(at int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = at
	close(w.moved)
	w.moved = make(chan struct{})
}

// pace returns when the follower is not far behind. It is not while it waits
// for a writer itself, so nobody waits for ever.
func (w *follower) pace(ctx context.Context) error {
	if w == nil {
		return ctx.Err()
	}
	for {
		w.mu.Lock()
		behind, moved := w.front-w.at, w.moved
		w.mu.Unlock()
		if behind <= farBehind {
			return ctx.Err()
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wait returns how far everything is written, once that is beyond an offset.
func (w *follower) wait(ctx context.Context, at int64) (int64, error) {
	for {
		w.mu.Lock()
		front := w.front
		w.mu.Unlock()
		if front > at {
			return front, nil
		}
		select {
		case <-w.signal:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
