package mco

import (
	"context"
	"strconv"
	"time"

	"drayage/test/cluster/kube"

	corev1 "k8s.io/api/core/v1"
)

// walk is a node on its way to a configuration: the steps, one after the other.
type walk struct {
	config  string
	steps   []string
	at      int
	due     time.Time // of the step
	drained time.Time // when the drain began
}

func (n *node) annotation(key string) string { return n.Annotations[key] }

// failing: the daemon has given up for now.
func (n *node) failing() bool {
	s := n.annotation(stateAnnotation)
	return s == stateDegraded || s == stateUnreconcilable
}

func (n *node) done() bool {
	c := n.annotation(currentConfig)
	return c != "" && c == n.annotation(desiredConfig) && n.annotation(stateAnnotation) == stateDone
}

// ready: a cordoned node is not.
func (n *node) ready() bool {
	if n.Spec.Unschedulable {
		return false
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// unavailable: not ready, or on its way. One that failed may be sent elsewhere.
func (n *node) unavailable() bool {
	return !n.ready() || !n.done() && !n.failing()
}

// target tells each node what it is to have: of those that are not yet sent to
// the pool's configuration, as many as may be away at once.
func target(w *world, p *pool) {
	to := p.Spec.Configuration.Name
	room := 1
	if m := p.Spec.MaxUnavailable; m != nil {
		room = max(1, m.IntValue())
	}
	for _, n := range p.nodes {
		n.target = n.annotation(desiredConfig)
		if n.unavailable() || n.failing() && n.target == to {
			room--
		}
	}
	for _, n := range p.nodes {
		switch {
		case to == "" || n.target == to:
		case n.target == "": // it is new: it comes with the configuration
			n.target = to
		case p.Spec.Paused || w.configs[to] == nil:
		case room > 0 || n.unavailable() && n.failing():
			n.target = to
			room--
		}
	}
}

// retarget writes the configuration that a node is to have.
func (o *Operator) retarget(ctx context.Context, n *node) error {
	if n.target == n.annotation(desiredConfig) {
		return nil
	}
	a := map[string]string{desiredConfig: n.target}
	if n.annotation(currentConfig) == "" {
		a[currentConfig], a[stateAnnotation], a[reasonAnnotation] = n.target, stateDone, ""
		a[desiredDrain], a[lastAppliedDrain] = "uncordon-"+n.target, "uncordon-"+n.target
		a[DrainsAnnotation], a[RebootsAnnotation] = "0", "0"
	} else {
		o.store.Log(n.Name, "target", "%s", n.target)
	}
	return o.annotate(ctx, n, a)
}

// advance takes a node one step further, if the time for it has come.
func (o *Operator) advance(ctx context.Context, w *world, n *node) (time.Duration, error) {
	reason := w.state.Degraded[n.Name]
	if n.annotation(currentConfig) == n.target {
		delete(o.walks, n.Name)
		return idleTime, o.rest(ctx, n, reason)
	}
	k := o.walks[n.Name]
	if k == nil || k.config != n.target {
		var err error
		if k, err = o.begin(ctx, w, n); k == nil {
			return idleTime, err
		}
	}
	step := time.Duration(w.state.Step) * time.Millisecond
	if wait := time.Until(k.due); wait > 0 {
		return wait, nil
	}
	name := k.steps[k.at]
	if name == "apply" && reason != "" {
		return idleTime, o.degrade(ctx, n, stateDegraded, reason)
	}
	if name == "drain" && w.state.StuckDrain[n.Name] {
		return o.stuck(ctx, w, n, k)
	}
	if err := o.step(ctx, n, k, name); err != nil {
		return 0, err
	}
	k.at, k.due = k.at+1, time.Now().Add(step)
	return step, nil
}

// rest is for a node that has what it is to have: degraded if that is asked for,
// for files on it may have been changed by hand, and well otherwise.
func (o *Operator) rest(ctx context.Context, n *node, reason string) error {
	switch {
	case reason != "":
		return o.degrade(ctx, n, stateDegraded, reason)
	case n.annotation(stateAnnotation) != stateDone:
		return o.annotate(ctx, n, map[string]string{stateAnnotation: stateDone, reasonAnnotation: ""})
	}
	return nil
}

// begin plans the way to a node's target. It gives nothing if there is none: the
// node is unreconcilable then.
func (o *Operator) begin(ctx context.Context, w *world, n *node) (*walk, error) {
	from, to := w.configs[n.annotation(currentConfig)], w.configs[n.target]
	if from == nil || to == nil {
		return nil, nil
	}
	d, err := o.disrupt(w, from, to)
	if err != nil {
		return nil, o.degrade(ctx, n, stateUnreconcilable, "can't reconcile config "+from.Name+" with "+to.Name+": "+err.Error())
	}
	k := &walk{config: n.target, steps: []string{"working"}}
	if d.drain {
		k.steps = append(k.steps, "cordon", "drain")
	}
	k.steps = append(k.steps, "apply")
	for _, a := range d.actions {
		if a != "reboot" && a != "drain" {
			k.steps = append(k.steps, a)
		}
	}
	if d.reboot {
		k.steps = append(k.steps, "reboot", "boot")
	}
	if d.drain {
		k.steps = append(k.steps, "uncordon")
	}
	k.steps = append(k.steps, "done")
	o.walks[n.Name] = k
	return k, nil
}

// step does one step.
func (o *Operator) step(ctx context.Context, n *node, k *walk, name string) error {
	o.store.Log(n.Name, name, "%s", k.config)
	switch name {
	case "working":
		return o.annotate(ctx, n, map[string]string{stateAnnotation: stateWorking, reasonAnnotation: ""})
	case "cordon":
		k.drained = time.Now()
		return o.cordon(ctx, n, true, map[string]string{desiredDrain: "drain-" + k.config})
	case "drain":
		return o.annotate(ctx, n, map[string]string{stateAnnotation: stateWorking, reasonAnnotation: "", lastAppliedDrain: "drain-" + k.config, DrainsAnnotation: n.plus(DrainsAnnotation)})
	case "apply":
		return o.annotate(ctx, n, map[string]string{stateAnnotation: stateWorking, reasonAnnotation: ""})
	case "reboot":
		if err := o.annotate(ctx, n, map[string]string{RebootsAnnotation: n.plus(RebootsAnnotation)}); err != nil {
			return err
		}
		return o.condition(ctx, n, corev1.ConditionUnknown, "NodeStatusUnknown")
	case "boot":
		return o.condition(ctx, n, corev1.ConditionTrue, "KubeletReady")
	case "uncordon":
		return o.cordon(ctx, n, false, map[string]string{desiredDrain: "uncordon-" + k.config, lastAppliedDrain: "uncordon-" + k.config})
	case "done":
		return o.annotate(ctx, n, map[string]string{currentConfig: k.config, stateAnnotation: stateDone, reasonAnnotation: ""})
	}
	return nil // an action on a service: nothing of it is seen
}

// stuck is a drain that does not end: after its time the node is degraded, and
// the drain is tried on.
func (o *Operator) stuck(ctx context.Context, w *world, n *node, k *walk) (time.Duration, error) {
	left := time.Until(k.drained.Add(time.Duration(w.state.DrainTimeout) * time.Millisecond))
	if left > 0 {
		return left, nil
	}
	return idleTime, o.degrade(ctx, n, stateDegraded, "failed to drain node: "+n.Name+" after 1 hour. Please see machine-config-controller logs for more information")
}

func (o *Operator) degrade(ctx context.Context, n *node, state, reason string) error {
	if n.annotation(stateAnnotation) == state && n.annotation(reasonAnnotation) == reason {
		return nil
	}
	o.store.Log(n.Name, "degraded", "%s", reason)
	return o.annotate(ctx, n, map[string]string{stateAnnotation: state, reasonAnnotation: reason})
}

// plus is a counting annotation's next value.
func (n *node) plus(key string) string {
	i, _ := strconv.Atoi(n.annotation(key)) // nothing counts as 0
	return strconv.Itoa(i + 1)
}

// annotate writes annotations, to the cluster and to the copy at hand.
func (o *Operator) annotate(ctx context.Context, n *node, a map[string]string) error {
	if n.Annotations == nil {
		n.Annotations = map[string]string{}
	}
	for k, v := range a {
		n.Annotations[k] = v
	}
	return o.client.Patch(ctx, kube.Nodes, n.Name, map[string]any{"metadata": map[string]any{"annotations": a}})
}

func (o *Operator) cordon(ctx context.Context, n *node, on bool, a map[string]string) error {
	n.Spec.Unschedulable = on
	if err := o.client.Patch(ctx, kube.Nodes, n.Name, map[string]any{"spec": map[string]any{"unschedulable": on}}); err != nil {
		return err
	}
	return o.annotate(ctx, n, a)
}

// condition sets Ready and leaves the other conditions.
func (o *Operator) condition(ctx context.Context, n *node, is corev1.ConditionStatus, reason string) error {
	for i := range n.Status.Conditions {
		if c := &n.Status.Conditions[i]; c.Type == corev1.NodeReady {
			c.Status, c.Reason = is, reason
		}
	}
	return o.client.Patch(ctx, kube.Nodes, n.Name, map[string]any{"status": map[string]any{"conditions": n.Status.Conditions}}, "status")
}
