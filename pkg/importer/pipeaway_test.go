package importer

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"drayage/internal/progress"
	"drayage/pkg/bundle"
	"drayage/pkg/oci"
)

// stops is a pipe that stands still before some of its bytes.
type stops struct {
	r    io.Reader
	read int64
	at   []int64
	do   []func() // what happens there
}

func (s *stops) Read(b []byte) (int, error) {
	if len(s.at) > 0 && s.read == s.at[0] {
		s.do[0]()
		s.at, s.do = s.at[1:], s.do[1:]
	}
	if len(s.at) > 0 {
		b = b[:min(int64(len(b)), s.at[0]-s.read)]
	}
	n, err := s.r.Read(b)
	s.read += int64(n)
	return n, err
}

// leaving is a node that can go away.
type leaving struct {
	*node
	away atomic.Bool
}

func newLeaving(t *testing.T) *leaving {
	n := &leaving{node: newNode(t)}
	n.otherwise(func(w http.ResponseWriter, _ *http.Request) bool {
		if !n.away.Load() {
			return false
		}
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			c.Close()
		}
		return true
	})
	return n
}

func (n *leaving) leave() {
	n.away.Store(true)
	n.server.CloseClientConnections()
}

// told is closed when a node's note begins so.
func told(notes chan<- struct{}, node, begins string) progress.Func {
	var once atomic.Bool
	return func(e progress.Event) {
		if e.Kind == progress.Note && e.Node == node && strings.HasPrefix(e.Name, begins) && !once.Swap(true) {
			close(notes)
		}
	}
}

// larges are the large blobs of a bundle, in their order.
func larges(b *bundle.Bundle) (all []oci.Entry) {
	for _, e := range b.Entries() {
		if e.Size > keepWhole {
			all = append(all, e)
		}
	}
	return all
}

func (n *node) holds(e oci.Entry) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for at := range n.blobs {
		if strings.HasSuffix(at, "@sha256:"+e.Name[strings.LastIndex(e.Name, "/")+1:]) {
			return true
		}
	}
	return false
}

func inTime(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(30 * time.Second):
		t.Errorf("not within 30 s: %s", what)
	}
}

// fillNoting is pushPipe whose notes are seen by these as they come.
func fillNoting(t *testing.T, r io.Reader, patience time.Duration, see []progress.Func, nodes ...*node) (*meter, error) {
	t.Helper()
	m := &meter{}
	pipe, err := bundle.OpenPipe(r, "")
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	s := siteOf(nodes...)
	_, err = FillPipe(t.Context(), pipe, s, FillOptions{PushOptions: PushOptions{
		Client: client(t), Nodes: s.Nodes, Patience: patience,
		Progress: func(e progress.Event) {
			m.take(e)
			for _, f := range see {
				f(e)
			}
		},
	}, NoCheck: true})
	return m, err
}

// A registry that goes away for a while costs its node what passes meanwhile. It
// gets what comes after that, and the others wait for nothing.
func TestNodeThatWasAwayGetsWhatComesAfter(t *testing.T) {
	raw, b := piped(t, heavy())
	steady, n := newNode(t), newLeaving(t)
	out, back := make(chan struct{}), make(chan struct{})
	large := larges(b)
	source := &stops{
		r:  bytes.NewReader(raw),
		at: []int64{large[1].Offset + large[1].Size/2, large[3].Offset, large[4].Header},
		do: []func(){n.leave, func() { inTime(t, out, "falling out") }, func() { n.away.Store(false); inTime(t, back, "coming back") }},
	}
	m, err := fillNoting(t, source, time.Second, []progress.Func{told(out, "node2", "fell out of the pipe: "), told(back, "node2", "is back")}, steady, n.node)
	missed := (*MissedError)(nil)
	if !errors.As(err, &missed) || missed.Blobs < 1 || missed.Blobs > 4 || !errors.As(missed.Err, new(*SlowError)) {
		t.Fatalf("%v", err)
	}
	steady.check(t, b)
	for i, want := range map[int]bool{1: false, 4: true, 5: true} { // whether it got the others in time, who knows
		if n.holds(large[i]) != want {
			t.Errorf("large blob %d: there %v, want %v", i, !want, want)
		}
	}
	if m.of["node2"] != m.share {
		t.Errorf("%d bytes of %d are counted", m.of["node2"], m.share)
	}
	n.idle()
	if _, _, err := pushPipe(t, bytes.NewReader(raw), time.Hour, steady, n.node); err != nil {
		t.Fatal(err)
	}
	n.check(t, b)
}

