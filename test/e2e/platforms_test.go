package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/site"
	"drayage/test/content"
	"drayage/test/registry"
	"drayage/test/signing"
)

// manyArches is a source with 4.14.3 for four architectures together, and for
// amd64 and arm64 alone, a catalog for two of them, and a folder that leads there.
func manyArches(t *testing.T) (dir string, multi *content.Release, c *content.Catalog) {
	t.Helper()
	src := registry.StartT(t, registry.Options{})
	reg, err := content.MakeRegistryImage(1<<16, false)
	if err != nil {
		t.Fatal(err)
	}
	images := []content.Named{reg}
	o := content.ReleaseOptions{Version: "4.14.3", Size: 1 << 18, Components: []string{"cluster-version-operator", "etcd"}}
	if multi, err = content.MakeMultiRelease(o, content.MultiArches...); err != nil {
		t.Fatal(err)
	}
	images = append(images, multi.Images()...)
	for _, arch := range []string{"amd64", "arm64"} {
		o.Arch = arch
		r, err := content.MakeRelease(o)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, r.Images()...)
	}
	if c, err = content.MakeCatalog(content.CatalogOptions{Size: 1 << 18}); err != nil {
		t.Fatal(err)
	}
	images = append(images, c.Images()...)
	if err := content.Push(t.Context(), src.Addr(), content.PushOptions{}, images...); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	write(t, dir, "registries.conf", string(content.RegistriesConf(src.Addr())))
	return dir, multi, c
}

func mirrored(t *testing.T, dir, text string) {
	t.Helper()
	write(t, dir, "imageset.yaml", "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n"+text)
}

const (
	oneVersion = "    channels: [{name: stable-4.14, minVersion: 4.14.3, maxVersion: 4.14.3}]\n"
	wholeMulti = "  platform:\n    architectures: [multi]\n" + oneVersion
	twoOfMulti = wholeMulti + "    platforms: [{os: linux, architecture: amd64}, {os: linux, architecture: s390x}]\n"
)

// tagsOf are what a node lists for a repository.
func tagsOf(t *testing.T, n *registry.Registry, repo string) []string {
	t.Helper()
	resp, err := http.Get("http://" + n.Addr() + "/v2/" + repo + "/tags/list")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct{ Tags []string }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	slices.Sort(list.Tags)
	return list.Tags
}

// A release for four architectures, signed by the digest of its index, whole.
func TestMultiRelease(t *testing.T) {
	dir, multi, _ := manyArches(t)
	mirrored(t, dir, wholeMulti)
	store, err := signing.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Sign(multi.Image.Digest, multi.Image.Ref); err != nil {
		t.Fatal(err)
	}
	writeKey(t, dir, store)
	good(t, dir, "bundle", "build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--release-key", "key.asc", "--signature-store", store.URL(), "-o", "site.tar")
	node := nodes(t, dir, 1)[0]
	good(t, dir, "import", "push", "--release-key", "key.asc", "--site", "site.yaml", "site.tar")
	pullAll(t, dir, node.Addr())
	want := []string{"4.14.3-multi", "4.14.3-multi-cluster-version-operator", "4.14.3-multi-etcd"}
	if got := tagsOf(t, node, "ocp4/openshift"); !slices.Equal(got, want) {
		t.Errorf("tags %q, want %q", got, want)
	}
	if m := packingList(t, dir); m.Features != nil || len(m.Signatures) != 1 {
		t.Errorf("features %q, %d signatures", m.Features, len(m.Signatures))
	}
}

// Two of four platforms travel: one node takes that and another one, which does
// not, gets nothing at all.
func TestSparseIndexes(t *testing.T) {
	dir, _, _ := manyArches(t)
	mirrored(t, dir, wholeMulti)
	build(t, dir)
	whole := packingList(t, dir).TotalBytes()
	mirrored(t, dir, twoOfMulti)
	root := build(t, dir)
	good(t, dir, "import", "verify", "--root", root, "site.tar")
	m := packingList(t, dir)
	if !slices.Equal(m.Features, []string{manifest.FeatureSparseIndexes}) || m.TotalBytes() > whole*2/3 {
		t.Errorf("features %q, %d bytes of %d", m.Features, m.TotalBytes(), whole)
	}
	takes := registry.StartT(t, registry.Options{Sparse: true, Delete: true})
	keeps := registry.StartT(t, registry.Options{Sparse: true}) // it allows no DELETE
	strict := registry.StartT(t, registry.Options{})
	writeSite(t, dir, takes.Addr(), strict.Addr(), keeps.Addr())
	r := bad(t, 4, "import: node2: refuses indexes of which some platforms are missing, and the bundle has such: "+strict.Addr()+": PUT ocp4/openshift/manifests/sha256:", dir, "import", "push", "--site", "site.yaml", "site.tar")
	if !strings.Contains(r.err, "hint: 2 of 3 nodes are whole; a registry of distribution 3 takes indexes without all platforms with `validation: {manifests: {indexes: {platforms: none}}}`") {
		t.Errorf("the hint is missing:\n%s", r.err)
	}
	nothingSent(t, strict)
	for _, n := range []*registry.Registry{takes, keeps} {
		platformsOnNode(t, dir, n, "amd64", "s390x")
		if got := tagsOf(t, n, "ocp4/openshift"); len(got) != 3 {
			t.Errorf("tags %q", got)
		}
	}
	for _, n := range []*registry.Registry{takes, keeps} {
		if err := n.ClearRequests(); err != nil {
			t.Fatal(err)
		}
	}
	writeSite(t, dir, takes.Addr(), keeps.Addr())
	good(t, dir, "import", "push", "--site", "site.yaml", "site.tar")
	nothingSent(t, takes)
	nothingSent(t, keeps)
}

