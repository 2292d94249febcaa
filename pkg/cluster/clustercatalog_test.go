package cluster

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestClusterCatalogStates(t *testing.T) {
	const head = "kind: ClusterCatalog\nspec: {source: {image: {ref: 'a.io/b@sha256:new'}}}\nstatus:\n"
	const serving = "  conditions: [{type: Serving, status: 'True', reason: Available}, {type: Progressing, status: 'True', reason: Retrying, message: no route}]\n"
	for name, c := range map[string]struct {
		text, state string
		ready, off  bool
	}{
		"nothing yet":            {"kind: ClusterCatalog", "", false, false},
		"served":                 {head + serving + "  resolvedSource: {image: {ref: 'a.io/b@sha256:new'}}", "Available", true, false},
		"served, and no image":   {head + serving, "Available", true, false},
		"of an older image":      {head + serving + "  resolvedSource: {image: {ref: 'a.io/b@sha256:old'}}", "Available but of an older image: Retrying no route", false, false},
		"tried again":            {head + "  conditions: [{type: Serving, status: 'False', reason: Unavailable}, {type: Progressing, status: 'True', reason: Retrying, message: \"a\\n b\"}]", "Unavailable Retrying a b", false, false},
		"switched off and tried": {"kind: ClusterCatalog\nspec: {availabilityMode: Unavailable}\nstatus: {conditions: [{type: Serving, status: 'False', reason: UserSpecifiedUnavailable}, {type: Progressing, reason: Retrying}]}", "UserSpecifiedUnavailable", false, true},
	} {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(c.text), &u.Object); err != nil {
			t.Fatal(err)
		}
		if k := catalogOf(u); k.State != c.state || k.Ready != c.ready || k.Off != c.off {
			t.Errorf("%s: %+v", name, k)
		}
	}
}

// A part of a ClusterCatalog is added to, whole ones are applied.
func TestPartsOfClusterCatalogs(t *testing.T) {
	for text, part := range map[string]bool{
		"{apiVersion: olm.operatorframework.io/v1, kind: ClusterCatalog, metadata: {name: c}, spec: {availabilityMode: Unavailable}}":       true,
		"{apiVersion: olm.operatorframework.io/v1, kind: ClusterCatalog, metadata: {name: c}, spec: {source: {type: Image}}}":               false,
		"{apiVersion: operators.coreos.com/v1alpha1, kind: CatalogSource, metadata: {name: c, namespace: x}, spec: {displayName: A thing}}": false,
	} {
		if o := object(t, text); o.isPart() != part || o.everybodys() != part {
			t.Errorf("%s: %t, want %t", text, o.isPart(), part)
		}
	}
}
