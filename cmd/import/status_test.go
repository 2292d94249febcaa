package main

import (
	"slices"
	"strings"
	"testing"

	"drayage/pkg/cluster"
	"drayage/pkg/mirror"
	"drayage/pkg/site"
)

func statusSite(t *testing.T) *site.Site {
	t.Helper()
	s, err := site.Decode("site.yaml", []byte(siteText))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wellCluster() *cluster.Status {
	return &cluster.Status{
		Pool:  cluster.Pool{Name: "master", Updated: true, Machines: 2, UpToDate: 2, Ready: 2, Target: "rendered-1", Current: "rendered-1"},
		Nodes: []cluster.Node{{Name: "node1", Ready: true, State: "Done"}},
		Catalogs: []cluster.Catalog{
			{Kind: "CatalogSource", Name: "mine", Image: "dummyregistry.io:5000/olm-mirror/x@sha256:1", Ready: true, State: "READY"},
			{Kind: "CatalogSource", Name: "theirs", Image: "registry.example/x", State: "CONNECTING"},
		},
	}
}

func TestWhatIsWrongWithAClusterIsFound(t *testing.T) {
	s := statusSite(t)
	for name, c := range map[string]struct {
		change func(*cluster.Status)
		want   []string
	}{
		"nothing":  {func(*cluster.Status) {}, nil},
		"degraded": {func(st *cluster.Status) { st.Pool.Degraded, st.Pool.Reason = true, "disk" }, []string{"MachineConfigPool/master: is degraded: disk; oc describe mcp master"}},
		"paused":   {func(st *cluster.Status) { st.Pool.Paused = true }, []string{"MachineConfigPool/master: is paused, and not by us: its nodes get nothing new; ask who paused it and why, then: " + cluster.Unpause}},
		"paused by us": {func(st *cluster.Status) { st.Pool.Paused, st.Pool.PausedByUs = true, true },
			[]string{"MachineConfigPool/master: is paused by an import that could not let it go; the same import again, or: " + cluster.Unpause}},
		"behind":        {func(st *cluster.Status) { st.Pool.UpToDate = 1 }, []string{"MachineConfigPool/master: 1 of 2 nodes have the configuration rendered-1; oc get mcp master"}},
		"one not ready": {func(st *cluster.Status) { st.Pool.Updated, st.Pool.Ready = false, 1 }, []string{"MachineConfigPool/master: all 2 nodes have the configuration rendered-1, and 1 are ready; oc get mcp master"}},
		"a ClusterCatalog": {func(st *cluster.Status) {
			st.Catalogs[0] = cluster.Catalog{Kind: "ClusterCatalog", Name: "mine", Image: st.Catalogs[0].Image, State: "Retrying"}
		}, []string{"ClusterCatalog/mine: is Retrying; oc describe clustercatalog mine"}},
		"a node": {func(st *cluster.Status) {
			st.Nodes[0] = cluster.Node{Name: "node1", State: "Degraded", DiskPressure: true}
		},
			[]string{"Node/node1: is not ready; its power, its network, and on it: systemctl status kubelet crio",
				"Node/node1: is degraded: no reason given; oc describe node node1",
				"Node/node1: is short of disk space; free some: it evicts pods and deletes images"}},
		"a stuck drain": {func(st *cluster.Status) { st.Nodes[0].Draining, st.TightBudgets = true, []string{"shop/till"} },
			[]string{"Node/node1: is being drained, and disruption budgets let no pod go: shop/till; oc get pdb -A"}},
		"budgets and no drain": {func(st *cluster.Status) { st.TightBudgets = []string{"shop/till"} }, nil},
		"a catalog":            {func(st *cluster.Status) { st.Catalogs[0].Ready, st.Catalogs[0].State = false, "CONNECTING" }, []string{"CatalogSource/mine: is CONNECTING; oc get pods -n openshift-marketplace"}},
	} {
		t.Run(name, func(t *testing.T) {
			st := wellCluster()
			c.change(st)
			r := statusResult{}
			err := r.judge(s, nil, st)
			if !slices.Equal(r.Findings, c.want) || (err == nil) != (len(c.want) == 0) || err != nil && err.Error() != strings.Join(c.want, "\n") {
				t.Errorf("got  %q (%v)\nwant %q", r.Findings, err, c.want)
			}
		})
	}
}

func TestMirrorsThatLeadToTheNodes(t *testing.T) {
	s := statusSite(t)
	want := mirror.Rule{Source: "quay.io/a/b", Repositories: []string{"a/b"}}
	for name, c := range map[string]struct {
		force cluster.MirrorRule
		want  bool
	}{
		"a node":            {cluster.MirrorRule{Source: "quay.io/a/b", Mirrors: []string{"10.0.0.2:5000/a/b"}}, true},
		"for all of it":     {cluster.MirrorRule{Source: "quay.io/a", Mirrors: []string{"10.0.0.2:5000/a"}}, true},
		"another place":     {cluster.MirrorRule{Source: "quay.io/a/b", Mirrors: []string{"10.0.0.2:5000/c"}}, false},
		"somebody else":     {cluster.MirrorRule{Source: "quay.io/a/b", Mirrors: []string{"mirror.example/a/b"}}, false},
		"tags":              {cluster.MirrorRule{Source: "quay.io/a/b", Mirrors: []string{"10.0.0.2:5000/a/b"}, Tags: true}, false},
		"a name like it":    {cluster.MirrorRule{Source: "quay.io/a/bc", Mirrors: []string{"10.0.0.2:5000/a/bc"}}, false},
		"a beginning of it": {cluster.MirrorRule{Source: "quay.io/a/", Mirrors: []string{"10.0.0.2:5000/a"}}, false},
	} {
		if got := serves(s, c.force, want); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
