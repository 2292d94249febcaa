package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"drayage/internal/progress"
)

func TestServerRollsOut(t *testing.T) {
	mco := startCluster(t, `{"stepMillis": 60}`)
	before := connectFast(t, mco.kubeconfig, "")
	at, err := before.pool(t.Context(), MasterPool)
	if err != nil {
		t.Fatal(err)
	}
	c := fill(t, mco.kubeconfig)
	quiet(t, c, at.Target) // what the administrator did drains, too
	first := objects(t, machine, image, caMap, itms, idms)
	var told notes
	paused := false
	options := ApplyOptions{NodeTimeout: 20 * time.Second, Progress: func(e progress.Event) {
		told.take(e)
		if strings.HasPrefix(e.Name, "MachineConfig/") {
			pool, err := c.pool(t.Context(), MasterPool)
			paused = err == nil && pool.Paused && pool.PausedByUs
		}
	}}
	p := prepare(t, c, PrepareOptions{}, first)
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	drained := mco.drains()
	done, err := c.Apply(t.Context(), p, options)
	if err != nil {
		t.Fatalf("%v\n%s", err, &told)
	}
	if drains := mco.drains() - drained; len(done) != 5 || drains != 3 || !paused {
		t.Errorf("done %v, drains %d, want one of each node, paused %v", results(done), drains, paused)
	}
	for _, want := range []string{"waiting for the machine-config controller to render", "node1 is being drained", "node3 done", "all 3 nodes have rendered-master-"} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("nobody was told of %q:\n%s", want, &told)
		}
	}
	if pool, _ := c.pool(t.Context(), MasterPool); pool.Paused || pool.PausedByUs {
		t.Errorf("pool %+v", pool)
	}
	t.Run("status", func(t *testing.T) {
		s, err := c.Status(t.Context(), nil)
		if err != nil || len(s.Nodes) != 3 || s.Pool.Machines != 3 {
			t.Fatalf("%+v %v", s, err)
		}
		if len(s.Mirrors) != 2 || s.Mirrors[0].Source != "quay.io/a/release" || len(s.Mirrors[0].Mirrors) != 2 {
			t.Errorf("mirrors %+v", s.Mirrors)
		}
	})
	t.Run("again: nothing to wait for", func(t *testing.T) {
		again := prepare(t, c, PrepareOptions{}, first)
		if _, err := c.Apply(t.Context(), again, options); err != nil || again.Writes() {
			t.Errorf("%v, %+v", err, again.Changes)
		}
	})
	t.Run("cancelled in the middle", func(t *testing.T) { cancelled(t, c, mco) })
	t.Run("the server goes away in the middle", func(t *testing.T) { serverAway(t, mco.kubeconfig) })
	t.Run("degraded", func(t *testing.T) { degradedRollout(t, c, mco) })
}

