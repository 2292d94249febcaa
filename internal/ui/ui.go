// Package ui shows a person what long work does. The terminal's rules:
//
//   - Everything here goes to standard error. Standard output carries results only.
//   - On a terminal one bar stands at the bottom, over all of a phase; notes scroll
//     by above it. It is never wider than the terminal. Elsewhere (a file, CI,
//     TERM=dumb) there are plain lines, the bar's state among them every ten seconds.
//   - When the work ends, the bar goes and what remains on the screen is the notes.
//   - No colour is used, so NO_COLOR changes nothing.
//
// # How much time is left
//
// The rate is that of the last twenty seconds, so a line that becomes faster or
// slower is believed soon. Bytes that needed no work, those of an earlier run or
// those that a node has already, are done and are no part of the rate. Bytes that
// are sent twice are part of the rate that is shown, since the line carried them,
// but not of the one that the time is told from. A node that failed is no part of
// the work any more. Where the blobs are known, the time is until the last of
// them is there: a large one that comes last goes on alone, and how fast that is
// is judged from the pauses between blobs. Where nodes are filled beside each
// other, the time is that of the one that needs longest.
package ui

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/docker/go-units"
	"golang.org/x/term"

	"drayage/internal/progress"
)

// Format is how progress is told.
type Format string

// The formats.
const (
	Auto  Format = "auto"  // a bar on a terminal, lines elsewhere
	Lines Format = "lines" // lines everywhere
	JSON  Format = "json"  // an event a line; see docs/json.md
	None  Format = "none"  // nothing
)

// Formats are all of them.
var Formats = []Format{Auto, Lines, JSON, None}

const (
	// lineEvery is how often the state is printed where there is no terminal.
	lineEvery = 10 * time.Second
	// drawEvery is how often the bar is drawn, and how old it gets when nothing
	// happens.
	drawEvery = 200 * time.Millisecond
	// eventEvery is how often the state is an event.
	eventEvery = time.Second
)

// UI draws progress. It is safe for use by many goroutines.
type UI struct {
	out   io.Writer
	draw  drawing
	width func() int // columns of the terminal
	now   func() time.Time
	began time.Time

	writing sync.Mutex // held while out is written to; taken before mu

	mu     sync.Mutex
	unsent bytes.Buffer  // what waits to be written
	wake   chan struct{} // tells the clock that there is something; nil where none runs
	phase  *phase        // nil when nothing is counted
	stage  string        // its name, also when nothing is counted
	shown  time.Time
	drawn  bool          // a bar stands on the screen
	stop   chan struct{} // ends the clock; nil when it does not run
}

type drawing int

const (
	bar drawing = iota
	lines
	events
	nothing
)

// New makes a UI on a file, usually standard error.
func New(f *os.File, format Format) *UI {
	u := &UI{out: f, now: time.Now, began: time.Now(), width: func() int {
		w, _, err := term.GetSize(int(f.Fd()))
		if err != nil || w <= 0 {
			return 80
		}
		return w
	}}
	switch {
	case format == JSON:
		u.draw = events
	case format == None:
		u.draw = nothing
	case format == Lines, !term.IsTerminal(int(f.Fd())), os.Getenv("TERM") == "dumb":
		u.draw = lines
	}
	return u
}

// Progress is where work reports to.
func (u *UI) Progress() progress.Func { return u.take }

// Close takes the bar away. The UI may be used again.
func (u *UI) Close() {
	u.mu.Lock()
	u.endPhase()
	if u.stop != nil {
		close(u.stop)
		u.stop, u.wake = nil, nil
	}
	u.mu.Unlock()
	u.flush()
}

// flush writes what waits. Nobody who works holds on for a reader that stands still:
// while the clock runs, it alone writes.
func (u *UI) flush() {
	u.writing.Lock()
	defer u.writing.Unlock()
	u.mu.Lock()
	out := bytes.Clone(u.unsent.Bytes())
	u.unsent.Reset()
	u.mu.Unlock()
	if len(out) > 0 {
		_, _ = u.out.Write(out) // what nobody reads harms nobody
	}
}

