package importer

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"drayage/internal/progress"
	"drayage/pkg/oci"
)

// pusher fills one node.
type pusher struct {
	registry
	client  *oci.Client
	archive *oci.Archive
	fan     shared
	others  *others // where content comes from when there is no archive
	jobs    int
	report  progress.Func
	classes *progress.Classes

	mu     sync.Mutex
	result NodeResult
	spoke  bool // its registry has answered
	wrote  bool // a manifest or a tag
	missed MissedError
}

// shared gives blobs to nodes so that each is read once for all of them: a fan
// out of a file, a tape out of a pipe.
type shared interface {
	open(ctx context.Context, p *pusher, d ocispec.Descriptor) (io.ReadCloser, error)
	// skip says that a node does not need a blob, leave that it needs none any more.
	skip(p *pusher, d digest.Digest)
	leave(p *pusher)
}

// push sends everything in its order. Each stage ends before the next begins.
func (p *pusher) push(ctx context.Context, w *work, mounts []mountWork) error {
	err := each(ctx, p.jobs, mounts, p.mount)
	if err == nil {
		err = each(ctx, p.jobs, w.blobs, p.blobOnce)
	}
	p.fan.leave(p)
	if err = cmp.Or(err, p.missing()); err != nil {
		return err
	}
	// A cluster that finds an image without its signature refuses it for good.
	if err := each(ctx, p.jobs, w.signatures, p.tagged); err != nil {
		return err
	}
	// One after the other: an index comes after the manifests that it names.
	if err := each(ctx, 1, w.manifests, p.manifest); err != nil {
		return err
	}
	return each(ctx, p.jobs, w.tags, p.tagged)
}

// tagged sets the tags of one digest, one after the other. A cluster pulls by
// digest, so where a tag is there already its digest is asked for as well.
func (p *pusher) tagged(ctx context.Context, tags []manifestWork) error {
	asked := map[string]bool{}
	for _, t := range tags {
		put, err := p.put(ctx, t)
		if err != nil {
			return err
		}
		if d := t.desc.Digest.String(); !put && !asked[t.repo] {
			asked[t.repo], t.ref = true, d
			if err := p.manifest(ctx, t); err != nil {
				return err
			}
		}
		p.count(func(r *NodeResult) { r.Images++ })
	}
	return nil
}

