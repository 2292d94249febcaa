package cluster

import (
	"fmt"
	"strings"
	"testing"

	"drayage/test/cluster/harness"
	"drayage/test/cluster/kube"

	ocv1 "github.com/operator-framework/operator-controller/api/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// somebodysRegistries is a site whose nodes get no MachineConfig.
const somebodysRegistries = "plainHTTP: true, managed: false"

func (s *site) clusterCatalogs() map[string]ocv1.ClusterCatalog {
	s.t.Helper()
	list, err := kube.List[ocv1.ClusterCatalog](s.t.Context(), s.c, kube.ClusterCatalogs)
	if err != nil {
		s.t.Fatal(err)
	}
	all := map[string]ocv1.ClusterCatalog{}
	for _, c := range list {
		all[c.Name] = c
	}
	return all
}

// The bundle's catalog is served, those that cannot be reached are switched off,
// and nothing else of them is touched. A second time nothing changes.
func TestClusterCatalogs(t *testing.T) {
	s := arrive(t, "4.20", somebodysRegistries)
	c := startSite(t, harness.Options{Version: "4.20.0"})
	before := c.clusterCatalogs()
	if len(before) != 3 || before["openshift-redhat-operators"].Spec.AvailabilityMode != "Available" {
		t.Fatalf("the cluster comes with %v", before)
	}
	args := s.args("apply", "--yes", "--stage", "catalogs")
	e := wants(t, s.dir, c.Kubeconfig, 0, nil, args...)
	for object, result := range map[string]string{
		"openshift-redhat-operators": "changed", "openshift-community-operators": "changed", "openshift-certified-operators": "changed",
		"openshift-redhat-marketplace": "unchanged", "redhat-operator-index": "created",
	} {
		if !strings.Contains(strings.Join(strings.Fields(e.out), " "), "ClusterCatalog/"+object+" "+result) {
			t.Errorf("%s is not %s:\n%s", object, result, e.out)
		}
	}
	after := c.clusterCatalogs()
	if _, made := after["openshift-redhat-marketplace"]; made || len(after) != 4 {
		t.Errorf("there are %d, and the marketplace: %t", len(after), made)
	}
	for name, was := range before {
		is := after[name]
		if is.Spec.AvailabilityMode != "Unavailable" || is.Spec.Priority != was.Spec.Priority || fmt.Sprint(is.Spec.Source.Image) == "" || *is.Spec.Source.Image.PollIntervalMinutes != 10 || is.Spec.Source.Image.Ref != was.Spec.Source.Image.Ref {
			t.Errorf("%s: was %+v, is %+v", name, was.Spec, is.Spec)
		}
	}
	wants(t, s.dir, c.Kubeconfig, 0, []string{"unchanged"}, args...)
	for name, is := range c.clusterCatalogs() {
		if is.Generation != after[name].Generation {
			t.Errorf("%s: applied again it has another generation", name)
		}
	}
}

// `oc apply --server-side` is refused for what import apply merges: the field has
// an owner, by its default. That is why render writes no file of it.
func TestOneFieldOfAClusterCatalogCannotBeApplied(t *testing.T) {
	c := startSite(t, harness.Options{Version: "4.18.0", State: `{"halted": true}`})
	_, err := apply(t, c.d, "{apiVersion: olm.operatorframework.io/v1, kind: ClusterCatalog, metadata: {name: openshift-redhat-operators}, spec: {availabilityMode: Unavailable}}", dryRun)
	if !apierrors.IsConflict(err) || !strings.Contains(err.Error(), ".spec.availabilityMode") {
		t.Errorf("one that is there: %v", err)
	}
	_, err = apply(t, c.d, "{apiVersion: olm.operatorframework.io/v1, kind: ClusterCatalog, metadata: {name: openshift-redhat-marketplace}, spec: {availabilityMode: Unavailable}}", dryRun)
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "spec.source: Required value") {
		t.Errorf("one that is not there: %v", err)
	}
}

// A cluster without the second Operator Lifecycle Manager: one line says how to
// leave its objects out, and then they are.
func TestClusterWithoutClusterCatalogs(t *testing.T) {
	s := arrive(t, "4.20", somebodysRegistries)
	c := startSite(t, harness.Options{Version: "4.20.0", Without: []string{"clustercatalogs"}})
	e := wants(t, s.dir, c.Kubeconfig, 8, []string{"ClusterCatalog/redhat-operator-index: kind: the cluster knows no ClusterCatalog of olm.operatorframework.io/v1; a cluster without the second Operator Lifecycle Manager has none: `catalogs: {clusterCatalogs: false}` in the site leaves them out"},
		s.args("apply", "--yes", "--stage", "catalogs")...)
	if n := strings.Count(e.err, "the cluster knows no"); n != 1 {
		t.Errorf("said %d times:\n%s", n, e.err)
	}
	s.write("4.20", somebodysRegistries+"}\ncatalogs: {clusterCatalogs: false")
	wants(t, s.dir, c.Kubeconfig, 0, []string{"CatalogSource/openshift-marketplace/redhat-operator-index"}, s.args("apply", "--yes", "--stage", "catalogs")...)
}
