package icsp

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

	redhatIndex = "registry.redhat.io/redhat/redhat-operator-index:v4.9"
)

// image has the digest of its name, or else digestA.
func image(role manifest.Role, name string) manifest.Image {
	d := digest.Digest(digestA)
	if _, named, ok := strings.Cut(name, "@"); ok {
		d = digest.Digest(named)
	}
	return manifest.Image{Name: name, Role: role, Descriptor: ocispec.Descriptor{Digest: d}}
}

func operator(name, catalog string) manifest.Image {
	img := image(manifest.RoleOperator, name)
	img.Catalog = catalog
	return img
}

func releaseImage(name string) manifest.Image {
	img := image(manifest.RoleRelease, name)
	img.Release = "4.9.0-x86_64"
	return img
}

func component(name, component string) manifest.Image {
	img := image(manifest.RoleComponent, name)
	img.Release, img.Component = "4.9.0-x86_64", component
	return img
}

// blogManifest is what the recipe carries: a release, the registry, a catalog
// with the local-storage-operator.
func blogManifest() *manifest.Manifest {
	return &manifest.Manifest{Images: []manifest.Image{
		image(manifest.RoleRegistry, "quay.io/me/registry:2"),
		releaseImage("quay.io/openshift-release-dev/ocp-release:4.9.0-x86_64"),
		component("quay.io/openshift-release-dev/ocp-v4.0-art-dev@"+digestB, "etcd"),
		image(manifest.RoleCatalog, redhatIndex),
		operator("registry.redhat.io/openshift4/ose-local-storage-diskmaker@"+digestB, redhatIndex),
		operator("registry.redhat.io/openshift4/ose-local-storage-operator-bundle@"+digestB, redhatIndex),
		operator("registry.redhat.io/openshift4/ose-local-storage-operator@"+digestB, redhatIndex),
		operator("registry.redhat.io/openshift4/ose-local-storage-static-provisioner@"+digestB, redhatIndex),
	}}
}

func blogSite(openshift string) *site.Site {
	return &site.Site{
		OpenShift: openshift,
		Nodes: []site.Node{
			{Name: "node1", Address: "10.10.21.174"},
			{Name: "node2", Address: "10.10.21.175"},
			{Name: "node3", Address: "10.10.21.176"},
		},
		Registry:     site.Registry{Port: 5000, PlainHTTP: true, LocalhostFirst: true},
		Repositories: site.Repositories{Release: "ocp4/openshift", Registry: "registry", Operators: "olm-mirror"},
		CatalogHost:  "dummyregistry.io:5000",
	}
}

// oneNode is the site of the golden files: one registry, no localhost before it.
func oneNode(openshift string) *site.Site {
	s := blogSite(openshift)
	s.Nodes = []site.Node{{Name: "node1", Address: "localhost:5812"}}
	s.Registry.LocalhostFirst = false
	return s
}