// each does work on several items at once and ends at the first error.
func each[T any](ctx context.Context, jobs int, items []T, do func(context.Context, T) error) error {
	g, one := errgroup.WithContext(ctx)
	g.SetLimit(jobs)
	for _, item := range items {
		if one.Err() != nil {
			break
		}
		g.Go(func() error { return do(one, item) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

func (p *pusher) count(change func(*NodeResult)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.result)
}

func (p *pusher) soFar() NodeResult {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.result
}

// blob brings one blob into every repository that needs it: sent once at most,
// mounted from there into the others. The bar counts each blob once, as it is sent
// or because it is there: counted tells that it was, by this attempt or an earlier one.
func (p *pusher) blob(ctx context.Context, b blobWork, counted *bool) error {
	from := ""
	var lacking []string
	for _, repo := range b.repos {
		there, err := p.client.HasBlob(ctx, p.in(repo), b.desc)
		if err != nil {
			return err
		}
		if !there {
			lacking = append(lacking, repo)
			continue
		}
		from = repo
	}
	p.answered()
	if from != "" {
		p.fan.skip(p, b.desc.Digest)
		p.skip(b.desc, counted)
	}
	for _, repo := range lacking {
		if err := p.bring(ctx, b.desc, repo, from); err != nil {
			return err
		}
		from, *counted = repo, true
	}
	p.count(func(r *NodeResult) { r.Present += len(b.repos) - len(lacking) })
	p.brought(b.desc.Digest, len(lacking) > 0)
	return nil
}

func (p *pusher) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spoke = true
}

// skip counts a blob that is not sent, once.
func (p *pusher) skip(d ocispec.Descriptor, counted *bool) {
	if !*counted {
		p.report.Of(d.Digest.String()).Skip(d.Size)
	}
	*counted = true
}

// bring mounts a blob from another repository, or sends it.
func (p *pusher) bring(ctx context.Context, d ocispec.Descriptor, repo, from string) error {
	if from != "" {
		mounted, err := p.client.Mount(ctx, p.in(repo), d.Digest, from)
		if err != nil {
			return err
		}
		if mounted {
			p.count(func(r *NodeResult) { r.Mounted++ })
			return nil
		}
		if p.fromPipe() {
			return p.within(ctx, d, repo, from)
		}
	}
	if t, ok := p.fan.(*tape); ok { // before an upload is begun that comes to nothing
		if err := t.passed(p, d.Digest); err != nil {
			return err
		}
	}
	return p.send(ctx, d, repo, from == "")
}

// send uploads a blob. The bar counts it when counted says so: exactly its size
// when it is there, however often it had to be sent.
func (p *pusher) send(ctx context.Context, d ocispec.Descriptor, repo string, counted bool) error {
	err := p.sendOnce(ctx, d, repo, counted)
	// What one node has damaged another one has not.
	for n := 1; p.others != nil && n < len(p.others.inv.hosts) && errors.As(err, new(*sourceError)) && ctx.Err() == nil; n++ {
		err = p.sendOnce(ctx, d, repo, counted)
	}
	return err
}

func (p *pusher) sendOnce(ctx context.Context, d ocispec.Descriptor, repo string, counted bool) error {
	var last *countedReader
	put := p.client.PutBlob
	if p.fromPipe() {
		put = p.client.PutPassingBlob
	}
	err := put(ctx, p.in(repo), d, func(at int64) (io.ReadCloser, error) {
		// The first attempt shares its reading with the other nodes.
		open := p.open
		if last == nil && counted && p.others == nil {
			open = func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) { return p.fan.open(ctx, p, d) }
		}
		if last != nil { // what it reported beyond did not count
			last.end(at)
		}
		r, err := open(ctx, d)
		if err != nil {
			return nil, err
		}
		// What the node has is read again, since the whole is hashed.
		if _, err := io.CopyN(io.Discard, r, at); err != nil {
			return nil, errors.Join(err, r.Close())
		}
		last = &countedReader{ReadCloser: r, p: p, n: at}
		if counted {
			last.report = p.report.Of(d.Digest.String())
		}
		return last, nil
	})
	if err != nil {
		if (p.others != nil || p.fromPipe()) && last != nil {
			last.end(0)
		}
		return err
	}
	if last != nil {
		last.end(d.Size) // a registry may answer before it has read to the end
	}
	p.count(func(r *NodeResult) { r.Sent++ })
	return nil
}

func (p *pusher) open(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
	if p.others != nil {
		return p.others.open(ctx, p.client, d)
	}
	if p.fromPipe() {
		return p.fan.open(ctx, p, d)
	}
	if f, ok := p.fan.(*fan); ok {
		return f.again(ctx, p, d)
	}
	return p.archive.Open(ctx, d)
}

// countedReader counts what goes over the wire. The client may still read from
// it when its request has been answered already.
type countedReader struct {
	io.ReadCloser
	p      *pusher
	report progress.Func

	mu    sync.Mutex
	n     int64
	ended bool
}

func (c *countedReader) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.p.count(func(r *NodeResult) { r.BytesSent += int64(n) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.n += int64(n)
		c.report.Advance(int64(n))
	}
	return n, err
}

// end ends the count at n bytes.
func (c *countedReader) end(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	switch {
	case n < c.n:
		c.report.Advance(n - c.n)
	case n > c.n: // did not go over the wire
		c.report.Skip(n - c.n)
	}
	c.n = n // it may be ended again, elsewhere
}

// manifest puts a manifest where it is not yet.
func (p *pusher) manifest(ctx context.Context, m manifestWork) error {
	_, err := p.put(ctx, m)
	return err
}

func (p *pusher) put(ctx context.Context, m manifestWork) (written bool, err error) {
	have, _, err := p.client.StatManifest(ctx, p.in(m.repo), m.ref)
	if err != nil || have.Digest == m.desc.Digest && (have.Size < 0 || have.Size == m.desc.Size) {
		return false, err
	}
	p.mu.Lock()
	p.wrote = true
	p.mu.Unlock()
	return true, p.client.PutManifest(ctx, p.in(m.repo), m.ref, m.desc.MediaType, m.raw)
}
