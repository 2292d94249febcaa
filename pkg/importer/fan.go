package importer

import (
	"context"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/oci"
)

const (
	// chunk is what is read of the medium at a time, in bytes.
	chunk = 256 << 10
	// window is how many chunks of a blob the fastest node may be ahead of the
	// slowest one in step with it. With 4 blobs on their way this is 8 MiB.
	window = 8
	// patience is how long nodes wait for one that is slower before they go on
	// without it, and forgiveness what part of the time since then is forgotten:
	// a node may always take a fifth longer than the others.
	patience    = 500 * time.Millisecond
	forgiveness = 0.2
	// trust is what part of the time since a node joined is added to patience for
	// one that kept nobody waiting, and mostTrust the most that it comes to: a
	// registry that syncs a large layer may be silent for seconds.
	trust     = 0.05
	mostTrust = 15 * time.Second
	// longest is how long one wait may last before it counts whatever else goes on
	// at the node that waits.
	longest = 30 * time.Second
)

// fan reads each blob once for all nodes that need it. Nodes go through the
// blobs in the same order, so those that are equally fast are in step: the first
// one to need a blob waits for the others to come to it, and then one read and
// one hash serve them all.
//
// A node that keeps the others waiting longer than their patience falls out of
// step. Nobody waits for it then, and it reads by itself from where it is, until
// it comes to a blob that others are still to come to. A node waits when all the
// blobs that it sends wait for others: as long as one goes on its link is used,
// and that somebody is the last to come to a blob means nothing.
type fan struct {
	archive  *oci.Archive
	patience time.Duration // patience, but in tests
	now      func() time.Time

	mu     sync.Mutex
	inStep map[*pusher]bool
	reads  map[*pusher]int // how many blobs a node reads
	stuck  map[*pusher]int // and how many of them wait for others
	late   map[*pusher]*lateness
	feeds  map[digest.Digest]*feed
	read   atomic.Int64 // bytes of blobs read of the medium
}

func newFan(a *oci.Archive) *fan {
	return &fan{
		archive: a, patience: patience, now: time.Now, inStep: map[*pusher]bool{}, reads: map[*pusher]int{}, stuck: map[*pusher]int{},
		late: map[*pusher]*lateness{}, feeds: map[digest.Digest]*feed{},
	}
}

// join counts a node among those that are waited for.
func (f *fan) join(p *pusher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inStep[p] = true
	f.late[p] = &lateness{joined: f.now(), at: f.now()}
}

// leave is for a node that needs no more blobs, or will get no more.
func (f *fan) leave(p *pusher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(p)
}

// drop lets a node fall out of step and wakes all who wait for it.
func (f *fan) drop(p *pusher) {
	delete(f.inStep, p)
	for _, fd := range f.feeds {
		fd.release(p)
	}
}

// skip says that a node does not need a blob.
func (f *fan) skip(p *pusher, d digest.Digest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fd := f.feed(d)
	fd.known[p] = true
	fd.wake()
}

// feed returns the one feed of a blob.
func (f *fan) feed(d digest.Digest) *feed {
	fd := f.feeds[d]
	if fd == nil {
		fd = &feed{known: map[*pusher]bool{}, behind: map[*pusher]int{}, changed: make(chan struct{})}
		f.feeds[d] = fd
	}
	return fd
}

// open gives a node the content of a blob, proven: shared with the other nodes
// if they are in step, else read for this node alone.
func (f *fan) open(ctx context.Context, p *pusher, d ocispec.Descriptor) (io.ReadCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads[p]++
	r, err := f.share(ctx, p, d)
	if err != nil {
		f.reads[p]--
		return nil, err
	}
	return &openReader{ReadCloser: r, f: f, p: p, left: d.Size}, nil
}

func (f *fan) share(ctx context.Context, p *pusher, d ocispec.Descriptor) (io.ReadCloser, error) {
	fd := f.feed(d.Digest)
	fd.known[p] = true
	if fd.begun || !f.inStep[p] && !f.awaited(fd) {
		return f.alone(ctx, d)
	}
	if !f.inStep[p] { // trust is earned in step
		f.inStep[p] = true
		f.late[p].joined = f.now()
	}
	fd.behind[p] = 0
	fd.wake()
	if err := f.gather(ctx, fd, p); err != nil {
		fd.release(p)
		return nil, err
	}
	if _, still := fd.behind[p]; !still { // it was dropped meanwhile
		return f.alone(ctx, d)
	}
	if !fd.begun {
		r, err := f.alone(ctx, d)
		if err != nil {
			return nil, err
		}
		fd.begun, fd.content, fd.left = true, r, d.Size
		fd.wake()
	}
	return &feedReader{ctx: ctx, f: f, fd: fd, p: p, d: d}, nil
}

// awaited tells whether a node in step waits for others at a blob, or is still
// to come to it. At another one there is nobody to be in step with.
func (f *fan) awaited(fd *feed) bool {
	if len(fd.behind) > 0 {
		return true
	}
	for p := range f.inStep {
		if !fd.known[p] {
			return true
		}
	}
	return false
}

