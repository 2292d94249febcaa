package render

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"drayage/pkg/access"
)

func TestClusterCatalogsOfASite(t *testing.T) {
	for name, c := range map[string]struct {
		openshift, more string
		databases       map[digest.Digest]bool
		want            string
		off             int // of the cluster's own
		warns           bool
	}{
		"before 4.18":                  {"4.17", "", nil, "", 0, false},
		"from 4.18 on":                 {"4.18", "", nil, "redhat-operator-index", 4, false},
		"the cluster's own stay":       {"4.18", "catalogs: {defaultSources: true}\n", nil, "redhat-operator-index", 0, false},
		"none":                         {"4.18", "catalogs: {clusterCatalogs: false}\n", nil, "", 0, false},
		"a database":                   {"4.18", "", map[digest.Digest]bool{digestA: true}, "", 4, true},
		"a database, and none anyway":  {"4.18", "catalogs: {clusterCatalogs: false}\n", map[digest.Digest]bool{digestA: true}, "", 0, false},
		"a database in an old cluster": {"4.17", "", map[digest.Digest]bool{digestA: true}, "", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{Manifest: blogManifest(), Site: siteOf(t, c.openshift, plainHTTP+c.more), Server: access.Server{}, Databases: c.databases}
			objects, warnings, err := All(in)
			if err != nil {
				t.Fatal(err)
			}
			if off, err := DefaultCatalogs(in); err != nil || len(off) != c.off || c.off > 0 && (off[0].Stage != StageCatalogs || !off[0].Merge) {
				t.Errorf("switched off: %v %v", off, err)
			}
			var names []string
			sources := 0
			for _, o := range objects {
				if o.Kind == "ClusterCatalog" {
					names = append(names, o.Name)
				}
				if o.Kind == "CatalogSource" {
					sources++
				}
			}
			if got := strings.Join(names, " "); got != c.want || sources != 1 {
				t.Errorf("got %q and %d sources, want %q", got, sources, c.want)
			}
			warned := slices.ContainsFunc(warnings, func(w string) bool {
				return strings.Contains(w, "is a SQLite catalog, which a ClusterCatalog cannot read")
			})
			if warned != c.warns {
				t.Errorf("warnings %q", warnings)
			}
		})
	}
}
