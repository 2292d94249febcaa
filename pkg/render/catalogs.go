package render

import (
	"errors"
	"fmt"
	"slices"

	"drayage/pkg/icsp"
	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

// catalogObjects are what the cluster offers to install. Warnings say what the
// second Operator Lifecycle Manager does not get.
func catalogObjects(in Input, sources []icsp.Object) ([]Object, []string, error) {
	if len(sources) == 0 {
		return nil, nil, nil
	}
	var objects []Object
	var errs []error
	if !in.Site.Catalogs.DefaultSources {
		hub, err := icsp.OperatorHub()
		objects = append(objects, Object{Object: hub, Stage: StageCatalogs, Merge: true, Note: noteMerge})
		errs = append(errs, err)
	}
	objects = append(objects, staged(StageCatalogs, sources)...)
	second, warnings, err := clusterCatalogs(in)
	return append(objects, second...), warnings, errors.Join(append(errs, err)...)
}

func clusterCatalogs(in Input) ([]Object, []string, error) {
	if !TakesClusterCatalogs(in.Site) {
		return nil, nil, nil
	}
	own, left, err := icsp.ClusterCatalogs(in.Manifest, in.Site, in.Databases)
	var warnings []string
	for _, c := range left {
		warnings = append(warnings, fmt.Sprintf("%s: is a SQLite catalog, which a ClusterCatalog cannot read: none is written, there is the CatalogSource %s", c.Image.Name, c.Name))
	}
	return staged(StageCatalogs, own), warnings, err
}

// TakesClusterCatalogs tells whether the site's cluster has the second Operator
// Lifecycle Manager: from 4.18 on, unless the site says otherwise.
func TakesClusterCatalogs(s *site.Site) bool { return s.Catalogs.ClusterCatalogs && s.AtLeast(4, 18) }

// DefaultCatalogs switches the ClusterCatalogs off that the cluster comes with, as
// OperatorHub/cluster does with the older catalogs; none where All makes no
// OperatorHub. They are parts of objects, to be merged by whoever can see whether
// the cluster has these: All has none of them, since `oc apply` is refused.
func DefaultCatalogs(in Input) ([]Object, error) {
	catalogs := slices.ContainsFunc(in.Manifest.Images, func(i manifest.Image) bool { return i.Role == manifest.RoleCatalog })
	if !catalogs || in.Site.Catalogs.DefaultSources || !TakesClusterCatalogs(in.Site) {
		return nil, nil
	}
	off, err := icsp.DefaultClusterCatalogs()
	objects := staged(StageCatalogs, off)
	for i := range objects {
		objects[i].Merge = true
	}
	return objects, err
}
