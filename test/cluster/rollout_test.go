package cluster

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drayage/test/cluster/harness"
	"drayage/test/cluster/kube"

	mcv1 "github.com/openshift/api/machineconfiguration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/dynamic"
)

// Objects that change what nodes get.
const (
	unitConfig = `{apiVersion: machineconfiguration.openshift.io/v1, kind: MachineConfig, metadata: {name: 99-master-unit, labels: {machineconfiguration.openshift.io/role: master}},
 spec: {config: {ignition: {version: 3.2.0}, systemd: {units: [{name: registry.service, enabled: true, contents: "[Service]\nExecStart=/usr/bin/true\n"}]}}}}`
	insecure = `{apiVersion: config.openshift.io/v1, kind: Image, metadata: {name: cluster}, spec: {registrySources: {insecureRegistries: ['localhost:5000']}}}`
	secure   = `{apiVersion: config.openshift.io/v1, kind: Image, metadata: {name: cluster}, spec: {}}`
)

func policy(name, source string, mirrors ...string) string {
	return fmt.Sprintf("{apiVersion: operator.openshift.io/v1alpha1, kind: ImageContentSourcePolicy, metadata: {name: %s}, spec: {repositoryDigestMirrors: [{source: %s, mirrors: [%s]}]}}", name, source, strings.Join(mirrors, ","))
}

func digestSet(name, source, rule string, mirrors ...string) string {
	return fmt.Sprintf("{apiVersion: config.openshift.io/v1, kind: ImageDigestMirrorSet, metadata: {name: %s}, spec: {imageDigestMirrors: [{source: %s, mirrorSourcePolicy: %s, mirrors: [%s]}]}}", name, source, rule, strings.Join(mirrors, ","))
}

const tagSet = `{apiVersion: config.openshift.io/v1, kind: ImageTagMirrorSet, metadata: {name: tags}, spec: {imageTagMirrors: [{source: quay.io/tags, mirrors: ['localhost:5000/tags']}]}}`

// site is a cluster and what the tests of it ask again and again.
type site struct {
	*harness.Cluster
	t *testing.T
	d dynamic.Interface
	c kube.Client
}

func startSite(t *testing.T, o harness.Options) *site {
	t.Helper()
	s := &site{Cluster: harness.StartT(t, o), t: t}
	_, s.d = client(t, s.Cluster, "admin")
	s.c = kube.Client{Dynamic: s.d, Manager: "test"}
	return s
}

func (s *site) set(patch string) {
	s.t.Helper()
	if err := s.Set(s.t.Context(), patch); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) pool() *mcv1.MachineConfigPool {
	s.t.Helper()
	p, err := kube.Get[mcv1.MachineConfigPool](s.t.Context(), s.c, kube.MachineConfigPools, "", "master")
	if err != nil || p == nil {
		s.t.Fatal("pool master: ", err)
	}
	return p
}

func (s *site) node(name string) *corev1.Node {
	s.t.Helper()
	n, err := kube.Get[corev1.Node](s.t.Context(), s.c, kube.Nodes, "", name)
	if err != nil || n == nil {
		s.t.Fatal(name, ": ", err)
	}
	return n
}

// is tells whether a condition of the pool is True.
func is(p *mcv1.MachineConfigPool, t mcv1.MachineConfigPoolConditionType) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c mcv1.MachineConfigPoolCondition) bool {
		return c.Type == t && c.Status == corev1.ConditionTrue
	})
}

func message(p *mcv1.MachineConfigPool, t mcv1.MachineConfigPoolConditionType) string {
	for _, c := range p.Status.Conditions {
		if c.Type == t {
			return c.Message
		}
	}
	return ""
}

// rolledOut waits as cluster.md says one has to: first for another configuration
// than the one before, then for all nodes to have it.
func (s *site) rolledOut(before string) {
	s.t.Helper()
	eventually(s.t, "rollout", func() string {
		p := s.pool()
		done := p.Spec.Configuration.Name != before && p.Status.ObservedGeneration >= p.Generation && p.Status.Configuration.Name == p.Spec.Configuration.Name &&
			p.Status.UpdatedMachineCount == p.Status.MachineCount && is(p, mcv1.MachineConfigPoolUpdated)
		if done {
			return ""
		}
		return fmt.Sprintf("%d of %d nodes: %s", p.Status.UpdatedMachineCount, p.Status.MachineCount, message(p, mcv1.MachineConfigPoolNodeDegraded))
	})
}

