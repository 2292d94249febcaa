package ui

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"drayage/internal/progress"
)

// clocked is a UI whose clock a test sets.
type clocked struct {
	*UI
	out bytes.Buffer
	at  time.Time
}

func newClocked(draw drawing, width int) *clocked {
	c := &clocked{at: time.Unix(1000, 0)}
	c.UI = &UI{out: &c.out, draw: draw, width: func() int { return width }, now: func() time.Time { return c.at }, began: c.at}
	c.stop = make(chan struct{}) // no other clock
	return c
}

// pass lets time pass, and shows the state each second, as the clock would.
func (c *clocked) pass(seconds int, eachSecond func()) {
	for range seconds {
		c.at = c.at.Add(time.Second)
		if eachSecond != nil {
			shown := c.shown
			c.shown = c.at // not between the work of the nodes
			eachSecond()
			c.shown = shown
		}
		c.tick()
		c.flush()
	}
}

// screen is what a terminal shows of what was drawn.
func screen(s string) []string {
	rows := []string{""}
	for s != "" {
		row := &rows[len(rows)-1]
		switch {
		case strings.HasPrefix(s, "\r\x1b[K"):
			*row, s = "", s[len("\r\x1b[K"):]
			continue
		case strings.HasPrefix(s, "\x1b[K"):
			s = s[len("\x1b[K"):]
			continue
		case s[0] == '\r':
			*row = ""
		case s[0] == '\n':
			rows = append(rows, "")
		default:
			*row += s[:1]
		}
		s = s[1:]
	}
	return rows
}

