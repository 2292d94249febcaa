package plan

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/imageset"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
	"drayage/pkg/release"
)

const catalogLabel = "operators.operatorframework.io.index.configs.v1"

// on puts an image for a platform, and says so in the descriptor.
func (u *upstream) on(platform, repo string, labels map[string]string, layers ...[]byte) ocispec.Descriptor {
	u.t.Helper()
	os, arch, _ := strings.Cut(platform, "/")
	p := ocispec.Platform{OS: os, Architecture: arch}
	d := u.configured(repo, "", ocispec.Image{Platform: p, Config: ocispec.ImageConfig{Labels: labels}}, layers...)
	d.Platform = &p
	return d
}

// several puts an index of images for platforms.
func (u *upstream) several(repo, tag string, platforms ...string) ocispec.Descriptor {
	u.t.Helper()
	var children []ocispec.Descriptor
	for _, p := range platforms {
		children = append(children, u.on(p, repo, nil, base(u.t), []byte(repo+tag+p)))
	}
	return u.index(repo, tag, children...)
}

// manyArches has a multi-architecture release, and one catalog for two platforms
// whose tool has an index, an image for amd64, and a bundle image.
func manyArches(t *testing.T) *upstream {
	t.Helper()
	u := newUpstream(t)
	u.image("library/registry", "3", base(t), []byte("registry"))
	all := []string{"linux/amd64", "linux/arm64", "linux/ppc64le", "linux/s390x"}
	etcd := u.several("release/parts", "etcd", all...)
	cli := u.several("release/parts", "cli", "linux/amd64", "linux/arm64")
	var children []ocispec.Descriptor
	for _, p := range all {
		children = append(children, u.on(p, "release/ocp", nil, base(t),
			layer(t, "release-manifests/image-references", fmt.Sprintf(references, u.host, etcd.Digest, cli.Digest))))
	}
	u.index("release/ocp", "4.9.0-multi", children...)
	u.index("release/ocp", "one-of-it", children[0])
	bundleImage := u.on("linux/amd64", "acme/tool-bundle", map[string]string{bundleLabel: "registry+v1"}, []byte("manifests"))
	u.several("acme/tool", "v1", "linux/amd64", "linux/arm64", "linux/s390x")
	u.catalog("v4.9", map[string]string{"linux/amd64": "", "linux/arm64": ""}, bundleImage.Digest)
	u.image("acme/plain", "v1", []byte("plain"))
	u.several("acme/all", "v1", "linux/amd64", "linux/arm64")
	return u
}

// catalog puts an index of catalogs, each platform's with a word replaced.
func (u *upstream) catalog(tag string, platforms map[string]string, bundleImage digest.Digest) {
	u.t.Helper()
	var children []ocispec.Descriptor
	for _, p := range []string{"linux/amd64", "linux/arm64", "linux/s390x"} {
		if word, there := platforms[p]; there {
			text := strings.ReplaceAll(fmt.Sprintf(fbc, u.host, bundleImage), "1.1.0", "1.1."+fmt.Sprint(len(word)))
			children = append(children, u.on(p, "redhat/index", map[string]string{catalogLabel: "/configs"},
				layer(u.t, "bin/opm", p), layer(u.t, "configs/tool/catalog.json", text)))
		}
	}
	u.index("redhat/index", tag, children...)
}

func mirrorOf(text string) string {
	return "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n" + text
}

// platformsByName are the platforms of what travels of a plan's images, by the
// end of their names.
func platformsByName(u *upstream, m *manifest.Manifest) map[string]string {
	got := map[string]string{}
	for _, i := range m.Images {
		name, _, _ := strings.Cut(strings.TrimPrefix(i.Name, u.host+"/"), "@")
		if i.Component != "" {
			name = i.Component
		}
		got[name] = strings.Join(i.Platforms, " ")
	}
	return got
}

