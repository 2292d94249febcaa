package ui

import (
	"strings"
	"testing"

	"drayage/internal/progress"
)

// A check asks for each piece and reads none: bytes a second would say nothing.
func TestStageOfPiecesHasNoRate(t *testing.T) {
	for draw, want := range map[drawing]string{
		lines:  "check: 50%, 100 of 200, 10s left\n",
		events: `"done":100,"total":200,"unit":"pieces","secondsLeft":10}`,
		bar:    "] 100 of 200  10s left",
	} {
		c := newClocked(draw, 80)
		p := c.Progress()
		p.PiecesOf("check", 200, []string{"node1"})
		node := progress.ForNode(p, "node1").Func()
		c.pass(10, func() { node.Advance(10) })
		if got := c.out.String(); !strings.Contains(got, want) || strings.Contains(got, "/s") || strings.Contains(got, "bytesPerSecond") {
			t.Errorf("got %q, want %q and no rate", got, want)
		}
	}
}

// The last bytes are with the node before it says that it has them.
func TestFullStageSaysThatItFinishes(t *testing.T) {
	for _, draw := range []drawing{lines, bar} {
		c := newClocked(draw, 80)
		c.Progress().Phase("push", 1_000_000)
		c.Progress().Advance(1_000_000)
		c.pass(10, nil)
		if got := c.out.String(); !strings.Contains(got, "finishing") || strings.Contains(got, " 0s left") {
			t.Errorf("got %q", got)
		}
	}
}
