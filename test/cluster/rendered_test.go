package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drayage/test/cluster/harness"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Everything that import render writes is taken by the real API server with the
// real CRDs, first in a dry run that leaves nothing, then for good; and a second
// time nothing changes, which the resource version shows.
func TestRenderedObjectsAreTaken(t *testing.T) {
	dir := t.TempDir()
	bundle(t, dir)
	for _, c := range []struct {
		version string // of the site
		cluster string
		minor   int
		mirrors string // kind of its mirror sets
	}{
		{"4.9", "4.9.0", 9, "ImageContentSourcePolicy"},
		{"4.12", "4.12.0", 12, "ImageContentSourcePolicy"},
		{"4.13", "4.13.0", 13, "ImageDigestMirrorSet"},
		{"4.18", "4.18.0", 18, "ImageDigestMirrorSet"},
		{"4.20", "4.20.0", 20, "ImageDigestMirrorSet"},
	} {
		t.Run(c.version, func(t *testing.T) {
			files := rendered(t, dir, c.version, "node1.example:5000", "node2.example:5000", "node3.example:5000")
			cluster := harness.StartT(t, harness.Options{Version: c.cluster, State: `{"halted": true}`})
			_, d := client(t, cluster, "admin")
			kinds := map[string]int{}
			for _, f := range files {
				raw, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				name := filepath.Base(f)
				checkFile(t, f, c.minor)
				if _, err := apply(t, d, string(raw), dryRun); err != nil {
					t.Errorf("%s: dry run: %v", name, err)
					continue
				}
				one, err := apply(t, d, string(raw))
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				two, err := apply(t, d, string(raw))
				if err != nil || one.GetResourceVersion() != two.GetResourceVersion() {
					t.Errorf("%s: applied again: %v: resourceVersion %s, then %s", name, err, one.GetResourceVersion(), two.GetResourceVersion())
				}
				kinds[one.GetKind()]++
			}
			for _, kind := range []string{"ConfigMap", c.mirrors, "CatalogSource"} {
				if kinds[kind] == 0 {
					t.Errorf("no %s among %v", kind, kinds)
				}
			}
			if (kinds["ClusterCatalog"] == 1) != (c.minor >= 18) {
				t.Errorf("ClusterCatalogs among %v", kinds)
			}
			t.Logf("%d files: %v", len(files), kinds)
		})
	}
}

// The API server refuses what the CRDs refuse: a rendered object with one thing
// wrong does not get in. So that it is taken means something.
func TestSpoiltObjectsAreRefused(t *testing.T) {
	_, d := client(t, sharedCluster(t), "admin")
	set := digestSet("bad", "quay.io/a", "AllowContactingSource", "'localhost:5000/a'")
	cases := []struct{ name, object, want string }{
		{"a mirror with a tag", strings.Replace(set, "5000/a", "5000/a:tag", 1), "mirrors"},
		{"an IPv6 mirror", strings.Replace(set, "localhost:5000", "[fd00::1]:5000", 1), "mirrors"},
		{"a mirror twice", strings.Replace(set, "'localhost:5000/a'", "'localhost:5000/a','localhost:5000/a'", 1), "duplicate entries"},
		{"no source", strings.Replace(set, "source: quay.io/a, ", "", 1), "source"},
		{"an unknown field", strings.Replace(set, "spec:", "name: x, spec:", 1), "name"},
		{"a catalog source without a type", strings.Replace(catalogSource, "sourceType: grpc, ", "", 1), "sourceType"},
		{"an IPv6 insecure registry", strings.Replace(insecure, "localhost:5000", "[fd00::1]:5000", 1), "insecureRegistries"},
		{"a namespace that is not there", strings.Replace(anyConfigMap, "openshift-config", "nowhere", 1), "not found"},
	}
	for _, c := range cases {
		if _, err := apply(t, d, c.object, dryRun); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// A list that another manager owns is not taken over unasked; by force it is
// replaced, the other's entries included.
func TestSecondManager(t *testing.T) {
	cluster := harness.StartT(t, harness.Options{State: `{"halted": true}`})
	_, d := client(t, cluster, "admin")
	mustApply(t, d, insecure)
	other := strings.Replace(insecure, "localhost:5000", "other:5000", 1)
	as := func(force bool) func(*metav1.ApplyOptions) {
		return func(o *metav1.ApplyOptions) { o.FieldManager, o.Force = "admin", force }
	}
	if _, err := apply(t, d, other, as(false)); !apierrors.IsConflict(err) || !strings.Contains(err.Error(), `conflict with "test"`) {
		t.Errorf("applied over another manager's list: %v", err)
	}
	u, err := apply(t, d, other, as(true))
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := unstructured.NestedStringSlice(u.Object, "spec", "registrySources", "insecureRegistries")
	if err != nil || len(got) != 1 || got[0] != "other:5000" {
		t.Errorf("by force: %v, %v", got, err)
	}
}
