package oci

import (
	"context"
	"errors"
	"io"
	"time"
)

// errStalled is the cause of a request that was given up because nothing moved.
var errStalled = errors.New("nothing moved")

type stalledError struct{ after time.Duration }

func (e stalledError) Error() string {
	return "no byte for " + e.after.String() + ", given up"
}

func (e stalledError) Is(target error) bool { return target == errStalled }

// watchdog cancels a request when nothing has moved for a while. A whole-request
// timeout would have to know how long the largest layer takes on the slowest
// link; this one only knows how long silence may last.
type watchdog struct {
	timer *time.Timer
	after time.Duration
	stop  context.CancelCauseFunc
}

func watch(ctx context.Context, after time.Duration) (context.Context, *watchdog) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watchdog{after: after, stop: cancel}
	w.timer = time.AfterFunc(after, func() { cancel(stalledError{after}) })
	return ctx, w
}

func (w *watchdog) moved() { w.timer.Reset(w.after) }

func (w *watchdog) close() {
	w.timer.Stop()
	w.stop(context.Canceled)
}

// watchedReader tells the watchdog of every byte that passes.
type watchedReader struct {
	io.Reader
	dog *watchdog
}

func (r watchedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.dog.moved()
	}
	return n, err
}