func (u *UI) take(e progress.Event) {
	u.mu.Lock()
	u.handle(e)
	wake, waits := u.wake, u.unsent.Len() > 0
	u.mu.Unlock()
	switch {
	case !waits:
	case wake == nil:
		u.flush()
	default:
		select {
		case wake <- struct{}{}:
		default: // it was told already
		}
	}
}

func (u *UI) handle(e progress.Event) {
	switch e.Kind {
	case progress.Phase:
		u.endPhase()
		u.beginPhase(e)
	case progress.Advance, progress.Skip:
		if u.phase != nil {
			u.phase.count(e, u.now())
		}
	case progress.Failed:
		if u.phase != nil {
			u.phase.fail(e.Node)
		}
		u.note(e)
	case progress.Note, progress.Ended:
		u.note(e)
	}
}

func (u *UI) beginPhase(e progress.Event) {
	u.stage = e.Name
	if u.draw == events {
		u.event(event{Kind: string(e.Kind), Phase: e.Name, Total: &e.Bytes, Unit: unit(e.Counted)})
	}
	if e.Bytes <= 0 {
		return
	}
	u.phase = newPhase(e, u.now())
	u.shown = u.now()
	if u.draw == bar {
		u.drawBar()
	}
	if u.stop == nil && u.draw != nothing {
		u.stop, u.wake = make(chan struct{}), make(chan struct{}, 1)
		go u.clock(u.stop, u.wake)
	}
}

// clock shows the state when nothing happens, too: that is when somebody looks.
func (u *UI) clock(stop, wake chan struct{}) {
	t := time.NewTicker(drawEvery)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-wake:
		case <-t.C:
			u.mu.Lock()
			if u.stop == stop {
				u.tick()
			}
			u.mu.Unlock()
		}
		u.flush()
	}
}

func (u *UI) endPhase() {
	if u.phase != nil && u.draw == events {
		u.state()
	}
	u.clear()
	u.phase = nil
}

// tick shows the state if it is time to.
func (u *UI) tick() {
	every := map[drawing]time.Duration{bar: drawEvery, lines: lineEvery, events: eventEvery}[u.draw]
	if u.phase == nil || u.draw == nothing || u.now().Sub(u.shown) < every {
		return
	}
	u.shown = u.now()
	switch u.draw {
	case bar:
		u.drawBar()
	case lines:
		fmt.Fprintln(&u.unsent, u.phase.line(u.now()))
	case events:
		u.state()
	}
}

func (u *UI) drawBar() {
	// The last column stays free: some terminals go to the next line there.
	fmt.Fprint(&u.unsent, "\r"+u.phase.bar(u.now(), u.width()-1)+"\x1b[K")
	u.drawn = true
}

func (u *UI) clear() {
	if u.drawn {
		fmt.Fprint(&u.unsent, "\r\x1b[K")
		u.drawn = false
	}
}

func (u *UI) note(e progress.Event) {
	switch {
	case u.draw == nothing:
		return
	case u.draw == events:
		u.noteEvent(e)
		return
	}
	u.clear()
	fmt.Fprintln(&u.unsent, text(e))
	if u.phase != nil && u.draw == bar {
		u.drawBar()
	}
}

// text is a note, or what ended, in a line.
func text(e progress.Event) string {
	s := e.Name
	if e.Class != "" {
		s = fmt.Sprintf("%s: all there: %d blobs, %s", e.Class, e.Pieces, Bytes(e.Bytes))
	}
	if e.Node != "" {
		s = e.Node + ": " + s
	}
	return s
}

// Bytes is a size for people: three or four digits and a decimal unit.
func Bytes(n int64) string { return units.HumanSize(float64(n)) }
