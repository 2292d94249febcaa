package mirror

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

var blogRepositories = site.Repositories{Release: "ocp4/openshift", Registry: "registry", Operators: "olm-mirror"}

// image is one whose digest is that of its name, or else d.
func image(role manifest.Role, name string, d digest.Digest) manifest.Image {
	if _, named, ok := strings.Cut(name, "@"); ok {
		d = digest.Digest(named)
	}
	return manifest.Image{Name: name, Role: role, Descriptor: ocispec.Descriptor{Digest: d}}
}

func release(name, release string) manifest.Image {
	img := image(manifest.RoleRelease, name, digestA)
	img.Release = release
	return img
}

func component(name, release, component string) manifest.Image {
	img := image(manifest.RoleComponent, name, digestA)
	img.Release, img.Component = release, component
	return img
}

func operator(name, catalog string) manifest.Image {
	img := image(manifest.RoleOperator, name, digestA)
	img.Catalog = catalog
	return img
}

func TestPlacementByRole(t *testing.T) {
	const index = "registry.redhat.io/redhat/redhat-operator-index:v4.9"
	for name, c := range map[string]struct {
		image manifest.Image
		want  string
	}{
		"release":         {release("quay.io/openshift-release-dev/ocp-release:4.9.0-x86_64", "4.9.0-x86_64"), "ocp4/openshift:4.9.0-x86_64"},
		"component":       {component("quay.io/openshift-release-dev/ocp-v4.0-art-dev@"+digestA, "4.9.0-x86_64", "etcd"), "ocp4/openshift:4.9.0-x86_64-etcd"},
		"registry":        {image(manifest.RoleRegistry, "docker.io/library/registry:2", digestA), "registry:2"},
		"catalog":         {image(manifest.RoleCatalog, index, digestA), "olm-mirror/redhat-operator-index:v4.9"},
		"operator":        {operator("registry.redhat.io/openshift4/ose-local-storage-operator-bundle@sha256:bf84f8bce6a9f2d363d54552f4d121d334c068966ad1ee933c9cfc21aaa26686", index), "olm-mirror/openshift4-ose-local-storage-operator-bundle:a7b69b58"},
		"additional":      {image(manifest.RoleAdditional, "quay.io/foo/bar:1", digestA), "foo/bar:1"},
		"deep additional": {image(manifest.RoleAdditional, "quay.io/a/b/c:1@"+digestA, digestA), "a/b/c:1"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Placements(&manifest.Manifest{Images: []manifest.Image{c.image}}, blogRepositories)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || got[0].name() != c.want {
				t.Errorf("%s stands at %v, want %s", c.image.Name, got, c.want)
			}
		})
	}
}

func TestCatalogWithOnlyADigestGetsAHashedTag(t *testing.T) {
	name := "registry.redhat.io/redhat/redhat-operator-index@" + digestA
	img := image(manifest.RoleCatalog, name, "")
	img.Descriptor.Digest = digestB // pruning changed it
	got, err := Placements(&manifest.Manifest{Images: []manifest.Image{img}}, blogRepositories)
	if err != nil {
		t.Fatal(err)
	}
	if want := "olm-mirror/redhat-operator-index:" + Tag(parse(t, name)); got[0].name() != want {
		t.Errorf("stands at %s, want %s", got[0].name(), want)
	}
}

func TestImageWithTwoRolesHasTwoPlacements(t *testing.T) {
	name := "quay.io/foo/bar@" + digestA
	got, err := Placements(&manifest.Manifest{Images: []manifest.Image{
		operator(name, "quay.io/x/index:1"),
		image(manifest.RoleAdditional, name, ""),
	}}, blogRepositories)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"foo/bar:" + Tag(parse(t, name)), "olm-mirror/foo-bar:" + Tag(parse(t, name))}
	if names := placementNames(got); !slices.Equal(names, want) {
		t.Errorf("stands at %v, want %v", names, want)
	}
}

func TestPlacementsAreSorted(t *testing.T) {
	got, err := Placements(&manifest.Manifest{Images: []manifest.Image{
		image(manifest.RoleAdditional, "quay.io/b/b:1", digestA),
		image(manifest.RoleAdditional, "quay.io/a/a:2", digestA),
		image(manifest.RoleAdditional, "quay.io/b/b:0", digestA),
		image(manifest.RoleAdditional, "quay.io/a/a:1", digestA),
		image(manifest.RoleAdditional, "docker.io/a/a:1", digestA),
	}}, blogRepositories)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a/a:1", "a/a:1", "a/a:2", "b/b:0", "b/b:1"}
	if names := placementNames(got); !slices.Equal(names, want) || got[0].Image.Name != "docker.io/a/a:1" {
		t.Errorf("got %v, first of %s, want %v, first of docker.io/a/a:1", names, got[0].Image.Name, want)
	}
}

func TestSamePlaceAndDigestIsNoCollision(t *testing.T) {
	got, err := Placements(&manifest.Manifest{Images: []manifest.Image{
		image(manifest.RoleAdditional, "docker.io/foo/bar:1", digestA),
		image(manifest.RoleAdditional, "quay.io/foo/bar:1", digestA),
	}}, blogRepositories)
	if err != nil || len(got) != 2 {
		t.Errorf("%v, %v, want two placements", got, err)
	}
}

