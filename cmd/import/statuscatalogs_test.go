package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/cluster"
	"drayage/pkg/manifest"
)

func TestCatalogsOfTheBundleInACluster(t *testing.T) {
	const image = digest.Digest("sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	m := &manifest.Manifest{Images: []manifest.Image{{Name: "quay.io/r/index:v4.20", Role: manifest.RoleCatalog, Descriptor: ocispec.Descriptor{Digest: image}}}}
	source := cluster.Catalog{Kind: "CatalogSource", Name: "index", Image: "dummyregistry.io:5000/olm-mirror/index@" + image.String()}
	second := source
	second.Kind = "ClusterCatalog"
	older := second
	older.Image = "dummyregistry.io:5000/olm-mirror/index@sha256:bbbb"
	for name, c := range map[string]struct {
		openshift string
		databases map[digest.Digest]bool
		have      []cluster.Catalog
		want      []string
	}{
		"all":              {"4.20", nil, []cluster.Catalog{source, second}, nil},
		"before 4.18":      {"4.17", nil, []cluster.Catalog{source}, nil},
		"a database":       {"4.20", map[digest.Digest]bool{image: true}, []cluster.Catalog{source}, nil},
		"none":             {"4.20", nil, nil, []string{"CatalogSource/index: is not there; import run writes it", "ClusterCatalog/index: is not there; import run writes it"}},
		"of another image": {"4.20", nil, []cluster.Catalog{source, older}, []string{"ClusterCatalog/index: names " + older.Image + ", and the bundle has " + image.String() + "; import run writes it"}},
	} {
		s := statusSite(t)
		s.OpenShift = c.openshift
		got, err := bundleCatalogFindings(s, m, c.databases, &cluster.Status{Catalogs: c.have})
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, got %q, want %q", name, err, got, c.want)
		}
	}
}

func TestCatalogsOfOthersThatAreOnAndNotServed(t *testing.T) {
	st := &cluster.Status{Catalogs: []cluster.Catalog{
		{Kind: "ClusterCatalog", Name: "openshift-redhat-operators", Image: "registry.redhat.io/x:v1", State: "Unavailable Retrying timeout"},
		{Kind: "ClusterCatalog", Name: "off", Image: "registry.redhat.io/x:v1", State: "UserSpecifiedUnavailable", Off: true},
		{Kind: "ClusterCatalog", Name: "served", Image: "registry.redhat.io/x:v1", Ready: true},
		{Kind: "CatalogSource", Name: "older", Image: "registry.redhat.io/x:v1", State: "CONNECTING"},
	}}
	got := deafFindings(statusSite(t), st)
	if len(got) != 1 || !strings.HasPrefix(got[0], "ClusterCatalog/openshift-redhat-operators: is on and Unavailable Retrying timeout, so no ClusterExtension finds anything; oc patch clustercatalog openshift-redhat-operators ") {
		t.Errorf("got %q", got)
	}
}

func TestAnotherVersionThanTheSites(t *testing.T) {
	s := statusSite(t)
	s.OpenShift = "4.17"
	for version, want := range map[string]int{"": 0, "4.17.3": 0, "4.18.1": 1, "4.1.7": 1} {
		if got := versionFindings(s, &cluster.Status{Info: cluster.Info{Version: version}}); len(got) != want {
			t.Errorf("%s: %q", version, got)
		}
	}
}
