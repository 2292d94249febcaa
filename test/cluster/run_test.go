package cluster

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drayage/test/cluster/harness"
	"drayage/test/cluster/kube"
	"drayage/test/cluster/machineconfig"
	"drayage/test/registry"

	mcv1 "github.com/openshift/api/machineconfiguration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ran is what --json of import run prints.
type ran struct {
	Steps []struct {
		Step, Result, Text string
		Objects            []struct{ Kind, Name, Result string }
		Pushed             []struct{ Node string }
		States             []struct {
			Node  string
			Whole bool
		}
	}
}

func (r ran) results() (all []string) {
	for _, s := range r.Steps {
		all = append(all, s.Step+": "+s.Result)
	}
	return all
}

func decodeRun(t *testing.T, e ended) ran {
	t.Helper()
	var r ran
	if err := json.Unmarshal([]byte(e.out), &r); err != nil {
		t.Fatalf("%v: %s%s", err, e.out, e.err)
	}
	return r
}

var wholeWay = []string{"verify: done", "nodes: done", "registries: done", "push: done", "check: done", "mirrors: done", "catalogs: done"}

// The whole way of a site with TLS and a password, by one command: the registries
// are those that the nodes get, each node drains once, and then the nodes pull by
// the original names, with the cluster's own pull secret.
func TestRunTheWholeWay(t *testing.T) {
	s := arrive(t, "4.17", "auth: {user: puller}")
	c := startSite(t, harness.Options{})
	wants(t, s.dir, c.Kubeconfig, 2, []string{"needs its image on every node before", "--image-is-there", "registry-image"}, s.args("run", "--yes")...)
	if got := c.steps(); len(got) > 0 {
		t.Errorf("before the image is there: %v", got)
	}
	wants(t, s.dir, c.Kubeconfig, 2, []string{"nobody can be asked here"}, s.args("run", "--image-is-there")...)

	// ^C while the first node drains; the same command goes on.
	c.set(`{"stuckDrain": {"node1": true}}`)
	cut := begin(t, s.dir, c.Kubeconfig, "import", s.args("run", "--yes", "--image-is-there")...)
	cut.says("node1: is being drained")
	cut.interrupt()
	cut.end().check(t, 130, "nodes       cancelled", "import: cancelled", "the same command again does the rest")
	if c.pool().Spec.Paused {
		t.Error("the pool is paused")
	}
	c.set(`{"stuckDrain": {"node1": null}}`)

	started := s.nodes(c, 1, 2, 3)
	e := wants(t, s.dir, c.Kubeconfig, 0, nil, s.args("run", "--yes", "--json")...)
	r := decodeRun(t, e)
	got := append(r.results(), "", "")
	got[1] = "nodes: done" // they were written before ^C, and waited for after it
	if i := slices.Index(got, "registries: nothing to do"); i >= 0 {
		got[i] = "registries: done" // they were quicker than we looked
	}
	if !slices.Equal(got[:len(got)-2], wholeWay) || len(r.Steps[3].Pushed) != 3 || len(r.Steps[4].States) != 3 || !r.Steps[4].States[2].Whole {
		t.Fatalf("steps %+v\n%s", r, e.err)
	}
	registries := started()
	c.drainedOnce()
	again := decodeRun(t, wants(t, s.dir, c.Kubeconfig, 0, nil, s.args("run", "--yes", "--json")...))
	want := []string{"verify: done", "nodes: nothing to do", "registries: nothing to do", "push: nothing to do", "check: done", "mirrors: nothing to do", "catalogs: nothing to do"}
	if got := again.results(); !slices.Equal(got, want) {
		t.Errorf("again: %q", got)
	}
	c.drainedOnce()
	t.Setenv("SSL_CERT_FILE", filepath.Join(s.dir, "tls", "ca.crt"))
	t.Setenv("REGISTRY_AUTH_FILE", c.pullSecret(s.dir))
	pullEverything(t, s, c, registries)
}

