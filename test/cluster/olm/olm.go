// Package olm stands in for the catalog operator of OLM: a CatalogSource is
// CONNECTING for a while and then READY, or what a test says it comes to.
package olm

import (
	"context"
	"time"

	"drayage/test/cluster/control"
	"drayage/test/cluster/kube"

	olmv1alpha1 "github.com/operator-framework/api/pkg/operators/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
)

const (
	connecting = "CONNECTING"
	ready      = "READY"
	// idleTime is how often it looks without being woken.
	idleTime = 5 * time.Second
	// retryTime is how long it waits when the API server does not answer.
	retryTime = 200 * time.Millisecond
)

// Operator is the stand-in.
type Operator struct {
	client kube.Client
	store  *control.Store
	seen   map[string]seen // by namespace/name
}

// seen is when a catalog began to connect, and for which of its generations.
type seen struct {
	generation int64
	since      time.Time
}

// New makes a stand-in. Run starts it.
func New(c dynamic.Interface, store *control.Store) *Operator {
	return &Operator{client: kube.Client{Dynamic: c, Manager: "catalog"}, store: store, seen: map[string]seen{}}
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
	kube.Wake(ctx, o.client.Dynamic, wake, kube.CatalogSources)
	for {
		next := o.sync(ctx)
		select {
		case <-ctx.Done():
			return
		case <-woken:
		case <-time.After(next):
		}
	}
}

func (o *Operator) sync(ctx context.Context) time.Duration {
	all, err := kube.List[olmv1alpha1.CatalogSource](ctx, o.client, kube.CatalogSources)
	if err != nil {
		return retryTime
	}
	state, next := o.store.State(), idleTime // after the list, which a busy server may hold up: halted since then is halted
	if state.Halted {
		return idleTime
	}
	for _, c := range all {
		d, err := o.connect(ctx, state, c)
		if err != nil {
			d = retryTime
		}
		next = min(next, d)
	}
	return next
}

// connect brings a catalog to the state that it is to be in now. What changes
// begins from the beginning: its pod is a new one.
func (o *Operator) connect(ctx context.Context, state control.State, c olmv1alpha1.CatalogSource) (time.Duration, error) {
	key := c.Namespace + "/" + c.Name
	s, ok := o.seen[key]
	if !ok || s.generation != c.Generation {
		s = seen{c.Generation, time.Now()}
		o.seen[key] = s
	}
	want, wait := connecting, time.Until(s.since.Add(time.Duration(state.CatalogDelay)*time.Millisecond))
	if wait <= 0 {
		wait, want = idleTime, ready
		if told := state.Catalogs[c.Name]; told != "" {
			want = told
		}
	}
	if g := c.Status.GRPCConnectionState; g != nil && g.LastObservedState == want {
		return wait, nil
	}
	o.store.Log(c.Name, "catalog", "%s", want)
	now := metav1.Now()
	return wait, o.client.PatchIn(ctx, kube.CatalogSources, c.Namespace, c.Name, map[string]any{"status": map[string]any{
		"connectionState": map[string]any{
			"address":           c.Name + "." + c.Namespace + ".svc:50051",
			"lastConnect":       now,
			"lastObservedState": want,
		},
	}}, "status")
}
