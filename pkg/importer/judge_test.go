package importer

import (
	"context"
	"errors"
	"io"
	"testing"
)

// ^C while a pipe is read to its end is no success, also when the reading ends at
// the same moment.
func TestPipeThatIsCancelledWhileItDrains(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 64 { // which of the two is seen first is left to chance
		played := make(chan error, 1)
		played <- io.ErrUnexpectedEOF
		if err := (&tape{}).judge(ctx, nil, played, []error{nil}, PushOptions{}); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
	}
}