// drainedOnce wants one drain and one start of each node, of all that was done.
func (s *site) drainedOnce() {
	s.t.Helper()
	s.drained(1, 1)
}

func (s *site) drained(drains, reboots int) {
	s.t.Helper()
	for _, n := range []string{"node1", "node2", "node3"} {
		if a := s.node(n).Annotations; a["drayage.test/drains"] != fmt.Sprint(drains) || a["drayage.test/reboots"] != fmt.Sprint(reboots) {
			s.t.Errorf("%s: drains %s, reboots %s", n, a["drayage.test/drains"], a["drayage.test/reboots"])
		}
	}
}

// pullSecret writes the cluster's pull secret into a file. What was in it before
// is there still.
func (s *site) pullSecret(dir string) string {
	s.t.Helper()
	secret, err := kube.Get[corev1.Secret](s.t.Context(), s.c, kube.Secrets, "openshift-config", "pull-secret")
	if err != nil || secret == nil {
		s.t.Fatal("pull secret: ", err)
	}
	raw := secret.Data[corev1.DockerConfigJsonKey]
	for _, want := range []string{`"quay.io":{`, `"registry.redhat.io":{`, `"localhost:`, `"127.0.0.3:`} {
		if !strings.Contains(string(raw), want) {
			s.t.Errorf("pull secret: no %s", want)
		}
	}
	return write(s.t, dir, "pull-secret.json", string(raw))
}

// registriesConf is the file that every node has now.
func (s *site) registriesConf() []byte {
	s.t.Helper()
	mc, err := kube.Get[mcv1.MachineConfig](s.t.Context(), s.c, kube.MachineConfigs, "", s.pool().Status.Configuration.Name)
	if err != nil || mc == nil {
		s.t.Fatal("rendered configuration: ", err)
	}
	config, err := machineconfig.Parse(mc)
	if err != nil {
		s.t.Fatal(err)
	}
	raw, err := machineconfig.File(config, "/etc/containers/registries.conf")
	if err != nil {
		s.t.Fatal(err)
	}
	return raw
}

// pullEverything pulls as a node does, also with the first node down; the source
// is not asked.
func pullEverything(t *testing.T, s *onSite, c *site, nodes []*registry.Registry) {
	t.Helper()
	if _, err := exec.LookPath("skopeo"); err != nil {
		t.Skip("skopeo is not here: pulling by the cluster's own objects is left out")
	}
	conf := sourceWatched(t, s.dir, c.registriesConf())
	filled := sharedWorld(t)
	images := map[string]string{
		"release":        filled.Release.Image.ByDigest(),
		"component":      filled.Release.Components[0].ByDigest(),
		"operator image": filled.Catalog.Related[0].ByDigest(),
	}
	if err := world.source.ClearRequests(); err != nil {
		t.Fatal(err)
	}
	for what, ref := range images {
		pullFrom(t, s.dir, conf, what, ref, nodes, 0)
	}
	stop(t, nodes[0])
	for what, ref := range images {
		pullFrom(t, s.dir, conf, what+", the first being down", ref, nodes, 1)
	}
	if asked := sourceRequests(t); len(asked) > 0 {
		t.Errorf("the source was asked: %v", asked)
	}
}