func TestMultiRelease(t *testing.T) {
	u := manyArches(t)
	p := u.make(mirrorOf("  platform: {release: HOST/release/ocp:4.9.0-multi}\n"))
	if len(p.Manifest.Images) != 4 || p.Manifest.Features != nil {
		t.Fatalf("%+v", p.Manifest)
	}
	for _, i := range p.Manifest.Images[1:] {
		if i.Release != "4.9.0-multi" || len(i.Platforms) > 0 || !strings.Contains(i.Descriptor.MediaType, "index") {
			t.Errorf("%+v", i)
		}
	}
	some := u.make(mirrorOf("  platform: {release: HOST/release/ocp:4.9.0-multi, platforms: [{os: linux, architecture: s390x}, {os: linux, architecture: amd64}]}\n"))
	got := platformsByName(u, some.Manifest)
	for name, want := range map[string]string{"library/registry:3": "", "release/ocp:4.9.0-multi": "linux/amd64 linux/s390x", "etcd": "linux/amd64 linux/s390x", "cli": "linux/amd64"} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if !slices.Equal(some.Manifest.Features, []string{manifest.FeatureSparseIndexes}) || some.Manifest.TotalBytes() >= p.Manifest.TotalBytes() {
		t.Errorf("features %q, %d bytes of %d", some.Manifest.Features, some.Manifest.TotalBytes(), p.Manifest.TotalBytes())
	}
	want := []string{"release 4.9.0-multi: no image for linux/s390x: cli",
		"images that travel without some of their platforms: 3; the nodes' registries must take such indexes, import push asks them first"}
	if !slices.Equal(some.Warnings, want) {
		t.Errorf("warnings %q, want %q", some.Warnings, want)
	}
	pinned, err := Pin(t.Context(), some.Manifest, u.source(), u.options())
	if err != nil || encoded(t, pinned.Manifest) != encoded(t, some.Manifest) {
		t.Errorf("pinned: %v", err)
	}
}

// What is left out is not even asked for.
func TestPlatformsThatDoNotTravelAreNotFetched(t *testing.T) {
	u := manyArches(t)
	u.mu.Lock()
	u.got = map[string]int{}
	u.mu.Unlock()
	u.make(mirrorOf("  platform: {release: HOST/release/ocp:4.9.0-multi, platforms: [{os: linux, architecture: s390x}]}\n"))
	n := 0
	u.mu.Lock()
	defer u.mu.Unlock()
	for path := range u.got {
		if strings.HasPrefix(path, "/v2/release/") && strings.Contains(path, "/manifests/") {
			n++
		}
	}
	// Release and etcd: an index and an image; cli: an index that has none, whole.
	if n != 2+2+3 {
		t.Errorf("%d manifests of the release were fetched, want 7", n)
	}
}