func TestEveryCollisionIsReported(t *testing.T) {
	_, err := Placements(&manifest.Manifest{Images: []manifest.Image{
		image(manifest.RoleRegistry, "docker.io/library/registry:2", digestA),
		image(manifest.RoleRegistry, "quay.io/me/registry:2", digestB),
		image(manifest.RoleCatalog, "quay.io/x/index:1", digestA),
		image(manifest.RoleCatalog, "quay.io/y/index:1", digestB),
		image(manifest.RoleAdditional, "quay.io/foo/bar:1", digestA),
	}}, blogRepositories)
	want := strings.Join([]string{
		"olm-mirror/index:1: two images want this place: quay.io/x/index:1 (" + digestA + ") and quay.io/y/index:1 (" + digestB + ")",
		"registry:2: two images want this place: docker.io/library/registry:2 (" + digestA + ") and quay.io/me/registry:2 (" + digestB + ")",
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestCollisionBehindAnEqualDigestIsFound(t *testing.T) {
	_, err := Placements(&manifest.Manifest{Images: []manifest.Image{
		image(manifest.RoleAdditional, "docker.io/foo/bar:1", digestA),
		image(manifest.RoleAdditional, "ghcr.io/foo/bar:1", digestA),
		image(manifest.RoleAdditional, "quay.io/foo/bar:1", digestB),
	}}, blogRepositories)
	if err == nil || strings.Count(err.Error(), "two images") != 1 || !strings.Contains(err.Error(), "quay.io/foo/bar:1") {
		t.Errorf("got %v, want one collision that names quay.io/foo/bar:1", err)
	}
}

func TestPlacesThatAreNoReferencesAreReported(t *testing.T) {
	_, err := Placements(&manifest.Manifest{Images: []manifest.Image{
		release("quay.io/a/b:1", "../../etc"),
		component("quay.io/a/b@"+digestA, "4.9.0-x86_64", strings.Repeat("x", 128)),
		image(manifest.RoleRegistry, "quay.io/a/registry:2", digestA),
		image(manifest.RoleAdditional, "quay.io/a/b", digestA),
		image("stowaway", "quay.io/a/b:1", digestA),
	}}, site.Repositories{Release: "ocp4/openshift", Registry: "Upper", Operators: "olm-mirror"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`image quay.io/a/b:1: place "ocp4/openshift:../../etc": `,
		`image quay.io/a/b@` + digestA + `: place "ocp4/openshift:4.9.0-x86_64-xxx`,
		`image quay.io/a/registry:2: place "Upper:2": `,
		`image quay.io/a/b: "quay.io/a/b": has neither a tag nor a digest`,
		`image quay.io/a/b:1: unknown role "stowaway"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
}

// A whole real release, line by line as oc planned it.
func TestReleaseNamesAreThoseOfOc(t *testing.T) {
	want := lines(t, "golden-oc/release-4.12.0-to-mirror.txt")
	var stream struct {
		Spec struct {
			Tags []struct {
				Name string `json:"name"`
				From struct {
					Name string `json:"name"`
				} `json:"from"`
			} `json:"tags"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(fixture(t, "release-4.12.0/release-manifests/image-references"), &stream); err != nil {
		t.Fatal(err)
	}
	m := &manifest.Manifest{Images: []manifest.Image{release("localhost:5811/openshift-release-dev/ocp-release:4.12.0-x86_64", "4.12.0-x86_64")}}
	for _, tag := range stream.Spec.Tags {
		m.Images = append(m.Images, component(tag.From.Name, "4.12.0-x86_64", tag.Name))
	}
	ps, err := Placements(m, blogRepositories)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range ps {
		got = append(got, p.Image.Name+" mirror.example.com:5000/"+p.name())
	}
	compareLines(t, got, want, 184)
}

func compareLines(t *testing.T, got, want []string, count int) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if len(got) != count || len(want) != count {
		t.Errorf("%d lines, oc has %d, want %d", len(got), len(want), count)
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("oc does not have: %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("only oc has: %s", line)
		}
	}
}

func placementNames(ps []Placement) []string {
	var names []string
	for _, p := range ps {
		names = append(names, p.name())
	}
	return names
}

func TestAnAdditionalImageStandsWhereTheImageSetSays(t *testing.T) {
	for _, c := range []struct{ repo, tag, want string }{
		{"", "", "a/b:v1"},
		{"apps/mine", "", "apps/mine:v1"},
		{"", "stable", "a/b:stable"},
		{"apps/mine", "stable", "apps/mine:stable"},
	} {
		m := &manifest.Manifest{Images: []manifest.Image{{
			Name: "quay.io/a/b:v1", Role: manifest.RoleAdditional, TargetRepository: c.repo, TargetTag: c.tag,
		}}}
		got, err := Placements(m, site.Repositories{Release: "ocp4/openshift", Registry: "registry", Operators: "olm-mirror"})
		if err != nil || len(got) != 1 || got[0].Repository+":"+got[0].Tag != c.want {
			t.Errorf("target %q %q: %v, %v, want %s", c.repo, c.tag, got, err, c.want)
		}
	}
}
