package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/bundle"
	"drayage/pkg/cluster"
	"drayage/pkg/importer"
	"drayage/pkg/render"
)

// verify reads the whole file, each time: a second a gigabyte, and it says what a
// push would only come upon.
func (r *onSite) verify() (runStep, error) {
	if r.c.Bool("no-verify") {
		return runStep{Result: stepSkipped, Text: "--no-verify was given"}, nil
	}
	u := cmdline.UI(r.c)
	defer u.Close()
	report, err := bundle.Verify(r.c.Context, r.path, r.bundle.Root, u.Progress(), cmdline.VolumeDirs(r.c)...)
	if err != nil {
		return runStep{}, err
	}
	if len(report.Findings) > 0 {
		return runStep{}, &bundle.InvalidError{Path: r.path, Findings: report.Findings}
	}
	return runStep{Result: stepDone, Text: fmt.Sprintf("%d images, %d blobs, %s, all good", report.Images, report.Blobs, ui.Bytes(report.Bytes))}, nil
}

// applyNodes takes along what the mirror sets lose: that drains nodes, too.
func (r *onSite) applyNodes() (runStep, error) {
	narrowed, warnings, err := r.to.Narrowed(r.c.Context, ofStage(r.objects, render.StageMirrors), nil)
	if err != nil {
		return runStep{}, clusterError(err)
	}
	r.warn(warnings)
	return r.apply(append(ofStage(r.objects, render.StageNodes), narrowed...))
}

func (r *onSite) applyMirrors() (runStep, error) {
	return r.apply(ofStage(r.objects, render.StageMirrors))
}
func (r *onSite) applyCatalogs() (runStep, error) {
	return r.apply(ofStage(r.objects, render.StageCatalogs))
}

// apply brings objects to the cluster, and waits until they are in
// force. Objects that are there are waited for as well: a run that was ended goes
// on watching.
func (r *onSite) apply(objects []cluster.Object) (runStep, error) {
	if len(objects) == 0 {
		return runStep{Result: stepNothing, Text: "this bundle and site have no such objects"}, nil
	}
	u := cmdline.UI(r.c)
	defer u.Close()
	plan, err := r.to.Prepare(r.c.Context, objects, r.prepareOptions(u))
	if err != nil {
		return runStep{}, clusterError(err)
	}
	r.warn(plan.Findings)
	if err := plan.Err(); err != nil {
		return runStep{Objects: plan.Changes}, clusterError(err)
	}
	done, err := r.to.Apply(r.c.Context, plan, cluster.ApplyOptions{NodeTimeout: r.c.Duration("node-timeout"), Progress: u.Progress()})
	var findings *cluster.FindingsError
	if errors.Is(err, context.Canceled) && errors.As(err, &findings) { // what follows says only that it was cancelled
		fmt.Fprintf(r.c.App.ErrWriter, "%s: %v\n", r.c.App.Name, findings)
	}
	if err != nil {
		return runStep{Objects: done}, clusterError(err)
	}
	return appliedStep(done), nil
}

func appliedStep(done []cluster.Change) runStep {
	counts := map[cluster.Result]int{}
	for _, ch := range done {
		counts[ch.Result]++
	}
	s := runStep{Result: stepDone, Objects: done}
	if counts[cluster.Unchanged] == len(done) {
		s.Result = stepNothing
	}
	var parts []string
	for _, result := range []cluster.Result{cluster.Created, cluster.Changed, cluster.Unchanged} {
		if n := counts[result]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, result))
		}
	}
	s.Text = "objects: " + strings.Join(parts, ", ") + "; in force"
	return s
}

// push fills the nodes. With --allow-degraded a node that could not be filled is
// for the check to name.
func (r *onSite) push() (runStep, error) {
	u := cmdline.UI(r.c)
	defer u.Close()
	results, err := importer.Push(r.c.Context, r.bundle, r.site, importer.PushOptions{
		Client: r.client, Nodes: r.site.Nodes, Jobs: r.c.Int("jobs"), Progress: u.Progress(),
	})
	r.lacking = nil
	s := runStep{Result: stepDone, Pushed: results}
	var sent int64
	whole := 0
	nothing := err == nil // not a blob, nor a tag
	for _, n := range results {
		nothing = nothing && n.Whole
		sent += n.BytesSent
		if n.Error == "" {
			whole++
		}
	}
	s.Text = fmt.Sprintf("%s sent, %d of %d nodes filled", ui.Bytes(sent), whole, len(results))
	if nothing {
		s.Result, s.Text = stepNothing, fmt.Sprintf("%d of %d nodes have all of it", whole, len(results))
	}
	return s, r.tolerate(err)
}

// tolerate lets nodes that are not whole pass where a person wants that. A
// damaged bundle never passes.
func (r *onSite) tolerate(err error) error {
	var nodes *importer.NodesError
	var invalid *bundle.InvalidError
	if r.c.Bool("allow-degraded") && errors.As(err, &nodes) && !errors.As(err, &invalid) && nodes.Failed < nodes.Of {
		return nil
	}
	return err
}

// check asks every node for everything. The cluster is not told of a bundle that
// a node does not have whole.
func (r *onSite) check() (runStep, error) {
	u := cmdline.UI(r.c)
	defer u.Close()
	states, err := importer.Check(r.c.Context, r.bundle, r.site, importer.CheckOptions{
		Client: r.client, Nodes: r.site.Nodes, Jobs: r.c.Int("jobs"), Progress: u.Progress(),
	})
	s := runStep{Result: stepDone, States: states}
	if err := r.tolerate(err); err != nil {
		return s, err
	}
	if err == nil {
		s.Text = fmt.Sprintf("%d nodes are whole", len(states))
		return s, nil
	}
	s.Text = "--allow-degraded was given, so the cluster is told of this: " + strings.ReplaceAll(err.Error(), "\n", "; ")
	return s, nil
}
