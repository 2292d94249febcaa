package ui

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"drayage/internal/progress"
)

// phase is a stage of the work, counted in bytes.
type phase struct {
	name  string
	total int64
	// counted: total and done are pieces, of which no rate is told.
	counted bool
	parts   map[string]*part // by node; one without a name where there are none
}

// part is what one node has to get, or the whole.
type part struct {
	total, done int64
	schedule    schedule
	gross, net  meter // bytes that went over the line, and those of them that stand
}

func newPhase(e progress.Event, now time.Time) *phase {
	p := &phase{name: e.Name, total: e.Bytes, counted: e.Counted, parts: map[string]*part{}}
	for _, n := range e.Nodes {
		p.parts[n] = &part{total: e.Bytes / int64(len(e.Nodes)), schedule: newSchedule(e.Blobs, now), gross: newMeter(now), net: newMeter(now)}
	}
	if len(e.Nodes) == 0 {
		p.parts[""] = &part{total: e.Bytes, schedule: newSchedule(e.Blobs, now), gross: newMeter(now), net: newMeter(now)}
	}
	return p
}

func (p *phase) count(e progress.Event, now time.Time) {
	part := p.parts[e.Node]
	if part == nil { // of a node that the phase did not name
		if part = p.parts[""]; part == nil {
			return
		}
	}
	part.done += e.Bytes
	part.schedule.count(e, now)
	if e.Kind == progress.Advance {
		part.gross.add(max(0, e.Bytes), now)
		part.net.add(e.Bytes, now)
	}
}

// fail takes a node out of the work, with what it had: it would look done.
func (p *phase) fail(node string) {
	if part := p.parts[node]; part != nil && node != "" {
		p.total -= part.total
		delete(p.parts, node)
	}
}

// done is between 0 and the total.
func (p *phase) done() int64 {
	var n int64
	for _, part := range p.parts {
		n += part.done
	}
	return max(0, min(n, p.total))
}

// rate is in bytes a second, over all nodes.
func (p *phase) rate(now time.Time) int64 {
	var n int64
	for _, part := range p.parts {
		n += part.gross.rate(now)
	}
	return n
}

// left is how long it still takes, if it is known: nothing is said of the first
// seconds, nor where nothing moves.
func (p *phase) left(now time.Time) (longest time.Duration, known bool) {
	for _, part := range p.parts {
		left := part.total - part.done
		if left <= 0 {
			continue
		}
		rate := part.net.rate(now)
		if rate <= 0 || !part.net.settled(now) {
			return 0, false
		}
		seconds := max(float64(left)/float64(rate), part.schedule.seconds(float64(rate)))
		if seconds > maxLeft.Seconds() {
			return 0, false
		}
		longest = max(longest, time.Duration(seconds*float64(time.Second)))
	}
	return longest, len(p.parts) > 0
}

// maxLeft is the longest time that is told; behind it stands "unknown".
const maxLeft = 99 * time.Hour

// time is the time left, in words.
func (p *phase) time(now time.Time) string {
	if p.full() { // sent, and not yet confirmed
		return "finishing"
	}
	left, known := p.left(now)
	if !known {
		return "time left unknown"
	}
	return duration(left) + " left"
}

// full is never said of a stage of which all nodes failed.
func (p *phase) full() bool { return p.total > 0 && p.done() == p.total }

func (p *phase) percent() int64 {
	if p.total <= 0 {
		return 0
	}
	return int64(float64(p.done()) / float64(p.total) * 100)
}

// line is the state where there is no terminal.
func (p *phase) line(now time.Time) string {
	return fmt.Sprintf("%s: %d%%, %s, %s", p.name, p.percent(), strings.Join(p.amounts(now), ", "), p.time(now))
}

// amounts are how much is done of how much, and how fast.
func (p *phase) amounts(now time.Time) []string {
	if p.counted {
		return []string{fmt.Sprintf("%d of %d", p.done(), p.total)}
	}
	return []string{Bytes(p.done()) + " of " + Bytes(p.total), Bytes(p.rate(now)) + "/s"}
}

const (
	maxBar = 30 // columns
	minBar = 5
)

// bar is the state in at most so many columns: what matters least goes first.
func (p *phase) bar(now time.Time, width int) string {
	percent := fmt.Sprintf("%s %3d%%", p.name, p.percent())
	left := p.time(now)
	if _, known := p.left(now); !known && !p.full() {
		left = "-- left"
	}
	whole := len(p.amounts(now)) + 1
	for tail := append(p.amounts(now), left); len(tail) > 0; tail = tail[1:] {
		line := percent + "  " + strings.Join(tail, "  ")
		if room := width - len(line) - 3; len(tail) == whole && room >= minBar {
			return p.drawn(min(room, maxBar)) + line[len(percent)+1:]
		}
		if len(line) <= width {
			return line
		}
	}
	return percent[:max(0, min(len(percent), width))]
}

// drawn is the bar itself, so many columns wide, behind its name and its percentage.
// The library draws it; what it knows of rates and times is left out, since it
// would count what an earlier run did as work of this one.
func (p *phase) drawn(columns int) string {
	b := progressbar.NewOptions64(p.total,
		progressbar.OptionSetWriter(io.Discard), // the line is not whole yet
		progressbar.OptionSetDescription(p.name),
		progressbar.OptionSetWidth(columns),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: "=", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}),
		progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
	)
	_ = b.Set64(p.done()) // nothing is written, and nothing goes wrong
	return strings.TrimSpace(b.String())
}

// duration is a time for people, in steps that do not flicker.
func duration(d time.Duration) string {
	s := int64(d.Seconds() + 0.5)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
}