// steps are what the journal says of the nodes, node:step.
func (s *site) steps(only ...string) []string {
	s.t.Helper()
	all, err := s.Journal(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	var steps []string
	for _, e := range all {
		if strings.HasPrefix(e.Subject, "node") && (len(only) == 0 || slices.Contains(only, e.Step)) {
			steps = append(steps, e.Subject+":"+e.Step)
		}
	}
	return steps
}

// Who waits for Updated=True right after an apply has waited for nothing.
func TestNaiveWaiterIsFooled(t *testing.T) {
	s := startSite(t, harness.Options{State: `{"renderDelayMillis": 2000}`})
	before := s.pool().Spec.Configuration.Name
	began := time.Now()
	mustApply(t, s.d, unitConfig)
	if p := s.pool(); !is(p, mcv1.MachineConfigPoolUpdated) || is(p, mcv1.MachineConfigPoolUpdating) || p.Status.ObservedGeneration != p.Generation || p.Spec.Configuration.Name != before {
		t.Errorf("right after the apply the pool says: %+v", p.Status)
	}
	s.rolledOut(before)
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("rolled out after %s, before the render delay was over", took)
	}
	p := s.pool()
	mc, err := kube.Get[mcv1.MachineConfig](t.Context(), s.c, kube.MachineConfigs, "", p.Spec.Configuration.Name)
	if err != nil || !strings.Contains(string(mc.Spec.Config.Raw), "registry.service") || !strings.Contains(string(mc.Spec.Config.Raw), "/etc/containers/registries.conf") {
		t.Errorf("rendered configuration: %v: %s", err, mc.Spec.Config.Raw)
	}
	var sources []string
	for _, src := range p.Spec.Configuration.Source {
		sources = append(sources, src.Name)
	}
	if want := []string{"00-master", "01-master-container-runtime", "99-master-generated-registries", "99-master-unit"}; !slices.Equal(sources, want) {
		t.Errorf("sources %v, want %v", sources, want)
	}
}

func TestNodesGoOneByOne(t *testing.T) {
	s := startSite(t, harness.Options{})
	before := s.pool().Spec.Configuration.Name
	mustApply(t, s.d, unitConfig)
	most := int32(0)
	eventually(t, "rollout", func() string {
		p := s.pool()
		most = max(most, p.Status.UnavailableMachineCount)
		if p.Spec.Configuration.Name != before && p.Status.Configuration.Name == p.Spec.Configuration.Name {
			return ""
		}
		return fmt.Sprint(p.Status.UpdatedMachineCount)
	})
	if most != 1 {
		t.Errorf("%d nodes were away at once, want 1", most)
	}
	var want []string
	for _, n := range []string{"node1", "node2", "node3"} {
		for _, step := range []string{"target", "working", "cordon", "drain", "apply", "reboot", "boot", "uncordon", "done"} {
			want = append(want, n+":"+step)
		}
	}
	if got := s.steps(); !slices.Equal(got, want) {
		t.Errorf("steps\n%v, want\n%v", got, want)
	}
	n := s.node("node2")
	if n.Annotations["drayage.test/drains"] != "1" || n.Annotations["drayage.test/reboots"] != "1" || n.Spec.Unschedulable {
		t.Errorf("node2: %v", n.Annotations)
	}
	if w, err := kube.Get[mcv1.MachineConfigPool](t.Context(), s.c, kube.MachineConfigPools, "", "worker"); err != nil || w.Status.MachineCount != 0 || !is(w, mcv1.MachineConfigPoolUpdated) {
		t.Errorf("pool worker: %v, %+v", err, w.Status)
	}
}

// A paused pool is given a configuration, and no node.
func TestPausedPoolRendersAndStays(t *testing.T) {
	s := startSite(t, harness.Options{})
	before := s.pool().Spec.Configuration.Name
	s.pause(true)
	mustApply(t, s.d, unitConfig)
	mustApply(t, s.d, insecure)
	eventually(t, "render", func() string {
		if p := s.pool(); p.Spec.Configuration.Name != before && p.Status.ObservedGeneration == p.Generation {
			return ""
		}
		return "not yet"
	})
	time.Sleep(500 * time.Millisecond)
	p := s.pool()
	if is(p, mcv1.MachineConfigPoolUpdated) || is(p, mcv1.MachineConfigPoolUpdating) || !strings.Contains(message(p, mcv1.MachineConfigPoolUpdating), "paused") || p.Status.Configuration.Name != before {
		t.Errorf("status: %+v", p.Status)
	}
	if got := s.steps(); len(got) > 0 {
		t.Errorf("nodes moved: %v", got)
	}
	s.pause(false)
	s.rolledOut(before)
	if got := s.steps("drain", "reboot"); len(got) != 6 {
		t.Errorf("two changes in one batch: %v, want one drain and one reboot a node", got)
	}
}

func (s *site) pause(on bool) {
	s.t.Helper()
	if err := s.c.Patch(s.t.Context(), kube.MachineConfigPools, "master", map[string]any{"spec": map[string]any{"paused": on}}); err != nil {
		s.t.Fatal(err)
	}
}

func TestDegradedNodeStopsTheRollout(t *testing.T) {
	s := startSite(t, harness.Options{State: `{"degraded": {"node2": "disk is full"}}`})
	// It is degraded without any update: files on it were changed by hand, say.
	s.degraded("disk is full")
	s.set(`{"degraded": {"node2": null}}`)
	eventually(t, "recovery", func() string {
		if p := s.pool(); !is(p, mcv1.MachineConfigPoolDegraded) {
			return ""
		}
		return "degraded"
	})
	before := s.pool().Spec.Configuration.Name
	mustApply(t, s.d, unitConfig)
	eventually(t, "node2 under way", func() string {
		if slices.Contains(s.steps(), "node2:cordon") {
			return ""
		}
		return fmt.Sprint(s.steps())
	})
	s.set(`{"degraded": {"node2": "exec format error"}}`)
	s.degraded("exec format error")
	if got := s.steps("target"); !slices.Equal(got, []string{"node1:target", "node2:target"}) {
		t.Errorf("sent on their way: %v", got)
	}
	s.set(`{"degraded": {"node2": null}}`)
	s.rolledOut(before)
}

func (s *site) degraded(reason string) {
	s.t.Helper()
	eventually(s.t, "degraded", func() string {
		p := s.pool()
		if is(p, mcv1.MachineConfigPoolDegraded) && p.Status.DegradedMachineCount == 1 && strings.Contains(message(p, mcv1.MachineConfigPoolNodeDegraded), reason) {
			return ""
		}
		return fmt.Sprintf("%+v", p.Status)
	})
}

func TestStuckDrain(t *testing.T) {
	s := startSite(t, harness.Options{State: `{"stuckDrain": {"node1": true}}`})
	before := s.pool().Spec.Configuration.Name
	mustApply(t, s.d, unitConfig)
	eventually(t, "drain asked for", func() string {
		a := s.node("node1").Annotations
		if strings.HasPrefix(a["machineconfiguration.openshift.io/desiredDrain"], "drain-") && strings.HasPrefix(a["machineconfiguration.openshift.io/lastAppliedDrain"], "uncordon-") {
			return ""
		}
		return fmt.Sprint(a)
	})
	if p := s.pool(); is(p, mcv1.MachineConfigPoolDegraded) || !is(p, mcv1.MachineConfigPoolUpdating) {
		t.Errorf("before the time is over: %+v", p.Status)
	}
	s.set(`{"drainTimeoutMillis": 1}`)
	s.degraded("failed to drain node: node1 after 1 hour")
	s.set(`{"stuckDrain": {"node1": null}}`)
	s.rolledOut(before)
}

// What a cluster cannot take is said where a real one says it.
func TestWhatCannotBeTaken(t *testing.T) {
	s := startSite(t, harness.Options{Version: "4.12.0"})
	mustApply(t, s.d, strings.Replace(unitConfig, "3.2.0", "3.4.0", 1))
	eventually(t, "render degraded", func() string {
		if p := s.pool(); is(p, mcv1.MachineConfigPoolRenderDegraded) && is(p, mcv1.MachineConfigPoolDegraded) {
			return ""
		}
		return "no"
	})
	mustApply(t, s.d, strings.Replace(unitConfig, "systemd:", "storage: {directories: [{path: /var/x}]}, systemd:", 1))
	s.degraded("directories section contains changes")
}
