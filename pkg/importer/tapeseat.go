package importer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
)

// answerRest is the part of patience for which a node that did not answer is
// left alone at first: nobody waits for it when it is asked again.
const answerRest = 10

// seat is a node's place at a tape. Nodes that have fallen out keep theirs, and
// nobody waits for them.
type seat struct {
	late  lateness
	leave context.CancelCauseFunc
	falls int       // how often it fell out
	turn  int       // how often it fell out or came back
	back  time.Time // when it may come back
	why   error     // why it fell out last
}

// SlowError is a node that fell out of a pipe and did not come back: it was sent
// nothing more.
type SlowError struct {
	Waited time.Duration // for which the others have waited for it, 0 when Err is why
	Err    error         // what its registry said instead of an answer
}

// Error says how long the others have waited, or what the registry said.
func (e *SlowError) Error() string {
	if e.Err != nil {
		return "fell out of the pipe: " + e.Err.Error()
	}
	return fmt.Sprintf("fell out of the pipe: the others have waited %s for it", e.Waited.Round(time.Second))
}

// Unwrap returns Err.
func (e *SlowError) Unwrap() error { return e.Err }

// join counts a node among those that are waited for. leave ends its work when
// the tape ends and it is out.
func (t *tape) join(p *pusher, leave context.CancelCauseFunc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seats[p] = &seat{late: lateness{at: t.now()}, leave: leave}
}

// leave is for a node that needs no more blobs, or will get no more.
func (t *tape) leave(p *pusher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(p)
	delete(t.out, p)
}

func (t *tape) drop(p *pusher) {
	delete(t.seats, p)
	for _, fd := range t.feeds {
		delete(fd.at, p)
	}
	t.wake()
}

// fall lets a node out: nobody waits for it, what it was reading is lost to it,
// and it may come back after a rest that is longer each time. So a node that is
// slow for good costs the others less and less.
func (t *tape) fall(p *pusher, why error, rest time.Duration) {
	if t.err != nil {
		return
	}
	s := t.seats[p]
	if out := t.out[p]; out != nil && !t.now().Before(out.back) { // it was to come back, and does not answer
		s = out
	}
	if s == nil {
		return
	}
	if delete(t.seats, p); len(t.seats) > 0 { // else nobody is in need of the window
		t.drop(p)
	}
	s.why, s.back = why, t.now().Add(rest<<min(s.falls, 10))
	s.falls++
	s.turn++
	t.out[p] = s
	t.wake()
	p.report.Note("", why.Error()+"; blobs that pass meanwhile are not sent to it")
}

// unanswered is fall for a node whose registry did not answer what was asked in
// a turn. Later ones have answers of their own.
func (t *tape) unanswered(p *pusher, turn int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range []*seat{t.seats[p], t.out[p]} {
		if s != nil && s.turn == turn {
			t.fall(p, &SlowError{Err: err}, t.patience/answerRest)
		}
	}
}

// answered gives a node that fell out its seat back.
func (t *tape) answered(p *pusher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.out[p]
	if s == nil || t.err != nil {
		return
	}
	delete(t.out, p)
	s.turn++
	s.late = lateness{at: t.now()}
	t.seats[p] = s
	p.report.Note("", "is back in the pipe")
	t.wake()
}

// enter waits until a node may ask its registry for a blob: at once for one that
// is in its seat, after a rest for one that is out. What has passed by then is
// [oci.ErrPassed].
func (t *tape) enter(ctx context.Context, p *pusher, d digest.Digest) (turn int, out bool, err error) {
	tick := time.NewTicker(max(t.patience/20, time.Millisecond))
	defer tick.Stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		if err := t.gone(t.feed(d), p, d); err != nil {
			return 0, false, err
		}
		if s := t.seats[p]; s != nil {
			return s.turn, false, nil
		}
		if s := t.out[p]; s == nil {
			return 0, false, nil
		} else if !t.now().Before(s.back) {
			return s.turn, true, nil
		}
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
		}
		t.mu.Lock()
		if ctx.Err() != nil {
			return 0, false, ctx.Err()
		}
	}
}

// reason is why a node misses a blob.
func (t *tape) reason(p *pusher, err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range []*seat{t.out[p], t.seats[p]} {
		if s != nil && s.why != nil && !errors.Is(err, s.why) {
			return fmt.Errorf("%w: %w", s.why, err)
		}
	}
	return err
}

// end says why nothing follows, and ends the work of those who are out.
func (t *tape) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
	for _, s := range t.out {
		s.leave(s.why)
	}
	t.wake()
}

// lonely tells whether there is nobody left to wait for. When all who are left
// are out, the tape stands for as long as patience: they may come back.
func (t *tape) lonely() bool {
	if len(t.seats) > 0 {
		t.deserted = time.Time{}
		return false
	}
	if t.deserted.IsZero() {
		t.deserted = t.now()
	}
	return len(t.out) == 0 || t.now().Sub(t.deserted) > t.patience
}
