package oci

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatchdogEndsSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, dog := watch(t.Context(), time.Minute)
		defer dog.close()
		<-ctx.Done()
		if d := time.Since(start); d != time.Minute || !errors.Is(context.Cause(ctx), errStalled) {
			t.Errorf("%v after %s", context.Cause(ctx), d)
		}
	})
}

func TestWatchdogLivesOnWhatMovesAndRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, dog := watch(t.Context(), time.Minute)
		defer dog.close()
		for range 5 {
			time.Sleep(59 * time.Second)
			dog.wait()
		}
		dog.rest()
		time.Sleep(time.Hour)
		if ctx.Err() != nil {
			t.Fatal(context.Cause(ctx))
		}
		dog.wait()
		time.Sleep(61 * time.Second)
		if !errors.Is(context.Cause(ctx), errStalled) {
			t.Errorf("cause is %v", context.Cause(ctx))
		}
	})
}

func TestNoAnswerErrorTellsWhoseEndItWas(t *testing.T) {
	other := &HTTPError{Host: "other", Err: stalledError{time.Second}}
	cases := map[string]struct {
		end  func(ctx context.Context) (context.Context, func())
		want func(error) bool
	}{
		"silence": {
			func(ctx context.Context) (context.Context, func()) {
				ctx, dog := watch(ctx, time.Second)
				return ctx, dog.close
			},
			func(err error) bool {
				e, ok := err.(*HTTPError)
				return ok && errors.Is(e, errStalled) && e.Host == "h"
			},
		},
		"a deadline of the caller's": {
			func(ctx context.Context) (context.Context, func()) {
				ctx, cancel := context.WithTimeout(ctx, time.Second)
				return ctx, cancel
			},
			func(err error) bool { return err == context.DeadlineExceeded },
		},
		"the end of another request beside it": {
			func(ctx context.Context) (context.Context, func()) {
				ctx, cancel := context.WithCancelCause(ctx)
				cancel(other)
				return ctx, func() {}
			},
			func(err error) bool { return err == context.Canceled },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, end := c.end(t.Context())
				defer end()
				ctx, dog := context.WithCancel(ctx) // a request below it
				defer dog()
				<-ctx.Done()
				if err := noAnswerError(ctx, "h", "GET", nil, errors.New("closed")); !c.want(err) {
					t.Errorf("error is %#v", err)
				}
			})
		})
	}
}

// Whoever waits for what another is computing has its own context.
func TestMemoIsNotPoisonedByWhoeverAskedFirst(t *testing.T) {
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		synctest.Test(t, func(t *testing.T) {
			var m memo[string, int]
			go m.get(t.Context(), "key", func() (int, error) {
				time.Sleep(time.Second)
				return 0, end
			})
			synctest.Wait()
			n, err := m.get(t.Context(), "key", func() (int, error) { return 7, nil })
			if n != 7 || err != nil {
				t.Errorf("%s: got %d, %v", end, n, err)
			}
		})
	}
}

func TestMemoComputesOnceAndForgetsErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memo[string, int]
		made := 0
		slow := func() (int, error) {
			made++
			time.Sleep(time.Second)
			if made == 1 {
				return 0, refused()
			}
			return made, nil
		}
		errs := make(chan error, 3)
		for range 3 {
			go func() { _, err := m.get(t.Context(), "key", slow); errs <- err }()
		}
		for range 3 {
			if err := <-errs; err == nil {
				t.Error("an error was not shared")
			}
		}
		for range 2 {
			if n, err := m.get(t.Context(), "key", slow); n != 2 || err != nil {
				t.Errorf("got %d, %v", n, err)
			}
		}
	})
}

func TestMemoWaiterEndsWithItsOwnContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memo[string, int]
		go m.get(t.Context(), "key", func() (int, error) { time.Sleep(time.Hour); return 0, nil })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := m.get(ctx, "key", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error is %v", err)
		}
		time.Sleep(time.Hour)
	})
}
