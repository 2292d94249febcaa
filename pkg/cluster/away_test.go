package cluster

import (
	"strings"
	"testing"
)

// A node that is away holds back what nodes have to get, always; what changes
// nothing on nodes goes on when a person wants it.
func TestNodeThatIsAway(t *testing.T) {
	for _, c := range []struct {
		name            string
		begun           bool
		rollsOut, allow bool
		want            string
	}{
		{"something to roll out", false, true, false, "error: Node/node2: status.conditions[Ready]: is not True; mend the node first, or take it out of the cluster: while one is away no other gets these objects; import push fills node1, node3 meanwhile"},
		{"something to roll out, typed", false, true, true, "error: Node/node2: status.conditions[Ready]: is not True; mend the node first"},
		{"nothing to roll out", false, false, false, "error: Node/node2: status.conditions[Ready]: is not True; mend the node; these objects change nothing on nodes, so --allow-degraded goes on"},
		{"nothing to roll out, typed", false, false, true, "warning: Node/node2: status.conditions[Ready]: is not True; it is gone on without it"},
		{"on its way", true, true, false, "warning: Node/node2: status.conditions[Ready]: is not True while it gets rendered-master-y"},
	} {
		o := atRest("rendered-master-x")
		o.nodes[1].Ready = false
		if c.begun {
			o.nodes[1].Desired = "rendered-master-y"
		}
		if got := lines(checkReady(o.nodes, c.rollsOut, c.allow)); !strings.HasPrefix(got, c.want) || strings.Contains(got, "\n") {
			t.Errorf("%s: %s", c.name, got)
		}
		if anyAway(o.nodes) == c.begun {
			t.Errorf("%s: away is %v", c.name, !c.begun)
		}
	}
}

// Without the node that is away, the others must have it all.
func TestInForceOnNodesThatAreReady(t *testing.T) {
	o := atRest("rendered-master-x")
	o.nodes[1].Ready, o.nodes[1].Current = false, "rendered-master-old"
	if got := notInForce(o); len(got) > 0 {
		t.Errorf("the others have it: %s", lines(got))
	}
	o.nodes[2].Current = "rendered-master-old"
	if got := lines(notInForce(o)); !strings.HasPrefix(got, "error: Node/node3: machineconfiguration.openshift.io/currentConfig: is rendered-master-old, and not rendered-master-x; mend the node") {
		t.Error(got)
	}
	o.missing = []string{"mirrors of quay.io/a"}
	if got := lines(notInForce(o)); !strings.HasPrefix(got, "error: MachineConfigPool/master: spec.configuration: rendered-master-x does not hold mirrors of quay.io/a; mend") {
		t.Error(got)
	}
}
