package importer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"drayage/internal/progress"
	"drayage/pkg/bundle"
	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// CheckOptions belong to Check.
type CheckOptions struct {
	Client *oci.Client
	// Nodes are those of the site that are asked.
	Nodes []site.Node
	// Jobs is how many requests one node sees at once. 0 means 8.
	Jobs int
	// Deep reads everything back, each blob and each manifest once per node, and
	// hashes it. Without it a node's word is taken, for digests and sizes.
	Deep     bool
	Progress progress.Func
}

// maxNamed bounds how many things one NodeState names.
const maxNamed = 20

// NodeState is what a node has of what it should have.
type NodeState struct {
	Node string `json:"node"`
	Host string `json:"host"`
	// Reachable says that its registry answered, to the last question.
	Reachable bool `json:"reachable"`
	// Whole says that everything is there and in its place.
	Whole bool `json:"whole"`
	// Images counts names (repository and tag) that are there with all that the
	// image consists of, MissingImages all others: what was not asked is not there.
	Images        int `json:"images"`
	MissingImages int `json:"missingImages"`
	// MissingBlobs are those that the node lacks or has damaged, once for each
	// repository that needs them. MissingBytes are of blobs that it has in no
	// repository, each once: what has to be sent.
	MissingBlobs int   `json:"missingBlobs"`
	MissingBytes int64 `json:"missingBytes"`
	// Missing names what is missing or wrong, at most 20 things, one line each.
	Missing []string `json:"missing,omitempty"`
	// Damaged are blobs and manifests that are there with another content than
	// their digest says, sorted, at most 20. A registry that has a blob does not
	// take it again, so they have to be removed on the node itself.
	Damaged []digest.Digest `json:"damaged,omitempty"`
	// Error is why the node could not be asked to the end, or is not whole.
	Error string `json:"error,omitempty"`
}

// StateError is a node that is not whole.
type StateError struct {
	State NodeState
	// Err is why something could not be asked; nil when the answer was no.
	Err error
}

// Error names the node, and says how much it lacks and one thing of it.
func (e *StateError) Error() string {
	s := e.State
	switch {
	case !s.Reachable && e.Err != nil:
		return fmt.Sprintf("%s: %v", s.Node, e.Err)
	case len(s.Missing) == 0:
		return fmt.Sprintf("%s: %d of %d images are not whole", s.Node, s.MissingImages, s.Images+s.MissingImages)
	}
	return fmt.Sprintf("%s: %d of %d images are not whole: %s", s.Node, s.MissingImages, s.Images+s.MissingImages, s.Missing[0])
}

// Unwrap returns the cause.
func (e *StateError) Unwrap() error { return e.Err }

// Check asks nodes, all at once, whether everything is there that [Push] brings:
// each tag and what it points at, each index, image manifest and sigstore
// attachment by its digest, each blob and its size in every repository that needs
// it. It changes nothing. It goes on after an error, so that all is reported,
// unless a node does not answer at all or gives too many errors.
//
// The states are in the order of o.Nodes. When some node is not whole the error is
// a [NodesError] of [StateError]s; when ctx ends, it is ctx's error.
func Check(ctx context.Context, b *bundle.Bundle, s *site.Site, o CheckOptions) ([]NodeState, error) {
	work, err := newWork(b, s.Repositories)
	if err != nil {
		return nil, b.Damage(err)
	}
	return checkWork(ctx, work, s, o)
}

// checkWork is Check for work that is known.
func checkWork(ctx context.Context, w *work, s *site.Site, o CheckOptions) ([]NodeState, error) {
	if o.Jobs <= 0 {
		o.Jobs = 8
	}
	if o.Deep {
		o.Progress.PhaseOf("check", w.neededBytes(), names(o.Nodes))
	} else { // a question takes no longer for a large blob
		o.Progress.PiecesOf("check", len(w.pieces()), names(o.Nodes))
	}
	states := make([]NodeState, len(o.Nodes))
	errs := onAll(len(o.Nodes), func(i int) (err error) {
		n := o.Nodes[i]
		c := &checker{
			registry: registryOf(s, n), client: o.Client, jobs: o.Jobs, deep: o.Deep,
			report: progress.ForNode(o.Progress, n.Name).Func(), proven: map[string]bool{}, problems: map[string]string{},
		}
		states[i], err = c.node(ctx, n.Name, w)
		return err
	})
	if ctx.Err() != nil {
		return states, ctx.Err()
	}
	return states, failed(errs)
}

