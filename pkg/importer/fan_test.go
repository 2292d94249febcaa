package importer

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/bundle"
)

// heavy is images of many chunks, one of which is less than a chunk.
func heavy() *world {
	w := newWorld()
	for i := range 6 {
		r := rand.NewChaCha8([32]byte{byte(i)})
		raw := make([]byte, 3<<20+i*1000)
		r.Read(raw)
		w.add(fmt.Sprintf("quay.io/acme/heavy%d:v1", i), w.content("base", string(raw)))
	}
	return w
}

func pushThrough(t *testing.T, b *bundle.Bundle, patience time.Duration, nodes ...*node) (*fan, []NodeResult, error) {
	t.Helper()
	f := newFan(b.Archive)
	f.patience = patience
	s := siteOf(nodes...)
	results, err := pushThroughFan(t.Context(), b, s, f, PushOptions{Client: client(t), Nodes: s.Nodes})
	return f, results, err
}

// blobBytes is what one node needs.
func blobBytes(t *testing.T, b *bundle.Bundle) int64 {
	t.Helper()
	w, err := newWork(b, siteOf().Repositories)
	if err != nil {
		t.Fatal(err)
	}
	return w.bytes
}

func TestNodesInStepShareOneRead(t *testing.T) {
	b := heavy().bundle(t)
	nodes := []*node{newNode(t), newNode(t), newNode(t)}
	f, results, err := pushThrough(t, b, time.Hour, nodes...)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range nodes {
		n.check(t, b)
		if results[i].BytesSent != blobBytes(t, b) {
			t.Errorf("%+v, want %d bytes sent", results[i], blobBytes(t, b))
		}
	}
	if got, want := f.read.Load(), blobBytes(t, b); got != want {
		t.Errorf("%d bytes read of the medium for three nodes, want %d", got, want)
	}
}

// A node that has some of it needs no more reading, and keeps nobody waiting.
func TestNodesThatLackDifferentThings(t *testing.T) {
	b := heavy().bundle(t)
	nodes := []*node{newNode(t), newNode(t), newNode(t)}
	if _, _, err := pushThrough(t, b, patience, nodes[1]); err != nil {
		t.Fatal(err)
	}
	for key := range nodes[1].blobs {
		if strings.Contains(key, "heavy4") {
			delete(nodes[1].blobs, key)
		}
	}
	nodes[1].manifests = map[string]ocispec.Descriptor{}
	f, results, err := pushThrough(t, b, time.Hour, nodes...)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		n.check(t, b)
	}
	if f.read.Load() > blobBytes(t, b)+4<<20 || results[1].BytesSent > 7<<20 {
		t.Errorf("%d bytes read, node2 was sent %d", f.read.Load(), results[1].BytesSent)
	}
}

// slowly makes a node read bodies at a rate.
func slowly(n *node, bytesPerSecond int64) {
	n.otherwise(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && r.ContentLength > 0 {
			r.Body = io.NopCloser(&slowReader{r.Body, bytesPerSecond})
		}
		return false
	})
}

type slowReader struct {
	r    io.Reader
	rate int64
}

func (s *slowReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p[:min(len(p), 32<<10)])
	time.Sleep(time.Duration(int64(n) * int64(time.Second) / s.rate))
	return n, err
}

// A slow node gets everything too, and the others are not held up by it for
// longer than their patience.
func TestSlowNodeFallsOutOfStep(t *testing.T) {
	b := heavy().bundle(t)
	nodes := []*node{newNode(t), newNode(t), newNode(t)}
	slowly(nodes[1], 2<<20) // for each of 4 requests; 36 MiB in all
	_, results, err := pushThrough(t, b, patience, nodes...)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		n.check(t, b)
	}
	for _, i := range []int{0, 2} {
		if results[i].Seconds >= results[1].Seconds {
			t.Errorf("%s took %.1f s, the slow one %.1f s", results[i].Node, results[i].Seconds, results[1].Seconds)
		}
	}
	if results[1].BytesSent != blobBytes(t, b) {
		t.Errorf("the slow node was sent %d bytes, want each once", results[1].BytesSent)
	}
}

// A node that takes a connection and then nothing does not hang the others.
func TestHangingNodeFallsOutOfStep(t *testing.T) {
	b := heavy().bundle(t)
	nodes := []*node{newNode(t), newNode(t)}
	release := make(chan struct{})
	nodes[1].otherwise(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && r.ContentLength > 1<<20 {
			<-release
		}
		return false
	})
	go func() { // it hangs until the other one is whole
		defer close(release)
		for end := time.Now().Add(time.Minute); nodes[0].tag("acme/heavy5:v1") == "" && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
	}()
	_, results, err := pushThrough(t, b, patience, nodes...)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		n.check(t, b)
	}
	if results[0].Seconds > 55 {
		t.Errorf("the other one was held up for as long as it hung: %+v", results)
	}
}

func TestLatenessForgets(t *testing.T) {
	start := time.Unix(0, 0)
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	l := &lateness{joined: start, at: start}
	for _, c := range []struct{ from, to, want float64 }{
		{0, 1, 1},   // one waits for it
		{0.5, 1, 1}, // another one too: that counts once
		{0.5, 1.5, 1.5},
		{2.5, 3.5, 2.3}, // a second without: a fifth of it is forgotten
		{100, 100, -5},  // a twentieth of the time is the trust in it
		{1000, 1000, -15},
		{1000, 1015.5, 0.5},
	} {
		if got := l.add(at(c.from), at(c.to)).Seconds(); got < c.want-0.01 || got > c.want+0.01 {
			t.Errorf("%v to %v: %v, want %v", c.from, c.to, got, c.want)
		}
	}
	if l := (&lateness{at: start}); l.add(at(1000), at(1001)) != time.Second { // as on a tape
		t.Errorf("trusted from no time on: %+v", l)
	}
}

// A node that waits with one blob while it sends another one loses nothing yet,
// so nobody is blamed for that.
func TestWaitsCountWhenNothingElseGoesOn(t *testing.T) {
	f := newFan(nil)
	var seconds atomic.Int64
	f.now = func() time.Time { return time.Unix(seconds.Load(), 0) }
	waiter, slow := &pusher{}, &pusher{}
	f.join(waiter)
	f.join(slow)
	f.reads[waiter] = 2
	asked := 0
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.await(t.Context(), f.feed("sha256:x"), waiter, func() (bool, []*pusher) {
		if asked++; asked == 5 {
			if !f.inStep[slow] {
				t.Error("it was dropped although the other node was busy")
			}
			f.reads[waiter] = 1
		}
		seconds.Add(1)
		return !f.inStep[slow], []*pusher{slow}
	})
	if err != nil || asked < 6 || !f.inStep[waiter] {
		t.Errorf("%v, asked %d times", err, asked)
	}
}

// Others have skipped what an empty node lacks, and are far ahead. It must not
// hold them up until it has caught up.
func TestFallenNodeComesBackWhereOthersAreStillToCome(t *testing.T) {
	b := heavy().bundle(t)
	w, err := newWork(b, siteOf().Repositories)
	if err != nil {
		t.Fatal(err)
	}
	behind, ahead := w.blobs[0].desc, w.blobs[1].desc
	f := newFan(b.Archive)
	good, fallen := &pusher{}, &pusher{}
	f.join(good)
	f.join(fallen)
	f.skip(good, behind.Digest)
	f.mu.Lock()
	f.drop(fallen)
	f.mu.Unlock()
	read := func(p *pusher, d ocispec.Descriptor) error {
		r, err := f.open(t.Context(), p, d)
		if err == nil {
			_, err = io.CopyN(io.Discard, r, d.Size)
			if f.mu.Lock(); p == fallen && f.reads[p] != 0 {
				t.Error("what is read to its end is still counted")
			}
			f.mu.Unlock()
			err = errors.Join(err, r.Close(), r.Close())
		}
		return err
	}
	if err := read(fallen, behind); err != nil || f.inStep[fallen] {
		t.Errorf("in step at what nobody else needs: %v, %v", f.inStep[fallen], err)
	}
	both := make(chan error, 2)
	go func() { both <- read(fallen, ahead) }()
	for waits := 0; waits == 0; time.Sleep(time.Millisecond) {
		f.mu.Lock()
		waits = f.stuck[fallen]
		f.mu.Unlock()
	}
	go func() { both <- read(good, ahead) }()
	if err := errors.Join(<-both, <-both); err != nil || !f.inStep[fallen] || f.read.Load() != behind.Size+ahead.Size {
		t.Errorf("in step %v, %d bytes read of %d, %v", f.inStep[fallen], f.read.Load(), behind.Size+ahead.Size, err)
	}
	if f.reads[good] != 0 || f.reads[fallen] != 0 || f.stuck[good] != 0 || f.stuck[fallen] != 0 {
		t.Errorf("reads %v, stuck %v, want none", f.reads, f.stuck)
	}
}

// But for ever it does not wait: the other blob may take hours.
func TestAVeryLongWaitCountsWhateverGoesOn(t *testing.T) {
	f := newFan(nil)
	var seconds atomic.Int64
	f.now = func() time.Time { return time.Unix(seconds.Load(), 0) }
	waiter, slow := &pusher{}, &pusher{}
	f.join(waiter)
	f.join(slow)
	f.reads[waiter] = 2
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.await(t.Context(), f.feed("sha256:x"), waiter, func() (bool, []*pusher) {
		seconds.Add(10)
		return !f.inStep[slow], []*pusher{slow}
	})
	if waited := time.Duration(seconds.Load()) * time.Second; err != nil || waited < longest || waited > 2*longest {
		t.Errorf("%v, waited %s", err, waited)
	}
}
