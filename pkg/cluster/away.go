package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"drayage/internal/progress"
)

// away tells a node that is not ready from one that is on its way.
func away(n Node) bool { return !n.Ready && !begun(n) }

// checkReady judges nodes that are not ready. The machine-config operator changes
// no node while another one is away, so what has to be rolled out to nodes is
// never written then; what is not may be, if a person wants it.
func checkReady(nodes []Node, rollsOut, allow bool) []Finding {
	var findings []Finding
	var others []string
	for _, n := range nodes {
		if n.Ready {
			others = append(others, n.Name)
		}
	}
	for _, n := range nodes {
		f := Finding{Object: "Node/" + n.Name, Field: "status.conditions[Ready]", Found: "is not True"}
		switch {
		case n.Ready:
			continue
		case begun(n):
			f.Found, f.Do, f.Warning = "is not True while it gets "+short(n.Desired), "it reboots, usually, and is waited for", true
		case rollsOut:
			f.Do = "mend the node first, or take it out of the cluster: while one is away no other gets these objects; import push fills " + strings.Join(others, ", ") + " meanwhile"
		case allow:
			f.Do, f.Warning = "it is gone on without it: these objects change nothing on nodes", true
		default:
			f.Do = "mend the node; these objects change nothing on nodes, so --allow-degraded goes on without it"
		}
		findings = append(findings, f)
	}
	return findings
}

// rollsOut tells whether anything would be written that nodes have to get.
func (p *Plan) rollsOut() bool { return p.writesIn(stagePool) || p.writesIn(stageMirrors) }

// inForce looks once, with a node away that cannot be waited for: the nodes that
// are ready have what is wanted, or the error says which has not.
func (c *Cluster) inForce(ctx context.Context, want wanted, p progress.Func) error {
	var seen observation
	err := c.persist(ctx, p, func(ctx context.Context) (err error) { seen, err = c.observe(ctx, want); return err })
	if err != nil {
		return watchError(ctx, Object{Kind: "MachineConfigPool", Name: MasterPool}, err)
	}
	findings := notInForce(seen)
	if len(findings) == 0 {
		p.Note("", fmt.Sprintf("the nodes that are ready have %s", short(seen.pool.Target)))
	}
	return asError(findings)
}

func notInForce(o observation) []Finding {
	const do = "mend the node that is not ready: until then no other node gets what it lacks"
	pool := "MachineConfigPool/" + o.pool.Name
	if len(o.missing) > 0 {
		return []Finding{{Object: pool, Field: "spec.configuration", Found: short(o.pool.Target) + " does not hold " + some(o.missing), Do: do}}
	}
	var findings []Finding
	for _, n := range o.nodes {
		if n.Ready && working(n, o.pool) {
			findings = append(findings, Finding{Object: "Node/" + n.Name, Field: daemonPrefix + "currentConfig",
				Found: "is " + n.Current + ", and not " + o.pool.Target, Do: do})
		}
	}
	return findings
}

// checkRoles refuses a MachineConfig of a pool that is not watched: nobody would
// say whether its nodes got it.
func checkRoles(objects []Object) []Finding {
	var findings []Finding
	for _, o := range objects {
		if o.Kind != "MachineConfig" {
			continue
		}
		if role := o.unstructured().GetLabels()[roleLabel]; role != MasterPool {
			findings = append(findings, Finding{Object: o.String(), Field: "metadata.labels[" + roleLabel + "]", Found: fmt.Sprintf("is %q; only the pool %s is paused and watched", role, MasterPool),
				Do: "set pool: master in the site's file, or apply what import render writes by oc, and watch that pool yourself"})
		}
	}
	return findings
}

// anyAway tells whether a node is not ready and nothing is under way on it.
func anyAway(nodes []Node) bool { return slices.ContainsFunc(nodes, away) }
