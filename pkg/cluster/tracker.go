package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// controllerLog is where the machine-config controller says what no status does.
const controllerLog = "oc -n openshift-machine-config-operator logs deploy/machine-config-controller -c machine-config-controller"

// tracker remembers since when things are as they are. It reads no clock.
type tracker struct {
	limits      limits
	nodeTimeout time.Duration
	since       map[string]time.Time // by what is the case
	value       map[string]string    // of what changes, the last
	lastNote    map[string]string    // by node; "" is the pool
}

type note struct{ node, text string }

// verdict is what one look means.
type verdict struct {
	done   bool
	failed []Finding
	notes  []note
	// stuckDrain is set once for each drain that takes too long.
	stuckDrain bool
}

func newTracker(l limits, nodeTimeout time.Duration) *tracker {
	return &tracker{limits: l, nodeTimeout: nodeTimeout, since: map[string]time.Time{}, value: map[string]string{}, lastNote: map[string]string{}}
}

// judge says whether the rollout is done, has failed, or what has changed since
// the last look.
func (t *tracker) judge(o observation, now time.Time) verdict {
	var v verdict
	pool := "MachineConfigPool/" + o.pool.Name
	switch {
	case o.pool.Paused:
		v.fail(pool, "spec.paused", "became true in the middle", "unpause it, then run the same command again")
	case t.holds("degraded", o.pool.Degraded || o.pool.Broken > 0, now) > t.limits.degraded:
		v.failed = degraded(o)
	case len(o.missing) > 0:
		t.rendering(&v, o, now)
	case complete(o):
		v.done = true
		for _, n := range o.nodes {
			if _, watched := t.lastNote[n.Name]; watched {
				t.say(&v, n.Name, "done")
			}
		}
		t.say(&v, "", fmt.Sprintf("all %d nodes have %s", o.pool.Machines, short(o.pool.Target)))
	default:
		t.rolling(&v, o, now)
	}
	return v
}

func (v *verdict) fail(object, field, found, do string) {
	v.failed = append(v.failed, Finding{Object: object, Field: field, Found: found, Do: do})
}

// holds is for how long something has been the case; 0 when it is not.
func (t *tracker) holds(what string, is bool, now time.Time) time.Duration {
	if !is {
		delete(t.since, what)
		return 0
	}
	if _, ok := t.since[what]; !ok {
		t.since[what] = now
	}
	return now.Sub(t.since[what])
}

// stays is for how long something has had its value.
func (t *tracker) stays(what, value string, now time.Time) time.Duration {
	if t.value[what] != value {
		t.value[what] = value
		delete(t.since, what)
	}
	return t.holds(what, true, now)
}

// say adds a note unless it was the last one about the node.
func (t *tracker) say(v *verdict, node, text string) {
	if t.lastNote[node] != text {
		t.lastNote[node] = text
		v.notes = append(v.notes, note{node, text})
	}
}

// complete: the pool's own word counts only when its controller has seen the
// newest target, and every node agrees.
func complete(o observation) bool {
	p := o.pool
	if p.observed < p.generation || p.Current != p.Target || !p.Updated || p.Degraded {
		return false
	}
	if p.UpToDate != p.Machines || p.Ready != p.Machines || p.Unavailable != 0 || p.Broken != 0 {
		return false
	}
	return !slices.ContainsFunc(o.nodes, func(n Node) bool { return working(n, p) })
}

// working tells a node that is on its way to the target, or has yet to start.
// A node without annotations has no daemon; the pool's counts stand for it.
func working(n Node, p Pool) bool {
	return n.Current != "" && (n.Current != p.Target || n.Desired != p.Target || n.State != "Done")
}

// begun tells a node that was told to change.
func begun(n Node) bool { return n.Desired != n.Current || n.State != "Done" && n.State != "" }

func (t *tracker) rendering(v *verdict, o observation, now time.Time) {
	held := t.stays("rendering", strings.Join(o.missing, ", "), now)
	pool := "MachineConfigPool/" + o.pool.Name
	found := short(o.pool.Target) + " does not hold " + first(o.missing)
	switch {
	case held > t.limits.renderEnd:
		v.fail(pool, "spec.configuration", fmt.Sprintf("%s after %s", found, t.limits.renderEnd), "see why: "+controllerLog)
	case held > t.limits.renderHint:
		t.say(v, "", fmt.Sprintf("%s after %s; the reason is in no status: %s", found, t.limits.renderHint, controllerLog))
	default:
		t.say(v, "", "waiting for the machine-config controller to render "+first(o.missing))
	}
}

