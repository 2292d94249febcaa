package cluster

import (
	"context"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// MasterPool is the pool of a compact cluster's nodes.
const MasterPool = "master"

// PausedAnnotation on a pool says that we paused it.
const PausedAnnotation = "drayage.io/paused-by-apply"

// Pool is what is known of a MachineConfigPool.
type Pool struct {
	Name        string `json:"name"`
	Paused      bool   `json:"paused"`
	PausedByUs  bool   `json:"pausedByUs"`
	Degraded    bool   `json:"degraded"`
	Updating    bool   `json:"updating"`
	Updated     bool   `json:"updated"`
	Reason      string `json:"reason,omitempty"` // of being degraded
	Target      string `json:"target"`           // the rendered configuration that nodes are to have
	Current     string `json:"current"`          // the one that all of them had last
	Machines    int64  `json:"machines"`
	UpToDate    int64  `json:"updatedMachines"`
	Ready       int64  `json:"readyMachines"`
	Unavailable int64  `json:"unavailableMachines"`
	Broken      int64  `json:"degradedMachines"`

	generation, observed int64
	sources              []string
	nodeSelector         map[string]string
}

// Node is what is known of a node and its machine-config daemon.
type Node struct {
	Name           string `json:"name"`
	Ready          bool   `json:"ready"`
	DiskPressure   bool   `json:"diskPressure"`
	MemoryPressure bool   `json:"memoryPressure"`
	Current        string `json:"current"`
	Desired        string `json:"desired"`
	State          string `json:"state"` // Done, Working, Degraded
	Reason         string `json:"reason,omitempty"`
	Draining       bool   `json:"draining"`
}

// annotation prefix of the machine-config daemon.
const daemonPrefix = "machineconfiguration.openshift.io/"

func poolOf(u *unstructured.Unstructured) Pool {
	p := Pool{Name: u.GetName(), generation: u.GetGeneration()}
	p.Paused, _, _ = unstructured.NestedBool(u.Object, "spec", "paused")
	_, p.PausedByUs = u.GetAnnotations()[PausedAnnotation]
	p.Target, _, _ = unstructured.NestedString(u.Object, "spec", "configuration", "name")
	p.Current, _, _ = unstructured.NestedString(u.Object, "status", "configuration", "name")
	p.nodeSelector, _, _ = unstructured.NestedStringMap(u.Object, "spec", "nodeSelector", "matchLabels")
	sources, _, _ := unstructured.NestedSlice(u.Object, "spec", "configuration", "source")
	for _, s := range sources {
		if m, ok := s.(map[string]any); ok {
			name, _ := m["name"].(string)
			p.sources = append(p.sources, name)
		}
	}
	for field, into := range map[string]*int64{
		"machineCount": &p.Machines, "updatedMachineCount": &p.UpToDate, "readyMachineCount": &p.Ready,
		"unavailableMachineCount": &p.Unavailable, "degradedMachineCount": &p.Broken, "observedGeneration": &p.observed,
	} {
		*into, _, _ = unstructured.NestedInt64(u.Object, "status", field)
	}
	conditions := conditionsOf(u)
	p.Updated, p.Updating = conditions["Updated"].on, conditions["Updating"].on
	for _, name := range []string{"Degraded", "NodeDegraded", "RenderDegraded"} {
		if c := conditions[name]; c.on {
			p.Degraded = true
			p.Reason = strings.Join(strings.Fields(c.reason+" "+c.message), " ")
		}
	}
	return p
}

type condition struct {
	on              bool
	reason, message string
}

func conditionsOf(u *unstructured.Unstructured) map[string]condition {
	list, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	conditions := map[string]condition{}
	for _, entry := range list {
		m, ok := entry.(map[string]any)
		if !ok {
			continue
		}
		name, _ := m["type"].(string)
		reason, _ := m["reason"].(string)
		message, _ := m["message"].(string)
		conditions[name] = condition{m["status"] == "True", reason, message}
	}
	return conditions
}

func nodeOf(u *unstructured.Unstructured) Node {
	a := u.GetAnnotations()
	conditions := conditionsOf(u)
	drain := a[daemonPrefix+"desiredDrain"]
	return Node{
		Name: u.GetName(), Ready: conditions["Ready"].on,
		DiskPressure: conditions["DiskPressure"].on, MemoryPressure: conditions["MemoryPressure"].on,
		Current: a[daemonPrefix+"currentConfig"], Desired: a[daemonPrefix+"desiredConfig"],
		State: a[daemonPrefix+"state"], Reason: a[daemonPrefix+"reason"],
		Draining: strings.HasPrefix(drain, "drain-") && drain != a[daemonPrefix+"lastAppliedDrain"],
	}
}

func (c *Cluster) pool(ctx context.Context, name string) (Pool, error) {
	u, err := c.dynamic.Resource(machineConfigPools).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return Pool{}, err
	}
	return poolOf(u), nil
}

// nodes are those of a pool, in the order of their names.
func (c *Cluster) nodes(ctx context.Context, p Pool) ([]Node, error) {
	list, err := c.dynamic.Resource(nodesResource).List(ctx, metav1.ListOptions{LabelSelector: labels.SelectorFromSet(p.nodeSelector).String()})
	if err != nil {
		return nil, err
	}
	var nodes []Node
	for i := range list.Items {
		nodes = append(nodes, nodeOf(&list.Items[i]))
	}
	return nodes, nil
}
