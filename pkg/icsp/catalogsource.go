package icsp

import (
	"fmt"

	"sigs.k8s.io/yaml"

	"drayage/pkg/mirror"
)

// marketplace is the namespace whose catalogs every project sees.
const marketplace = "openshift-marketplace"

type catalogSource struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   metadata `json:"metadata"`
	// Spec has no updateStrategy: what a digest names cannot change, so there
	// is nothing to poll for.
	Spec struct {
		Image      string `json:"image"`
		SourceType string `json:"sourceType"`
	} `json:"spec"`
}

// catalogSources makes one object for each name: catalogs that share one are
// the same image.
func catalogSources(catalogs []mirror.Catalog) ([]Object, error) {
	var objects []Object
	done := map[string]bool{}
	for _, c := range catalogs {
		if done[c.Name] {
			continue
		}
		done[c.Name] = true
		o, err := renderCatalogSource(c)
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return objects, nil
}

func renderCatalogSource(c mirror.Catalog) (Object, error) {
	cs := catalogSource{APIVersion: "operators.coreos.com/v1alpha1", Kind: "CatalogSource"}
	cs.Metadata = metadata{Name: c.Name, Namespace: marketplace}
	cs.Spec.Image = c.Source + "@" + c.Image.Descriptor.Digest.String()
	cs.Spec.SourceType = "grpc"
	b, err := yaml.Marshal(cs)
	if err != nil {
		return Object{}, fmt.Errorf("catalogsource %s: %w", c.Name, err)
	}
	return Object{Kind: cs.Kind, Name: c.Name, Namespace: marketplace, YAML: b}, nil
}