// node asks one node for everything and says what came out.
func (c *checker) node(ctx context.Context, name string, w *work) (NodeState, error) {
	pieces := w.pieces()
	err := each(ctx, c.jobs, pieces, c.piece)
	total := w.neededBytes()
	if !c.deep {
		total = int64(len(pieces))
	}
	s := c.state(w, pieces)
	s.Node, s.Host = name, c.Host
	s.Reachable = !noAnswer(err) && !errors.Is(err, context.Canceled)
	s.Whole = err == nil && s.MissingImages == 0
	switch {
	case errors.Is(err, context.Canceled):
		s.Error = "cancelled"
		return s, err
	case s.Whole:
		c.report.Skip(total - c.done)
		c.report.NodeEnded(name, fmt.Sprintf("whole: %d images, %d blobs", s.Images, len(w.needed())))
		return s, nil
	}
	if err == nil && len(c.troubles) > 0 {
		err = c.troubles[0]
	}
	e := &StateError{State: s, Err: err}
	s.Error = e.Error()[len(name)+len(": "):]
	e.State.Error = s.Error
	if !s.Reachable {
		c.report.NodeFailed(name, "does not answer; see below")
		return s, e
	}
	c.report.Skip(total - c.done) // what was asked for in vain is asked, too
	c.report.Note(name, "not whole; see below")
	return s, e
}

// state counts.
func (c *checker) state(w *work, pieces []piece) NodeState {
	var s NodeState
	needed := map[string][]string{} // what is wrong, and the images that need it
	whole := map[string]bool{}
	for _, image := range w.images {
		name, ok := image[0], true
		for _, key := range image {
			if !c.proven[key] {
				ok = false
				needed[key] = append(needed[key], name)
			}
		}
		if before, twice := whole[name]; !twice || before {
			whole[name] = ok
		}
	}
	for _, ok := range whole {
		if ok {
			s.Images++
		}
	}
	s.MissingImages = len(whole) - s.Images
	s.MissingBlobs, s.MissingBytes = c.missingBlobs(pieces)
	s.Missing, s.Damaged = c.named(pieces, needed), c.damaged
	slices.Sort(s.Damaged)
	s.Damaged = slices.Compact(s.Damaged)
	s.Damaged = s.Damaged[:min(len(s.Damaged), maxNamed)]
	return s
}

// missingBlobs counts what a node said that it does not have.
func (c *checker) missingBlobs(pieces []piece) (count int, size int64) {
	for _, p := range pieces {
		lacking := 0
		for _, s := range p.at {
			if _, wrong := c.problems[s.key()]; wrong && p.isBlob {
				lacking++
			}
		}
		count += lacking
		if p.isBlob && lacking == len(p.at) {
			size += p.desc.Size
		}
	}
	return count, size
}

// named lists what is wrong, manifests first.
func (c *checker) named(pieces []piece, needed map[string][]string) []string {
	var lines []string
	for _, p := range pieces {
		for _, s := range p.at {
			what, wrong := c.problems[s.key()]
			if !wrong || len(lines) == maxNamed {
				continue
			}
			line := s.key() + " " + what
			by := slices.DeleteFunc(slices.Compact(slices.Clone(needed[s.key()])), func(name string) bool { return name == s.key() })
			if len(by) > 0 {
				line += ", needed by " + by[0]
			}
			if len(by) > 1 {
				line += fmt.Sprintf(" and %d more", len(by)-1)
			}
			lines = append(lines, line)
		}
	}
	return lines
}
