package mirror

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

var blogSite = &site.Site{Repositories: blogRepositories, CatalogHost: "dummyregistry.io:5000"}

const (
	redhatIndex = "registry.redhat.io/redhat/redhat-operator-index:v4.9"
	ocpRelease  = "quay.io/openshift-release-dev/ocp-release"
	ocpArt      = "quay.io/openshift-release-dev/ocp-v4.0-art-dev"
)

// show writes groups as lines: concern name: source -> repositories.
func show(groups []Group) string {
	var lines []string
	for _, g := range groups {
		for _, r := range g.Rules {
			head := strings.TrimSpace(string(g.Concern) + " " + g.Name)
			lines = append(lines, fmt.Sprintf("%s: %s -> %s", head, r.Source, strings.Join(r.Repositories, " ")))
		}
	}
	return strings.Join(lines, "\n")
}

func checkRules(t *testing.T, s *site.Site, images []manifest.Image, want ...string) {
	t.Helper()
	groups, err := Rules(&manifest.Manifest{Images: images}, s)
	if err != nil {
		t.Fatal(err)
	}
	if got := show(groups); got != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
	slices.Reverse(images)
	again, err := Rules(&manifest.Manifest{Images: images}, s)
	if err != nil || show(again) != show(groups) {
		t.Errorf("another order of images gives other rules:\n%s\n%v", show(again), err)
	}
}

func TestRulesOfEveryConcernInOrder(t *testing.T) {
	checkRules(t, blogSite, []manifest.Image{
		image(manifest.RoleRegistry, "quay.io/me/registry:2", digestA),
		release(ocpRelease+":4.9.0-x86_64", "4.9.0-x86_64"),
		component(ocpArt+"@"+digestA, "4.9.0-x86_64", "etcd"),
		component(ocpArt+"@"+digestB, "4.9.0-x86_64", "cli"),
		image(manifest.RoleCatalog, redhatIndex, digestA),
		operator("registry.redhat.io/openshift4/ose-z@"+digestA, redhatIndex),
		operator("registry.redhat.io/openshift4/ose-a@"+digestA, redhatIndex),
		image(manifest.RoleAdditional, "quay.io/foo/bar:1", digestA),
	},
		"release: "+ocpRelease+" -> ocp4/openshift",
		"release: "+ocpArt+" -> ocp4/openshift",
		"registry: quay.io/me/registry -> registry",
		"operators redhat-operator-index: registry.redhat.io/openshift4/ose-a -> olm-mirror/openshift4-ose-a",
		"operators redhat-operator-index: registry.redhat.io/openshift4/ose-z -> olm-mirror/openshift4-ose-z",
		"catalog: dummyregistry.io:5000/olm-mirror/redhat-operator-index -> olm-mirror/redhat-operator-index",
		"additional: quay.io/foo/bar -> foo/bar",
	)
}

func TestReleaseFromAMirrorIsFoundUnderItsCanonicalName(t *testing.T) {
	checkRules(t, blogSite, []manifest.Image{
		release("mirror.example.com/ocp:4.9.0-x86_64", "4.9.0-x86_64"),
		component(ocpArt+"@"+digestA, "4.9.0-x86_64", "etcd"),
	},
		"release: mirror.example.com/ocp -> ocp4/openshift",
		"release: "+ocpRelease+" -> ocp4/openshift",
		"release: "+ocpArt+" -> ocp4/openshift",
	)
}

func TestForeignReleaseGetsNoCanonicalName(t *testing.T) {
	checkRules(t, blogSite, []manifest.Image{
		release("quay.io/openshift/okd:4.9.0", "4.9.0-x86_64"),
		component("quay.io/openshift-release-devil/okd-content@"+digestA, "4.9.0-x86_64", "etcd"),
	},
		"release: quay.io/openshift-release-devil/okd-content -> ocp4/openshift",
		"release: quay.io/openshift/okd -> ocp4/openshift",
	)
}

func TestAdditionalProductImageGetsNoCanonicalName(t *testing.T) {
	checkRules(t, blogSite, []manifest.Image{
		image(manifest.RoleAdditional, ocpArt+"@"+digestA, ""),
	}, "additional: "+ocpArt+" -> openshift-release-dev/ocp-v4.0-art-dev")
}

func TestSourceStandsInTheFirstGroupThatNeedsIt(t *testing.T) {
	certified := "registry.redhat.io/redhat/certified-operator-index:v4.9"
	proxy := "registry.redhat.io/openshift4/ose-kube-rbac-proxy@" + digestA
	checkRules(t, blogSite, []manifest.Image{
		image(manifest.RoleCatalog, certified, digestA),
		image(manifest.RoleCatalog, redhatIndex, digestA),
		operator(proxy, certified),
		operator(proxy, redhatIndex),
		operator("registry.redhat.io/openshift4/ose-a@"+digestA, redhatIndex),
		image(manifest.RoleAdditional, proxy, ""),
		image(manifest.RoleAdditional, "quay.io/foo/bar:1", digestA),
	},
		"operators certified-operator-index: registry.redhat.io/openshift4/ose-kube-rbac-proxy -> olm-mirror/openshift4-ose-kube-rbac-proxy openshift4/ose-kube-rbac-proxy",
		"operators redhat-operator-index: registry.redhat.io/openshift4/ose-a -> olm-mirror/openshift4-ose-a",
		"catalog: dummyregistry.io:5000/olm-mirror/certified-operator-index -> olm-mirror/certified-operator-index",
		"catalog: dummyregistry.io:5000/olm-mirror/redhat-operator-index -> olm-mirror/redhat-operator-index",
		"additional: quay.io/foo/bar -> foo/bar",
	)
}

func TestGroupWithoutASourceOfItsOwnIsLeftOut(t *testing.T) {
	name := "quay.io/me/registry:2"
	checkRules(t, blogSite, []manifest.Image{
		image(manifest.RoleRegistry, name, digestA),
		image(manifest.RoleAdditional, name, digestA),
	}, "registry: quay.io/me/registry -> registry me/registry")
}

func TestNoImagesNoRules(t *testing.T) {
	checkRules(t, &site.Site{}, nil)
}

func TestRulesReportEveryImageThatIsWrong(t *testing.T) {
	_, err := Rules(&manifest.Manifest{Images: []manifest.Image{
		operator("quay.io/a/b@"+digestA, "quay.io/gone/index:1"),
		image(manifest.RoleAdditional, "quay.io/Upper/case:1", digestA),
	}}, blogSite)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"image quay.io/a/b@" + digestA + ": came through the catalog quay.io/gone/index:1, which is not there",
		"image quay.io/Upper/case:1: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
}

func TestTagOnly(t *testing.T) {
	got := TagOnly(&manifest.Manifest{Images: []manifest.Image{
		image(manifest.RoleRegistry, "quay.io/me/registry:2", digestA),
		image(manifest.RoleAdditional, "quay.io/a/both:1@"+digestA, ""),
		image(manifest.RoleAdditional, "quay.io/a/digest@"+digestA, ""),
		image(manifest.RoleAdditional, "quay.io/a/tag:1", digestA),
	}})
	if len(got) != 1 || got[0].Name != "quay.io/a/tag:1" {
		t.Errorf("got %v, want quay.io/a/tag:1 alone", got)
	}
}
