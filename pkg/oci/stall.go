package oci

import (
	"context"
	"errors"
	"time"
)

// errStalled is the cause of a request that was given up because nothing moved.
var errStalled = errors.New("nothing moved")

type stalledError struct{ after time.Duration }

func (e stalledError) Error() string {
	return "no byte for " + e.after.String() + ", given up"
}

func (e stalledError) Is(target error) bool { return target == errStalled }

// watchdog cancels a request when the other side has been silent for a while.
// A whole-request timeout would have to know how long the largest layer takes on
// the slowest link; this one only knows how long silence may last. It rests
// while the other side has nothing to do: a slow medium is not a silent registry.
type watchdog struct {
	timer *time.Timer
	after time.Duration
	stop  context.CancelCauseFunc
}

// watch begins to wait for the other side.
func watch(ctx context.Context, after time.Duration) (context.Context, *watchdog) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watchdog{after: after, stop: cancel}
	w.timer = time.AfterFunc(after, func() { cancel(stalledError{after}) })
	return ctx, w
}

// wait counts the silence from now on.
func (w *watchdog) wait() { w.timer.Reset(w.after) }

// rest stops counting.
func (w *watchdog) rest() { w.timer.Stop() }

func (w *watchdog) close() {
	w.timer.Stop()
	w.stop(context.Canceled)
}