// A node whose registry does not come up keeps the cluster from being told, until
// somebody wants it so. This is 4.12, plain HTTP and policies, as in the blog.
func TestRunWithANodeThatIsNotWhole(t *testing.T) {
	s := arrive(t, "4.12", "plainHTTP: true")
	c := startSite(t, harness.Options{Version: "4.12.0"})
	started := s.nodes(c, 1, 2)
	e := wants(t, s.dir, c.Kubeconfig, 4, []string{"registries  failed", "import: node3: its registry does not answer: 127.0.0.3:"},
		s.args("run", "--yes", "--image-is-there", "--registry-timeout", "12s")...)
	if strings.Contains(e.out, "push ") || strings.Contains(e.err, "import: node1") || !strings.Contains(e.err, "journalctl") {
		t.Errorf("printed\n%s%s", e.out, e.err)
	}
	registries := started()
	policies := func() int {
		list, err := at(t, c.d, object(t, "{apiVersion: operator.openshift.io/v1alpha1, kind: ImageContentSourcePolicy}")).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Items)
	}
	if n := policies(); n != 0 {
		t.Errorf("the cluster was told of nodes that are not whole: %d policies", n)
	}
	wants(t, s.dir, c.Kubeconfig, 0, []string{"nodes       nothing to do", "2 of 3 registries answer", "2 of 3 nodes filled",
		"check       done: --allow-degraded was given, so the cluster is told of this: node3: ", "catalogs    done"},
		s.args("run", "--yes", "--allow-degraded", "--registry-timeout", "1s")...)
	if policies() == 0 {
		t.Error("the cluster was told of nothing")
	}
	c.drainedOnce()
	third := s.nodes(c, 3)()
	last := wants(t, s.dir, c.Kubeconfig, 0, []string{"3 nodes are whole", "mirrors     nothing to do"}, s.args("run", "--yes")...)
	t.Logf("printed by the last run:\n%s", last.out)
	pullEverything(t, s, c, append(registries, third...))
}

// A node's address changes: the mirror sets lose one mirror and get another. Each
// node drains once, and the cluster is not sent to the new address before the
// registry there is whole.
func TestRunAfterAnAddressChanged(t *testing.T) {
	s := arrive(t, "4.17", "plainHTTP: true")
	c := startSite(t, harness.Options{})
	started := s.nodes(c, 1, 2, 3)
	wants(t, s.dir, c.Kubeconfig, 0, nil, s.args("run", "--yes", "--image-is-there")...)
	registries := started()
	c.drained(1, 1)

	// The third node gets the fourth's address, and the registry there is down. The
	// unit changes too, so that nodes start anew.
	stop(t, registries[2])
	text := read(t, s.dir, "site.yaml")
	write(t, s.dir, "site.yaml", strings.NewReplacer("127.0.0.3", "127.0.0.4", "plainHTTP: true", "plainHTTP: true, memory: 640M").Replace(text))
	wants(t, s.dir, c.Kubeconfig, 4, []string{"loses 127.0.0.3:", "nodes       done", "registries  failed", "node3: its registry does not answer: 127.0.0.4:"},
		s.args("run", "--yes", "--image-is-there", "--registry-timeout", "1s")...)
	c.drained(2, 2)
	mirror := func(address string) bool { // insecure registries stand there without a path
		return strings.Contains(string(c.registriesConf()), fmt.Sprintf("%s:%d/ocp4", address, s.port))
	}
	if mirror("127.0.0.4") || mirror("127.0.0.3") || !mirror("127.0.0.2") {
		t.Errorf("nodes are sent to a registry that is not whole, or is gone:\n%s", c.registriesConf())
	}
	own := filepath.Join(s.dir, "node3")
	write(t, own, "config.yml", strings.ReplaceAll(read(t, own, "config.yml"), "127.0.0.3:", "127.0.0.4:"))
	moved, err := registry.Start(t.Context(), registry.Options{Root: filepath.Join(own, "store"), Config: filepath.Join(own, "config.yml")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = moved.Close() })
	last := wants(t, s.dir, c.Kubeconfig, 0, []string{"nodes       nothing to do", "check       done: 3 nodes are whole", "mirrors     done"}, s.args("run", "--yes")...)
	if strings.Contains(last.err, "is drained for it") {
		t.Errorf("a drain is foretold:\n%s", last.err)
	}
	c.drained(2, 2)
	if !mirror("127.0.0.4") {
		t.Errorf("the new address is no mirror:\n%s", c.registriesConf())
	}
}
