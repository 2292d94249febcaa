package olm

import (
	"context"
	"strings"
	"time"

	"drayage/test/cluster/control"
	"drayage/test/cluster/kube"

	ocv1 "github.com/operator-framework/operator-controller/api/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
)

// Catalogd stands in for the operator of the same name: a ClusterCatalog is
// served after a while, or what a test says keeps it from that. Nothing outside
// of the cluster can be reached: those that a cluster comes with are tried again
// and again, until they are switched off.
type Catalogd struct {
	client kube.Client
	store  *control.Store
	seen   map[string]seen
}

// NewCatalogd makes a stand-in. Run starts it.
func NewCatalogd(c dynamic.Interface, store *control.Store) *Catalogd {
	return &Catalogd{client: kube.Client{Dynamic: c, Manager: "catalogd"}, store: store, seen: map[string]seen{}}
}

// Run works until ctx ends.
func (d *Catalogd) Run(ctx context.Context) {
	for ctx.Err() == nil {
		all, _ := kube.List[ocv1.ClusterCatalog](ctx, d.client, kube.ClusterCatalogs) // a server that is away is asked again
		if state := d.store.State(); !state.Halted {
			for _, c := range all {
				_ = d.sync(ctx, state, c)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryTime):
		}
	}
}

func (d *Catalogd) sync(ctx context.Context, state control.State, c ocv1.ClusterCatalog) error {
	s, ok := d.seen[c.Name]
	if !ok || s.generation != c.Generation {
		s = seen{c.Generation, time.Now()}
		d.seen[c.Name] = s
	}
	want := d.status(state, c, time.Since(s.since) < time.Duration(state.CatalogDelay)*time.Millisecond)
	if sameConditions(c.Status.Conditions, want.Conditions) {
		return nil
	}
	d.store.Log(c.Name, "clustercatalog", "%s", want.Conditions[0].Reason)
	return d.client.Patch(ctx, kube.ClusterCatalogs, c.Name, map[string]any{"status": want}, "status")
}

func (d *Catalogd) status(state control.State, c ocv1.ClusterCatalog, waits bool) ocv1.ClusterCatalogStatus {
	told := state.Catalogs[c.Name]
	if told == "" && strings.HasPrefix(c.Name, "openshift-") {
		told = "source catalog content: error pinging docker registry registry.redhat.io: i/o timeout"
	}
	switch {
	case c.Spec.AvailabilityMode == ocv1.AvailabilityModeUnavailable:
		return ocv1.ClusterCatalogStatus{Conditions: conditions(c, metav1.ConditionFalse, ocv1.ReasonUserSpecifiedUnavailable, metav1.ConditionTrue, ocv1.ReasonSucceeded, "")}
	case waits:
		return ocv1.ClusterCatalogStatus{Conditions: conditions(c, metav1.ConditionFalse, ocv1.ReasonUnavailable, metav1.ConditionTrue, ocv1.ReasonRetrying, "")}
	case told != "":
		return ocv1.ClusterCatalogStatus{Conditions: conditions(c, metav1.ConditionFalse, ocv1.ReasonUnavailable, metav1.ConditionTrue, ocv1.ReasonRetrying, told)}
	}
	return ocv1.ClusterCatalogStatus{
		Conditions:     conditions(c, metav1.ConditionTrue, ocv1.ReasonAvailable, metav1.ConditionTrue, ocv1.ReasonSucceeded, ""),
		ResolvedSource: &ocv1.ResolvedCatalogSource{Type: ocv1.SourceTypeImage, Image: &ocv1.ResolvedImageSource{Ref: c.Spec.Source.Image.Ref}},
	}
}

func conditions(c ocv1.ClusterCatalog, serving metav1.ConditionStatus, why string, progressing metav1.ConditionStatus, how, message string) []metav1.Condition {
	now := metav1.Now()
	return []metav1.Condition{
		{Type: ocv1.TypeServing, Status: serving, Reason: why, ObservedGeneration: c.Generation, LastTransitionTime: now},
		{Type: ocv1.TypeProgressing, Status: progressing, Reason: how, Message: message, ObservedGeneration: c.Generation, LastTransitionTime: now},
	}
}

func sameConditions(have, want []metav1.Condition) bool {
	for _, w := range want {
		h := meta.FindStatusCondition(have, w.Type)
		if h == nil || h.Status != w.Status || h.Reason != w.Reason || h.Message != w.Message || h.ObservedGeneration != w.ObservedGeneration {
			return false
		}
	}
	return true
}
