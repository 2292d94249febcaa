package cluster

import (
	"context"
	"errors"
	"slices"
	"time"

	"drayage/internal/progress"
)

// DefaultNodeTimeout is how long one node may take to be drained, to reboot,
// and to be ready again.
const DefaultNodeTimeout = 40 * time.Minute

// ApplyOptions belong to Apply.
type ApplyOptions struct {
	// NoWait returns when everything is written.
	NoWait bool
	// NodeTimeout bounds what one node takes. 0 means DefaultNodeTimeout.
	NodeTimeout time.Duration
	Progress    progress.Func
}

// Apply writes a plan's objects, stage by stage, and waits for the cluster
// after each that needs it. It refuses a plan with errors. It returns what
// became of the objects that were written, also with an error; the same call on
// a new plan goes on where it stopped. A pool that was paused runs again when
// Apply returns, or the error says that it does not.
func (c *Cluster) Apply(ctx context.Context, p *Plan, o ApplyOptions) (done []Change, err error) {
	if err := p.Err(); err != nil {
		return nil, err
	}
	if o.NodeTimeout == 0 {
		o.NodeTimeout = DefaultNodeTimeout
	}
	if p.leftPaused {
		defer func() { err = errors.Join(err, c.letGo(ctx, o.Progress)) }()
		if !p.writesIn(stagePool) {
			if err := c.letGo(ctx, o.Progress); err != nil {
				return nil, err
			}
		}
	}
	for s := stageGround; s <= stageLast; s++ {
		if s == stageMirrors && p.updating && !p.away && !o.NoWait {
			if err := c.waitForPool(ctx, wanted{}, o); err != nil {
				return done, err
			}
		}
		changes, err := c.applyStage(ctx, p, s, o)
		done = append(done, changes...)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func (c *Cluster) applyStage(ctx context.Context, p *Plan, s stage, o ApplyOptions) ([]Change, error) {
	changes, err := c.writeStage(ctx, p, s, o)
	if err != nil || len(changes) == 0 || o.NoWait {
		return changes, err
	}
	switch s {
	case stagePool, stageMirrors:
		want, err := wantedOf(slices.DeleteFunc(slices.Clone(p.objects), func(object Object) bool { return object.stage() > s }))
		if err != nil {
			return changes, err
		}
		want.gone = p.gone
		if p.away { // no rollout ends before that node is back
			return changes, c.inForce(ctx, want, o.Progress)
		}
		return changes, c.waitForPool(ctx, want, o)
	case stageCatalogs:
		return changes, c.waitForCatalogs(ctx, p.objects, o)
	}
	return changes, nil
}

// writeStage writes the objects of one stage, those that drain nodes while the
// pool is paused.
func (c *Cluster) writeStage(ctx context.Context, p *Plan, s stage, o ApplyOptions) (done []Change, err error) {
	if s == stagePool && p.writesIn(s) {
		// Before the pause: its answer may get lost.
		defer func() { err = errors.Join(err, c.letGo(ctx, o.Progress)) }()
		if err := c.pause(ctx, o.Progress); err != nil {
			return nil, err
		}
	}
	for i, object := range p.objects {
		if object.stage() != s {
			continue
		}
		change, err := c.writeOne(ctx, object, p.Changes[i], p.forceConflicts, o)
		if err != nil {
			return done, err
		}
		done = append(done, change)
		if change.Result != Unchanged {
			o.Progress.Note("", change.String()+": "+string(change.Result))
		}
	}
	return done, nil
}

func (c *Cluster) writeOne(ctx context.Context, object Object, planned Change, force bool, o ApplyOptions) (Change, error) {
	var change Change
	tries := 0
	err := c.persist(ctx, o.Progress, func(ctx context.Context) (err error) {
		tries++
		change, err = c.write(ctx, object, writing{force: force})
		return err
	})
	if err != nil {
		if findings := findingsOf(object, err); findings != nil {
			return Change{}, &FindingsError{findings}
		}
		return Change{}, err
	}
	if tries > 1 && change.Result == Unchanged { // the answer of the try that did it was lost
		change.Result, change.Fields = planned.Result, planned.Fields
	}
	return change, nil
}
