package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"drayage/pkg/cluster"
	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/render"
	"drayage/pkg/site"
)

// versionFindings: a site that says another version gets objects that its cluster
// refuses.
func versionFindings(s *site.Site, st *cluster.Status) []string {
	if st.Version == "" || s.OpenShift == "" || minorOf(st.Version) == minorOf(s.OpenShift) {
		return nil
	}
	return []string{fmt.Sprintf("ClusterVersion/version: is %s, the site says %s; set openshift in the site's file, or take the kubeconfig of the right cluster", st.Version, s.OpenShift)}
}

// minorOf is 4.17 of 4.17.3.
func minorOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

// bundleCatalogFindings are the bundle's catalogs that the cluster does not have,
// or has of another image.
func bundleCatalogFindings(s *site.Site, m *manifest.Manifest, databases map[digest.Digest]bool, st *cluster.Status) ([]string, error) {
	catalogs, err := mirror.Catalogs(m, s)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, c := range catalogs {
		kinds := []string{"CatalogSource"}
		if render.TakesClusterCatalogs(s) && !databases[c.Image.Descriptor.Digest] {
			kinds = append(kinds, "ClusterCatalog")
		}
		for _, kind := range kinds {
			found = append(found, catalogInCluster(kind, c, st)...)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func catalogInCluster(kind string, c mirror.Catalog, st *cluster.Status) []string {
	want := c.Image.Descriptor.Digest.String()
	i := slices.IndexFunc(st.Catalogs, func(k cluster.Catalog) bool { return k.Kind == kind && k.Name == c.Name })
	switch {
	case i < 0:
		return []string{fmt.Sprintf("%s/%s: is not there; import run writes it", kind, c.Name)}
	case !strings.HasSuffix(st.Catalogs[i].Image, "@"+want):
		return []string{fmt.Sprintf("%s/%s: names %s, and the bundle has %s; import run writes it", kind, c.Name, cmp.Or(st.Catalogs[i].Image, "no image"), want)}
	}
	return nil
}

// deafFindings are ClusterCatalogs of others that are on and cannot be served:
// while there is one, nothing can be installed from any ClusterCatalog.
func deafFindings(s *site.Site, st *cluster.Status) []string {
	var found []string
	for _, k := range st.Catalogs {
		if k.Kind == "ClusterCatalog" && !k.Ready && !k.Off && hostOf(k.Image) != s.CatalogHost && !ours(s, []string{k.Image}) {
			found = append(found, fmt.Sprintf("ClusterCatalog/%s: is on and %s, so no ClusterExtension finds anything; oc patch clustercatalog %s --type merge -p '{\"spec\":{\"availabilityMode\":\"Unavailable\"}}'",
				k.Name, cmp.Or(k.State, "not served"), k.Name))
		}
	}
	return found
}
