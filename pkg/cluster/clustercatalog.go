package cluster

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// isPart tells a few fields of an object that somebody else makes: a
// ClusterCatalog without a source. It is merged into the object, and where there
// is none nothing is made.
func (o Object) isPart() bool {
	if o.Kind != "ClusterCatalog" {
		return false
	}
	_, whole, _ := unstructured.NestedFieldNoCopy(o.content, "spec", "source")
	return !whole
}

// whenUnknown says what to do about a kind that the cluster does not know.
func whenUnknown(o Object) string {
	if o.Kind == "ClusterCatalog" {
		return "a cluster without the second Operator Lifecycle Manager has none: `catalogs: {clusterCatalogs: false}` in the site leaves them out"
	}
	return "compare the cluster's version with the site's"
}

// clusterCatalogOf: it is ready when the image that it names is served. What
// keeps it from that is said by another condition than that it is not.
func clusterCatalogOf(u *unstructured.Unstructured) Catalog {
	k := Catalog{Kind: u.GetKind(), Name: u.GetName()}
	k.Image, _, _ = unstructured.NestedString(u.Object, "spec", "source", "image", "ref")
	mode, _, _ := unstructured.NestedString(u.Object, "spec", "availabilityMode")
	k.Off = mode == "Unavailable"
	served, _, _ := unstructured.NestedString(u.Object, "status", "resolvedSource", "image", "ref")
	conditions := conditionsOf(u)
	serving, progress := conditions["Serving"], conditions["Progressing"]
	k.State = words(serving.reason, serving.message)
	switch {
	case !serving.on && !k.Off && (progress.reason == "Retrying" || progress.reason == "Blocked"):
		k.State = words(serving.reason, progress.reason, progress.message)
	case serving.on && digestOf(k.Image) != "" && digestOf(served) != "" && digestOf(served) != digestOf(k.Image):
		k.State = words(serving.reason, "but of an older image:", progress.reason, progress.message)
	default:
		k.Ready = serving.on
	}
	return k
}

// digestOf is empty for an image by tag.
func digestOf(image string) string {
	_, digest, _ := strings.Cut(image, "@")
	return digest
}

// words joins texts on one line.
func words(texts ...string) string {
	return strings.Join(strings.Fields(strings.Join(texts, " ")), " ")
}
