package importer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/bundle"
	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// played is a tape of one large blob with a window of four chunks, and a clock
// that stands still but for what is added to it.
type played struct {
	*tape
	large ocispec.Descriptor
	clock *atomic.Int64
	nodes []*pusher
}

// plays starts a tape for some nodes that need nothing but the large blob.
func plays(t *testing.T, ctx context.Context, nodes int) played {
	t.Helper()
	w := newWorld()
	content := strings.Repeat("large ", 500_000) // 12 chunks
	w.add("quay.io/acme/large:v1", w.content(content))
	raw, b := piped(t, w)
	pipe, err := bundle.OpenPipe(bytes.NewReader(raw), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pipe.Close() })
	work, err := newWork(pipe.Bundle, site.Repositories{})
	if err != nil {
		t.Fatal(err)
	}
	p := played{newTape(pipe.Tape, work, time.Second), descriptorOf(b, digest.FromString(content)), new(atomic.Int64), nil}
	p.window, p.now = 4*chunk, func() time.Time { return time.Unix(0, p.clock.Load()) }
	for range nodes {
		one := &pusher{fan: p.tape}
		p.nodes = append(p.nodes, one)
		p.join(one, func(error) {})
		for d := range p.needed {
			if d != p.large.Digest {
				p.skip(one, d)
			}
		}
	}
	go p.play(ctx)
	return p
}

// A blob that has passed by is found missing before an upload of it is begun.
func TestNoUploadIsBegunOfWhatHasPassed(t *testing.T) {
	p := plays(t, t.Context(), 2)
	p.skip(p.nodes[0], p.large.Digest)
	if _, err := p.open(t.Context(), p.nodes[1], p.large); err != nil { // and takes nothing, so the tape stops there
		t.Fatal(err)
	}
	for passing := false; !passing; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		passing = p.feed(p.large.Digest).passing
		p.mu.Unlock()
	}
	n, requests := newNode(t), []string{}
	n.otherwise(func(_ http.ResponseWriter, r *http.Request) bool {
		requests = append(requests, r.Method)
		return false
	})
	one := p.nodes[0]
	one.client, one.registry = client(t), registry{siteOf(n).Nodes[0].Address, true}
	if err := one.blobOnce(t.Context(), blobWork{desc: p.large, repos: []string{"acme/large"}}); err != nil {
		t.Fatal(err)
	}
	missed := (*MissedError)(nil)
	if !errors.As(one.missing(), &missed) || missed.Blobs != 1 || missed.Bytes != p.large.Size || slices.Contains(requests, http.MethodPost) {
		t.Errorf("%v after %q", one.missing(), requests)
	}
}

// An upload that was refused before its first byte, and waits for its next attempt,
// has a tenth of patience, and then costs its node that blob.
func TestALongWaitDoesNotHoldTheTape(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	p := plays(t, ctx, 2)
	var readers []io.ReadCloser
	for _, one := range p.nodes {
		r, err := p.open(ctx, one, p.large)
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, r)
	}
	readers[1].Close()
	if _, err := io.CopyN(io.Discard, readers[0], 4*chunk); err != nil {
		t.Fatal(err)
	}
	if err := p.passed(p.nodes[1], p.large.Digest); err != nil {
		t.Errorf("at once: %v", err)
	}
	p.clock.Add(int64(200 * time.Millisecond))
	if _, err := io.Copy(io.Discard, readers[0]); err != nil {
		t.Fatalf("the other node does not get it: %v", err)
	}
	p.mu.Lock()
	seats := len(p.seats)
	p.mu.Unlock()
	if err := p.passed(p.nodes[1], p.large.Digest); !errors.Is(err, oci.ErrPassed) || seats != 2 {
		t.Errorf("%v, %d nodes are waited for, want both", err, seats)
	}
}
