// Package ui shows a person what long work does. The terminal's rules:
//
//   - Everything here goes to standard error. Standard output carries results only.
//   - On a terminal one bar stands at the bottom, over all of a phase; notes scroll
//     by above it. Elsewhere (a file, CI) there are plain lines, the bar's state
//     among them every few seconds.
//   - When the work ends, the bar goes and what remains on the screen is the notes.
package ui

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/docker/go-units"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"drayage/internal/progress"
)

// lineEvery is how often the state is printed where there is no terminal.
const lineEvery = 10 * time.Second

// UI draws progress. It is safe for use by many goroutines.
type UI struct {
	out      io.Writer
	terminal bool

	mu    sync.Mutex
	bar   *progressbar.ProgressBar
	phase string
	total int64
	done  int64
	since time.Time
	shown time.Time
}

// New makes a UI on a file, usually standard error.
func New(f *os.File) *UI {
	return &UI{out: f, terminal: term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"}
}

// Progress is where work reports to.
func (u *UI) Progress() progress.Func { return u.take }

// Close takes the bar away.
func (u *UI) Close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.endPhase()
}

func (u *UI) take(e progress.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch e.Kind {
	case progress.Phase:
		u.endPhase()
		u.beginPhase(e.Name, e.Bytes)
	case progress.Advance:
		u.advance(e.Bytes)
	case progress.Note:
		u.note(e)
	}
}

func (u *UI) beginPhase(name string, bytes int64) {
	u.phase, u.total, u.done = name, bytes, 0
	u.since, u.shown = time.Now(), time.Now()
	if u.terminal && bytes > 0 {
		u.bar = progressbar.NewOptions64(bytes,
			progressbar.OptionSetWriter(u.out),
			progressbar.OptionSetDescription(name),
			progressbar.OptionShowBytes(true),
			progressbar.OptionShowTotalBytes(true),
			progressbar.OptionShowCount(),
			progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetPredictTime(true),
		)
	}
}

func (u *UI) endPhase() {
	if u.bar != nil {
		_ = u.bar.Clear()
		u.bar = nil
	}
}

func (u *UI) advance(n int64) {
	wasFull := u.done >= u.total
	u.done += n
	if u.bar != nil {
		if wasFull && n < 0 { // a bar that is full does not go back
			u.bar.Reset()
		}
		_ = u.bar.Set64(max(0, min(u.done, u.total))) // a bar that cannot be drawn harms nobody
		return
	}
	if !u.terminal && u.total > 0 && time.Since(u.shown) >= lineEvery {
		u.shown = time.Now()
		fmt.Fprintf(u.out, "%s: %d%%, %s of %s, %s/s\n", u.phase, u.done*100/u.total,
			Bytes(u.done), Bytes(u.total), Bytes(int64(float64(u.done)/time.Since(u.since).Seconds())))
	}
}

func (u *UI) note(e progress.Event) {
	if u.bar != nil {
		_ = u.bar.Clear()
	}
	if e.Node != "" {
		fmt.Fprintf(u.out, "%s: %s\n", e.Node, e.Name)
	} else {
		fmt.Fprintln(u.out, e.Name)
	}
	if u.bar != nil {
		_ = u.bar.RenderBlank()
	}
}

// Bytes is a size for people: three or four digits and a decimal unit.
func Bytes(n int64) string { return units.HumanSize(float64(n)) }