// quiet waits until the pool is at rest, and has another configuration than before.
func quiet(t *testing.T, c *Cluster, before string) {
	t.Helper()
	for range 400 {
		var seen observation
		var err error
		if seen, err = c.observe(t.Context(), wanted{}); err == nil && complete(seen) && seen.pool.Target != before {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the pool does not come to rest")
}

func cancelled(t *testing.T, c *Cluster, mco *testCluster) {
	mco.set(`{"stuckDrain": {"node1": true}}`)
	changed := objects(t, strings.Replace(machine, "[Unit]", "[Unit]\\nDescription=2", 1))
	ctx, stop := context.WithCancel(t.Context())
	var told notes
	p := prepare(t, c, PrepareOptions{}, changed)
	_, err := c.Apply(ctx, p, ApplyOptions{Progress: func(e progress.Event) {
		told.take(e)
		if strings.Contains(e.Name, "more than 1s") { // the drain is stuck
			stop()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v\n%s", err, &told)
	}
	if pool, err := c.pool(t.Context(), MasterPool); err != nil || pool.Paused || pool.PausedByUs {
		t.Errorf("pool %+v %v", pool, err)
	}
	mco.set(`{"stuckDrain": {"node1": null}}`)
	p = prepare(t, c, PrepareOptions{}, changed) // goes on watching
	if p.Writes() || p.Err() != nil {
		t.Errorf("%+v %v", p.Changes, p.Err())
	}
	if _, err := c.Apply(t.Context(), p, ApplyOptions{}); err != nil {
		t.Error(err)
	}
}

func serverAway(t *testing.T, kubeconfig string) {
	gate := openGate(t, kubeconfig)
	c := connectFast(t, gate.kubeconfig, "")
	changed := objects(t, strings.Replace(machine, "[Unit]", "[Unit]\\nDescription=2b", 1), strings.Replace(image, "localhost", "late", 1))
	p := prepare(t, c, PrepareOptions{}, changed)
	var told notes
	var once sync.Once
	_, err := c.Apply(t.Context(), p, ApplyOptions{Progress: func(e progress.Event) {
		told.take(e)
		if strings.HasPrefix(e.Name, "MachineConfig/") { // the pool is paused, and the other object not written
			gate.shut()
			time.AfterFunc(3*time.Second, gate.open)
		}
		if e.Node == "node2" {
			once.Do(func() { gate.shut(); time.AfterFunc(3*time.Second, gate.open) })
		}
	}})
	if err != nil {
		t.Error(err)
	}
	if strings.Count(told.String(), "the API server does not answer") != 2 || strings.Count(told.String(), "the API server answers again") != 2 {
		t.Error(&told)
	}
	if pool, err := c.pool(t.Context(), MasterPool); err != nil || pool.Paused {
		t.Errorf("pool %+v %v", pool, err)
	}
}

func degradedRollout(t *testing.T, c *Cluster, mco *testCluster) {
	changed := objects(t, strings.Replace(machine, "[Unit]", "[Unit]\\nDescription=3", 1))
	_, err := c.Apply(t.Context(), prepare(t, c, PrepareOptions{}, changed), ApplyOptions{Progress: func(e progress.Event) {
		if strings.HasPrefix(e.Name, "MachineConfig/") {
			mco.set(`{"degraded": {"node1": "unexpected on-disk state"}}`)
		}
	}})
	want := "Node/node1: machineconfiguration.openshift.io/reason: is degraded: unexpected on-disk state;"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
	p := prepare(t, c, PrepareOptions{}, changed)
	if want := "MachineConfigPool/master: status.conditions: is degraded (1 machines)"; p.Err() == nil || !strings.Contains(p.Err().Error(), want) {
		t.Errorf("%v", p.Err())
	}
}

func TestServerCancelledWhilePaused(t *testing.T) {
	c := fill(t, startCluster(t, `{"halted": true}`).kubeconfig)
	ctx, stop := context.WithCancel(t.Context())
	p := prepare(t, c, PrepareOptions{}, objects(t, machine, image))
	_, err := c.Apply(ctx, p, ApplyOptions{Progress: func(e progress.Event) {
		if strings.HasPrefix(e.Name, "MachineConfig/") { // the first of the two is written
			stop()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	pool, err := c.pool(t.Context(), MasterPool)
	if err != nil || pool.Paused || pool.PausedByUs {
		t.Errorf("pool %+v %v", pool, err)
	}
	u, err := c.dynamic.Resource(kinds["Image"].gvr).Get(t.Context(), "cluster", metav1.GetOptions{})
	if list, _, _ := unstructured.NestedStringSlice(u.Object, "spec", "registrySources", "insecureRegistries"); err != nil || len(list) != 1 {
		t.Errorf("%q %v", list, err)
	}
}

func TestServerWaitsForCatalogs(t *testing.T) {
	olm := startCluster(t, `{"halted": true}`)
	c := connectFast(t, olm.kubeconfig, "")
	c.limits.catalogs = time.Second
	ours := objects(t, source)
	apply := func() error {
		_, err := c.Apply(t.Context(), prepare(t, c, PrepareOptions{}, ours), ApplyOptions{})
		return err
	}
	want := "CatalogSource/openshift-marketplace/catalog: status.connectionState.lastObservedState: is empty after 1s; see why: oc -n openshift-marketplace get pods -l olm.catalogSource=catalog"
	if err := apply(); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	olm.set(`{"halted": false, "catalogs": {"catalog": "TRANSIENT_FAILURE"}}`)
	if err := apply(); err == nil || !strings.Contains(err.Error(), "is TRANSIENT_FAILURE after 1s") {
		t.Errorf("%v", err)
	}
	olm.set(`{"catalogs": {"catalog": null}}`)
	c.limits.catalogs = time.Minute // it takes as long as this machine does
	if err := apply(); err != nil {
		t.Error(err)
	}
	c.limits.catalogs = time.Second
	put(t, c, resource("v1", "serviceaccounts"), "{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: openshift-marketplace}}")
	pod := func(name, image string) {
		put(t, c, podsResource, "{apiVersion: v1, kind: Pod, metadata: {name: "+name+", namespace: openshift-marketplace, labels: {olm.catalogSource: catalog}}, spec: {containers: [{name: c, image: '"+image+"'}]}}")
		raw := []byte(`{"status":{"conditions":[{"type":"Ready","status":"True"}]}}`)
		if _, err := c.dynamic.Resource(podsResource).Namespace("openshift-marketplace").Patch(t.Context(), name, mergePatch, raw, metav1.PatchOptions{}, "status"); err != nil {
			t.Fatal(err)
		}
	}
	pod("old", "dummy.io/c@sha256:00")
	if err := apply(); err == nil || !strings.Contains(err.Error(), "is READY, but of an older image after 1s") {
		t.Errorf("%v", err)
	}
	pod("new", "dummy.io/c@sha256:aa")
	c.limits.catalogs = time.Minute
	if err := apply(); err != nil {
		t.Error(err)
	}
}

// A conflict while an object that belongs to everybody is updated: read anew.
func TestServerManyWritersOfOneObject(t *testing.T) {
	c := fill(t, startCluster(t, `{"halted": true}`).kubeconfig)
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			o := object(t, strings.Replace(strings.Replace(image, "localhost", fmt.Sprint("host", i), 1), ", additionalTrustedCA: {name: registry-cas}", "", 1))
			if _, err := c.add(t.Context(), o, writing{}); err != nil && !apierrors.IsConflict(err) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	u, err := c.dynamic.Resource(kinds["Image"].gvr).Get(t.Context(), "cluster", metav1.GetOptions{})
	if list, _, _ := unstructured.NestedStringSlice(u.Object, "spec", "registrySources", "insecureRegistries"); err != nil || len(list) != 5 {
		t.Errorf("%q %v", list, err)
	}
}
