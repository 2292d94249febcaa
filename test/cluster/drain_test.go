package cluster

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drayage/test/cluster/harness"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What drains and what does not, on three versions: the table that the importer's
// order of things rests on.
func TestWhatDrains(t *testing.T) {
	const quay, mirror, other = "quay.io/a", "'localhost:5000/a'", "'node1.example:5000/a'"
	allow, never := "AllowContactingSource", "NeverContactSource"
	type step struct {
		name          string
		objects       []string // applied together; -Kind/name deletes
		drain, reboot bool
	}
	cases := []struct {
		version string
		steps   []step
	}{
		{"4.17.0", []step{
			{"a set for digests", []string{digestSet("a", quay, allow, mirror)}, false, false},
			{"one mirror more", []string{digestSet("a", quay, allow, mirror, other)}, false, false},
			{"an equal policy instead", []string{policy("b", quay, mirror, other), "-ImageDigestMirrorSet/a"}, false, false},
			{"and back", []string{digestSet("a", quay, allow, mirror, other), "-ImageContentSourcePolicy/b"}, false, false},
			{"an insecure registry", []string{insecure}, true, false},
			{"a set more", []string{digestSet("c", "quay.io/c", allow, "'localhost:5000/c'")}, false, false},
			{"a mirror less", []string{digestSet("a", quay, allow, mirror)}, true, false},
			{"a source less", []string{"-ImageDigestMirrorSet/c"}, true, false},
			{"never the source", []string{digestSet("a", quay, never, mirror)}, true, false},
			{"a set for tags", []string{tagSet}, true, false},
			{"a unit", []string{unitConfig}, true, true},
			{"a pull secret", []string{pullSecret}, false, false},
			{"a unit with a policy", []string{unitPolicy, strings.Replace(unitConfig, "bin/true", "bin/false", 1)}, false, false},
		}},
		{"4.9.0", []step{
			{"an insecure registry", []string{insecure}, true, false},
			{"a policy", []string{policy("a", quay, mirror)}, false, false},
			{"a source less", []string{"-ImageContentSourcePolicy/a"}, true, false},
		}},
		{"4.7.0", []step{{"a policy", []string{policy("a", quay, mirror)}, true, false}}},
		{"4.6.0", []step{{"a policy", []string{policy("a", quay, mirror)}, true, true}}},
	}
	for _, c := range cases {
		t.Run(c.version, func(t *testing.T) {
			s := startSite(t, harness.Options{Version: c.version, State: `{"renderDelayMillis": 500, "stepMillis": 10}`})
			for _, st := range c.steps {
				if err := s.ClearJournal(t.Context()); err != nil {
					t.Fatal(err)
				}
				before := s.pool().Spec.Configuration.Name
				for _, o := range st.objects {
					s.change(o)
				}
				if strings.HasPrefix(st.name, "an equal") || st.name == "and back" {
					s.unmoved(before)
					continue
				}
				s.rolledOut(before)
				want := []string{}
				for _, n := range []string{"node1", "node2", "node3"} {
					if st.drain {
						want = append(want, n+":drain")
					}
					if st.reboot {
						want = append(want, n+":reboot")
					}
				}
				if got := s.steps("drain", "reboot"); !slices.Equal(got, want) && len(got)+len(want) > 0 {
					t.Errorf("%s: %v, want %v", st.name, got, want)
				}
			}
		})
	}
}

const (
	pullSecret = `{apiVersion: v1, kind: Secret, metadata: {name: pull-secret, namespace: openshift-config}, type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: '{"auths":{"localhost:5000":{"auth":"YTpi"}}}'}}`
	unitPolicy = `{apiVersion: operator.openshift.io/v1, kind: MachineConfiguration, metadata: {name: cluster}, spec: {managementState: Managed, nodeDisruptionPolicy: {units: [{name: registry.service, actions: [{type: DaemonReload}, {type: Restart, restart: {serviceName: registry.service}}]}]}}}`
)

// change applies an object, by force, or deletes one.
func (s *site) change(o string) {
	s.t.Helper()
	if name, ok := strings.CutPrefix(o, "-"); ok {
		kind, name, _ := strings.Cut(name, "/")
		group := map[string]string{"ImageContentSourcePolicy": "operator.openshift.io/v1alpha1", "ImageDigestMirrorSet": "config.openshift.io/v1"}[kind]
		u := object(s.t, fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {name: %s}}", group, kind, name))
		if err := at(s.t, s.d, u).Delete(s.t.Context(), name, metav1.DeleteOptions{}); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	if _, err := apply(s.t, s.d, o, func(a *metav1.ApplyOptions) { a.Force = true }); err != nil {
		s.t.Fatal(err)
	}
}

// unmoved: what comes out is byte for byte the same, so there is nothing to roll out.
func (s *site) unmoved(before string) {
	s.t.Helper()
	time.Sleep(time.Second)
	if now := s.pool().Spec.Configuration.Name; now != before {
		s.t.Errorf("another configuration: %s", now)
	}
}

// Two policies for one source: nothing happens, and nothing but a log tells why.
func TestConflictingPoliciesAreSilent(t *testing.T) {
	for _, c := range []struct {
		version string
		objects []string
		want    string
	}{
		{"4.17.0", []string{digestSet("a", "quay.io/a", "NeverContactSource", "'localhost:5000/a'"), policy("b", "quay.io/a", "'node1:5000/a'")}, "conflicting mirrorSourcePolicy"},
		{"4.13.0", []string{digestSet("a", "quay.io/a", "AllowContactingSource", "'localhost:5000/a'"), policy("b", "quay.io/b", "'node1:5000/b'")}, "cannot be there together"},
	} {
		t.Run(c.version, func(t *testing.T) {
			s := startSite(t, harness.Options{Version: c.version})
			s.pause(true)
			for _, o := range c.objects {
				mustApply(t, s.d, o)
			}
			eventually(t, "log", func() string {
				all, err := s.Journal(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range all {
					if e.Subject == "machine-config-controller" && strings.Contains(e.Detail, c.want) {
						return ""
					}
				}
				return fmt.Sprint(all)
			})
			if p := s.pool(); is(p, "Degraded") || is(p, "RenderDegraded") {
				t.Errorf("status tells: %+v", p.Status)
			}
		})
	}
}