// What the recipe ends with, in its own words, but sorted, and with the lines
// that it lost on the way.
const blogObjects = `# 01-imagecontentsourcepolicy-example.yaml
apiVersion: operator.openshift.io/v1alpha1
kind: ImageContentSourcePolicy
metadata:
  name: example
spec:
  repositoryDigestMirrors:
  - mirrors:
    - localhost:5000/ocp4/openshift
    - 10.10.21.174:5000/ocp4/openshift
    - 10.10.21.175:5000/ocp4/openshift
    - 10.10.21.176:5000/ocp4/openshift
    source: quay.io/openshift-release-dev/ocp-release
  - mirrors:
    - localhost:5000/ocp4/openshift
    - 10.10.21.174:5000/ocp4/openshift
    - 10.10.21.175:5000/ocp4/openshift
    - 10.10.21.176:5000/ocp4/openshift
    source: quay.io/openshift-release-dev/ocp-v4.0-art-dev
# 02-imagecontentsourcepolicy-registry.yaml
apiVersion: operator.openshift.io/v1alpha1
kind: ImageContentSourcePolicy
metadata:
  name: registry
spec:
  repositoryDigestMirrors:
  - mirrors:
    - localhost:5000/registry
    - 10.10.21.174:5000/registry
    - 10.10.21.175:5000/registry
    - 10.10.21.176:5000/registry
    source: quay.io/me/registry
# 03-imagecontentsourcepolicy-redhat-operator-index-0.yaml
apiVersion: operator.openshift.io/v1alpha1
kind: ImageContentSourcePolicy
metadata:
  labels:
    operators.openshift.org/catalog: "true"
  name: redhat-operator-index-0
spec:
  repositoryDigestMirrors:
  - mirrors:
    - localhost:5000/olm-mirror/openshift4-ose-local-storage-diskmaker
    - 10.10.21.174:5000/olm-mirror/openshift4-ose-local-storage-diskmaker
    - 10.10.21.175:5000/olm-mirror/openshift4-ose-local-storage-diskmaker
    - 10.10.21.176:5000/olm-mirror/openshift4-ose-local-storage-diskmaker
    source: registry.redhat.io/openshift4/ose-local-storage-diskmaker
  - mirrors:
    - localhost:5000/olm-mirror/openshift4-ose-local-storage-operator
    - 10.10.21.174:5000/olm-mirror/openshift4-ose-local-storage-operator
    - 10.10.21.175:5000/olm-mirror/openshift4-ose-local-storage-operator
    - 10.10.21.176:5000/olm-mirror/openshift4-ose-local-storage-operator
    source: registry.redhat.io/openshift4/ose-local-storage-operator
  - mirrors:
    - localhost:5000/olm-mirror/openshift4-ose-local-storage-operator-bundle
    - 10.10.21.174:5000/olm-mirror/openshift4-ose-local-storage-operator-bundle
    - 10.10.21.175:5000/olm-mirror/openshift4-ose-local-storage-operator-bundle
    - 10.10.21.176:5000/olm-mirror/openshift4-ose-local-storage-operator-bundle
    source: registry.redhat.io/openshift4/ose-local-storage-operator-bundle
  - mirrors:
    - localhost:5000/olm-mirror/openshift4-ose-local-storage-static-provisioner
    - 10.10.21.174:5000/olm-mirror/openshift4-ose-local-storage-static-provisioner
    - 10.10.21.175:5000/olm-mirror/openshift4-ose-local-storage-static-provisioner
    - 10.10.21.176:5000/olm-mirror/openshift4-ose-local-storage-static-provisioner
    source: registry.redhat.io/openshift4/ose-local-storage-static-provisioner
# 04-imagecontentsourcepolicy-dummyregistry.yaml
apiVersion: operator.openshift.io/v1alpha1
kind: ImageContentSourcePolicy
metadata:
  labels:
    operators.openshift.org/catalog: "true"
  name: dummyregistry
spec:
  repositoryDigestMirrors:
  - mirrors:
    - localhost:5000/olm-mirror/redhat-operator-index
    - 10.10.21.174:5000/olm-mirror/redhat-operator-index
    - 10.10.21.175:5000/olm-mirror/redhat-operator-index
    - 10.10.21.176:5000/olm-mirror/redhat-operator-index
    source: dummyregistry.io:5000/olm-mirror/redhat-operator-index
# 05-catalogsource-redhat-operator-index.yaml
apiVersion: operators.coreos.com/v1alpha1
kind: CatalogSource
metadata:
  name: redhat-operator-index
  namespace: openshift-marketplace
spec:
  image: dummyregistry.io:5000/olm-mirror/redhat-operator-index@` + digestA + `
  sourceType: grpc
`

func TestRenderWritesTheRecipesObjects(t *testing.T) {
	got := text(render(t, blogManifest(), blogSite("4.9")))
	if got != blogObjects {
		t.Errorf("got:\n%s\nwant:\n%s", got, blogObjects)
	}
}

func TestRenderIsTheSameForAnotherOrderOfImages(t *testing.T) {
	m := blogManifest()
	slices.Reverse(m.Images)
	if got := text(render(t, m, blogSite("4.9.0"))); got != blogObjects {
		t.Errorf("got:\n%s", got)
	}
}

func TestKindFollowsTheVersion(t *testing.T) {
	for _, c := range []struct{ openshift, kind, apiVersion, list string }{
		{"4.8", "ImageContentSourcePolicy", "operator.openshift.io/v1alpha1", "repositoryDigestMirrors"},
		{"4.12.40", "ImageContentSourcePolicy", "operator.openshift.io/v1alpha1", "repositoryDigestMirrors"},
		{"4.13", "ImageDigestMirrorSet", "config.openshift.io/v1", "imageDigestMirrors"},
		{"4.21.3", "ImageDigestMirrorSet", "config.openshift.io/v1", "imageDigestMirrors"},
		{"5.0", "ImageDigestMirrorSet", "config.openshift.io/v1", "imageDigestMirrors"},
	} {
		objects := render(t, blogManifest(), blogSite(c.openshift))
		head := fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata:\n  name: example\nspec:\n  %s:\n", c.apiVersion, c.kind, c.list)
		if o := objects[0]; o.Kind != c.kind || !strings.HasPrefix(string(o.YAML), head) {
			t.Errorf("%s: got %s:\n%s\nwant it to begin with:\n%s", c.openshift, o.Kind, o.YAML, head)
		}
		if o := objects[len(objects)-1]; o.Kind != "CatalogSource" || o.Namespace != "openshift-marketplace" {
			t.Errorf("%s: last is %s %s/%s", c.openshift, o.Kind, o.Namespace, o.Name)
		}
	}
}

