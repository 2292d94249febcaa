package cluster

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drayage/test/cluster/harness"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// blogSite is a site without TLS; memory makes another MachineConfig of it.
func blogSite(memory string) string { return "plainHTTP: true, memory: " + memory }

// applied has the resource versions of the objects that apply said it has dealt
// with.
func (s *site) applied(e ended) map[string]string {
	s.t.Helper()
	var r struct {
		Objects []struct{ Kind, Namespace, Name string }
	}
	if err := json.Unmarshal([]byte(e.out), &r); err != nil || len(r.Objects) == 0 {
		s.t.Fatalf("%v: %s", err, e.out)
	}
	apis := map[string]string{"ConfigMap": "v1", "Secret": "v1", "MachineConfig": "machineconfiguration.openshift.io/v1",
		"CatalogSource": "operators.coreos.com/v1alpha1"}
	versions := map[string]string{}
	for _, o := range r.Objects {
		u := &unstructured.Unstructured{}
		u.SetKind(o.Kind)
		u.SetNamespace(o.Namespace)
		if u.SetAPIVersion(apis[o.Kind]); apis[o.Kind] == "" {
			u.SetAPIVersion("config.openshift.io/v1")
		}
		have, err := at(s.t, s.d, u).Get(s.t.Context(), o.Name, metav1.GetOptions{})
		if err != nil {
			s.t.Fatal(o, err)
		}
		versions[o.Kind+"/"+o.Name] = have.GetResourceVersion()
	}
	return versions
}

// One cluster, from nothing to a second manager: what apply does, does not do
// again, and refuses.
func TestApply(t *testing.T) {
	s := arrive(t, "4.17", blogSite("512M"))
	c := startSite(t, harness.Options{})
	apply := func(code int, texts []string, more ...string) ended {
		t.Helper()
		return wants(t, s.dir, c.Kubeconfig, code, texts, s.args("apply", more...)...)
	}
	for user, texts := range map[string][]string{
		"viewer":   {"ImageDigestMirrorSet/example: no right to patch imagedigestmirrorsets.config.openshift.io example; use an account", "rights: no right to patch machineconfigpools"},
		"nobody":   {"403 ", "use an account that may read the ClusterVersion"},
		"stranger": {"401 Unauthorized; log in again"},
	} {
		apply(8, texts, "--yes", "--context", user)
	}
	first := apply(0, nil, "--yes", "--json")
	if n := strings.Count(first.out, `"result": "created"`); n < 8 || strings.Contains(first.out, `"unchanged"`) {
		t.Errorf("first: %s", first.out)
	}
	c.drainedOnce()
	before := c.applied(first)
	second := apply(0, nil, "--yes", "--json")
	if strings.Contains(second.out, `"created"`) || strings.Contains(second.out, `"changed"`) {
		t.Errorf("second: %s", second.out)
	}
	if after := c.applied(second); len(after) < 10 || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("resource versions\n%v, then\n%v", before, after)
	}
	c.drainedOnce()
	t.Run("a second manager", func(t *testing.T) {
		before := c.pool().Spec.Configuration.Name
		mirror := fmt.Sprintf("'10.9.9.9:%d/a'", s.port)
		if _, err := applyAs(t, c, "argo", digestSet("dummyregistry", "dummyregistry.io", "AllowContactingSource", mirror)); err != nil {
			t.Fatal(err)
		}
		c.rolledOut(before)
		apply(8, []string{`ImageDigestMirrorSet/dummyregistry: spec.imageDigestMirrors: is held with another value by "argo"; leave the field to its manager, or take it over with --force-conflicts`}, "--yes")
	})
	t.Run("paused by an administrator", func(t *testing.T) {
		c.pause(true)
		apply(8, []string{"MachineConfigPool/master: spec.paused: is true, and not by us; ask who paused it"}, "--yes", "--dry-run")
		c.pause(false)
	})
	t.Run("optional", func(t *testing.T) {
		apply(2, []string{"--optional kubeletconfig/x: is no optional object of this site; there are: MachineConfiguration/cluster"}, "--yes", "--optional", "kubeletconfig/x")
		apply(0, []string{"MachineConfiguration/cluster"}, "--yes", "--force-conflicts", "--optional", "machineconfiguration/cluster")
	})
	// From here on a change of the unit restarts it, by that policy, and drains nothing.
	t.Run("degraded before", func(t *testing.T) {
		c.set(`{"degraded": {"node2": "disk is full"}}`)
		c.degraded("disk is full")
		apply(8, []string{"MachineConfigPool/master: status.conditions: is degraded (1 machines)", "node2 is reporting", "disk is full"}, "--yes")
		c.set(`{"degraded": {"node2": null}}`)
	})
}

