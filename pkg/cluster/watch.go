package cluster

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// observation is one look at a rollout.
type observation struct {
	pool  Pool
	nodes []Node
	// missing is what of ours the configuration that the pool aims at does not hold.
	missing []string
}

// waitForPool returns when every node of the pool runs a configuration that
// holds what is wanted.
func (c *Cluster) waitForPool(ctx context.Context, want wanted, o ApplyOptions) error {
	t := newTracker(c.limits, o.NodeTimeout)
	for {
		var seen observation
		err := c.persist(ctx, o.Progress, func(ctx context.Context) (err error) { seen, err = c.observe(ctx, want); return err })
		if err != nil {
			return watchError(ctx, Object{Kind: "MachineConfigPool", Name: MasterPool}, err)
		}
		v := t.judge(seen, time.Now())
		for _, n := range v.notes {
			o.Progress.Note(n.node, n.text)
		}
		if v.stuckDrain {
			if budgets := c.tightBudgets(ctx); len(budgets) > 0 {
				o.Progress.Note("", "PodDisruptionBudgets that let no pod go: "+strings.Join(budgets, ", "))
			}
		}
		if v.done || v.failed != nil {
			return asError(v.failed)
		}
		if err := sleep(ctx, c.limits.poll); err != nil {
			return err
		}
	}
}

// watchError is for a server that says no in the middle.
func watchError(ctx context.Context, o Object, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if findings := findingsOf(o, err); findings != nil {
		return &FindingsError{findings}
	}
	return err
}

func (c *Cluster) observe(ctx context.Context, want wanted) (seen observation, err error) {
	if seen.pool, err = c.pool(ctx, MasterPool); err != nil {
		return seen, err
	}
	if seen.nodes, err = c.nodes(ctx, seen.pool); err != nil {
		return seen, err
	}
	rendered, err := c.rendered(ctx, seen.pool.Target)
	if err != nil {
		return seen, err
	}
	if rendered == nil {
		seen.missing = []string{"configuration " + seen.pool.Target}
		return seen, nil
	}
	seen.missing = want.missing(rendered, seen.pool.sources)
	return seen, nil
}

// rendered is nil when there is none of this name.
func (c *Cluster) rendered(ctx context.Context, name string) (*unstructured.Unstructured, error) {
	if name == "" {
		return nil, nil
	}
	u, err := c.dynamic.Resource(kinds["MachineConfig"].gvr).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return u, err
}

// tightBudgets names what most often keeps a node from being drained. It is
// extra: where it cannot be read, nothing is said.
func (c *Cluster) tightBudgets(ctx context.Context) []string {
	budgets, err := c.list(ctx, disruptionBudgets)
	if err != nil {
		return nil
	}
	var names []string
	for _, b := range budgets {
		allowed, found, _ := unstructured.NestedInt64(b.Object, "status", "disruptionsAllowed")
		pods, _, _ := unstructured.NestedInt64(b.Object, "status", "expectedPods")
		if found && allowed == 0 && pods > 0 {
			names = append(names, b.GetNamespace()+"/"+b.GetName())
		}
	}
	return names
}

func short(config string) string {
	if len(config) > 24 { // rendered-master- and eight digits
		return config[:24]
	}
	return config
}

func machines(p Pool) string { return fmt.Sprintf("%d of %d nodes", p.UpToDate, p.Machines) }
