package ui

import "time"

const (
	// window is how far back the rate looks.
	window = 20 * time.Second
	// sampleEvery is how far apart two looks at the count are.
	sampleEvery = time.Second
	// settledAfter is how long a rate must have been looked at to tell from it
	// how long the work will take.
	settledAfter = 3 * time.Second
)

// meter measures how many bytes a second there are at present.
type meter struct {
	began   time.Time
	bytes   int64
	samples []sample // at most window apart from now, the oldest first
}

type sample struct {
	at    time.Time
	bytes int64
}

func newMeter(now time.Time) meter {
	return meter{began: now, samples: []sample{{at: now}}}
}

func (m *meter) add(n int64, now time.Time) {
	m.bytes += n
	m.look(now)
}

// look notes the count now and then, and forgets what is too old. One sample
// beyond the window stays: the window begins there.
func (m *meter) look(now time.Time) {
	if now.Sub(m.samples[len(m.samples)-1].at) >= sampleEvery {
		m.samples = append(m.samples, sample{now, m.bytes})
	}
	for len(m.samples) > 1 && now.Sub(m.samples[1].at) >= window {
		m.samples = m.samples[1:]
	}
}

// rate is in bytes a second over the window.
func (m *meter) rate(now time.Time) int64 {
	m.look(now)
	since := m.samples[0]
	// In the first moments a burst would look like a rate.
	seconds := max(now.Sub(since.at), sampleEvery).Seconds()
	return int64(float64(m.bytes-since.bytes) / seconds)
}

func (m *meter) settled(now time.Time) bool { return now.Sub(m.began) >= settledAfter }