func TestNotesAreLinesWhereThereIsNoTerminal(t *testing.T) {
	c := newClocked(lines, 0)
	p := c.Progress()
	p.Note("", "reading release 4.12.0")
	p.PhaseOf("push", 100, []string{"node1"})
	p.Advance(50)
	p.NodeEnded("node1", "done")
	p.ClassEnded(progress.EndedClass{Name: "operators", Pieces: 3, Bytes: 1_200_000})
	c.Close()
	if got, want := c.out.String(), "reading release 4.12.0\nnode1: done\noperators: all there: 3 blobs, 1.2MB\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStateIsALineEachTenSecondsWhereThereIsNoTerminal(t *testing.T) {
	c := newClocked(lines, 0)
	c.Progress().Phase("write", 100_000_000)
	c.pass(25, func() { c.Progress().Advance(1_000_000) })
	want := "write: 10%, 10MB of 100MB, 1MB/s, 1m30s left\nwrite: 20%, 20MB of 100MB, 1MB/s, 1m20s left\n"
	if got := c.out.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestWhatStandsStillIsSaid(t *testing.T) {
	c := newClocked(lines, 0)
	c.Progress().Phase("write", 100_000_000)
	c.pass(5, func() { c.Progress().Advance(1_000_000) })
	c.pass(25, nil)
	rows := strings.Split(c.out.String(), "\n")
	if want := "write: 5%, 5MB of 100MB, 0B/s, time left unknown"; rows[2] != want {
		t.Errorf("got %q, want %q", rows, want)
	}
}

func TestWhatIsThereFromBeforeIsNoRate(t *testing.T) {
	c := newClocked(lines, 0)
	p := c.Progress()
	p.Phase("write", 1_000_000_000)
	p.Skip(900_000_000)
	c.pass(10, func() { p.Advance(1_000_000) })
	if got, want := c.out.String(), "write: 91%, 910MB of 1GB, 1MB/s, 1m30s left\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A line that became ten times slower is believed after the window.
func TestTheRateIsThatOfTheLastSeconds(t *testing.T) {
	c := newClocked(lines, 0)
	p := c.Progress()
	p.Phase("write", 1_000_000_000)
	c.pass(60, func() { p.Advance(10_000_000) })
	c.pass(21, func() { p.Advance(1_000_000) })
	if got := c.phase.rate(c.at); got < 900_000 || got > 1_100_000 {
		t.Errorf("%d bytes a second, want a million", got)
	}
	if left, known := c.phase.left(c.at); !known || left < 350*time.Second || left > 420*time.Second {
		t.Errorf("%s left (known: %t), want some 379 s", left, known)
	}
}

// A tenth of the work is at a tenth of the speed: the time is that node's.
func TestTheTimeIsThatOfTheSlowestNode(t *testing.T) {
	c := newClocked(lines, 0)
	p := c.Progress()
	p.PhaseOf("push", 100_000_000, []string{"fast", "slow"})
	fast, slow := progress.ForNode(p, "fast").Func(), progress.ForNode(p, "slow").Func()
	c.pass(10, func() { fast.Advance(10_000_000); slow.Advance(1_000_000) })
	if got, want := c.out.String(), "push: 55%, 110MB of 200MB, 11MB/s, 1m30s left\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestANodeThatIsGivenUpIsNotWaitedFor(t *testing.T) {
	c := newClocked(lines, 0)
	p := c.Progress()
	p.PhaseOf("push", 100_000_000, []string{"well", "gone"})
	well, gone := progress.ForNode(p, "well").Func(), progress.ForNode(p, "gone").Func()
	gone.Advance(7)
	gone.NodeFailed("gone", "stopped")
	gone.Advance(7) // a reader that is late
	c.pass(10, func() { well.Advance(1_000_000) })
	if got, want := c.out.String(), "gone: stopped\npush: 10%, 10MB of 100MB, 1MB/s, 1m30s left\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAStageWhoseNodesAllFailedIsNotDone(t *testing.T) {
	for _, draw := range []drawing{lines, bar, events} {
		c := newClocked(draw, 80)
		p := c.Progress()
		p.PhaseOf("push", 1000, []string{"node1", "node2"})
		p.NodeFailed("node1", "stopped")
		p.NodeFailed("node2", "stopped")
		c.pass(10, nil)
		got := c.out.String()
		if strings.Contains(got, "100%") || strings.Contains(got, "finishing") || strings.Contains(got, "secondsLeft") {
			t.Errorf("got %q", got)
		}
		if want := `{"event":"failed","seconds":0,"phase":"push","node":"node1","text":"stopped"}`; draw == events && !strings.Contains(got, want) {
			t.Errorf("got %q without %s", got, want)
		}
	}
}

// A line that cuts each transfer moves much and gets nowhere.
func TestWhatIsCutAgainAndAgainHasNoEnd(t *testing.T) {
	c := newClocked(lines, 0)
	p := c.Progress()
	p.Phase("push", 1_000_000_000)
	for range 10 {
		c.pass(4, func() { p.Advance(50_000_000) })
		p.Advance(-200_000_000)
	}
	if left, known := c.phase.left(c.at); known {
		t.Errorf("%s left, want nothing told", left)
	}
}

// Bytes that were taken back and are sent again went over the line twice.
func TestTakenBackIsNotDoneAndWasWork(t *testing.T) {
	c := newClocked(lines, 0)
	p := c.Progress()
	p.Phase("push", 100_000_000)
	c.pass(5, func() { p.Advance(1_000_000) })
	p.Advance(-5_000_000)
	c.pass(5, func() { p.Advance(1_000_000) })
	if got, want := c.out.String(), "push: 5%, 5MB of 100MB, 1MB/s, 3m10s left\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheBarFits(t *testing.T) {
	for width, want := range map[int]string{
		120: "write  50% [===============               ] 500MB of 1GB  10MB/s  50s left",
		80:  "write  50% [===============               ] 500MB of 1GB  10MB/s  50s left",
		60:  "write  50% [=======       ] 500MB of 1GB  10MB/s  50s left",
		40:  "write  50%  10MB/s  50s left",
		24:  "write  50%  50s left",
		12:  "write  50%",
		4:   "wri",
	} {
		c := newClocked(bar, width)
		c.Progress().Phase("write", 1_000_000_000)
		c.pass(50, func() { c.Progress().Advance(10_000_000) })
		rows := screen(c.out.String())
		if got := rows[len(rows)-1]; len(rows) != 1 || got != want || len(got) >= width {
			t.Errorf("%d columns:\ngot  %q\nwant %q", width, rows, want)
		}
		c.Close()
		if got := screen(c.out.String()); got[0] != "" {
			t.Errorf("%d columns: the bar stays: %q", width, got)
		}
	}
}

func TestTheBarStandsFromTheFirstMomentWithItsSize(t *testing.T) {
	c := newClocked(bar, 80)
	c.Progress().Phase("write", 3_400_000_000)
	if got := screen(c.out.String()); !strings.Contains(got[0], "0% [") || !strings.Contains(got[0], "0B of 3.4GB") || !strings.Contains(got[0], "-- left") {
		t.Errorf("%q", got)
	}
}

func TestNotesScrollByAboveTheBar(t *testing.T) {
	c := newClocked(bar, 80)
	p := c.Progress()
	p.Phase("push", 1000)
	p.Advance(500)
	p.Note("node1", "done")
	rows := screen(c.out.String())
	if len(rows) != 2 || rows[0] != "node1: done" || !strings.HasPrefix(rows[1], "push  50% [") {
		t.Errorf("%q", rows)
	}
}

func TestPhaseThatIsNotCountedInBytesDrawsNothing(t *testing.T) {
	for _, draw := range []drawing{bar, lines} {
		c := newClocked(draw, 80)
		c.Progress().Phase("resolve", 0)
		c.pass(60, func() { c.Progress().Advance(10) })
		if got := c.out.String(); got != "" {
			t.Errorf("drew %q", got)
		}
	}
}

// Work takes back what a broken transfer had reported, even below zero if its
// reports came out of order, and even when all was done.
func TestNegativeAdvance(t *testing.T) {
	for _, draw := range []drawing{bar, lines, events, nothing} {
		c := newClocked(draw, 80)
		c.Progress().Phase("push", 1000)
		for _, n := range []int64{600, -600, -50, 1050, -400, 100, 500, -200} {
			c.Progress().Advance(n)
			c.pass(1, nil)
		}
		if got := c.phase.done(); got != 1000 {
			t.Errorf("%d bytes done, want 1000", got)
		}
	}
}

func TestEventsAreJSONLines(t *testing.T) {
	c := newClocked(events, 0)
	p := c.Progress()
	p.Note("", "reading <b>")
	p.PhaseOf("push", 50_000_000, []string{"node1", "node2"})
	one, two := progress.ForNode(p, "node1").Func(), progress.ForNode(p, "node2").Func()
	c.pass(5, func() { one.Advance(1_000_000); two.Advance(1_000_000) })
	one.ClassEnded(progress.EndedClass{Name: "release", Pieces: 2, Bytes: 12})
	one.NodeEnded("node1", "done")
	c.Close()
	rows := strings.Split(strings.TrimSuffix(c.out.String(), "\n"), "\n")
	for _, row := range rows {
		if !json.Valid([]byte(row)) {
			t.Errorf("%s: is no JSON", row)
		}
	}
	want := []string{
		`{"event":"note","seconds":0,"text":"reading <b>"}`,
		`{"event":"phase","seconds":0,"phase":"push","total":100000000}`,
		`{"event":"state","seconds":5,"phase":"push","done":10000000,"total":100000000,"bytesPerSecond":2000000,"secondsLeft":45}`,
		`{"event":"ended","seconds":5,"phase":"push","node":"node1","class":"release","blobs":2,"bytes":12}`,
		`{"event":"ended","seconds":5,"phase":"push","node":"node1","text":"done"}`,
	}
	at := 0
	for _, row := range rows {
		if at < len(want) && row == want[at] {
			at++
		}
	}
	if at < len(want) {
		t.Errorf("got\n%s\nwithout, in this order, %s", c.out.String(), want[at])
	}
}

func TestNoneIsSilent(t *testing.T) {
	c := newClocked(nothing, 80)
	c.Progress().Phase("push", 100)
	c.Progress().Note("", "text")
	c.pass(60, func() { c.Progress().Advance(1) })
	c.Close()
	if c.out.Len() > 0 {
		t.Errorf("got %q", c.out.String())
	}
}

func TestFileIsNoTerminal(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for format, want := range map[Format]drawing{Auto: lines, Lines: lines, JSON: events, None: nothing} {
		if got := New(f, format).draw; got != want {
			t.Errorf("%s: %d, want %d", format, got, want)
		}
	}
}

func TestManyGoroutinesAndTheClock(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	u := New(f, JSON)
	p := u.Progress()
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
	if got := u.phase.done(); got != 8000 {
		t.Errorf("%d bytes done, want 8000", got)
	}
	u.Close()
	u.Close()
}

// A terminal that is held (^S) or a program that does not read holds no work up.
func TestReaderThatStandsStillHoldsNoWork(t *testing.T) {
	for _, draw := range []drawing{lines, bar, events} {
		r, w := io.Pipe()
		u := &UI{out: w, draw: draw, width: func() int { return 80 }, now: time.Now, began: time.Now()}
		p := u.Progress()
		p.Phase("push", 8000)
		for range 4000 { // would never end
			p.Advance(2)
			p.Note("node", "done")
		}
		go func() { _, _ = io.Copy(io.Discard, r) }()
		u.Close()
		if got := u.unsent.Len(); got != 0 {
			t.Errorf("%d bytes are left unsaid", got)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59_400 * time.Millisecond: "59s", 59_600 * time.Millisecond: "1m00s", 90 * time.Second: "1m30s", 3 * time.Hour: "3h00m",
	} {
		if got := duration(d); got != want {
			t.Errorf("%s: got %s, want %s", d, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 999: "999B", 1000: "1kB", 1_234_000_000: "1.234GB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
