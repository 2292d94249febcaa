package mirror

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

const graphName = "drayage.invalid/graph-data:3a6eb0790f39"

func graphSite(plain bool) *site.Site {
	return &site.Site{
		Nodes:        []site.Node{{Name: "node1", Address: "10.0.0.1"}, {Name: "node2", Address: "10.0.0.2:5001"}},
		Registry:     site.Registry{Port: 5000, PlainHTTP: plain},
		Repositories: site.DefaultRepositories(), CatalogHost: "dummyregistry.io:5000",
	}
}

func graphImages() []manifest.Image {
	return []manifest.Image{
		release(ocpRelease+":4.12.0-x86_64", "4.12.0-x86_64"),
		component(ocpArt+"@"+digestA, "4.12.0-x86_64", "etcd"),
		release(ocpRelease+":4.12.1-x86_64", "4.12.1-x86_64"),
		image(manifest.RoleGraph, graphName, digestB),
	}
}

// The update service reads all that has a tag in its repository, so releases
// stand alone there, and only where there is an update graph.
func TestReleasesStandAloneForTheUpdateService(t *testing.T) {
	places := func(images []manifest.Image) []string {
		all, err := Placements(&manifest.Manifest{Images: images}, site.DefaultRepositories())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, p := range all {
			names = append(names, p.name()+" "+string(p.Image.Role))
		}
		return names
	}
	want := []string{
		"ocp4/graph-data:3a6eb0790f39 graph",
		"ocp4/openshift:4.12.0-x86_64 release",
		"ocp4/openshift:4.12.0-x86_64-etcd component",
		"ocp4/openshift:4.12.1-x86_64 release",
		"ocp4/updates:4.12.0-x86_64 release",
		"ocp4/updates:4.12.1-x86_64 release",
	}
	if got := places(graphImages()); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := places(graphImages()[:3]); !slices.Equal(got, want[1:4]) {
		t.Errorf("without an update graph %q, want %q", got, want[1:4])
	}
}

func TestPlaceOfAnUpdateIsChecked(t *testing.T) {
	r := site.DefaultRepositories()
	r.Graph, r.Updates = "Graph", ""
	_, err := Placements(&manifest.Manifest{Images: graphImages()}, r)
	for _, want := range []string{`place "Graph:3a6eb0790f39": `, `place ":4.12.0-x86_64": `, `place ":4.12.1-x86_64": `} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s in %v", want, err)
		}
	}
}

// All nodes answer for what the update service names: the releases after the
// node that it asked.
func TestRulesOfTheUpdateService(t *testing.T) {
	ofReleases := []string{"release: " + ocpRelease + " -> ocp4/openshift", "release: " + ocpArt + " -> ocp4/openshift"}
	ofImage := "graph: dummyregistry.io:5000/ocp4/graph-data -> ocp4/graph-data"
	checkRules(t, graphSite(false), graphImages(), append(ofReleases, "graph: 10.0.0.1:5000/ocp4/updates -> ocp4/updates", ofImage)...)
	checkRules(t, graphSite(true), graphImages(), append(ofReleases, ofImage)...)
}

func TestNewUpdateService(t *testing.T) {
	m := &manifest.Manifest{Images: graphImages()}
	u, err := NewUpdateService(m, graphSite(false))
	if err != nil || u.Releases != "10.0.0.1:5000/ocp4/updates" || u.Source != "dummyregistry.io:5000/ocp4/graph-data" || u.Image.Name != graphName {
		t.Errorf("got %+v, %v", u, err)
	}
	if _, err := NewUpdateService(m, graphSite(true)); !errors.Is(err, ErrPlainHTTP) {
		t.Errorf("got %v", err)
	}
	if u, err := NewUpdateService(&manifest.Manifest{Images: graphImages()[:3]}, graphSite(true)); u != nil || err != nil {
		t.Errorf("without an update graph: %+v, %v", u, err)
	}
}
