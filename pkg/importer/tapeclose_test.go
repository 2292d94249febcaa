package importer

import (
	"errors"
	"io"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/oci"
)

// A reader that is closed holds nothing once the beginning of its blob is gone,
// whether that was before or comes after.
func TestClosedReaderOfWhatCannotBeRepeatedHoldsNothing(t *testing.T) {
	for _, before := range []bool{true, false} {
		tp := newTape(nil, &work{}, 0)
		tp.window = 4 * chunk
		a := &pusher{}
		tp.join(a, nil)
		d := ocispec.Descriptor{Digest: digest.FromString("large"), Size: 100 * chunk}
		r, err := tp.open(t.Context(), a, d)
		if err != nil {
			t.Fatal(err)
		}
		fd := tp.feed(d.Digest)
		fd.passing = true
		tp.order = append(tp.order, fd)
		for range 4 {
			tp.give(fd, make([]byte, chunk), false, nil)
		}
		if _, err := io.CopyN(io.Discard, r, 2*chunk); err != nil {
			t.Fatal(err)
		}
		if before {
			tp.evict(chunk)
		}
		r.Close()
		tp.evict(4 * chunk)
		if tp.held != 0 || len(tp.slowest()) != 0 {
			t.Errorf("first gone before: %v: %d bytes held, waiting for %d", before, tp.held, len(tp.slowest()))
		}
		if _, err := tp.open(t.Context(), a, d); !errors.Is(err, oci.ErrPassed) {
			t.Errorf("got %v", err)
		}
	}
}
