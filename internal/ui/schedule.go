package ui

import (
	"time"

	"drayage/internal/progress"
)

// schedule is the blobs of a part in the order in which they are brought. A large
// one that is the last goes on alone. How fast it is then shows each time that a
// stream pauses between two blobs: where streams have limits of their own the
// others become no faster by that, where they share a line they do.
type schedule struct {
	blobs   []blobLeft
	at      map[string]int
	last    time.Time
	open    int // blobs that are begun and not ended
	during  int // as many were open in the time before last
	streams int // the most that were open at once
	flows   map[int]*flow
}

// flow is what came while so many blobs were open.
type flow struct{ bytes, seconds float64 }

// evidence is how many seconds a flow must have been looked at to be believed.
const evidence = 1

type blobLeft struct{ size, left int64 }

func newSchedule(blobs []progress.Blob, now time.Time) schedule {
	s := schedule{at: map[string]int{}, last: now, flows: map[int]*flow{}}
	for _, b := range blobs {
		s.at[b.Name] = len(s.blobs)
		s.blobs = append(s.blobs, blobLeft{b.Bytes, b.Bytes})
	}
	return s
}

func (s *schedule) count(e progress.Event, now time.Time) {
	i, known := s.at[e.Blob]
	if !known {
		return
	}
	b := &s.blobs[i]
	if now.After(s.last) { // what comes at one moment came in the time before it
		s.during = s.open
	}
	f := s.flows[s.during]
	if f == nil {
		f = &flow{}
		s.flows[s.during] = f
	}
	f.seconds += now.Sub(s.last).Seconds()
	if e.Kind == progress.Advance {
		f.bytes += float64(e.Bytes)
	}
	s.last = now
	was := b.isOpen()
	b.left -= e.Bytes
	switch is := b.isOpen(); {
	case is && !was:
		s.open++
	case was && !is:
		s.open--
	}
	s.streams = max(s.streams, s.open)
}

func (b blobLeft) isOpen() bool { return b.left > 0 && b.left < b.size }

// alone is how many times as fast a stream becomes when all others have ended,
// from 1 to streams. Where nothing shows it, it is between.
func (s *schedule) alone() float64 {
	n := float64(s.streams)
	full, fewer := s.flows[s.streams], s.flows[s.streams-1]
	if s.streams < 2 || full == nil || fewer == nil || full.seconds < evidence || fewer.seconds < evidence || full.bytes <= 0 {
		return (1 + n) / 2
	}
	kept := fewer.bytes / fewer.seconds / (full.bytes / full.seconds) // 1 on a shared line, 1-1/n else
	shared := max(0, min(1, 1-(1-kept)*n))
	return 1 + shared*(n-1)
}

// ordered is what is left of each blob, those that are begun first.
func (s *schedule) ordered() (left []float64) {
	var later []float64
	for _, b := range s.blobs {
		switch {
		case b.left <= 0:
		case b.left < b.size:
			left = append(left, float64(b.left))
		default:
			later = append(later, float64(b.left))
		}
	}
	return append(left, later...)
}

// seconds is how long what is left takes at a rate of all streams together.
func (s *schedule) seconds(rate float64) (t float64) {
	if s.streams == 0 {
		return 0
	}
	waiting, alone := s.ordered(), s.alone()
	var now []float64
	for len(now)+len(waiting) > 0 {
		for len(now) < s.streams && len(waiting) > 0 {
			now, waiting = append(now, waiting[0]), waiting[1:]
		}
		least := now[0]
		for _, left := range now {
			least = min(least, left)
		}
		t += least / min(rate/float64(len(now)), alone*rate/float64(s.streams))
		kept := now[:0]
		for _, left := range now {
			if left > least {
				kept = append(kept, left-least)
			}
		}
		now = kept
	}
	return t
}
