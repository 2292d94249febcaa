package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Catalog is what is known of a CatalogSource or a ClusterCatalog.
type Catalog struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Image     string `json:"image"`
	Ready     bool   `json:"ready"`
	// State is what the cluster says of it: READY, CONNECTING, or a reason.
	State string `json:"state"`
	// Off is a ClusterCatalog that somebody switched off.
	Off bool `json:"off,omitempty"`
}

func (k Catalog) object() string { return objectID(k.Kind, k.Namespace, k.Name) }

func catalogOf(u *unstructured.Unstructured) Catalog {
	if u.GetKind() == "ClusterCatalog" {
		return clusterCatalogOf(u)
	}
	k := Catalog{Kind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName()}
	k.Image, _, _ = unstructured.NestedString(u.Object, "spec", "image")
	k.State, _, _ = unstructured.NestedString(u.Object, "status", "connectionState", "lastObservedState")
	k.Ready = k.State == "READY"
	if message, _, _ := unstructured.NestedString(u.Object, "status", "message"); message != "" && !k.Ready {
		k.State = strings.TrimSpace(k.State + " " + message)
	}
	return k
}

// waitForCatalogs returns when every catalog among the objects serves the image
// that it names.
func (c *Cluster) waitForCatalogs(ctx context.Context, objects []Object, o ApplyOptions) error {
	objects = slices.DeleteFunc(slices.Clone(objects), func(o Object) bool { return o.Kind != "CatalogSource" && o.Kind != "ClusterCatalog" || o.isPart() })
	if len(objects) == 0 {
		return nil
	}
	begin := time.Now()
	for said := false; ; said = true {
		var waiting []Catalog
		err := c.persist(ctx, o.Progress, func(ctx context.Context) (err error) { waiting, err = c.notReady(ctx, objects); return err })
		if err != nil {
			return watchError(ctx, objects[0], err)
		}
		switch {
		case len(waiting) == 0:
			return nil
		case time.Since(begin) > c.limits.catalogs:
			return &FindingsError{catalogFindings(waiting, c.limits.catalogs)}
		case !said:
			o.Progress.Note("", fmt.Sprintf("waiting for %d of %d catalogs", len(waiting), len(objects)))
		}
		if err := sleep(ctx, c.limits.poll); err != nil {
			return err
		}
	}
}

func catalogFindings(waiting []Catalog, limit time.Duration) []Finding {
	var findings []Finding
	for _, k := range waiting {
		do := "see why: oc -n " + k.Namespace + " get pods -l olm.catalogSource=" + k.Name
		field := "status.connectionState.lastObservedState"
		if k.Kind == "ClusterCatalog" {
			do, field = "see why: oc describe clustercatalog "+k.Name, "status.conditions[Serving]"
		}
		state := k.State
		if state == "" {
			state = "empty"
		}
		findings = append(findings, Finding{Object: k.object(), Field: field, Found: fmt.Sprintf("is %s after %s", state, limit), Do: do})
	}
	return findings
}

func (c *Cluster) notReady(ctx context.Context, objects []Object) ([]Catalog, error) {
	var waiting []Catalog
	for _, o := range objects {
		u, err := c.read(ctx, o)
		if err != nil {
			return nil, err
		}
		if u == nil {
			waiting = append(waiting, Catalog{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, State: "gone"})
			continue
		}
		k := catalogOf(u)
		if k.Ready && k.Kind == "CatalogSource" {
			if k.Ready, err = c.serves(ctx, k); err != nil {
				return nil, err
			}
			k.State += ", but of an older image"
		}
		if !k.Ready {
			waiting = append(waiting, k)
		}
	}
	return waiting, nil
}

// serves: the state stays READY for a while when the image changes, because the
// old pod still answers. Where pods cannot be seen, the state is all there is.
func (c *Cluster) serves(ctx context.Context, k Catalog) (bool, error) {
	list, err := c.dynamic.Resource(podsResource).Namespace(k.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "olm.catalogSource=" + k.Name})
	switch {
	case errors.IsForbidden(err):
		return true, nil
	case err != nil:
		return false, err
	case len(list.Items) == 0:
		return true, nil
	}
	return slices.ContainsFunc(list.Items, func(pod unstructured.Unstructured) bool {
		return conditionsOf(&pod)["Ready"].on && runs(pod, k.Image)
	}), nil
}

func runs(pod unstructured.Unstructured, image string) bool {
	for _, field := range []string{"containers", "initContainers"} {
		for _, container := range entries(pod.Object, "spec", field) {
			if container["image"] == image {
				return true
			}
		}
	}
	return false
}
