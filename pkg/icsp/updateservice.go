package icsp

import (
	"errors"
	"fmt"

	"sigs.k8s.io/yaml"

	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/site"
)

// The namespace and the name are those that the documentation of the update
// service and "oc mirror" have. The service's address in the cluster is made of
// them, and clusters are configured with it.
const (
	updateNamespace = "openshift-update-service"
	updateName      = "update-service-oc-mirror"
)

// updateReplicas is how many pods the update service has: one may be gone, as
// when a node is updated.
const updateReplicas = 2

type updateServiceObject struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   metadata `json:"metadata"`
	Spec       struct {
		GraphDataImage string `json:"graphDataImage"`
		Releases       string `json:"releases"`
		Replicas       int    `json:"replicas"`
	} `json:"spec"`
}

// updateService makes the one object, or none when no update graph travels or
// the update service could not read the site's registries.
func updateService(m *manifest.Manifest, s *site.Site) ([]Object, error) {
	u, err := mirror.NewUpdateService(m, s)
	if errors.Is(err, mirror.ErrPlainHTTP) || err == nil && u == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := updateServiceObject{APIVersion: "updateservice.operator.openshift.io/v1", Kind: "UpdateService"}
	o.Metadata = metadata{Name: updateName, Namespace: updateNamespace}
	o.Spec.GraphDataImage = u.Source + "@" + u.Image.Descriptor.Digest.String()
	o.Spec.Releases, o.Spec.Replicas = u.Releases, updateReplicas
	b, err := yaml.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("updateservice %s: %w", updateName, err)
	}
	return []Object{{Kind: o.Kind, Name: updateName, Namespace: updateNamespace, YAML: b}}, nil
}
