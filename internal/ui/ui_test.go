package ui

import (
	"bytes"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"drayage/internal/progress"
)

// drawn is what work makes a UI print.
func drawn(terminal bool, work func(*UI, progress.Func)) string {
	var out bytes.Buffer
	u := &UI{out: &out, terminal: terminal}
	work(u, u.Progress())
	u.Close()
	return out.String()
}

func TestNotesAreLinesWhereThereIsNoTerminal(t *testing.T) {
	got := drawn(false, func(_ *UI, p progress.Func) {
		p.Note("", "reading release 4.12.0")
		p.Phase("push", 100)
		p.Advance(50)
		p.Note("node1", "done")
		p.Advance(50)
	})
	if want := "reading release 4.12.0\nnode1: done\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStateIsALineNowAndThenWhereThereIsNoTerminal(t *testing.T) {
	got := drawn(false, func(u *UI, p progress.Func) {
		p.Phase("write", 2_000_000)
		p.Advance(1)
		u.since, u.shown = time.Now().Add(-20*time.Second), time.Now().Add(-lineEvery)
		p.Advance(999_999)
		p.Advance(1) // too early for another line
	})
	if want := "write: 50%, 1MB of 2MB, 50kB/s\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPhaseThatIsNotCountedInBytesDrawsNothing(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		got := drawn(terminal, func(u *UI, p progress.Func) {
			p.Phase("resolve", 0)
			u.shown = time.Now().Add(-time.Hour)
			p.Advance(10)
		})
		if got != "" {
			t.Errorf("terminal %t: drew %q", terminal, got)
		}
	}
}

func TestNoteStandsAloneOnATerminal(t *testing.T) {
	got := drawn(true, func(_ *UI, p progress.Func) {
		p.Phase("push", 1000)
		p.Advance(500)
		p.Note("node1", "done")
		p.Advance(100)
	})
	before, _, found := strings.Cut(got, "node1: done\n")
	if !found || !strings.HasSuffix(before, "\r") {
		t.Errorf("want the bar taken away, then the note on a line of its own: %q", got)
	}
	if !strings.Contains(before, "push") {
		t.Errorf("want a bar before the note: %q", got)
	}
	if !strings.HasSuffix(got, "\r") {
		t.Errorf("want the bar taken away at the end: %q", got)
	}
}

// Work takes back what a broken transfer had reported, even below zero if its
// reports came out of order, and even when the bar was full.
func TestNegativeAdvance(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		var done int64
		drawn(terminal, func(u *UI, p progress.Func) {
			p.Phase("push", 1000)
			for _, n := range []int64{600, -600, -50, 1050, -400, 100, 500, -200} {
				p.Advance(n)
			}
			done = u.done
		})
		if done != 1000 {
			t.Errorf("terminal %t: %d bytes done, want 1000", terminal, done)
		}
	}
}

func TestFullBarGoesBack(t *testing.T) {
	drawn(true, func(u *UI, p progress.Func) {
		p.Phase("push", 1000)
		p.Advance(1000)
		if !u.bar.IsFinished() {
			t.Error("the bar is not full at 1000 of 1000")
		}
		p.Advance(-750)
		if got := u.bar.State().CurrentNum; u.bar.IsFinished() || got != 250 {
			t.Errorf("the bar stands at %d, want 250", got)
		}
	})
}

// Standard output carries results: nothing of this may reach it.
func TestNothingGoesToStandardOutput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	saved := os.Stdout
	os.Stdout = w
	for _, terminal := range []bool{false, true} {
		drawn(terminal, func(_ *UI, p progress.Func) {
			p.Phase("push", 1000)
			p.Advance(1000)
			p.Note("node1", "done")
		})
	}
	os.Stdout = saved
	w.Close()
	if got, _ := io.ReadAll(r); len(got) > 0 {
		t.Errorf("standard output got %q", got)
	}
}

func TestFileIsNoTerminal(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if New(f).terminal {
		t.Error("a file was taken for a terminal")
	}
}

func TestManyGoroutines(t *testing.T) {
	var done int64
	drawn(true, func(u *UI, p progress.Func) {
		p.Phase("push", 8000)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 1000 {
					p.Advance(1)
				}
				p.Note("node", "done")
			})
		}
		wg.Wait()
		done = u.done
	})
	if done != 8000 {
		t.Errorf("%d bytes done, want 8000", done)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 999: "999B", 1000: "1kB", 1_234_000_000: "1.234GB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
