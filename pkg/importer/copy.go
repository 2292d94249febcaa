package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/internal/progress"
	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// CopyOptions belong to Copy.
type CopyOptions struct {
	Client *oci.Client
	// To is filled from all other nodes of the site.
	To site.Node
	// Jobs is how many requests one node sees at once. 0 means 4.
	Jobs int
	// Deep reads everything back in the end.
	Deep     bool
	Progress progress.Func
}

// CopyResult says what became of a node that was filled from others.
type CopyResult struct {
	NodeResult
	// From are the nodes that said what there is.
	From []string `json:"from"`
	// Warnings are what whoever asked should know, one line each: nodes that did
	// not answer, names that not all of them have.
	Warnings []string `json:"warnings"`
}

// Copy fills a node with all that the site's other nodes hold under names, and
// then proves it as [Check] does. Content goes from node to node and nothing is
// kept on the way; each digest is proven as it passes, so it does not matter
// which node gives it. Which digest a name has is another matter: it is taken
// when no two nodes say different things, and otherwise left out and an error.
// So are images that no node has all manifests of. All else is copied; the same
// command again goes on.
//
// What the nodes hold is what somebody pushed once. Only a bundle with a root
// proves what that was.
func Copy(ctx context.Context, s *site.Site, o CopyOptions) (CopyResult, error) {
	if o.Jobs <= 0 {
		o.Jobs = 4
	}
	result := CopyResult{NodeResult: NodeResult{Node: o.To.Name, Host: o.To.Host(s.Registry)}, From: []string{}, Warnings: []string{}}
	o.Progress.Phase("asking the other nodes", 0)
	inv, silent := inventoryOf(ctx, s, o)
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	for _, err := range silent {
		result.Warnings = append(result.Warnings, err.Error()+"; left out")
	}
	if result.From = append(result.From, inv.names...); len(inv.names) == 0 {
		result.Error = errNoSource.Error()
		return result, &NodesError{Failed: 1, Of: 1, Errs: append(silent, fmt.Errorf("%s: %w", o.To.Name, errNoSource))}
	}
	result.Warnings = append(append(result.Warnings, inv.warnings()...), inv.untagged()...)
	agreed, errs := inv.agreed()
	w, left := inv.work(ctx, agreed)
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	if gaps := w.gaps(); gaps != "" && len(silent) > 0 {
		result.Warnings = append(result.Warnings, gaps)
	}
	errs = append(errs, left...)
	err := copyWork(ctx, s, w, inv, o, &result.NodeResult)
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	return result, result.settle(append(errs, flat(err)...))
}

// flat are the errors of a NodesError.
func flat(err error) []error {
	if e := (*NodesError)(nil); errors.As(err, &e) {
		return e.Errs
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

// settle makes one error. What was left out makes the node less than whole.
func (r *CopyResult) settle(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	r.Whole = false
	if r.Error == "" {
		r.Error = errs[0].Error()
	}
	return &NodesError{Failed: 1, Of: 1, Errs: errs}
}

func inventoryOf(ctx context.Context, s *site.Site, o CopyOptions) (*inventory, []error) {
	var names []string
	var hosts []registry
	for _, n := range s.Nodes {
		if n.Name != o.To.Name {
			names = append(names, n.Name)
			hosts = append(hosts, registryOf(s, n))
		}
	}
	return takeInventory(ctx, o.Client, o.Jobs, names, hosts)
}

// warnings name what is less certain than it could be.
func (inv *inventory) warnings() []string {
	if len(inv.names) == 1 {
		return []string{"only " + inv.names[0] + " says what there is: nobody confirms it"}
	}
	var warnings []string
	for i, name := range inv.names {
		lacks, first := 0, ""
		for s, said := range inv.tags {
			if _, has := said[i]; has {
				continue
			}
			lacks++
			if first == "" || s.key() < first {
				first = s.key()
			}
		}
		if lacks > 0 {
			warnings = append(warnings, fmt.Sprintf("%s lacks %d names that others have, %s among them", name, lacks, first))
		}
	}
	return warnings
}

// copyWork pushes from the nodes, and checks.
func copyWork(ctx context.Context, s *site.Site, w *work, inv *inventory, o CopyOptions, r *NodeResult) (err error) {
	o.Progress.PhaseOf("copy", w.bytes, []string{o.To.Name})
	f := newFan(nil)
	p := &pusher{
		registry: registryOf(s, o.To), client: o.Client, fan: f, jobs: o.Jobs,
		report: progress.ForNode(o.Progress, o.To.Name).Func(),
	}
	p.others = &others{inv: inv, repos: map[digest.Digest][]string{}, turn: map[digest.Digest]int{}}
	for _, b := range w.blobs {
		p.others.repos[b.desc.Digest] = b.repos
	}
	f.join(p)
	*r, err = p.node(ctx, func(err error) error { return err }, o.To, w)
	if err != nil || ctx.Err() != nil || r.Whole && !o.Deep {
		return err
	}
	states, err := checkWork(ctx, w, s, CheckOptions{Client: o.Client, Nodes: []site.Node{o.To}, Jobs: o.Jobs, Deep: o.Deep, Progress: o.Progress})
	r.Whole, r.Error = states[0].Whole, states[0].Error
	return err
}

// others are nodes that blobs are read from, each time beginning with the next.
type others struct {
	inv   *inventory
	repos map[digest.Digest][]string

	mu   sync.Mutex
	turn map[digest.Digest]int
}

func (s *others) open(ctx context.Context, client *oci.Client, d ocispec.Descriptor) (io.ReadCloser, error) {
	s.mu.Lock()
	turn, again := s.turn[d.Digest]
	if !again { // different blobs begin with different nodes
		turn = int(d.Digest.Encoded()[0]) % len(s.inv.hosts)
	}
	s.turn[d.Digest] = turn + 1
	s.mu.Unlock()
	var places []oci.Repository
	for i := range s.inv.hosts {
		for _, repo := range s.repos[d.Digest] {
			places = append(places, s.inv.hosts[(turn+i)%len(s.inv.hosts)].in(repo))
		}
	}
	r, err := client.ReadBlob(ctx, slices.Clip(places), d)
	if err != nil {
		return nil, err
	}
	return sourceReader{r}, nil
}

// sourceReader marks errors of the source among those of an upload.
type sourceReader struct{ io.ReadCloser }

func (r sourceReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	if err != nil && err != io.EOF {
		err = &sourceError{err}
	}
	return n, err
}

type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }
