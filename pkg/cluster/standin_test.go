package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// standIn does what the machine-config operator does to a pool: a while after
// an object changes it renders a configuration, and then walks node by node.
// It counts rollouts that would drain.
type standIn struct {
	c      *Cluster
	t      *testing.T
	mu     sync.Mutex
	mode   string // "", degraded, stuck
	drains int
	seen   string
	number int
}

func startStandIn(t *testing.T, kubeconfig string) *standIn {
	s := &standIn{c: connectFast(t, kubeconfig, ""), t: t}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			s.step(ctx)
			_ = sleep(ctx, 50*time.Millisecond)
		}
	}()
	t.Cleanup(func() { stop(); <-ended })
	return s
}

func (s *standIn) set(mode string) { s.mu.Lock(); s.mode = mode; s.mu.Unlock() }

func (s *standIn) get() (mode string, drains int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mode, s.drains
}

// step is one turn of the controllers; an API server that is away is waited for.
func (s *standIn) step(ctx context.Context) {
	pool, err := s.c.pool(ctx, MasterPool)
	if err != nil {
		return
	}
	if pool.Paused {
		return
	}
	config, hard := s.render(ctx)
	if config == s.seen {
		s.status(ctx, pool.Target, 3, "")
		return
	}
	if sleep(ctx, 200*time.Millisecond) != nil { // the render delay
		return
	}
	if again, _ := s.render(ctx); again != config {
		return
	}
	if hard != "" {
		s.mu.Lock()
		s.drains++
		s.mu.Unlock()
	}
	s.number++
	name := fmt.Sprintf("rendered-master-%d", s.number)
	mc := parse(s.t, "{apiVersion: machineconfiguration.openshift.io/v1, kind: MachineConfig, metadata: {name: "+name+"}, spec: {config: {}}}")
	var content map[string]any
	_ = json.Unmarshal([]byte(config), &content)
	mc.Object["spec"] = content
	if _, err := s.c.dynamic.Resource(kinds["MachineConfig"].gvr).Create(ctx, mc, metav1.CreateOptions{}); err != nil {
		return
	}
	patch := fmt.Sprintf(`{"spec":{"configuration":{"name":%q,"source":[{"name":"99-master-registry","kind":"MachineConfig","apiVersion":"machineconfiguration.openshift.io/v1"}]}}}`, name)
	if _, err := s.c.dynamic.Resource(machineConfigPools).Patch(ctx, MasterPool, mergePatch, []byte(patch), metav1.PatchOptions{}); err != nil {
		return
	}
	s.seen = config
	s.roll(ctx, name)
}

func (s *standIn) roll(ctx context.Context, name string) {
	for n := 1; n <= 3; n++ {
		s.status(ctx, name, n-1, "")
		s.annotate(ctx, n, map[string]any{"desiredConfig": name, "state": "Working", "desiredDrain": "drain-" + name})
		for ctx.Err() == nil {
			mode, _ := s.get()
			if mode == "degraded" {
				s.annotate(ctx, n, map[string]any{"state": "Degraded", "reason": "unexpected on-disk state"})
				s.status(ctx, name, n-1, "Node node1 is reporting: unexpected on-disk state")
			}
			if mode == "" {
				break
			}
			_ = sleep(ctx, 50*time.Millisecond)
		}
		_ = sleep(ctx, 100*time.Millisecond)
		s.annotate(ctx, n, map[string]any{"currentConfig": name, "state": "Done", "lastAppliedDrain": "drain-" + name, "reason": ""})
	}
	s.status(ctx, name, 3, "")
}

func (s *standIn) annotate(ctx context.Context, n int, what map[string]any) {
	annotations := map[string]any{}
	for k, v := range what {
		annotations[daemonPrefix+k] = v
	}
	raw, _ := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": annotations}})
	_, _ = s.c.dynamic.Resource(nodesResource).Patch(ctx, fmt.Sprintf("node%d", n), mergePatch, raw, metav1.PatchOptions{})
}

// status writes the pool's status when upToDate machines have the target.
func (s *standIn) status(ctx context.Context, target string, upToDate int, degraded string) {
	u, err := s.c.dynamic.Resource(machineConfigPools).Get(ctx, MasterPool, metav1.GetOptions{})
	if err != nil {
		return
	}
	is := func(b bool) string { return map[bool]string{true: "True", false: "False"}[b] }
	done := upToDate == 3
	condition := func(name, value, message string) map[string]any {
		return map[string]any{"type": name, "status": value, "reason": "", "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"}
	}
	current, _, _ := unstructured.NestedString(u.Object, "status", "configuration", "name")
	if done {
		current = target
	}
	broken := map[bool]int{true: 1, false: 0}[degraded != ""]
	status := map[string]any{
		"observedGeneration": u.GetGeneration(), "configuration": map[string]any{"name": current},
		"machineCount": 3, "updatedMachineCount": upToDate, "readyMachineCount": upToDate,
		"unavailableMachineCount": map[bool]int{true: 0, false: 1}[done], "degradedMachineCount": broken,
		"conditions": []any{condition("Updated", is(done), ""), condition("Updating", is(!done), ""), condition("Degraded", is(degraded != ""), degraded)},
	}
	raw, _ := json.Marshal(map[string]any{"status": status})
	_, _ = s.c.dynamic.Resource(machineConfigPools).Patch(ctx, MasterPool, mergePatch, raw, metav1.PatchOptions{}, "status")
}

// render merges our MachineConfigs and mirrors; hard is what of it drains.
func (s *standIn) render(ctx context.Context) (config, hard string) {
	files, units := []any{}, []any{}
	mcs, err := s.c.list(ctx, kinds["MachineConfig"].gvr)
	if err != nil {
		return s.seen, ""
	}
	for _, mc := range mcs {
		if strings.HasPrefix(mc.GetName(), "rendered-") {
			continue
		}
		f, _, _ := unstructured.NestedSlice(mc.Object, "spec", "config", "storage", "files")
		u, _, _ := unstructured.NestedSlice(mc.Object, "spec", "config", "systemd", "units")
		files, units = append(files, f...), append(units, u...)
		hard += mc.GetName()
	}
	conf, insecure := s.registries(ctx)
	files = append(files, map[string]any{"path": registriesPath, "contents": map[string]any{"source": "data:text/plain," + url.PathEscape(conf)}})
	raw, _ := json.Marshal(map[string]any{"config": map[string]any{"ignition": map[string]any{"version": "3.4.0"},
		"storage": map[string]any{"files": files}, "systemd": map[string]any{"units": units}}})
	hard += insecure
	if s.hardSeen(hard) {
		hard = ""
	}
	return string(raw), hard
}

// hardSeen tells whether what drains is what the last configuration had.
func (s *standIn) hardSeen(hard string) bool {
	return strings.Contains(s.seen, "registry.service") == strings.Contains(hard, "99-master-registry") &&
		strings.Contains(s.seen, "insecure") == strings.Contains(hard, "insecure")
}

func (s *standIn) registries(ctx context.Context) (conf, insecure string) {
	for _, kind := range []string{"ImageContentSourcePolicy", "ImageDigestMirrorSet", "ImageTagMirrorSet"} {
		sets, _ := s.c.list(ctx, kinds[kind].gvr)
		for _, set := range sets {
			for _, r := range mirrorRules(set) {
				conf += fmt.Sprintf("[[registry]]\n  prefix = \"\"\n  location = %q\n", r.Source)
				for _, m := range r.Mirrors {
					conf += fmt.Sprintf("  [[registry.mirror]]\n    location = %q\n    pull-from-mirror = \"digest-only\"\n", m)
				}
			}
		}
	}
	img, err := s.c.dynamic.Resource(kinds["Image"].gvr).Get(ctx, "cluster", metav1.GetOptions{})
	if err == nil {
		list, _, _ := unstructured.NestedStringSlice(img.Object, "spec", "registrySources", "insecureRegistries")
		for _, host := range list {
			conf += fmt.Sprintf("[[registry]]\n  location = %q\n  insecure = true\n", host)
			insecure += "insecure " + host
		}
	}
	return conf, insecure
}
