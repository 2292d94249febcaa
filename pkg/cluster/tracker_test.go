package cluster

import (
	"strings"
	"testing"
	"time"
)

// look is one observation, and what it should mean.
type look struct {
	after time.Duration // since the first
	seen  observation
	want  string // "done", "", or the beginning of the failure
	notes string // a part of what is told
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// atRest is a pool whose three nodes have the configuration.
func atRest(config string) observation {
	o := observation{pool: Pool{Name: "master", Updated: true, Target: config, Current: config, Machines: 3, UpToDate: 3, Ready: 3, generation: 2, observed: 2}}
	for _, n := range []string{"node1", "node2", "node3"} {
		o.nodes = append(o.nodes, Node{Name: n, Ready: true, Current: config, Desired: config, State: "Done"})
	}
	return o
}

// rolling is a pool whose first node is on its way from old to new.
func rolling(change func(*Node)) observation {
	o := atRest("rendered-master-old")
	o.pool.Target, o.pool.Updated, o.pool.Updating = "rendered-master-new", false, true
	o.pool.UpToDate, o.pool.Ready, o.pool.Unavailable = 0, 2, 1
	o.nodes[0].Desired, o.nodes[0].State = "rendered-master-new", "Working"
	change(&o.nodes[0])
	return o
}

func with(o observation, change func(*observation)) observation {
	change(&o)
	return o
}

func TestWhatALookMeans(t *testing.T) {
	drains := func(n *Node) { n.Draining = true }
	same := func(*Node) {}
	missing := func(o *observation) { o.missing = []string{"unit registry.service"} }
	degradedPool := func(o *observation) { o.pool.Degraded, o.pool.Broken, o.pool.Reason = true, 1, "why" }
	broken := func(n *Node) { n.State, n.Reason = "Degraded", "disk is full" }
	cases := []struct {
		name  string
		looks []look
	}{
		{"there already", []look{{0, atRest("rendered-master-x"), "done", "all 3 nodes have rendered-master-x"}}},
		{"the pool speaks of the old target", []look{
			{0, with(atRest("rendered-master-old"), missing), "", "waiting for the machine-config controller to render unit registry.service"},
			{5 * time.Second, with(rolling(same), func(o *observation) { o.pool.Updated = true }), "", "0 of 3 nodes have rendered-master-new"},
			{time.Minute, atRest("rendered-master-new"), "done", "all 3 nodes"}}},
		{"the controller has not seen the newest generation", []look{{0, with(atRest("x"), func(o *observation) { o.pool.generation = 3 }), "", ""}}},
		{"status of another configuration", []look{{0, with(atRest("x"), func(o *observation) { o.pool.Current = "w" }), "", ""}}},
		{"not updated", []look{{0, with(atRest("x"), func(o *observation) { o.pool.Updated = false }), "", ""}}},
		{"a node that is not ready", []look{{0, with(atRest("x"), func(o *observation) { o.pool.Ready = 2 }), "", ""}}},
		{"a node that is unavailable", []look{{0, with(atRest("x"), func(o *observation) { o.pool.Unavailable = 1 }), "", ""}}},
		{"a node that says something else than the pool", []look{{0, with(atRest("x"), func(o *observation) { o.nodes[2].Current = "w" }), "", ""}}},
		{"nothing is rendered", []look{
			{0, with(atRest("x"), missing), "", "waiting"},
			{61 * time.Second, with(atRest("x"), missing), "", "the reason is in no status: oc -n openshift-machine-config-operator logs"},
			{601 * time.Second, with(atRest("x"), missing), "MachineConfigPool/master: spec.configuration: x does not hold unit registry.service after 10m0s; see why: oc", ""}}},
		{"something else is rendered first", []look{
			{0, with(atRest("x"), func(o *observation) { o.missing = []string{"a", "b"} }), "", "render a and 1 more"},
			{599 * time.Second, with(atRest("x"), missing), "", ""},
			{1199 * time.Second, with(atRest("x"), missing), "", ""},
			{1200 * time.Second, with(atRest("x"), missing), "MachineConfigPool/master: spec.configuration", ""}}},
		{"paused in the middle", []look{
			{0, rolling(same), "", ""},
			{1, with(rolling(same), func(o *observation) { o.pool.Paused = true }), "MachineConfigPool/master: spec.paused: became true in the middle; unpause it", ""}}},
		{"degraded for a moment", []look{
			{0, with(rolling(same), degradedPool), "", ""}, {30 * time.Second, rolling(same), "", ""},
			{61 * time.Second, with(rolling(same), degradedPool), "", ""}}},
		{"degraded: a node with its reason", []look{
			{0, with(rolling(broken), degradedPool), "", "node1: is degraded: disk is full"},
			{61 * time.Second, with(rolling(broken), degradedPool), "Node/node1: machineconfiguration.openshift.io/reason: is degraded: disk is full; mend it", ""}}},
		{"degraded: the pool alone", []look{
			{0, with(atRest("x"), degradedPool), "", ""},
			{61 * time.Second, with(atRest("x"), degradedPool), "MachineConfigPool/master: status.conditions[Degraded]: is True: why; mend it", ""}}},
		{"a drain that is stuck", []look{
			{0, rolling(drains), "", "node1: is being drained"},
			{11 * time.Minute, rolling(drains), "", "node1: is being drained for more than 10m0s, mostly because a disruption budget keeps a pod: oc get pdb -A"},
			{12 * time.Minute, rolling(drains), "", ""},
			{41 * time.Minute, rolling(drains), "Node/node1: machineconfiguration.openshift.io/state: is working for more than 40m0s: is being drained; look at the node", ""}}},
		{"each node has its own time", []look{
			{0, rolling(same), "", "node1: gets rendered-master-new"},
			{39 * time.Minute, rolling(func(n *Node) { n.Ready = false }), "", "node1: is not ready (reboots, usually)"},
			{40 * time.Minute, with(rolling(func(n *Node) { n.Current, n.State = n.Desired, "Done" }), func(o *observation) { o.nodes[1].Desired = "rendered-master-new" }), "", "node1: done"},
			{79 * time.Minute, with(rolling(func(n *Node) { n.Current, n.State = n.Desired, "Done" }), func(o *observation) { o.nodes[1].Desired = "rendered-master-new" }), "", ""},
			{81 * time.Minute, with(rolling(func(n *Node) { n.Current, n.State = n.Desired, "Done" }), func(o *observation) { o.nodes[1].Desired = "rendered-master-new" }), "Node/node2: ", ""}}},
		{"no node begins", []look{
			{0, with(rolling(same), func(o *observation) { o.nodes = nil }), "", ""},
			{41 * time.Minute, with(rolling(same), func(o *observation) { o.nodes = nil }), "MachineConfigPool/master: status: nothing moved for 40m0s: 0 of 3 nodes have rendered-master-new", ""}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tr := newTracker(defaultLimits, 40*time.Minute)
			for i, l := range c.looks {
				v := tr.judge(l.seen, start.Add(l.after))
				got := lines(v.failed)
				got = strings.TrimPrefix(got, "error: ")
				if v.done {
					got = "done"
				}
				if (l.want == "") != (got == "") || !strings.HasPrefix(got, l.want) {
					t.Errorf("look %d: got %q, want %q", i, got, l.want)
				}
				var told []string
				for _, n := range v.notes {
					told = append(told, strings.TrimPrefix(n.node+": "+n.text, ": "))
				}
				if !strings.Contains(strings.Join(told, "\n"), l.notes) {
					t.Errorf("look %d: told %q, want %q", i, told, l.notes)
				}
			}
		})
	}
}

func TestAStuckDrainIsToldOnce(t *testing.T) {
	tr := newTracker(defaultLimits, time.Hour)
	var stuck []bool
	for _, minute := range []int{0, 11, 12} {
		stuck = append(stuck, tr.judge(rolling(func(n *Node) { n.Draining = true }), start.Add(time.Duration(minute)*time.Minute)).stuckDrain)
	}
	if stuck[0] || !stuck[1] || stuck[2] {
		t.Errorf("%v", stuck)
	}
}

func TestNodesAndPoolsAreRead(t *testing.T) {
	n := nodeOf(parse(t, "{apiVersion: v1, kind: Node, metadata: {name: a, annotations: {machineconfiguration.openshift.io/currentConfig: r1, machineconfiguration.openshift.io/desiredConfig: r2, machineconfiguration.openshift.io/state: Working, machineconfiguration.openshift.io/reason: why, machineconfiguration.openshift.io/desiredDrain: drain-r2, machineconfiguration.openshift.io/lastAppliedDrain: uncordon-r1}}, status: {conditions: [{type: Ready, status: Unknown}, {type: DiskPressure, status: 'True'}, 7]}}"))
	if want := (Node{Name: "a", DiskPressure: true, Current: "r1", Desired: "r2", State: "Working", Reason: "why", Draining: true}); n != want {
		t.Errorf("%+v", n)
	}
	if n := nodeOf(parse(t, "{apiVersion: v1, kind: Node, metadata: {name: a, annotations: {machineconfiguration.openshift.io/desiredDrain: uncordon-r2}}}")); n.Draining {
		t.Error("uncordoning is draining")
	}
	p := poolOf(parse(t, "{kind: MachineConfigPool, apiVersion: v1, metadata: {name: master, generation: 4, annotations: {"+PausedAnnotation+": 'true'}}, spec: {paused: true, configuration: {name: r2, source: [{name: 99-x}, 3]}}, status: {observedGeneration: 3, configuration: {name: r1}, machineCount: 3, degradedMachineCount: 1, conditions: [{type: NodeDegraded, status: 'True', reason: R, message: \"a\\n b\"}]}}"))
	if !p.Paused || !p.PausedByUs || p.Target != "r2" || p.Current != "r1" || p.generation != 4 || p.observed != 3 || p.Machines != 3 || p.Broken != 1 || p.Reason != "R a b" || len(p.sources) != 1 {
		t.Errorf("%+v", p)
	}
}