func applyAs(t *testing.T, c *site, manager, text string) (*unstructured.Unstructured, error) {
	t.Helper()
	return apply(t, c.d, text, func(o *metav1.ApplyOptions) { o.FieldManager, o.Force = manager, true })
}

// What the API server does not take is said, and nothing is written: here it has
// no kind for digests.
func TestApplyWhatTheServerRefuses(t *testing.T) {
	s := arrive(t, "4.17", blogSite("512M"))
	c := startSite(t, harness.Options{Without: []string{"imagedigestmirrorsets"}})
	wants(t, s.dir, c.Kubeconfig, 8, []string{"ImageDigestMirrorSet/example: kind: the cluster knows no ImageDigestMirrorSet of config.openshift.io/v1; compare"},
		s.args("apply", "--yes")...)
	if got := c.steps(); len(got) > 0 {
		t.Errorf("nodes moved: %v", got)
	}
}

// until waits until the journal has a node's step.
func (s *site) until(step string) {
	s.t.Helper()
	eventually(s.t, step, func() string {
		if slices.Contains(s.steps(), step) {
			return ""
		}
		return fmt.Sprint(s.steps())
	})
}

// What goes wrong in the middle: a drain that is stuck, ^C, a crash of the API
// server, a node that breaks.
func TestApplyInTrouble(t *testing.T) {
	s := arrive(t, "4.17", blogSite("512M"))
	c := startSite(t, harness.Options{State: `{"stuckDrain": {"node1": true}}`})
	args := s.args("apply", "--yes", "--stage", "nodes")
	notPaused := func() {
		t.Helper()
		if p := c.pool(); p.Spec.Paused || len(p.Annotations) > 0 && p.Annotations["drayage.io/paused-by-apply"] != "" {
			t.Errorf("the pool is paused: %+v %v", p.Spec.Paused, p.Annotations)
		}
	}
	wants(t, s.dir, c.Kubeconfig, 8, []string{"node1: is being drained", "Node/node1: machineconfiguration.openshift.io/state: is working for more than 2s: is being drained; look at the node"},
		s.args("apply", "--yes", "--stage", "nodes", "--node-timeout", "2s")...)
	notPaused()

	cut := begin(t, s.dir, c.Kubeconfig, "import", args...)
	cut.says("node1: is being drained")
	cut.interrupt()
	cut.end().check(t, 130, "import: cancelled", "the same command again does the rest")
	notPaused()

	again := begin(t, s.dir, c.Kubeconfig, "import", args...)
	again.says("node1: is being drained")
	if err := c.Restart(t.Context(), 2*time.Second); err != nil {
		t.Fatal(err)
	}
	c.set(`{"stuckDrain": {"node1": null}}`)
	again.end().check(t, 0, "node1: is being drained", "all 3 nodes have rendered-master-")
	c.drainedOnce()

	s.write("4.17", blogSite("640M"))
	c.set(`{"stepMillis": 500}`)
	if err := c.ClearJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
	broken := begin(t, s.dir, c.Kubeconfig, "import", args...)
	c.until("node2:cordon")
	c.set(`{"degraded": {"node2": "exec format error"}}`)
	broken.end().check(t, 8, "Node/node2: machineconfiguration.openshift.io/reason: is degraded: exec format error; mend it, then run the same command again")
	notPaused()
	c.set(`{"degraded": {"node2": null}, "stepMillis": 30}`)
	eventually(t, "recovery", func() string {
		if p := c.pool(); is(p, "Updated") && !is(p, "Degraded") {
			return ""
		}
		return "degraded"
	})
	wants(t, s.dir, c.Kubeconfig, 0, []string{"unchanged"}, args...)
}
