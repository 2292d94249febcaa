package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"drayage/pkg/cluster"
	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/site"
)

// poolFindings are what keeps nodes from being as they should.
func poolFindings(st *cluster.Status) []string {
	var found []string
	p := st.Pool
	pool := "MachineConfigPool/" + p.Name + ": "
	if p.Degraded {
		found = append(found, pool+"is degraded: "+cmp.Or(p.Reason, "no reason given")+"; oc describe mcp "+p.Name)
	}
	if p.Paused {
		found = append(found, pool+pausedText(p))
	}
	switch {
	case p.UpToDate < p.Machines:
		found = append(found, fmt.Sprintf("%s%d of %d nodes have the configuration %s; oc get mcp %s", pool, p.UpToDate, p.Machines, p.Target, p.Name))
	case !p.Updated:
		found = append(found, fmt.Sprintf("%sall %d nodes have the configuration %s, and %d are ready; oc get mcp %s", pool, p.Machines, p.Target, p.Ready, p.Name))
	}
	for _, n := range st.Nodes {
		node := "Node/" + n.Name + ": "
		if !n.Ready {
			found = append(found, node+"is not ready; its power, its network, and on it: systemctl status kubelet crio")
		}
		if n.State == "Degraded" {
			found = append(found, node+"is degraded: "+cmp.Or(n.Reason, "no reason given")+"; oc describe node "+n.Name)
		}
		if n.Draining && len(st.TightBudgets) > 0 {
			found = append(found, node+"is being drained, and disruption budgets let no pod go: "+strings.Join(st.TightBudgets, ", ")+"; oc get pdb -A")
		}
		if n.DiskPressure {
			found = append(found, node+"is short of disk space; free some: it evicts pods and deletes images")
		}
		if n.MemoryPressure {
			found = append(found, node+"is short of memory; oc adm top pods -A")
		}
	}
	return found
}

// pausedText says who has to be asked.
func pausedText(p cluster.Pool) string {
	if p.PausedByUs {
		return "is paused by an import that could not let it go; the same import again, or: " + cluster.Unpause
	}
	return "is paused, and not by us: its nodes get nothing new; ask who paused it and why, then: " + cluster.Unpause
}

// catalogFindings are about the catalogs that bundles brought: those that stand
// under the site's made-up host, or on its nodes.
func catalogFindings(s *site.Site, st *cluster.Status) []string {
	var found []string
	for _, k := range st.Catalogs {
		if !k.Ready && (hostOf(k.Image) == s.CatalogHost || ours(s, []string{k.Image})) {
			found = append(found, fmt.Sprintf("%s/%s: is %s; %s", k.Kind, k.Name, cmp.Or(k.State, "without a state"), askCatalog(k)))
		}
	}
	return found
}

// askCatalog is where it is said why a catalog is not served.
func askCatalog(k cluster.Catalog) string {
	if k.Kind == "ClusterCatalog" {
		return "oc describe clustercatalog " + k.Name
	}
	return "oc get pods -n openshift-marketplace"
}

// mirrorFindings are sources of the bundle that no rule in force sends to the nodes.
func mirrorFindings(s *site.Site, m *manifest.Manifest, st *cluster.Status) ([]string, error) {
	groups, err := mirror.Rules(m, s)
	if err != nil {
		return nil, err
	}
	var found []string
	sources := 0
	for _, g := range groups {
		for _, rule := range g.Rules {
			sources++
			if !slices.ContainsFunc(st.Mirrors, func(r cluster.MirrorRule) bool { return serves(s, r, rule) }) {
				found = append(found, rule.Source+": no mirror in force leads to the nodes; import run writes it")
			}
		}
	}
	if len(found) == sources && sources > 1 {
		return []string{fmt.Sprintf("none of the bundle's %d sources is sent to the nodes by a mirror in force; import run writes the mirrors", sources)}, nil
	}
	return found, nil
}

// serves says whether a rule in force leads from a source to each of its
// repositories on a node. A rule for all that begins like the source does too,
// when its mirrors are places on the nodes at all.
func serves(s *site.Site, force cluster.MirrorRule, want mirror.Rule) bool {
	if force.Tags || !ours(s, force.Mirrors) {
		return false
	}
	if force.Source != want.Source {
		return strings.HasPrefix(want.Source, force.Source+"/")
	}
	for _, repo := range want.Repositories {
		if !slices.ContainsFunc(s.MirrorHosts(), func(h string) bool { return slices.Contains(force.Mirrors, h+"/"+repo) }) {
			return false
		}
	}
	return true
}

// hostOf is the host of an image or a repository.
func hostOf(name string) string {
	host, _, _ := strings.Cut(name, "/")
	return host
}
