package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/bundle"
	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// MissedError is a node without some blobs of a pipe: an upload of them failed,
// and when it would have been repeated they had passed by.
type MissedError struct {
	Blobs int
	Bytes int64
	Err   error // of the first
}

// Error says how much it is, and why.
func (e *MissedError) Error() string {
	return fmt.Sprintf("%d blobs of %d bytes have passed by, first: %v", e.Blobs, e.Bytes, e.Err)
}

// Unwrap returns why the first is not there.
func (e *MissedError) Unwrap() error { return e.Err }

// FillPipe is [Fill] for a bundle that comes through a pipe. Its bytes are read
// once and given to all nodes that need them; those that no node needs pass by.
//
// All nodes go at the pace of the slowest. One for which the others have waited
// for longer than o.Patience, a fifth of all time aside, falls out, and so does one
// whose registry answered and does so no more. It comes back when it answers after
// a rest: a tenth of o.Patience for the latter and all of it for a slow one, twice
// as long each time. A node that is out at the end is a [SlowError]. One that came
// back misses what passed meanwhile, and one that failed to take a large blob
// misses that, since it cannot be repeated: it gets all others, and shows nothing
// ([MissedError]). The same pipe again brings what is missing.
//
// When the pipe is cut, or holds something else than its packing list says, the
// error is a [bundle.InvalidError]: one, whatever number of nodes it befell. As
// long as one node was filled the pipe is read to its end. When ctx ends while
// the pipe is silent, its reading goes on behind the caller's back.
func FillPipe(ctx context.Context, pipe *bundle.Pipe, s *site.Site, o FillOptions) ([]NodeResult, error) {
	work, err := newWork(pipe.Bundle, s.Repositories)
	if err != nil {
		return nil, pipe.Damage(err)
	}
	results, pushed := pushTape(ctx, pipe.Bundle, s, work, newTape(pipe.Tape, work, o.Patience), o.PushOptions)
	return prove(ctx, work, s, o, results, pushed)
}

func pushTape(ctx context.Context, b *bundle.Bundle, s *site.Site, work *work, t *tape, o PushOptions) ([]NodeResult, error) {
	if o.Jobs <= 0 {
		o.Jobs = 4
	}
	o.Progress.PhaseOfBlobs("push", work.bytes, work.sizes(), names(o.Nodes))
	pushers := make([]*pusher, len(o.Nodes))
	own := make([]context.Context, len(o.Nodes))
	for i, n := range o.Nodes { // all are waited for before the first begins
		pushers[i] = newPusher(b, s, n, t, o)
		one, leave := context.WithCancelCause(ctx)
		defer leave(nil)
		own[i] = one
		t.join(pushers[i], leave)
	}
	playing, stop := context.WithCancel(ctx)
	defer stop()
	played := make(chan error, 1)
	go func() { played <- t.play(playing) }()
	results := make([]NodeResult, len(o.Nodes))
	errs := onAll(len(o.Nodes), func(i int) (err error) {
		results[i], err = pushers[i].node(own[i], b.Damage, o.Nodes[i], work)
		return err
	})
	if ctx.Err() != nil {
		return results, ctx.Err()
	}
	return results, t.judge(ctx, b, played, errs, o)
}

// judge says what became of the pipe, and of nodes that had other troubles.
func (t *tape) judge(ctx context.Context, b *bundle.Bundle, played chan error, errs []error, o PushOptions) error {
	if slices.Contains(errs, nil) { // who sends should see that all was taken
		if err := t.drain(ctx, played, o); ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
	t.mu.Lock()
	broken := t.err
	t.mu.Unlock()
	if !errors.As(broken, new(*oci.TapeError)) {
		return failed(errs)
	}
	for i, err := range errs {
		if invalid := (*bundle.InvalidError)(nil); errors.As(err, &invalid) {
			errs[i] = nil
		}
	}
	return errors.Join(b.Damage(broken), failed(errs))
}

// drain reads what no node needs.
func (t *tape) drain(ctx context.Context, played chan error, o PushOptions) error {
	var err error
	select {
	case err = <-played:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !errors.Is(err, errAlone) {
		return nil
	}
	o.Progress.Note("", "the nodes have what they need of the pipe; reading it to its end")
	drained := make(chan error, 1)
	go func() {
		for {
			if _, err := t.src.Next(); err != nil {
				drained <- err
				return
			}
		}
	}()
	select {
	case err = <-drained:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !errors.Is(err, io.EOF) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.err = err
	}
	return nil
}

// fromPipe says that content comes once, and cannot be asked for.
func (p *pusher) fromPipe() bool {
	_, ok := p.fan.(*tape)
	return ok
}

// blobOnce is blob, and gives up on content that has passed by: others follow.
func (p *pusher) blobOnce(ctx context.Context, b blobWork) error {
	t, ok := p.fan.(*tape)
	counted := false
	if !ok {
		return p.blob(ctx, b, &counted)
	}
	err := p.passing(ctx, t, b, &counted)
	t.skip(p, b.desc.Digest) // it need not be kept any longer
	if !errors.Is(err, oci.ErrPassed) {
		return err
	}
	err = t.reason(p, err)
	p.skip(b.desc, &counted)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.missed.Err == nil {
		p.missed.Err = err
	}
	p.missed.Blobs++
	p.missed.Bytes += b.desc.Size
	return nil
}

// passing is blob for one that passes by. Registries that are away for a while
// cost what passes meanwhile, and no more.
func (p *pusher) passing(ctx context.Context, t *tape, b blobWork, counted *bool) error {
	for {
		turn, out, err := t.enter(ctx, p, b.desc.Digest)
		if err != nil {
			return err
		}
		if out { // the tape does not wait for the answer
			if _, err = p.client.HasBlob(ctx, p.in(b.repos[0]), b.desc); err == nil {
				t.answered(p)
			}
		}
		if err == nil {
			err = p.blob(ctx, b, counted)
		}
		if ctx.Err() != nil || !p.away(err) {
			return err
		}
		if !errors.Is(err, io.ErrClosedPipe) { // that was the tape, not the registry
			t.unanswered(p, turn, err)
		}
	}
}

// away tells whether an error is that of a registry that has answered and is not
// there now. What is wrong with the pipe is none.
func (p *pusher) away(err error) bool {
	e := (*oci.HTTPError)(nil)
	if !errors.As(err, &e) || errors.Is(err, oci.ErrPassed) || errors.As(err, new(*oci.ContentError)) || errors.As(err, new(*oci.TapeError)) {
		return false
	}
	switch e.Status {
	case 0, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spoke
}

// missing is nil when no blob has passed by.
func (p *pusher) missing() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.missed.Blobs == 0 {
		return nil
	}
	return &p.missed
}

// within copies a blob from one repository of a node to another one: a registry
// that mounts nothing gets again what it has.
func (p *pusher) within(ctx context.Context, d ocispec.Descriptor, repo, from string) error {
	err := p.client.PutBlob(ctx, p.in(repo), d, func(at int64) (io.ReadCloser, error) {
		r, err := p.client.ReadBlob(ctx, []oci.Repository{p.in(from)}, d)
		if err != nil {
			return nil, err
		}
		if _, err := io.CopyN(io.Discard, r, at); err != nil {
			return nil, errors.Join(err, r.Close())
		}
		return &countedReader{ReadCloser: r, p: p, n: at}, nil
	})
	if err == nil {
		p.count(func(r *NodeResult) { r.Sent++ })
	}
	return err
}