// first names one, so that the line can be read.
func first(list []string) string {
	if len(list) <= 1 {
		return strings.Join(list, "")
	}
	return fmt.Sprintf("%s and %d more", list[0], len(list)-1)
}

// some names the first few.
func some(list []string) string {
	const few = 3
	if len(list) <= few {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:few], ", "), len(list)-few)
}

func (t *tracker) rolling(v *verdict, o observation, now time.Time) {
	t.say(v, "", fmt.Sprintf("%s have %s", machines(o.pool), short(o.pool.Target)))
	for _, n := range o.nodes {
		if text := nodeText(n, o.pool); text != "" {
			t.say(v, n.Name, text)
		}
		t.node(v, n, now)
	}
	// No node may have been told to begin, so that no node's time runs.
	if stands := t.stays("standing", fingerprint(o), now); stands > t.nodeTimeout && len(v.failed) == 0 {
		v.fail("MachineConfigPool/"+o.pool.Name, "status", fmt.Sprintf("nothing moved for %s: %s have %s", t.nodeTimeout, machines(o.pool), o.pool.Target),
			"see why: "+controllerLog)
	}
}

// node watches one node's drain and time.
func (t *tracker) node(v *verdict, n Node, now time.Time) {
	object := "Node/" + n.Name
	drain := t.holds("drain "+n.Name, n.Draining, now)
	if drain > t.limits.drain && t.lastNote["drain "+n.Name] == "" {
		t.lastNote["drain "+n.Name] = "said"
		v.stuckDrain = true
		text := fmt.Sprintf("is being drained for more than %s, mostly because a disruption budget keeps a pod: oc get pdb -A; %s", t.limits.drain, n.Reason)
		v.notes = append(v.notes, note{n.Name, strings.TrimRight(text, "; ")}, note{"", "which pod: " + controllerLog})
	}
	if !n.Draining {
		delete(t.lastNote, "drain "+n.Name)
	}
	if t.holds("work "+n.Name, begun(n), now) > t.nodeTimeout {
		found := fmt.Sprintf("is %s for more than %s: %s", strings.ToLower(n.State), t.nodeTimeout, stateText(n))
		v.fail(object, daemonPrefix+"state", strings.TrimSpace(found), "look at the node; the same command again goes on watching")
	}
}

// fingerprint changes when anything moves.
func fingerprint(o observation) string { return fmt.Sprint(o.pool.Target, o.pool.UpToDate, o.nodes) }

// nodeText is what a person reads about a node; nothing of one that waits.
func nodeText(n Node, p Pool) string {
	if !begun(n) {
		if n.Current == p.Target && n.Current != "" {
			return "done"
		}
		return ""
	}
	return stateText(n)
}

func stateText(n Node) string {
	var text string
	switch {
	case n.Draining:
		text = "is being drained"
	case !n.Ready:
		text = "is not ready (reboots, usually)"
	case n.State == "Degraded":
		text = "is degraded"
	default:
		text = "gets " + short(n.Desired)
	}
	if n.Reason != "" {
		text += ": " + n.Reason
	}
	return text
}

// degraded names each broken node with its reason, or the pool's.
func degraded(o observation) []Finding {
	var findings []Finding
	for _, n := range o.nodes {
		if n.State == "Degraded" {
			findings = append(findings, Finding{Object: "Node/" + n.Name, Field: daemonPrefix + "reason", Found: "is degraded: " + n.Reason,
				Do: "mend it, then run the same command again: oc describe node " + n.Name})
		}
	}
	if len(findings) > 0 {
		return findings
	}
	return []Finding{{Object: "MachineConfigPool/" + o.pool.Name, Field: "status.conditions[Degraded]", Found: "is True: " + o.pool.Reason,
		Do: "mend it, then run the same command again; see " + controllerLog}}
}
