// Package importer brings a bundle's content to a site: it pushes the images to
// every node's registry, straight from the tar by offset.
//
// # What one node gets
//
// All nodes get the same, at the same time, and none waits for another for long.
// On one node the order is: every blob, then the sigstore attachments, then the
// image manifests, then the indexes that name them, then the tags. A cluster that
// finds an image's manifest on a mirror does not turn to the next mirror when a
// blob is missing there, so a node shows an image only when it is whole.
//
// What a node has is asked for and not sent again: blobs by digest and size,
// manifests by digest, tags by what they point at. So a second run costs only
// questions, and a run that was cut goes on where it was cut.
//
// Nobody has to believe a push: [Check] asks every node for everything, and with
// Deep reads it back; [Fill] does both. A registry keeps a content once, and one
// that has a blob does not take it again, even if it is damaged: such a blob has
// to be removed on the node.
//
// A bundle may come through a pipe ([FillPipe]): then each byte passes once, and
// all nodes go at the pace of the slowest, or without it.
//
// Nodes that are equally fast read each blob once between them. One that is slow,
// hangs or is gone holds the others up for half a second, or for a twentieth of
// the time that it was as fast as they, and reads by itself from then on.
//
// A bundle may hold indexes without all the images that they name. Such a one is
// first put to the test on each node, with an index that is made up: most
// registries refuse it, and then nothing is sent there (see [SparseError]).
//
// Of a delta, a node is first of all asked for every blob that is left out. One
// that lacks some is refused before anything is sent to it ([LackError]); what is
// in another repository of the node is mounted.
//
// A blob that several repositories need is sent to one of them and mounted into
// the others. There are never two writers of one blob on one registry: versions
// of the CNCF registry before 3.1 lose that race.
package importer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"drayage/internal/progress"
	"drayage/pkg/bundle"
	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// PushOptions belong to Push.
type PushOptions struct {
	Client *oci.Client
	// Nodes are those of the site that are to be filled.
	Nodes []site.Node
	// Jobs is how many requests one node sees at once. 0 means 4.
	Jobs     int
	Progress progress.Func
	// Patience is, of a pipe, how long the other nodes wait for one that is slower
	// before it falls out, and a tenth of it, or all, how long it rests then. 0 means oci.DefaultTimeout.
	Patience time.Duration
}

// NodeResult says what became of one node.
type NodeResult struct {
	Node string `json:"node"`
	Host string `json:"host"`
	// Whole says that everything was asked for and is there: by Push alone where
	// nothing had to be written, otherwise by a check that follows; see [Fill].
	Whole bool `json:"whole"`
	// Images is how many images stand on the node under their names, all of
	// them when Push ended without an error.
	Images int `json:"images"`
	// Sent, Mounted and Present count blobs by what had to be done; a blob that
	// two repositories need counts twice.
	Sent    int `json:"blobsSent"`
	Mounted int `json:"blobsMounted"`
	Present int `json:"blobsPresent"`
	// BytesSent are the bytes of blobs that went over the wire.
	BytesSent int64   `json:"bytesSent"`
	Seconds   float64 `json:"seconds"`
	Error     string  `json:"error,omitempty"`
}

// NodesError says that some nodes are not whole. The others are.
type NodesError struct {
	Failed, Of int
	Errs       []error
}

// Error has one line for each node that failed.
func (e *NodesError) Error() string {
	lines := make([]string, 0, len(e.Errs))
	for _, err := range e.Errs {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the nodes' errors.
func (e *NodesError) Unwrap() []error { return e.Errs }

// Push fills the registries of a site's nodes, all at once. A node that fails
// does not stop the others: the results say how each fared, in the order of
// o.Nodes, and the error is a [NodesError]. When ctx ends, it is ctx's error.
func Push(ctx context.Context, b *bundle.Bundle, s *site.Site, o PushOptions) ([]NodeResult, error) {
	return pushThroughFan(ctx, b, s, newFan(b.Archive), o)
}

func pushThroughFan(ctx context.Context, b *bundle.Bundle, s *site.Site, f *fan, o PushOptions) ([]NodeResult, error) {
	work, err := newWork(b, s.Repositories)
	if err != nil {
		return nil, b.Damage(err)
	}
	return pushWork(ctx, b, s, work, f, o)
}

// pushWork is Push for work that is known.
func pushWork(ctx context.Context, b *bundle.Bundle, s *site.Site, work *work, f *fan, o PushOptions) ([]NodeResult, error) {
	if o.Jobs <= 0 {
		o.Jobs = 4
	}
	o.Progress.PhaseOfBlobs("push", work.bytes, work.sizes(), names(o.Nodes))
	pushers := make([]*pusher, len(o.Nodes))
	for i, n := range o.Nodes { // all are in step before the first begins
		pushers[i] = newPusher(b, s, n, f, o)
		f.join(pushers[i])
	}
	results := make([]NodeResult, len(o.Nodes))
	errs := onAll(len(o.Nodes), func(i int) (err error) {
		results[i], err = pushers[i].node(ctx, b.Damage, o.Nodes[i], work)
		return err
	})
	if ctx.Err() != nil {
		return results, ctx.Err()
	}
	return results, failed(errs)
}

func failed(errs []error) error {
	e := &NodesError{Of: len(errs)}
	for _, err := range errs {
		if err != nil {
			e.Failed++
			e.Errs = append(e.Errs, err)
		}
	}
	if e.Failed == 0 {
		return nil
	}
	return e
}

func newPusher(b *bundle.Bundle, s *site.Site, n site.Node, f shared, o PushOptions) *pusher {
	return &pusher{
		registry: registryOf(s, n), client: o.Client, archive: b.Archive, fan: f, jobs: o.Jobs,
		report: progress.ForNode(o.Progress, n.Name).Func(),
	}
}

// node fills a node and says how it fared. damage tells the source's errors apart.
func (p *pusher) node(ctx context.Context, damage func(error) error, n site.Node, w *work) (NodeResult, error) {
	start := time.Now()
	p.classes = w.classes()
	defer p.fan.leave(p) // nobody waits for a node that has ended
	mounts, err := p.ready(ctx, w)
	if err == nil {
		err = p.push(ctx, w, mounts)
	}
	if slow := (*SlowError)(nil); errors.As(context.Cause(ctx), &slow) {
		err = slow
	}
	r := p.soFar()
	r.Node, r.Host = n.Name, p.Host
	r.Seconds = time.Since(start).Seconds()
	switch {
	case errors.Is(err, context.Canceled):
		r.Error = "cancelled"
	case err != nil:
		err = damage(err)
		r.Error = err.Error()
		p.report.NodeFailed(n.Name, "stopped; see below") // with all nodes' errors, each once
		err = fmt.Errorf("%s: %w", n.Name, err)
	default:
		r.Whole = !p.wrote && r.Sent+r.Mounted == 0
		p.report.NodeEnded(n.Name, fmt.Sprintf("done: %d images, %d blobs sent, %d mounted, %d there already", r.Images, r.Sent, r.Mounted, r.Present))
	}
	return r, err
}