func TestReleasesOfTheWrongKind(t *testing.T) {
	u := manyArches(t)
	etcd := u.image("release/parts", "", []byte("etcd"))
	u.image("release/ocp", "4.9.0-x86_64", base(t), layer(t, "release-manifests/image-references", fmt.Sprintf(references, u.host, etcd.Digest, etcd.Digest)))
	for text, want := range map[string]string{
		"{architectures: [amd64], release: HOST/release/ocp@MULTI}":                                "is a release for several architectures (multi), the image set asks for amd64",
		"{architectures: [multi], release: HOST/release/ocp@SINGLE}":                               "is a release for amd64, the image set asks for multi",
		"{release: HOST/release/ocp:one-of-it}":                                                    "is no multi-architecture release: it is an index of 1 image (linux/amd64), want several",
		"{release: HOST/release/ocp:4.9.0-x86_64, platforms: [{os: linux, architecture: amd64}]}":  "is a release for amd64: platforms choose among the images of a multi-architecture release",
		"{release: HOST/release/ocp:4.9.0-multi, platforms: [{os: linux, architecture: riscv64}]}": "has no image for linux/riscv64, only for linux/amd64, linux/arm64, linux/ppc64le, linux/s390x",
	} {
		for word, tag := range map[string]string{"@MULTI": "4.9.0-multi", "@SINGLE": "4.9.0-x86_64"} {
			d, _, err := u.source().Resolve(t.Context(), u.host+"/release/ocp:"+tag)
			if err != nil {
				t.Fatal(err)
			}
			text = strings.ReplaceAll(text, word, "@"+d.Digest.String())
		}
		_, err := Make(t.Context(), u.imageset(mirrorOf("  platform: "+text+"\n")), u.source(), u.options())
		if err == nil || !strings.HasSuffix(err.Error(), want) || !strings.HasPrefix(err.Error(), u.host+"/release/ocp") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// A saved graph for each architecture; each release of both travels.
func TestSeveralArchitectures(t *testing.T) {
	u := newUpstream(t)
	u.image("library/registry", "3", base(t), []byte("registry"))
	dir := t.TempDir()
	o := u.options()
	o.Graph.Files = map[string]string{}
	for _, arch := range []string{"amd64", "arm64"} {
		etcd := u.on("linux/"+arch, "release/parts", nil, []byte("etcd "+arch))
		d := u.on("linux/"+arch, "release/ocp", nil, base(t), layer(t, "release-manifests/image-references", fmt.Sprintf(references, u.host, etcd.Digest, etcd.Digest)))
		raw, err := json.Marshal(map[string]any{"version": 1, "edges": []any{}, "nodes": []any{map[string]any{"version": "4.9.0", "payload": u.host + "/release/ocp@" + d.Digest.String()}}})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, arch+".json")
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		o.Graph.Files["stable-4.9/"+arch] = path
	}
	cfg := u.imageset(mirrorOf("  platform: {architectures: [arm64, amd64], channels: [{name: stable-4.9}]}\n"))
	p, err := Make(t.Context(), cfg, u.source(), o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range p.Manifest.Releases() {
		got = append(got, r.Release)
	}
	if !slices.Equal(got, []string{"4.9.0-aarch64", "4.9.0-x86_64"}) || len(p.Manifest.Images) != 7 {
		t.Errorf("releases %q in %d images", got, len(p.Manifest.Images))
	}
	o.Graph.Files = map[string]string{"": o.Graph.Files["stable-4.9/amd64"], "/arm64": o.Graph.Files["stable-4.9/arm64"]}
	if _, err := Make(t.Context(), cfg, u.source(), o); err != nil {
		t.Errorf("with a graph for any channel: %v", err)
	}
	delete(o.Graph.Files, "/arm64")
	_, err = Make(t.Context(), cfg, u.source(), o)
	if err == nil || !strings.HasSuffix(err.Error(), "is a release for amd64, the image set asks for arm64") {
		t.Errorf("with the graph of another architecture: %v", err)
	}
}

func TestCatalogOfSeveralPlatforms(t *testing.T) {
	u := manyArches(t)
	const operators = "  operators:\n  - catalog: HOST/redhat/index:v4.9\n    packages: [{name: tool}]\n"
	one := u.make(mirrorOf(operators))
	if got := one.Manifest.Catalogs[0].Platforms; !slices.Equal(got, []string{"linux/amd64"}) {
		t.Errorf("of one: %q", got)
	}
	both := u.make(mirrorOf("  platform: {architectures: [arm64, amd64]}\n" + operators))
	c := both.Manifest.Catalogs[0]
	if !slices.Equal(c.Platforms, []string{"linux/amd64", "linux/arm64"}) || !slices.EqualFunc(c.Packages, one.Manifest.Catalogs[0].Packages, func(a, b manifest.Package) bool { return a.Name == b.Name }) {
		t.Errorf("of both: %+v", c)
	}
	image := func(m *manifest.Manifest) ocispec.Descriptor {
		i := slices.IndexFunc(m.Images, func(i manifest.Image) bool { return i.Role == manifest.RoleCatalog })
		return m.Images[i].Descriptor
	}
	if kind, _ := oci.KindOf(image(one.Manifest).MediaType); kind != oci.KindManifest {
		t.Errorf("of one platform, the catalog is %s", image(one.Manifest).MediaType)
	}
	index := image(both.Manifest)
	raw, err := both.Content.Manifest(index)
	if err != nil {
		t.Fatal(err)
	}
	var doc ocispec.Index
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.MediaType != ocispec.MediaTypeImageIndex || len(doc.Manifests) != 2 || doc.Manifests[0].Digest != image(one.Manifest).Digest || doc.Manifests[1].Platform.Architecture != "arm64" {
		t.Errorf("the index is %s", raw)
	}
	pinned, err := Pin(t.Context(), both.Manifest, u.source(), u.options())
	if err != nil || image(pinned.Manifest).Digest != index.Digest {
		t.Errorf("pinned: %v", err)
	}
	_, err = Make(t.Context(), u.imageset(mirrorOf("  platform: {release: HOST/release/ocp:4.9.0-multi}\n"+operators)), u.source(), u.options())
	if err == nil || !strings.HasPrefix(err.Error(), u.host+"/redhat/index:v4.9: ") || !strings.HasSuffix(err.Error(), "has no image for linux/ppc64le, linux/s390x, only for linux/amd64, linux/arm64") {
		t.Errorf("a catalog without the releases' platforms: %v", err)
	}
}

func TestCatalogThatDiffersBetweenPlatforms(t *testing.T) {
	u := manyArches(t)
	bundleImage := u.image("acme/tool-bundle", "", []byte("manifests"))
	u.catalog("odd", map[string]string{"linux/amd64": "", "linux/arm64": "newer"}, bundleImage.Digest)
	text := mirrorOf("  operators:\n  - catalog: HOST/redhat/index:odd\n    packages: [{name: tool}]\n    platforms: [{os: linux, architecture: arm64}, {os: linux, architecture: amd64}]\n")
	_, err := Make(t.Context(), u.imageset(text), u.source(), u.options())
	const want = "/redhat/index:odd: its images for linux/amd64 and linux/arm64 do not have the same versions: tool.v1.1.0 in channel stable of tool is in the first only"
	if err == nil || err.Error() != u.host+want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	p := u.make(strings.Replace(text, ", {os: linux, architecture: amd64}", "", 1))
	if got := p.Manifest.Catalogs[0].Platforms; !slices.Equal(got, []string{"linux/arm64"}) {
		t.Errorf("of one: %q", got)
	}
}

func TestPlatformsOfACatalogsImages(t *testing.T) {
	u := manyArches(t)
	p := u.make(mirrorOf("  operators:\n  - catalog: HOST/redhat/index:v4.9\n    packages: [{name: tool}]\n    platforms: [{os: linux, architecture: arm64}]\n"))
	got := platformsByName(u, p.Manifest)
	for name, want := range map[string]string{"redhat/index:v4.9": "", "acme/tool-bundle": "", "acme/tool:v1": "linux/arm64"} {
		if platforms, there := got[name]; !there || platforms != want {
			t.Errorf("%s: %q, want %q", name, platforms, want)
		}
	}
	if len(p.Warnings) != 1 || !strings.HasPrefix(p.Warnings[0], "images that travel without some of their platforms: 1; ") {
		t.Errorf("warnings %q", p.Warnings)
	}
	// The tool itself for one platform alone, and then for none that is wanted.
	u.image("acme/tool", "v1", []byte("tool"))
	p = u.make(mirrorOf("  operators:\n  - catalog: HOST/redhat/index:v4.9\n    packages: [{name: tool}]\n    platforms: [{os: linux, architecture: arm64}]\n"))
	if want := []string{u.host + "/redhat/index:v4.9: no image for linux/arm64: " + u.host + "/acme/tool:v1"}; !slices.Equal(p.Warnings, want) || p.Manifest.Features != nil {
		t.Errorf("warnings %q, want %q; features %q", p.Warnings, want, p.Manifest.Features)
	}
}

func TestPlatformsOfAdditionalImages(t *testing.T) {
	u := manyArches(t)
	make := func(name, platforms string) (*Plan, error) {
		return Make(t.Context(), u.imageset(mirrorOf("  additionalImages: [{name: HOST/acme/"+name+", platforms: ["+platforms+"]}]\n")), u.source(), u.options())
	}
	const amd64, arm64, s390x = "{os: linux, architecture: amd64}", "{os: linux, architecture: arm64}", "{os: linux, architecture: s390x}"
	for name, c := range map[string]struct{ image, platforms, travel, want string }{
		"some":                {"tool:v1", arm64 + ", " + amd64, "linux/amd64 linux/arm64", ""},
		"all that there are":  {"all:v1", arm64 + ", " + amd64, "", ""},
		"one that is missing": {"all:v1", amd64 + ", " + s390x, "", "has no image for linux/s390x, only for linux/amd64, linux/arm64"},
		"a plain one":         {"plain:v1", amd64, "", ""},
		"another plain one":   {"plain:v1", arm64, "", `is one image, for "linux/amd64", the image set asks for linux/arm64`},
	} {
		p, err := make(c.image, c.platforms)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), u.host+"/acme/"+c.image+": ") || !strings.HasSuffix(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", name, err, c.want)
		case err == nil && platformsByName(u, p.Manifest)["acme/"+c.image] != c.travel:
			t.Errorf("%s: %q travel, want %q", name, platformsByName(u, p.Manifest)["acme/"+c.image], c.travel)
		}
	}
}

