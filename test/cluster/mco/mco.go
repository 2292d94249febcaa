// Package mco stands in for the machine-config operator: controller and daemons.
//
// It does to the cluster's objects what a real one does, as far as somebody who
// waits for it can see:
//
//   - A change of a MachineConfig, a mirror set, the Image config or the pull
//     secret is not answered at once. For the render delay the pool says what it
//     said before: Updated is True, for the old configuration.
//   - Then there is a MachineConfig rendered-POOL-HASH, the pool's
//     spec.configuration names it and its sources, and nodes go one by one
//     (maxUnavailable). Each node's annotations tell how far it is.
//   - The pool's status counts nodes as the real one does, by the rules of
//     status.go: a cordoned node is not ready, a degraded one is updated nowhere.
//   - Whether a change drains or reboots is decided by its OpenShift version, by
//     NodeDisruptionPolicy from 4.17, and for registries.conf by what changed in
//     it ([SafeRegistries]).
//   - What the real one only logs, conflicting policies for one source among it,
//     is in the journal under machine-config-controller and nowhere else.
//
// What goes wrong is said in a [control.Store]. Drains and reboots are counted in
// the node annotations [DrainsAnnotation] and [RebootsAnnotation].
package mco

import (
	"context"
	"time"

	"drayage/test/cluster/control"
	"drayage/test/cluster/kube"

	"k8s.io/client-go/dynamic"
)

// Annotations of nodes. The first are the real ones.
const (
	annotationPrefix  = "machineconfiguration.openshift.io/"
	currentConfig     = annotationPrefix + "currentConfig"
	desiredConfig     = annotationPrefix + "desiredConfig"
	stateAnnotation   = annotationPrefix + "state"
	reasonAnnotation  = annotationPrefix + "reason"
	desiredDrain      = annotationPrefix + "desiredDrain"
	lastAppliedDrain  = annotationPrefix + "lastAppliedDrain"
	roleLabel         = annotationPrefix + "role"
	DrainsAnnotation  = "drayage.test/drains"
	RebootsAnnotation = "drayage.test/reboots"
)

// States of a node.
const (
	stateDone           = "Done"
	stateWorking        = "Working"
	stateDegraded       = "Degraded"
	stateUnreconcilable = "Unreconcilable"
)

// logger is the subject of what only a log would tell.
const logger = "machine-config-controller"

const (
	// idleTime is how often it looks without being woken.
	idleTime = 5 * time.Second
	// retryTime is how long it waits when the API server does not answer.
	retryTime = 200 * time.Millisecond
	// settleTime lets changes that come together be seen together.
	settleTime = 10 * time.Millisecond
)

// Operator is the stand-in.
type Operator struct {
	client kube.Client
	store  *control.Store
	minor  int

	walks  map[string]*walk     // by node
	due    map[string]time.Time // when a pool is rendered, by its name
	logged string               // the last complaint, so that it is made once
}

// New makes a stand-in for an OpenShift 4.minor. Run starts it.
func New(c dynamic.Interface, store *control.Store, minor int) *Operator {
	return &Operator{
		client: kube.Client{Dynamic: c, Manager: logger},
		store:  store,
		minor:  minor,
		walks:  map[string]*walk{},
		due:    map[string]time.Time{},
	}
}

// Run works until ctx ends.
func (o *Operator) Run(ctx context.Context) {
	woken := make(chan struct{}, 1)
	wake := func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	}
	o.store.OnChange(wake)
	kube.Wake(ctx, o.client.Dynamic, wake,
		kube.Nodes, kube.Secrets, kube.Images, kube.ImagePolicies, kube.ImageDigestMirrorSets, kube.ImageTagMirrorSets,
		kube.MachineConfigs, kube.MachineConfigPools, kube.KubeletConfigs, kube.MachineConfigurations)
	for {
		next := o.sync(ctx)
		select {
		case <-ctx.Done():
			return
		case <-woken:
			time.Sleep(settleTime)
		case <-time.After(max(next, settleTime)):
		}
	}
}

// sync does all that is to be done now, and says when there is more.
func (o *Operator) sync(ctx context.Context) time.Duration {
	w, err := o.read(ctx)
	w.state = o.store.State() // after the lists, which a busy server may hold up: halted since then is halted
	if w.state.Halted {
		return idleTime
	}
	if err == nil {
		var changed bool
		if changed, err = o.generate(ctx, w); err == nil && changed {
			return 0
		}
	}
	next := idleTime
	for _, p := range w.pools {
		if err != nil {
			break
		}
		var d time.Duration
		d, err = o.syncPool(ctx, w, p)
		next = min(next, d)
	}
	if err != nil {
		return retryTime
	}
	return next
}

func (o *Operator) syncPool(ctx context.Context, w *world, p *pool) (time.Duration, error) {
	next, err := o.render(ctx, w, p)
	if err != nil {
		return 0, err
	}
	target(w, p)
	for _, n := range p.nodes {
		if err := o.retarget(ctx, n); err != nil {
			return 0, err
		}
		d, err := o.advance(ctx, w, n)
		if err != nil {
			return 0, err
		}
		next = min(next, d)
	}
	return next, o.report(ctx, p)
}

// complain journals what a real operator only logs, once in a row.
func (o *Operator) complain(err error) {
	if s := err.Error(); s != o.logged {
		o.logged = s
		o.store.Log(logger, "error", "%s", s)
	}
}
