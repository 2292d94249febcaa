package importer

import (
	"testing"

	"drayage/internal/progress"
)

// What is taken off the count is taken off once.
func TestCountThatEndsTwice(t *testing.T) {
	var sum int64
	c := &countedReader{n: 10, report: func(e progress.Event) { sum += e.Bytes }}
	c.end(4)
	c.end(0)
	if sum != -10 {
		t.Errorf("%d bytes taken off, want 10", -sum)
	}
}
