package oci

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// attempts is how often a request is made before its error is believed.
	attempts = 4
	// firstBackoff is the wait after the first attempt; it doubles each time. A
	// Client keeps its own, for tests that have no time.
	firstBackoff = 250 * time.Millisecond
	// longestWait is the longest Retry-After that is waited for. A registry
	// that asks for more has to be asked again by a person.
	longestWait = 2 * time.Minute
)

// ErrPassed is content that was read once and cannot be read again, so that a
// request with it cannot be repeated.
var ErrPassed = errors.New("its content has passed by, and cannot be sent again")

// retry makes a request until it succeeds, its error is final, or it was made
// often enough. A Retry-After is honoured.
func (c *Client) retry(ctx context.Context, request func() error) error {
	for n := 1; ; n++ {
		err := request()
		wait, again := c.backoff(n, err)
		if !again {
			return err
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// backoff tells how long to wait after attempt n ended in err, and whether to
// try again at all.
func (c *Client) backoff(n int, err error) (time.Duration, bool) {
	e := (*HTTPError)(nil)
	if err == nil || !errors.As(err, &e) || !e.temporary() || (e.expired && n > 1) {
		return 0, false
	}
	if n >= attempts {
		e.tried = true
		return 0, false
	}
	if e.RetryAfter > longestWait {
		e.Message += fmt.Sprintf(" (asks to wait %s)", e.RetryAfter.Round(time.Second))
		e.tried = true
		return 0, false
	}
	// Jitter keeps many requests that failed together from coming back together.
	wait := c.firstBackoff << (n - 1)
	wait += rand.N(wait / 2)
	return max(wait, e.RetryAfter), true
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
