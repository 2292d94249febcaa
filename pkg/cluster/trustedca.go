package cluster

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// configNamespace is where Image/cluster looks for the map of CAs.
const configNamespace = "openshift-config"

func trustedCA(u *unstructured.Unstructured) string {
	name, _, _ := unstructured.NestedString(u.Object, "spec", "additionalTrustedCA", "name")
	return name
}

// joinTrustedCA lets our CAs go into the map that Image/cluster names already:
// it can name only one. The map's keys are applied one by one, so what others
// put there stays. have is Image/cluster, or nil.
func joinTrustedCA(objects []Object, have *unstructured.Unstructured) []Object {
	if have == nil {
		return objects
	}
	theirs, ours := trustedCA(have), ""
	for _, o := range objects {
		if o.Kind == "Image" {
			ours = trustedCA(o.unstructured())
		}
	}
	if theirs == "" || ours == "" || theirs == ours {
		return objects
	}
	var joined []Object
	for _, o := range objects {
		switch {
		case o.Kind == "Image":
			joined = append(joined, withoutTrustedCA(o))
		case o.is(Object{Kind: "ConfigMap", Namespace: configNamespace, Name: ours}):
			joined = append(joined, keysFor(o, theirs))
		default:
			joined = append(joined, o)
		}
	}
	return joined
}

func withoutTrustedCA(o Object) Object {
	u := o.unstructured()
	unstructured.RemoveNestedField(u.Object, "spec", "additionalTrustedCA")
	o.content = u.Object
	return o
}

// keysFor has our keys and nothing else: labels of a map that is not ours are
// not ours.
func keysFor(o Object, name string) Object {
	k := kinds["ConfigMap"]
	content := map[string]any{
		"apiVersion": k.apiVersion(), "kind": "ConfigMap",
		"metadata": map[string]any{"name": name, "namespace": configNamespace},
	}
	if data, ok := o.unstructured().Object["data"]; ok {
		content["data"] = data
	}
	return Object{Kind: "ConfigMap", Namespace: configNamespace, Name: name, content: content, neverForce: true}
}