func TestAssumedPlatforms(t *testing.T) {
	for want, p := range map[string]imageset.Platform{
		"linux/amd64":             {},
		"linux/amd64 linux/s390x": {Architectures: []string{"s390x", "amd64"}},
		"linux/amd64 linux/arm64 linux/ppc64le linux/s390x": {Architectures: []string{"multi", "arm64"}},
		"linux/arm64 linux/ppc64le":                         {Architectures: []string{"multi", "arm64"}, Platforms: []imageset.ImagePlatform{{OS: "linux", Architecture: "ppc64le"}}},
	} {
		if got := strings.Join(assumedPlatforms(&imageset.Config{Mirror: imageset.Mirror{Platform: p}}), " "); got != want {
			t.Errorf("%+v: %s, want %s", p, got, want)
		}
	}
}

func TestHopsOfSeveralArchitecturesAreListedOnce(t *testing.T) {
	p := newPlanner(nil, Options{})
	p.addHops([]release.Hop{{From: "4.9.2", To: "4.10.0"}, {From: "4.10.0", To: "4.10.1"}})
	p.addHops([]release.Hop{{From: "4.9.1", To: "4.9.2"}, {From: "4.9.2", To: "4.10.0"}})
	p.sortHops()
	if got := fmt.Sprint(p.hops); got != "[{4.9.1 4.9.2 false []} {4.9.2 4.10.0 false []} {4.10.0 4.10.1 false []}]" {
		t.Error(got)
	}
}
