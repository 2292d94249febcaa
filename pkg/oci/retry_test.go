package oci

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func refused() error {
	return &HTTPError{Host: "h", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
}

func TestRetryMakesFourAttemptsInUnderThreeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, n, start := &Client{firstBackoff: firstBackoff}, 0, time.Now()
		err := c.retry(t.Context(), func() error { n++; return refused() })
		if n != attempts || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%d attempts, %v", n, err)
		}
		// 250 + 500 + 1000 ms, and up to half as much again.
		if d := time.Since(start); d < 1750*time.Millisecond || d > 2625*time.Millisecond {
			t.Errorf("took %s", d)
		}
	})
}

func TestRetryWithinRetryDoesNotMultiply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, n := &Client{firstBackoff: firstBackoff}, 0
		_ = c.retry(t.Context(), func() error {
			return c.retry(t.Context(), func() error { n++; return refused() })
		})
		if n != attempts {
			t.Errorf("%d attempts, want %d", n, attempts)
		}
	})
}

func TestRetryEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := (&Client{firstBackoff: firstBackoff}).retry(ctx, refused)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 100*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

func TestRetryAfterIsWaitedForUpToTwoMinutes(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		again bool
	}{{time.Second, true}, {2 * time.Minute, true}, {2*time.Minute + time.Second, false}} {
		client := &Client{firstBackoff: firstBackoff}
		err := &HTTPError{Host: "h", Status: 429, Message: "Too Many Requests", RetryAfter: c.after}
		wait, again := client.backoff(1, err)
		if again != c.again || (again && wait != c.after) {
			t.Errorf("Retry-After %s: wait %s, again %t", c.after, wait, again)
		}
		if again {
			continue
		}
		client.backoff(1, fmt.Errorf("a larger step: %w", err))
		if want := "h: 429 Too Many Requests (asks to wait 2m1s)"; err.Error() != want {
			t.Errorf("error is %q, want %q", err, want)
		}
	}
}

func TestOnlyWhatMayHealIsRetried(t *testing.T) {
	cases := []struct {
		err   error
		again bool
	}{
		{nil, false},
		{errors.New("no request at all"), false},
		{&HTTPError{Status: 404}, false},
		{&HTTPError{Status: 401}, false},
		{&HTTPError{Status: 401, expired: true}, true},
		{&HTTPError{Status: 408}, true},
		{&HTTPError{Status: 429}, true},
		{&HTTPError{Status: 500}, true},
		{&HTTPError{Status: 501}, false},
		{&HTTPError{Status: 503}, true},
		{&HTTPError{Status: 507}, false},
		{&HTTPError{}, false},
		{&HTTPError{Err: stalledError{time.Second}}, false},
		{&HTTPError{Err: ErrPlainHTTP}, false},
		{&HTTPError{Err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}}, true},
		{&HTTPError{Err: &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}}, true},
		{&HTTPError{Err: &net.OpError{Op: "dial", Err: &timeoutError{}}}, true},
		{&HTTPError{Err: &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}}, false},
		{&HTTPError{Err: &net.OpError{Op: "dial", Err: &net.DNSError{IsTemporary: true}}}, true},
		{&HTTPError{Err: &ContentError{}}, false},
	}
	for _, c := range cases {
		if _, again := (&Client{firstBackoff: firstBackoff}).backoff(1, c.err); again != c.again {
			t.Errorf("%#v: again is %t", c.err, again)
		}
	}
}

type timeoutError struct{}

func (timeoutError) Error() string { return "i/o timeout" }
func (timeoutError) Timeout() bool { return true }

// A registry may be busy before it says how it is entered.
func TestADoorThatIsBusySaysForHowLong(t *testing.T) {
	for name, part := range map[string]string{"ping": "/v2/", "token": "/token"} {
		t.Run(name, func(t *testing.T) {
			busy := times(-1, "GET", part, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "100000")
				w.WriteHeader(429)
			})
			var f *fake
			f = newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
				if name == "token" && strings.HasPrefix(r.URL.Path, "/v2/") {
					w.Header().Set("WWW-Authenticate", `Bearer realm="`+f.URL+`/token",service="s"`)
					w.WriteHeader(401)
					return true
				}
				return busy(w, r)
			})
			_, _, err := quickClient(t, ClientOptions{}).Manifest(t.Context(), f.repo("a"), "v1")
			mustSay(t, err, f.host(), "429", "(asks to wait 24h0m0s)")
			if n := f.count("GET", part); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}
