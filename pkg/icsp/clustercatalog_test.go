package icsp

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

func TestClusterCatalogIsByDigestAndNotPolled(t *testing.T) {
	objects, left, err := ClusterCatalogs(blogManifest(), blogSite("4.18"), nil)
	want := `---
apiVersion: olm.operatorframework.io/v1
kind: ClusterCatalog
metadata:
  name: redhat-operator-index
spec:
  source:
    image:
      ref: dummyregistry.io:5000/olm-mirror/redhat-operator-index@` + digestA + `
    type: Image
`
	if got := objectsText(t, objects, err); got != want || len(left) > 0 {
		t.Errorf("left %v, got:\n%s", left, got)
	}
}

func TestClusterCatalogIsNotMadeOfADatabase(t *testing.T) {
	objects, left, err := ClusterCatalogs(blogManifest(), blogSite("4.18"), map[digest.Digest]bool{digestA: true})
	if err != nil || len(objects) > 0 || len(left) != 1 || left[0].Name != "redhat-operator-index" {
		t.Errorf("%v, left %v, got %v", err, left, objects)
	}
}

// One field and no more: what else stands in the cluster's object is not ours.
func TestDefaultClusterCatalogsAreOneField(t *testing.T) {
	objects, err := DefaultClusterCatalogs()
	got := objectsText(t, objects, err)
	want := `---
apiVersion: olm.operatorframework.io/v1
kind: ClusterCatalog
metadata:
  name: openshift-redhat-operators
spec:
  availabilityMode: Unavailable
`
	if len(objects) != 4 || !strings.HasSuffix(got, want) {
		t.Errorf("got:\n%s", got)
	}
}
