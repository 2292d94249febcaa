package cluster

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"drayage/test/cluster/harness"
	"drayage/test/registry"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// somebodysNodes starts the registries of a site that somebody else set up.
func (s *onSite) somebodysNodes() []*registry.Registry {
	s.t.Helper()
	var all []*registry.Registry
	for i := range 3 {
		all = append(all, registry.StartT(s.t, registry.Options{Addr: fmt.Sprintf("127.0.0.%d:%d", i+1, s.port)}))
	}
	return all
}

// shown is what --json of import status prints.
type shown struct {
	Nodes []struct {
		Node      string
		Reachable bool
		Bundle    struct {
			Whole                bool
			Images, MissingBytes int64
		}
	}
	Cluster *struct {
		ID, Version string
		Pool        struct{ Updated bool }
		Nodes       []struct{ Ready bool }
		Mirrors     []struct{ Source string }
		Catalogs    []struct {
			Kind, Name string
			Ready, Off bool
		}
	}
	ClusterNotAsked string
	Findings        []string
}

// What a person on site sees of a cluster, from nothing to well and back: each
// trouble is a line and a code.
func TestStatus(t *testing.T) {
	s := arrive(t, "4.20", somebodysRegistries)
	c := startSite(t, harness.Options{Version: "4.20.0"})
	registries := s.somebodysNodes()
	status := func(code int, texts []string, more ...string) ended {
		t.Helper()
		return wants(t, s.dir, c.Kubeconfig, code, texts, s.args("status", more...)...)
	}
	asJSON := func(code int, more ...string) shown {
		t.Helper()
		var r shown
		e := status(code, nil, append(more, "--json")...)
		if err := json.Unmarshal([]byte(e.out), &r); err != nil {
			t.Fatalf("%v: %s", err, e.out)
		}
		return r
	}
	status(4, []string{"0 of 26", "NOT WHOLE", "sources is sent to the nodes by a mirror in force",
		"CatalogSource/redhat-operator-index: is not there; import run writes it", "ClusterCatalog/redhat-operator-index: is not there",
		"ClusterCatalog/openshift-redhat-operators: is on and Unavailable Retrying source catalog content: "})
	wants(t, s.dir, c.Kubeconfig, 0, nil, s.args("run", "--yes")...)

	well := status(0, []string{"26 of 26", "pool master: updated, 3 of 3 nodes up to date, 3 ready", "node3", "READY", "UserSpecifiedUnavailable", "quay.io/openshift-release-dev/ocp-release"})
	t.Logf("printed when all is well:\n%s", well.out)
	r := asJSON(0)
	if cl := r.Cluster; len(r.Nodes) != 3 || !r.Nodes[2].Bundle.Whole || cl == nil || cl.Version != "4.20.0" || !cl.Pool.Updated || len(cl.Nodes) != 3 || len(cl.Mirrors) < 10 || len(cl.Catalogs) != 5 || len(r.Findings) > 0 {
		t.Errorf("well: %+v", r)
	}

	ctx := t.Context() // a registry ends with it
	t.Run("a node's registry is down", func(t *testing.T) {
		if err := registries[2].Stop(); err != nil {
			t.Fatal(err)
		}
		status(4, []string{"NOT REACHABLE", "import: node3: 127.0.0.3:"})
		if r := asJSON(4); r.Nodes[2].Reachable || !r.Nodes[0].Bundle.Whole || len(r.Findings) > 0 {
			t.Errorf("%+v", r)
		}
		if err := registries[2].Restart(ctx); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a node is not ready and its disk is full", func(t *testing.T) {
		c.nodeIs("node2", "False", "True")
		status(8, []string{"node2  NOT READY", "import: Node/node2: is not ready", "import: Node/node2: is short of disk space"})
		c.nodeIs("node2", "True", "False")
	})
	t.Run("catalogs are not served", func(t *testing.T) {
		c.set(`{"catalogs": {"redhat-operator-index": "TRANSIENT_FAILURE"}}`)
		c.journalHas("redhat-operator-index", "TRANSIENT_FAILURE")
		c.journalHas("redhat-operator-index", "Unavailable")
		status(8, []string{"import: CatalogSource/redhat-operator-index: is TRANSIENT_FAILURE", "import: ClusterCatalog/redhat-operator-index: is Unavailable Retrying TRANSIENT_FAILURE"})
		c.set(`{"catalogs": {"redhat-operator-index": null}}`)
	})
	t.Run("the pool", func(t *testing.T) {
		c.set(`{"degraded": {"node2": "disk is full"}}`)
		c.degraded("disk is full")
		status(8, []string{"pool master: DEGRADED", "import: MachineConfigPool/master: is degraded: ", "import: Node/node2: is degraded: disk is full"})
		c.set(`{"degraded": {"node2": null}}`)
		c.pause(true)
		status(8, []string{"pool master: ", "import: MachineConfigPool/master: is paused"})
		c.pause(false)
	})
	t.Run("mirrors of another manager", func(t *testing.T) { s.mirrorsAreAltered(c, status) })
	t.Run("the pool is updating", func(t *testing.T) {
		if err := c.ClearJournal(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.set(`{"stuckDrain": {"node1": true}}`)
		mustApply(t, c.d, unitConfig)
		c.until("node1:cordon")
		status(8, []string{"pool master: updating, 0 of 3 nodes up to date", "import: MachineConfigPool/master: 0 of 3 nodes have the configuration rendered-master-"})
	})
	t.Run("rights", func(t *testing.T) {
		status(8, []string{"26 of 26", "pool master: updating"}, "--context", "viewer")
		status(8, []string{"26 of 26", "cluster: not known: https://", "403 clusterversions.config.openshift.io", "use an account that may read the ClusterVersion"}, "--context", "nobody")
		status(8, []string{"26 of 26", "401 Unauthorized; log in again"}, "--context", "stranger")
		if r := asJSON(8, "--context", "nobody"); r.Cluster != nil || r.ClusterNotAsked == "" || !r.Nodes[0].Bundle.Whole {
			t.Errorf("%+v", r)
		}
	})
}

// mirrorsAreAltered has another manager send a source elsewhere, and then takes a
// mirror set away.
func (s *onSite) mirrorsAreAltered(c *site, status func(int, []string, ...string) ended) {
	before := c.pool().Spec.Configuration.Name
	mirror := fmt.Sprintf("'10.9.9.9:%d/a'", s.port)
	if _, err := applyAs(s.t, c, "argo", digestSet("dummyregistry", "dummyregistry.io", "AllowContactingSource", mirror)); err != nil {
		s.t.Fatal(err)
	}
	c.rolledOut(before)
	status(8, []string{"import: dummyregistry.io:5000/olm-mirror/redhat-operator-index: no mirror in force leads to the nodes"})
	before = c.pool().Spec.Configuration.Name
	set := object(s.t, digestSet("example", "x", "AllowContactingSource"))
	if err := at(s.t, c.d, set).Delete(s.t.Context(), "example", metav1.DeleteOptions{}); err != nil {
		s.t.Fatal(err)
	}
	c.rolledOut(before)
	e := status(8, []string{"import: quay.io/openshift-release-dev/ocp-release: no mirror in force leads to the nodes"})
	if strings.Contains(e.err, "buoy") {
		s.t.Errorf("mirrors that are there are said to be missing:\n%s", e.err)
	}
}

// nodeIs sets two conditions of a node, as its kubelet does.
func (s *site) nodeIs(name, ready, diskPressure string) {
	s.t.Helper()
	n := s.node(name)
	for i, c := range n.Status.Conditions {
		switch c.Type {
		case "Ready":
			n.Status.Conditions[i].Status = corev1.ConditionStatus(ready)
		case "DiskPressure":
			n.Status.Conditions[i].Status = corev1.ConditionStatus(diskPressure)
		}
	}
	raw, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": n.Status.Conditions}})
	if err == nil {
		_, err = at(s.t, s.d, object(s.t, "{apiVersion: v1, kind: Node}")).Patch(s.t.Context(), name, types.MergePatchType, raw, metav1.PatchOptions{}, "status")
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// journalHas waits until the journal says something of a subject.
func (s *site) journalHas(subject, detail string) {
	s.t.Helper()
	eventually(s.t, subject+" "+detail, func() string {
		all, err := s.Journal(s.t.Context())
		if err != nil {
			return err.Error()
		}
		for _, e := range all {
			if e.Subject == subject && e.Detail == detail {
				return ""
			}
		}
		return fmt.Sprint(all)
	})
}