func (f *fan) alone(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
	r, err := f.archive.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	return &meteredReader{r, f}, nil
}

// again gives a node the content of a blob once more, for another attempt.
func (f *fan) again(ctx context.Context, p *pusher, d ocispec.Descriptor) (io.ReadCloser, error) {
	r, err := f.archive.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads[p]++
	return &openReader{ReadCloser: r, f: f, p: p, left: d.Size}, nil
}

// openReader counts among those that a node reads until it is read to its end or
// closed. What comes after, the registry's answer, uses no link.
type openReader struct {
	io.ReadCloser
	f    *fan
	p    *pusher
	left int64
	once sync.Once
}

func (o *openReader) Read(b []byte) (int, error) {
	n, err := o.ReadCloser.Read(b)
	if o.left -= int64(n); o.left <= 0 {
		o.end()
	}
	return n, err
}

func (o *openReader) Close() error {
	o.end()
	return o.ReadCloser.Close()
}

func (o *openReader) end() {
	o.once.Do(func() {
		o.f.mu.Lock()
		defer o.f.mu.Unlock()
		o.f.reads[o.p]--
	})
}

// meteredReader counts what is read of the medium.
type meteredReader struct {
	io.ReadCloser
	f *fan
}

func (m *meteredReader) Read(b []byte) (int, error) {
	n, err := m.ReadCloser.Read(b)
	m.f.read.Add(int64(n))
	return n, err
}

// gather waits until every node in step has come to a blob.
func (f *fan) gather(ctx context.Context, fd *feed, p *pusher) error {
	return f.await(ctx, fd, p, func() (bool, []*pusher) {
		if fd.begun {
			return true, nil
		}
		var missing []*pusher
		for p := range f.inStep {
			if !fd.known[p] {
				missing = append(missing, p)
			}
		}
		return len(missing) == 0, missing
	})
}

// await waits until a feed is ready. While all that its node reads waits for
// others, or when it lasts very long, the wait counts against those others, and
// when it becomes too much they are dropped. It is called with f.mu held, and gives it away while it waits.
func (f *fan) await(ctx context.Context, fd *feed, waiter *pusher, ready func() (bool, []*pusher)) error {
	tick := time.NewTicker(patience / 10)
	defer tick.Stop()
	var blamed []*pusher
	begun := f.now()
	for since := begun; ; {
		now := f.now()
		for _, p := range blamed {
			if f.late[p].add(since, now) > f.patience {
				f.drop(p)
			}
		}
		since = now
		ok, slow := ready()
		if ok {
			return nil
		}
		if len(slow) > 0 { // else it waits for the medium
			f.stuck[waiter]++
		}
		blamed = nil
		if f.stuck[waiter] >= f.reads[waiter] || now.Sub(begun) > longest {
			blamed = slow
		}
		changed := fd.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
		}
		f.mu.Lock()
		if len(slow) > 0 {
			f.stuck[waiter]--
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// feed is one blob on its way to the nodes in step.
type feed struct {
	known   map[*pusher]bool // who has said whether it needs the blob
	behind  map[*pusher]int  // of those who read along, the chunk that comes next
	begun   bool
	content io.ReadCloser
	left    int64 // bytes not read yet
	reading bool
	first   int // the number of chunks[0]
	chunks  [][]byte
	err     error
	changed chan struct{} // closed when any of this changes
}

func (fd *feed) wake() {
	close(fd.changed)
	fd.changed = make(chan struct{})
}

// end is the number of the chunk that is not read yet.
func (fd *feed) end() int { return fd.first + len(fd.chunks) }

// release lets a node go, and the chunks that were kept for it.
func (fd *feed) release(p *pusher) {
	delete(fd.behind, p)
	fd.forget()
}

// forget lets go of chunks that nobody will ask for.
func (fd *feed) forget() {
	slowest := fd.end()
	for _, at := range fd.behind {
		slowest = min(slowest, at)
	}
	if slowest > fd.first {
		fd.chunks = slices.Delete(fd.chunks, 0, slowest-fd.first)
		fd.first = slowest
	}
	fd.wake()
}

// slowest are those who keep the window full.
func (fd *feed) slowest() (who []*pusher) {
	for p, at := range fd.behind {
		if at == fd.first {
			who = append(who, p)
		}
	}
	return who
}

// lateness is how long others have waited for a node of late.
type lateness struct {
	joined time.Time     // since when it is in step; zero for one that is never trusted
	at     time.Time     // until when it is counted
	waited time.Duration // below 0 for one that is trusted
}

// add counts a wait. Several who wait at once count once.
func (l *lateness) add(from, to time.Time) time.Duration {
	if from.Before(l.at) {
		from = l.at
	} else {
		forgiven := time.Duration(forgiveness * float64(from.Sub(l.at)))
		trusted := time.Duration(0)
		if !l.joined.IsZero() {
			trusted = min(mostTrust, time.Duration(trust*float64(from.Sub(l.joined))))
		}
		l.waited = max(-trusted, l.waited-forgiven)
	}
	if to.After(from) {
		l.waited += to.Sub(from)
		l.at = to
	}
	return l.waited
}
