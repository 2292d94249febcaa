package cluster

import (
	"net/http"
	"sync"
	"time"
)

// traffic notes what every answer of the server says besides its content.
type traffic struct {
	mu sync.Mutex
	// ahead is how far the server's clock is before ours.
	ahead time.Duration
	known bool
	// certEnd is the end of the server's certificate; zero without TLS.
	certEnd time.Time
}

func (t *traffic) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		sent := time.Now()
		answer, err := next.RoundTrip(r)
		if err == nil {
			t.note(answer, sent, time.Now())
		}
		return answer, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (t *traffic) note(answer *http.Response, sent, got time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		t.ahead, t.known = clockDifference(date, sent, got), true
	}
	if answer.TLS != nil && len(answer.TLS.PeerCertificates) > 0 {
		t.certEnd = answer.TLS.PeerCertificates[0].NotAfter
	}
}

// clockDifference is how far a server's clock is ahead at least; a date has
// whole seconds, and the answer was made some time between sent and got.
func clockDifference(date, sent, got time.Time) time.Duration {
	switch {
	case date.After(got):
		return date.Sub(got)
	case date.Add(time.Second).Before(sent):
		return date.Add(time.Second).Sub(sent)
	}
	return 0
}

func (t *traffic) read() (ahead time.Duration, known bool, certEnd time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ahead, t.known, t.certEnd
}