// Where nobody else waits, the pipe stands until the registry is back.
func TestPipeStandsForItsOnlyNode(t *testing.T) {
	raw, b := piped(t, heavy())
	n := newLeaving(t)
	large := larges(b)
	source := &stops{r: bytes.NewReader(raw), at: []int64{large[1].Offset + large[1].Size/2}, do: []func(){n.leave}}
	out := make(chan struct{})
	go func() { inTime(t, out, "falling out"); n.away.Store(false) }()
	_, err := fillNoting(t, source, 20*time.Second, []progress.Func{told(out, "node1", "fell out of the pipe: ")}, n.node)
	missed := (*MissedError)(nil) // of what was on its way when it went
	if err != nil && (!errors.As(err, &missed) || missed.Blobs > 4) {
		t.Fatalf("%v", err)
	}
	for i, e := range large[4:] {
		if !n.holds(e) {
			t.Errorf("large blob %d is not there", i+4)
		}
	}
	n.idle()
	if _, _, err := pushPipe(t, bytes.NewReader(raw), time.Hour, n.node); err != nil {
		t.Fatal(err)
	}
	n.check(t, b)
}

// One that stays away ends as such, not for ever.
func TestNodeThatStaysAway(t *testing.T) {
	raw, b := piped(t, heavy())
	for _, others := range []int{0, 1} {
		n := newLeaving(t)
		nodes := []*node{n.node}
		for range others {
			nodes = append(nodes, newNode(t))
		}
		large := larges(b)
		source := &stops{r: bytes.NewReader(raw), at: []int64{large[1].Offset + large[1].Size/2}, do: []func(){n.leave}}
		_, err := fillNoting(t, source, time.Second, nil, nodes...)
		failed := (*NodesError)(nil)
		if !errors.As(err, &failed) || failed.Failed != 1 || !strings.HasPrefix(err.Error(), "node1: fell out of the pipe: ") || errors.As(err, new(*MissedError)) {
			t.Errorf("%d others: %v", others, err)
		}
		for _, other := range nodes[1:] {
			other.check(t, b)
		}
	}
}

// A node that falls out again and again rests twice as long each time.
func TestRestsGrow(t *testing.T) {
	p := plays(t, t.Context(), 2)
	one, d := p.nodes[0], p.large.Digest
	for i, rest := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		p.mu.Lock()
		p.fall(one, &SlowError{Waited: time.Minute}, time.Second)
		p.fall(one, &SlowError{Waited: time.Hour}, time.Second) // it is out already
		p.mu.Unlock()
		if _, err := p.open(t.Context(), one, p.large); !errors.Is(err, oci.ErrPassed) {
			t.Errorf("a node that is out opens a blob: %v", err)
		}
		entered := make(chan bool, 1)
		go func() {
			_, out, err := p.enter(t.Context(), one, d)
			entered <- out && err == nil
		}()
		p.clock.Add(int64(rest - time.Millisecond))
		select {
		case <-entered:
			t.Fatalf("%d: is in before %s", i, rest)
		case <-time.After(150 * time.Millisecond): // three of its ticks
		}
		p.clock.Add(int64(time.Millisecond))
		if !<-entered {
			t.Fatalf("%d: is not let in as one that was out", i)
		}
		p.answered(one)
		if _, out, err := p.enter(t.Context(), one, d); out || err != nil {
			t.Errorf("%d: out %v, %v after it has answered", i, out, err)
		}
	}
}
