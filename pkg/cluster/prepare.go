package cluster

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"drayage/internal/progress"
)

// PrepareOptions belong to Prepare.
type PrepareOptions struct {
	// Version is the OpenShift version that the site says, major.minor or in
	// full. Empty is not compared.
	Version string
	// NodeBytes is how much more each node's disk will have to hold.
	NodeBytes int64
	// NodeExtra is what one node, by its name, has to hold beside that.
	NodeExtra map[string]int64
	// ForceSpace goes on although a disk gets fuller than it should.
	ForceSpace bool
	// ForceConflicts takes fields of our own objects over from other managers.
	ForceConflicts bool
	// AllowDegraded goes on although a node is not ready, as long as nothing is
	// written that nodes have to get.
	AllowDegraded bool
	Progress      progress.Func
}

// Plan is what Apply would do, and what a person should know before.
type Plan struct {
	// Changes are in the order in which the objects will be written.
	Changes []Change
	// Findings has errors first, then warnings.
	Findings []Finding

	objects        []Object
	forceConflicts bool
	// leftPaused says that a run of ours was cut while the pool was paused.
	leftPaused bool
	// updating says that the pool rolled something out already.
	updating bool
	// gone are mirrors that no rule names once the objects are written.
	gone []MirrorRule
	// away says that a node is not ready, and that it is gone on without it.
	away bool
}

// Err is a [*FindingsError] with all that keeps the plan from being applied.
func (p *Plan) Err() error { return asError(p.Findings) }

// Writes tells whether any object would be created or changed.
func (p *Plan) Writes() bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Result != Unchanged })
}

// Prepare looks at the cluster and has the server try every object; nothing is
// written. Its error is one of the connection; what is wrong with the cluster
// or the objects is in the plan, and Plan.Err makes an error of it.
func (c *Cluster) Prepare(ctx context.Context, objects []Object, o PrepareOptions) (*Plan, error) {
	var seen *snapshot
	err := c.persist(ctx, o.Progress, func(ctx context.Context) (err error) { seen, err = c.look(ctx); return err })
	if err != nil {
		return nil, err
	}
	objects, drains := markDrains(joinTrustedCA(objects, seen.image), seen.mirrors)
	objects = inWritingOrder(objects)
	p := &Plan{objects: objects, forceConflicts: o.ForceConflicts, gone: goneFrom(objects, seen.mirrors)}
	p.Findings = slices.Concat(twice(objects), drains, check(seen, objects, o))
	var denied map[string]bool
	err = c.persist(ctx, o.Progress, func(ctx context.Context) error {
		findings, d, err := c.checkRights(ctx, objects)
		if err == nil {
			p.Findings, denied = append(p.Findings, findings...), d
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = c.persist(ctx, o.Progress, func(ctx context.Context) error { return c.try(ctx, p, denied) })
	if err != nil {
		return nil, err
	}
	updating := checkUpdating(seen.pool, p.writesIn(stagePool))
	p.updating = len(updating) > 0
	p.Findings = append(p.Findings, checkReady(seen.nodes, p.rollsOut(), o.AllowDegraded)...)
	p.away = o.AllowDegraded && !p.rollsOut() && anyAway(seen.nodes)
	p.Findings = append(p.Findings, updating...)
	if p.leftPaused = seen.pool != nil && seen.pool.PausedByUs; p.leftPaused {
		p.Findings = append(p.Findings, Finding{Object: "MachineConfigPool/" + MasterPool, Field: "spec.paused",
			Found: "is true since a run of ours was cut short", Do: "this run goes on, and lets the pool go", Warning: true})
	}
	p.Findings = inOrder(p.Findings)
	return p, nil
}

func (p *Plan) writesIn(s stage) bool {
	for i, o := range p.objects {
		if o.stage() == s && p.Changes[i].Result != Unchanged {
			return true
		}
	}
	return false
}

// inWritingOrder sorts by stage; in each the order is kept, but namespaces come
// first and what names other objects last.
func inWritingOrder(objects []Object) []Object {
	rank := map[string]int{"Namespace": -1, "Image": 1, "CatalogSource": 1, "ClusterCatalog": 1}
	sorted := slices.Clone(objects)
	slices.SortStableFunc(sorted, func(a, b Object) int {
		return cmp.Or(cmp.Compare(a.stage(), b.stage()), cmp.Compare(rank[a.Kind], rank[b.Kind]))
	})
	return sorted
}

func twice(objects []Object) []Finding {
	var findings []Finding
	seen := map[string]bool{}
	for _, o := range objects {
		if id := o.String(); seen[id] {
			findings = append(findings, Finding{Object: id, Found: "is given twice", Do: "leave one out"})
		}
		seen[o.String()] = true
	}
	return findings
}

// try has the server try all objects that may be written.
func (c *Cluster) try(ctx context.Context, p *Plan, denied map[string]bool) error {
	p.Changes = make([]Change, len(p.objects))
	findings := make([][]Finding, len(p.objects))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(manyAtOnce)
	for i, object := range p.objects {
		p.Changes[i] = Change{Kind: object.Kind, Namespace: object.Namespace, Name: object.Name, Result: Refused}
		if denied[object.String()] {
			continue
		}
		g.Go(func() (err error) {
			p.Changes[i], findings[i], err = c.tryOne(ctx, object, p)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, f := range findings {
		p.Findings = append(p.Findings, f...)
	}
	return nil
}

func (c *Cluster) tryOne(ctx context.Context, o Object, p *Plan) (Change, []Finding, error) {
	change, err := c.write(ctx, o, writing{dry: true})
	if err == nil {
		return change, nil, nil
	}
	refused := Change{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, Result: Refused}
	if p.makesNamespace(o, err) {
		refused.Result, refused.Untried = Created, true
		return refused, nil, nil
	}
	findings := findingsOf(o, err)
	if findings == nil {
		return refused, nil, err
	}
	if !apierrors.IsConflict(err) || !p.forceConflicts || o.everybodys() || o.neverForce {
		return refused, findings, nil
	}
	for i := range findings {
		findings[i].Warning, findings[i].Do = true, "it is taken over"
	}
	change, err = c.write(ctx, o, writing{dry: true, force: true})
	return change, findings, err
}

// findingsOf is nil for an error of the connection.
func findingsOf(o Object, err error) []Finding {
	var own *FindingsError
	switch {
	case errors.As(err, &own):
		return own.Findings
	case gone(err):
		return nil
	}
	return refusal(o, err)
}

// makesNamespace tells an object that cannot be tried because an earlier one
// will make its namespace.
func (p *Plan) makesNamespace(o Object, err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsNotFound(err) || !errors.As(err, &status) {
		return false
	}
	d := status.Status().Details
	return d != nil && d.Kind == "namespaces" && d.Name == o.Namespace &&
		slices.ContainsFunc(p.objects, func(other Object) bool { return other.is(Object{Kind: "Namespace", Name: o.Namespace}) })
}
