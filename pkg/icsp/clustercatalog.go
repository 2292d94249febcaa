package icsp

import (
	"github.com/opencontainers/go-digest"

	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/site"
)

const clusterCatalogVersion = "olm.operatorframework.io/v1"

// ClusterCatalogs makes one ClusterCatalog for each name among a site's catalogs,
// by digest and through the catalog host, as for a CatalogSource. OpenShift has
// the kind from 4.18 on. It reads catalogs of files: for the databases, which are
// known by the digest of their image, none is made, and left has them.
func ClusterCatalogs(m *manifest.Manifest, s *site.Site, databases map[digest.Digest]bool) (objects []Object, left []mirror.Catalog, err error) {
	catalogs, err := mirror.Catalogs(m, s)
	if err != nil {
		return nil, nil, err
	}
	done := map[string]bool{}
	for _, c := range catalogs {
		if done[c.Name] {
			continue
		}
		done[c.Name] = true
		if databases[c.Image.Descriptor.Digest] {
			left = append(left, c)
			continue
		}
		ref := c.Source + "@" + c.Image.Descriptor.Digest.String()
		o, err := object(clusterCatalogVersion, "ClusterCatalog", "", c.Name, map[string]any{"spec": map[string]any{
			"source": map[string]any{"type": "Image", "image": map[string]any{"ref": ref}},
		}})
		if err != nil {
			return nil, nil, err
		}
		objects = append(objects, o)
	}
	return objects, left, nil
}

// defaultClusterCatalogs are those that OpenShift makes, from 4.18 on.
var defaultClusterCatalogs = []string{
	"openshift-certified-operators", "openshift-community-operators", "openshift-redhat-marketplace", "openshift-redhat-operators",
}

// DefaultClusterCatalogs switches the ClusterCatalogs off that a cluster comes
// with, which it cannot reach: while one of them is not served, nothing can be
// installed from any other. Each is a part of an object that the cluster's own
// operator makes, and that operator leaves the field to others; where a cluster
// has no object of the name, there is nothing to switch off.
func DefaultClusterCatalogs() ([]Object, error) {
	var objects []Object
	for _, name := range defaultClusterCatalogs {
		o, err := object(clusterCatalogVersion, "ClusterCatalog", "", name, map[string]any{"spec": map[string]any{"availabilityMode": "Unavailable"}})
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return objects, nil
}
