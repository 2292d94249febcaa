package cluster

import (
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"drayage/internal/progress"
)

// fill puts into a cluster what an administrator has there.
func fill(t *testing.T, kubeconfig string) *Cluster {
	t.Helper()
	c := connectFast(t, kubeconfig, "")
	patch(t, c, kinds["Image"].gvr, "", "cluster", `{"spec": {"registrySources": {"insecureRegistries": ["admin:5000"]}, "additionalTrustedCA": {"name": "admin-cas"}}}`)
	put(t, c, kinds["ConfigMap"].gvr, "{apiVersion: v1, kind: ConfigMap, metadata: {name: admin-cas, namespace: openshift-config}, data: {admin..5000: THEIRS}}")
	patch(t, c, kinds["Secret"].gvr, "openshift-config", "pull-secret", `{"stringData": {".dockerconfigjson": "{\"auths\":{\"quay.io\":{\"auth\":\"dGhlaXJz\"}},\"more\":1}"}}`)
	return c
}

// notes collects what is reported.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) take(e progress.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, strings.TrimSpace(e.Node+" "+e.Name))
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.lines, "\n")
}

func prepare(t *testing.T, c *Cluster, o PrepareOptions, objects []Object) *Plan {
	t.Helper()
	o.Version = "4.16"
	p, err := c.Prepare(t.Context(), objects, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func results(changes []Change) map[string]Result {
	m := map[string]Result{}
	for _, c := range changes {
		m[c.String()] = c.Result
	}
	return m
}

func TestServerTakesObjectsAndAgainWithoutChange(t *testing.T) {
	kubeconfig := startCluster(t, `{"halted": true}`).kubeconfig
	c := fill(t, kubeconfig)
	if c.Info.Version != "4.16.3" || !strings.HasPrefix(c.Info.ID, "1111") || !strings.HasPrefix(c.Info.URL, "https://127.0.0.1:") {
		t.Errorf("info %+v", c.Info)
	}
	ours := objects(t, caMap, signature, credentials, machine, image, idms, itms, hub, source, policy)
	p := prepare(t, c, PrepareOptions{}, ours)
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	t.Run("a dry run leaves nothing", func(t *testing.T) {
		for _, o := range ours {
			u, err := c.read(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if u != nil && !o.everybodys() {
				t.Errorf("%s: is there", o)
			}
		}
	})
	done, err := c.Apply(t.Context(), p, ApplyOptions{NoWait: true})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Result{
		"ConfigMap/openshift-config/admin-cas": Changed, "ConfigMap/openshift-config-managed/sha256-abc": Created,
		"Secret/openshift-config/pull-secret": Changed, "MachineConfiguration/cluster": Changed, "MachineConfig/99-master-registry": Created,
		"Image/cluster": Changed, "ImageTagMirrorSet/example": Created, "ImageDigestMirrorSet/example": Created, "OperatorHub/cluster": Changed,
		"CatalogSource/openshift-marketplace/catalog": Created,
	}
	got := results(done)
	for id, result := range want {
		if got[id] != result {
			t.Errorf("%s: %q, want %q", id, got[id], result)
		}
	}
	if len(done) != len(want) {
		t.Errorf("done %+v", done)
	}
	t.Run("what others put there stays", func(t *testing.T) { othersStay(t, c) })
	t.Run("again without change", func(t *testing.T) {
		read := func() (all []string) {
			for _, o := range p.objects {
				u, err := c.read(t.Context(), o)
				if err != nil || u == nil {
					t.Fatal(o, err)
				}
				raw, err := u.MarshalJSON()
				if err != nil {
					t.Fatal(o, err)
				}
				all = append(all, string(raw))
			}
			return all
		}
		before := read()
		again := prepare(t, c, PrepareOptions{}, ours)
		if again.Writes() {
			t.Errorf("plan would write: %+v", again.Changes)
		}
		done, err := c.Apply(t.Context(), again, ApplyOptions{NoWait: true})
		if err != nil {
			t.Fatal(err)
		}
		for id, r := range results(done) {
			if r != Unchanged {
				t.Errorf("%s: %s", id, r)
			}
		}
		for i, after := range read() { // whole, so that a difference says whose it is
			if after != before[i] {
				t.Errorf("%s: before\n%s\nafter\n%s", p.objects[i], before[i], after)
			}
		}
	})
	t.Run("a second manager", func(t *testing.T) { secondManager(t, c) })
	t.Run("rejection", func(t *testing.T) { rejections(t, c) })
	t.Run("missing rights", func(t *testing.T) { missingRights(t, kubeconfig) })
	t.Run("a namespace of the same run", func(t *testing.T) { newNamespace(t, c) })
	t.Run("a pool that an administrator paused", func(t *testing.T) { pausedByAdmin(t, c, ours) })
}

func othersStay(t *testing.T, c *Cluster) {
	read := func(o Object) *unstructured.Unstructured {
		u, err := c.read(t.Context(), o)
		if err != nil || u == nil {
			t.Fatal(o, err)
		}
		return u
	}
	img := read(Object{Kind: "Image", Name: "cluster"})
	if list, _, _ := unstructured.NestedStringSlice(img.Object, "spec", "registrySources", "insecureRegistries"); !slices.Equal(list, []string{"admin:5000", "localhost:5000"}) {
		t.Errorf("insecureRegistries %q", list)
	}
	if name := trustedCA(img); name != "admin-cas" {
		t.Errorf("additionalTrustedCA %q", name)
	}
	data, _, _ := unstructured.NestedStringMap(read(Object{Kind: "ConfigMap", Namespace: "openshift-config", Name: "admin-cas"}).Object, "data")
	if len(data) != 2 || data["admin..5000"] != "THEIRS" || data["localhost..5000"] != "PEM" {
		t.Errorf("trusted CAs %q", data)
	}
	encoded, _, _ := unstructured.NestedString(read(pullSecret).Object, "data", dockerConfig)
	raw, _ := base64.StdEncoding.DecodeString(encoded)
	if want := `{"auths":{"localhost:5000":{"auth":"b3Vycw=="},"quay.io":{"auth":"dGhlaXJz"}},"more":1}`; string(raw) != want {
		t.Errorf("pull secret %s", raw)
	}
}

func secondManager(t *testing.T, c *Cluster) {
	theirs := object(t, strings.Replace(idms, "10.0.0.1", "10.9.9.9", 1))
	if _, err := c.resource(theirs).Apply(t.Context(), "example", theirs.unstructured(), metav1.ApplyOptions{FieldManager: "argo", Force: true}); err != nil {
		t.Fatal(err)
	}
	p := prepare(t, c, PrepareOptions{}, objects(t, idms))
	want := `error: ImageDigestMirrorSet/example: spec.imageDigestMirrors: is held with another value by "argo"; leave the field to its manager, or take it over with --force-conflicts`
	if got := lines(p.Findings); !strings.Contains(got, want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if _, err := c.Apply(t.Context(), p, ApplyOptions{NoWait: true}); err == nil {
		t.Error("a plan with errors was applied")
	}
	p = prepare(t, c, PrepareOptions{ForceConflicts: true}, objects(t, idms))
	if p.Err() != nil || !strings.Contains(lines(p.Findings), `warning: ImageDigestMirrorSet/example: spec.imageDigestMirrors: is held with another value by "argo"; it is taken over`) {
		t.Errorf("forced: %s", lines(p.Findings))
	}
	done, err := c.Apply(t.Context(), p, ApplyOptions{NoWait: true})
	if err != nil || done[0].Result != Changed || !slices.Equal(done[0].Fields, []string{"spec.imageDigestMirrors"}) {
		t.Errorf("%+v %v", done, err)
	}
}

func rejections(t *testing.T, c *Cluster) {
	bad := map[string]string{
		"spec.imageDigestMirrors[0].mirrors[0]": strings.Replace(idms, "localhost:5000/ocp4/openshift", "localhost:5000/a:tag", 1),
		"field not declared in schema":          strings.Replace(source, "image:", "Image:", 1),
		`namespaces "nowhere" not found`:        "{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: nowhere}}",
		"the cluster knows no ClusterCatalog":   "{apiVersion: olm.operatorframework.io/v1, kind: ClusterCatalog, metadata: {name: c}, spec: {source: {}}}",
	}
	var all []Object
	for _, text := range bad {
		all = append(all, object(t, text))
	}
	all = append(all, object(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: good, namespace: openshift-config}}"))
	p := prepare(t, c, PrepareOptions{}, all)
	err := p.Err()
	if err == nil {
		t.Fatal("nothing was refused")
	}
	for want := range bad {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no line with %s in\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "good") {
		t.Errorf("the good one is named: %v", err)
	}
	if u, err := c.read(t.Context(), all[len(all)-1]); u != nil || err != nil {
		t.Errorf("the good one was written: %v", err)
	}
}

func missingRights(t *testing.T, kubeconfig string) {
	for user, want := range map[string]string{"nobody": ": 403 ", "stranger": ": 401 "} {
		_, err := Connect(t.Context(), ConnectOptions{Kubeconfig: kubeconfig, Context: user})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s connects: %v", user, err)
		}
	}
	c := connectFast(t, kubeconfig, "viewer")
	p := prepare(t, c, PrepareOptions{}, objects(t, hub, machine))
	got := lines(p.Findings)
	for _, want := range []string{
		"error: OperatorHub/cluster: no right to update operatorhubs.config.openshift.io cluster; use an account",
		"error: MachineConfig/99-master-registry: no right to patch machineconfigs.machineconfiguration.openshift.io 99-master-registry;",
		"error: rights: no right to patch machineconfigpools.machineconfiguration.openshift.io master;",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line %s in\n%s", want, got)
		}
	}
	for _, ch := range p.Changes {
		if ch.Result != Refused {
			t.Errorf("%s: %s", ch, ch.Result)
		}
	}
}

func newNamespace(t *testing.T, c *Cluster) {
	p := prepare(t, c, PrepareOptions{}, objects(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: fresh}}", "{apiVersion: v1, kind: Namespace, metadata: {name: fresh}}"))
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	if !p.Changes[1].Untried || p.Changes[0].Untried || p.Changes[0].Kind != "Namespace" {
		t.Errorf("%+v", p.Changes)
	}
	done, err := c.Apply(t.Context(), p, ApplyOptions{})
	if err != nil || len(done) != 2 || done[1].Result != Created {
		t.Errorf("%+v %v", done, err)
	}
}

func pausedByAdmin(t *testing.T, c *Cluster, ours []Object) {
	pauseAs := func(text string) { patch(t, c, machineConfigPools, "", MasterPool, text) }
	pauseAs(`{"spec":{"paused":true}}`)
	want := "error: MachineConfigPool/master: spec.paused: is true, and not by us; ask who paused it and why, then: " + Unpause
	if p := prepare(t, c, PrepareOptions{}, ours); !strings.Contains(lines(p.Findings), want) {
		t.Errorf("got %s", lines(p.Findings))
	}
	if err := c.pause(t.Context(), nil); err == nil {
		t.Error("paused once more")
	}
	if err := c.letGo(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if p, _ := c.pool(t.Context(), MasterPool); !p.Paused {
		t.Error("a pause of somebody else was lifted")
	}
	// The same pause with our mark is one that a killed run left.
	pauseAs(`{"metadata":{"annotations":{"` + PausedAnnotation + `":"true"}}}`)
	p := prepare(t, c, PrepareOptions{}, ours)
	if p.Err() != nil || !strings.Contains(lines(p.Findings), "warning: MachineConfigPool/master: spec.paused: is true since a run of ours was cut short") {
		t.Errorf("got %s", lines(p.Findings))
	}
	if _, err := c.Apply(t.Context(), p, ApplyOptions{NoWait: true}); err != nil {
		t.Fatal(err)
	}
	if p, _ := c.pool(t.Context(), MasterPool); p.Paused || p.PausedByUs {
		t.Errorf("still paused: %+v", p)
	}
}
