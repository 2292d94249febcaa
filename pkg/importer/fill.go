package importer

import (
	"context"
	"errors"

	"drayage/pkg/bundle"
	"drayage/pkg/site"
)

// FillOptions belong to Fill. Nodes that Push asks are those that are proven.
type FillOptions struct {
	PushOptions
	// NoCheck leaves the proof out, Deep reads everything back; see [Check].
	NoCheck, Deep bool
}

// Fill is [Push] and then the proof that it worked: what has been written to a
// node is asked for with [Check]. A node that had everything has been asked for
// all of it by Push, and is not asked again unless o.Deep wants its content. The
// error joins those of both, one for each node.
func Fill(ctx context.Context, b *bundle.Bundle, s *site.Site, o FillOptions) ([]NodeResult, error) {
	work, err := newWork(b, s.Repositories)
	if err != nil {
		return nil, b.Damage(err)
	}
	results, pushed := pushWork(ctx, b, s, work, newFan(b.Archive), o.PushOptions)
	return prove(ctx, work, s, o, results, pushed)
}

// prove is what follows a push.
func prove(ctx context.Context, work *work, s *site.Site, o FillOptions, results []NodeResult, pushed error) ([]NodeResult, error) {
	if ctx.Err() != nil || o.NoCheck {
		return results, pushed
	}
	var left []site.Node
	at := map[string]int{} // by the node's name
	for i, r := range results {
		if r.Error == "" && (!r.Whole || o.Deep) {
			left, at[r.Node] = append(left, o.Nodes[i]), i
		}
	}
	if len(left) == 0 {
		return results, pushed
	}
	states, checked := checkWork(ctx, work, s, CheckOptions{Client: o.Client, Nodes: left, Jobs: o.Jobs, Deep: o.Deep, Progress: o.Progress})
	for _, state := range states {
		r := &results[at[state.Node]]
		r.Whole, r.Error = state.Whole, state.Error
	}
	if ctx.Err() != nil {
		return results, ctx.Err()
	}
	return results, together(len(results), pushed, checked)
}

// together makes one NodesError of two. One that came with another error, as of
// a bundle that is damaged, stays with it.
func together(of int, errs ...error) error {
	all := &NodesError{Of: of}
	for _, err := range errs {
		some, plain := err.(*NodesError)
		switch {
		case plain:
			all.Failed += some.Failed
			all.Errs = append(all.Errs, some.Errs...)
		case err != nil:
			return errors.Join(errs...)
		}
	}
	if all.Failed == 0 {
		return nil
	}
	return all
}