func TestNoImagesNoObjects(t *testing.T) {
	if objects := render(t, &manifest.Manifest{}, blogSite("4.9")); len(objects) != 0 {
		t.Errorf("got %s", text(objects))
	}
}

func TestObjectNames(t *testing.T) {
	index := func(tag string) manifest.Image {
		return image(manifest.RoleCatalog, "quay.io/x/index:"+tag)
	}
	two := []manifest.Image{
		index("v4.12"), index("v4.9"),
		operator("quay.io/a/b@"+digestA, "quay.io/x/index:v4.9"),
		operator("quay.io/a/c@"+digestA, "quay.io/x/index:v4.12"),
		image(manifest.RoleAdditional, "quay.io/foo/bar:1"),
	}
	for name, c := range map[string]struct {
		host   string
		images []manifest.Image
		want   []string
	}{
		"two catalogs of one index name": {"dummyregistry.io:5000", two,
			[]string{"index-v4-12-0", "index-v4-9-0", "dummyregistry", "additional", "index-v4-12", "index-v4-9"}},
		"one image under two names is one catalog source": {"dummyregistry.io", []manifest.Image{
			image(manifest.RoleCatalog, "quay.io/x/index:1"), image(manifest.RoleCatalog, "quay.io/y/index:1")},
			[]string{"dummyregistry", "index"}},
		"a catalog host that is called as a fixed name": {"registry.example.com", []manifest.Image{index("1")},
			[]string{"registry-catalog", "index"}},
		"a catalog host in capitals": {"Dummy:5000", []manifest.Image{index("1")},
			[]string{"dummy", "index"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := blogSite("4.9")
			s.CatalogHost = c.host
			var got []string
			for _, o := range render(t, &manifest.Manifest{Images: c.images}, s) {
				got = append(got, o.Name)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestObjectsOfOneNameAreReported(t *testing.T) {
	s := blogSite("4.9")
	s.CatalogHost = "redhat-operator-index-0.example.com"
	_, err := Render(blogManifest(), s)
	want := "imagecontentsourcepolicy redhat-operator-index-0: two objects get this name"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSourceWithTwoPlacesTriesEachOnEveryHost(t *testing.T) {
	s := blogSite("4.13")
	s.Nodes = s.Nodes[:1]
	name := "quay.io/me/registry:2"
	objects := render(t, &manifest.Manifest{Images: []manifest.Image{
		image(manifest.RoleRegistry, name), image(manifest.RoleAdditional, name),
	}}, s)
	want := `# 01-imagedigestmirrorset-registry.yaml
apiVersion: config.openshift.io/v1
kind: ImageDigestMirrorSet
metadata:
  name: registry
spec:
  imageDigestMirrors:
  - mirrors:
    - localhost:5000/registry
    - 10.10.21.174:5000/registry
    - localhost:5000/me/registry
    - 10.10.21.174:5000/me/registry
    source: quay.io/me/registry
`
	if got := text(objects); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestMirrorIsListedOnce(t *testing.T) {
	s := blogSite("4.13")
	s.Nodes = []site.Node{{Name: "node1", Address: "localhost:5000"}}
	o := render(t, blogManifest(), s)[1]
	if n := bytes.Count(o.YAML, []byte("localhost:5000/registry\n")); n != 1 {
		t.Errorf("localhost:5000/registry stands there %d times:\n%s", n, o.YAML)
	}
}

func TestEveryRefusedNameIsReported(t *testing.T) {
	s := blogSite("4.9")
	s.Nodes = []site.Node{{Name: "node1", Address: "[fd00::1]:5000"}, {Name: "node2", Address: "10.10.21.175"}}
	s.Repositories.Release = "OCP"
	s.CatalogHost = "dummy_registry.io"
	_, err := Render(blogManifest(), s)
	if err == nil {
		t.Fatal("no error")
	}
	const reason = ": not host[:port][/path] as the cluster reads it"
	for _, want := range []string{
		"imagecontentsourcepolicy example: ",
		`mirror "10.10.21.175:5000/OCP"` + reason,
		"imagecontentsourcepolicy registry: " + `mirror "[fd00::1]:5000/registry"` + reason,
		`source "dummy_registry.io/olm-mirror/redhat-operator-index"` + reason,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
}

func TestSiteWithoutHostsIsReported(t *testing.T) {
	s := blogSite("4.9")
	s.Nodes, s.Registry.LocalhostFirst = nil, false
	_, err := Render(&manifest.Manifest{Images: []manifest.Image{image(manifest.RoleRegistry, "quay.io/me/registry:2")}}, s)
	want := `imagecontentsourcepolicy registry: source "quay.io/me/registry": the site names no host that holds it`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRenderPassesOnWhatTheRulesFind(t *testing.T) {
	s := blogSite("4.9")
	s.CatalogHost = ""
	if _, err := Render(blogManifest(), s); err == nil || !strings.Contains(err.Error(), "catalogHost") {
		t.Errorf("got %v, want it to ask for a catalogHost", err)
	}
}

func TestSiteWithoutAVersionIsReported(t *testing.T) {
	_, err := Render(blogManifest(), blogSite("latest"))
	want := `site: openshift "latest": no version, which decides the kinds of objects`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestBigGroupIsSplit(t *testing.T) {
	m := &manifest.Manifest{Images: []manifest.Image{image(manifest.RoleCatalog, redhatIndex)}}
	const images = 1500
	for i := range images {
		name := fmt.Sprintf("quay.io/some-organisation/some-image-%04d@%s", i, digestA)
		m.Images = append(m.Images, operator(name, redhatIndex))
		m.Images = append(m.Images, image(manifest.RoleAdditional, fmt.Sprintf("quay.io/other/%04d:1", i)))
	}
	var names []string
	sources := map[string]int{}
	for _, o := range render(t, m, blogSite("4.9")) {
		names = append(names, o.Name)
		if len(o.YAML) > MaxSize {
			t.Errorf("%s: %d bytes", o.Name, len(o.YAML))
		}
		for source := range mirrorsOf(t, o.YAML) {
			sources[source]++
		}
	}
	want := []string{"redhat-operator-index-0", "redhat-operator-index-1", "redhat-operator-index-2",
		"dummyregistry", "additional", "additional-1", "redhat-operator-index"}
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	if len(sources) != 2*images+1 {
		t.Errorf("%d sources, want %d", len(sources), 2*images+1)
	}
	for source, n := range sources {
		if n != 1 {
			t.Errorf("%s stands in %d objects", source, n)
		}
	}
}

func TestEntrySizeIsWhatAnEntryAdds(t *testing.T) {
	one := entry{Mirrors: []string{"localhost:5000/a", "10.10.21.174:5000/a"}, Source: "quay.io/a"}
	n, err := entrySize(one)
	if err != nil {
		t.Fatal(err)
	}
	size := func(entries ...entry) int {
		o, err := renderSet(contentSourcePolicy, metadata{Name: "x"}, entries)
		if err != nil {
			t.Fatal(err)
		}
		return len(o.YAML)
	}
	if added := size(one, one) - size(one); n != added {
		t.Errorf("entrySize = %d, but the object grew by %d", n, added)
	}
	head := size(one) - n + len("operators.openshift.org/catalog") + 253
	if head > maxHead {
		t.Errorf("a head can have %d bytes, maxHead is %d", head, maxHead)
	}
}

func TestEntryThatNoObjectHoldsIsReported(t *testing.T) {
	s := blogSite("4.9")
	for i := range 10000 {
		s.Nodes = append(s.Nodes, site.Node{Name: "n", Address: fmt.Sprintf("node%05d.example.com", i)})
	}
	_, err := Render(&manifest.Manifest{Images: []manifest.Image{image(manifest.RoleRegistry, "quay.io/me/registry:2")}}, s)
	if err == nil || !strings.HasPrefix(err.Error(), "imagecontentsourcepolicy registry: source quay.io/me/registry: 10004 mirrors need ") {
		t.Errorf("got %v", err)
	}
}

func TestFileName(t *testing.T) {
	for _, c := range []struct {
		i, n int
		want string
	}{
		{0, 2, "01-imagedigestmirrorset-example.yaml"},
		{9, 99, "10-imagedigestmirrorset-example.yaml"},
		{9, 100, "010-imagedigestmirrorset-example.yaml"}, // so that names sort in the order of the objects
		{99, 100, "100-imagedigestmirrorset-example.yaml"},
	} {
		if got := FileName(c.i, c.n, Object{Kind: "ImageDigestMirrorSet", Name: "example"}); got != c.want {
			t.Errorf("FileName(%d, %d) = %s, want %s", c.i, c.n, got, c.want)
		}
	}
}

func render(t *testing.T, m *manifest.Manifest, s *site.Site) []Object {
	t.Helper()
	objects, err := Render(m, s)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// text is every object under the name of its file.
func text(objects []Object) string {
	var b strings.Builder
	for i, o := range objects {
		fmt.Fprintf(&b, "# %s\n%s", FileName(i, 2, o), o.YAML)
	}
	return b.String()
}

// fixture reads a file of the shared fixtures, which lie beside the repository.
func fixture(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../../shared/fixtures", name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("shared fixtures are not here:", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}