// nothingSent: the only thing that was tried to write is the question.
func nothingSent(t *testing.T, n *registry.Registry) {
	t.Helper()
	requests, err := n.Requests()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requests {
		asks := r.Method == http.MethodPut && strings.Contains(r.Path, "/manifests/sha256:") && r.Status == http.StatusBadRequest
		if r.Method != http.MethodGet && r.Method != http.MethodHead && !asks {
			t.Errorf("%s %s: %d", r.Method, r.Path, r.Status)
		}
	}
}

// platformsOnNode pulls the sparse indexes: their digests are those of the
// source, the images of these architectures are whole, and no others are there.
func platformsOnNode(t *testing.T, dir string, n *registry.Registry, arches ...string) {
	t.Helper()
	s, err := site.Read(filepath.Join(dir, "site.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	places, err := mirror.Placements(packingList(t, dir), s.Repositories)
	if err != nil {
		t.Fatal(err)
	}
	sparse := 0
	for _, p := range places {
		if len(p.Image.Platforms) == 0 {
			if err := pull(t.Context(), n.Addr(), p.Repository+":"+p.Tag, p.Image.Descriptor.Digest.String()); err != nil {
				t.Error(err)
			}
			continue
		}
		sparse++
		index := indexAt(t, n.Addr()+"/"+p.Repository+":"+p.Tag, p.Image.Descriptor.Digest.String())
		m, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range m.Manifests {
			img, err := index.Image(d.Digest)
			if err == nil {
				err = whole(img)
			}
			if want := slices.Contains(arches, d.Platform.Architecture); (err == nil) != want {
				t.Errorf("%s for %s: %v", p.Tag, d.Platform, err)
			}
		}
	}
	if sparse == 0 {
		t.Error("no sparse index")
	}
}

func indexAt(t *testing.T, place, digest string) v1.ImageIndex {
	t.Helper()
	ref, err := name.ParseReference(place, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := index.Digest(); err != nil || got.String() != digest {
		t.Errorf("%s is %s, %v, want %s", place, got, err, digest)
	}
	return index
}

// Two releases of one version, each under its own name, and a catalog for both.
func TestSeveralArchitectures(t *testing.T) {
	dir, _, c := manyArches(t)
	mirrored(t, dir, "  platform:\n    architectures: [amd64, arm64]\n"+oneVersion+
		"  operators:\n  - catalog: "+c.Image.Ref+"\n    packages: [{name: "+c.Packages[0]+"}]\n")
	build(t, dir)
	node := nodes(t, dir, 1)[0]
	good(t, dir, "import", "push", "--site", "site.yaml", "site.tar")
	pullAll(t, dir, node.Addr())
	want := []string{
		"4.14.3-aarch64", "4.14.3-aarch64-cluster-version-operator", "4.14.3-aarch64-etcd",
		"4.14.3-x86_64", "4.14.3-x86_64-cluster-version-operator", "4.14.3-x86_64-etcd",
	}
	if got := tagsOf(t, node, "ocp4/openshift"); !slices.Equal(got, want) {
		t.Errorf("tags %q, want %q", got, want)
	}
	m := packingList(t, dir)
	i := slices.IndexFunc(m.Images, func(i manifest.Image) bool { return i.Role == manifest.RoleCatalog })
	index := indexAt(t, node.Addr()+"/olm-mirror/redhat-operator-index:v4.17", m.Images[i].Descriptor.Digest.String())
	doc, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if source, err := c.Image.Content.(v1.ImageIndex).MediaType(); err != nil || doc.MediaType != source {
		t.Errorf("an index of type %s, the source's is %s", doc.MediaType, source)
	}
	var arches []string
	for _, d := range doc.Manifests {
		arches = append(arches, d.Platform.String())
		img, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		validCatalog(t, img, c.Packages[:1])
	}
	if !slices.Equal(arches, []string{"linux/amd64", "linux/arm64"}) {
		t.Errorf("a catalog for %q", arches)
	}
	again := build(t, dir)
	good(t, dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "plan.json")
	out := good(t, dir, "bundle", "build", "--plan", "plan.json", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "planned.tar")
	if got := rootOf(t, out); got != again {
		t.Errorf("built from the plan, root is %s, want %s", got, again)
	}
}

// Of one platform the catalog is the image that it always was.
func TestCatalogOfOnePlatformIsAnImage(t *testing.T) {
	dir, _, c := manyArches(t)
	operators := "  operators:\n  - catalog: " + c.Image.Ref + "\n    packages: [{name: " + c.Packages[0] + "}]\n"
	mirrored(t, dir, operators)
	build(t, dir)
	node := nodes(t, dir, 1)[0]
	good(t, dir, "import", "push", "--site", "site.yaml", "site.tar")
	ref, err := name.ParseReference(node.Addr()+"/olm-mirror/redhat-operator-index:v4.17", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	desc, err := remote.Get(ref)
	if err != nil || desc.MediaType.IsIndex() {
		t.Errorf("%v, %v", desc, err)
	}
	mirrored(t, dir, wholeMulti+operators)
	bad(t, 5, "has no image for linux/ppc64le, linux/s390x, only for linux/amd64, linux/arm64", dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature")
	mirrored(t, dir, wholeMulti+operators+"    platforms: [{os: linux, architecture: arm64}]\n")
	good(t, dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature")
}
