package cluster

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestObjectsThatCannotBeApplied(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"another kind", "{apiVersion: v1, kind: Pod, metadata: {name: x}}", "Pod/x: kind Pod is none of those that can be applied: CatalogSource, ClusterCatalog, ConfigMap, "},
		{"another version", "{apiVersion: config.openshift.io/v1alpha1, kind: ImageDigestMirrorSet, metadata: {name: x}}", "apiVersion is config.openshift.io/v1alpha1, want config.openshift.io/v1"},
		{"no name", "{apiVersion: v1, kind: Namespace}", "Namespace: metadata.name is missing"},
		{"no namespace", "{apiVersion: v1, kind: Secret, metadata: {name: x}}", "Secret/x: metadata.namespace is missing"},
		{"a namespace too many", "{apiVersion: v1, kind: Namespace, metadata: {name: x, namespace: ns}}", "metadata.namespace is ns, but the kind has none"},
		{"no kind", "a: b", "'Kind' is missing"},
		{"two documents", "kind: A\n---\nkind: B\n", "several documents"},
		{"a key twice", "kind: A\nkind: B\n", "already set in map"},
		{"no YAML", "{", "object: "},
		{"nothing", "", "object: "},
		{"huge", strings.Repeat("x", MaxObject+1), "more than 1572864 bytes"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Decode([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	_, err := Decode([]byte("{apiVersion: v2, kind: Secret, metadata: {}}"))
	if err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("not all findings: %v", err)
	}
}

func TestADocumentMarkInsideATextIsNone(t *testing.T) {
	o, err := Decode([]byte("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: ns}\ndata:\n  a: |\n    ---\n    b\n"))
	if err != nil || o.String() != "ConfigMap/ns/x" {
		t.Errorf("%v %v", o, err)
	}
}

func TestWritingOrder(t *testing.T) {
	never := strings.Replace(strings.Replace(idms, "name: example", "name: never", 1), "source:", "mirrorSourcePolicy: NeverContactSource, source:", 1)
	all := objects(t, source, hub, idms, never, itms, image, machine, policy, caMap, "{apiVersion: v1, kind: Namespace, metadata: {name: ns}}",
		"{apiVersion: machineconfiguration.openshift.io/v1, kind: PinnedImageSet, metadata: {name: p}}")
	var got []string
	for _, o := range inWritingOrder(all) {
		got = append(got, o.String())
	}
	want := []string{"Namespace/ns", "MachineConfiguration/cluster", "ConfigMap/openshift-config/registry-cas",
		"ImageDigestMirrorSet/never", "ImageTagMirrorSet/example", "MachineConfig/99-master-registry", "Image/cluster",
		"ImageDigestMirrorSet/example", "OperatorHub/cluster", "CatalogSource/openshift-marketplace/catalog", "PinnedImageSet/p"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestMirrorSetsThatLoseSomething(t *testing.T) {
	cases := []struct {
		name, have string
		want       string
	}{
		{"the same", idms, ""},
		{"a mirror more", strings.Replace(idms, ", '10.0.0.1:5000/ocp4/openshift'", "", 1), ""},
		{"another's", strings.Replace(strings.Replace(idms, "name: example", "name: other", 1), "10.0.0.1", "10.0.0.9", 1), ""},
		{"a node's new address", strings.Replace(idms, "10.0.0.1", "10.0.0.9", 1),
			"warning: ImageDigestMirrorSet/example: loses 10.0.0.9:5000/ocp4/openshift of quay.io/a/release; every node is drained for it, one after the other"},
		{"a source", strings.Replace(idms, "[{source", "[{source: b.io/c, mirrors: [m/c]}, {source", 1),
			"warning: ImageDigestMirrorSet/example: loses m/c of b.io/c; every node is drained for it, one after the other"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ours := objects(t, idms)
			marked, findings := markDrains(ours, []*unstructured.Unstructured{parse(t, c.have)})
			if got := lines(findings); got != c.want {
				t.Errorf("got %s", got)
			}
			if drains := marked[0].stage() == stagePool; drains != (c.want != "") || ours[0].stage() != stageMirrors {
				t.Errorf("stage %d, of the original %d", marked[0].stage(), ours[0].stage())
			}
		})
	}
}
