package content

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestCatalogImageHasTheShapeOfARealOne(t *testing.T) {
	c, err := MakeCatalog(CatalogOptions{Size: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	x, ok := c.Image.Content.(v1.ImageIndex)
	if !ok || c.Image.Ref != CatalogRef {
		t.Fatalf("%s is a %T", c.Image.Ref, c.Image.Content)
	}
	m, err := x.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for i, arch := range []string{"amd64", "arm64"} {
		img, err := x.Image(m.Manifests[i].Digest)
		if err != nil {
			t.Fatal(err)
		}
		f := configOf(t, img)
		if f.Architecture != arch || f.Config.Labels["operators.operatorframework.io.index.configs.v1"] != "/configs" ||
			!slices.Equal(f.Config.Entrypoint, []string{"/bin/opm"}) ||
			!slices.Equal(f.Config.Cmd, []string{"serve", "/configs", "--cache-dir=/tmp/cache"}) {
			t.Errorf("%s: %+v", arch, f.Config)
		}
		if _, ok := layerFiles(t, img, 1)["bin/opm"]; !ok {
			t.Errorf("%s: no /bin/opm", arch)
		}
		if _, ok := layerFiles(t, img, 3)["tmp/cache/pogreb.v1/digest"]; !ok {
			t.Errorf("%s: no /tmp/cache", arch)
		}
		configs := layerFiles(t, img, 2)
		for _, f := range c.Files {
			if configs["configs/"+f.Path] != string(f.Content) {
				t.Errorf("%s: /configs/%s differs", arch, f.Path)
			}
		}
	}
	if want := []string{"anchor-operator", "buoy-operator", "crane-operator"}; !slices.Equal(c.Packages, want) {
		t.Errorf("packages %v, want %v", c.Packages, want)
	}
}

func TestCatalogOfOneArchitectureIsAnImage(t *testing.T) {
	c, err := MakeCatalog(CatalogOptions{Size: 10_000, Arches: []string{"arm64"}, Ref: "quay.io/a/b:c", OCI: true})
	if err != nil {
		t.Fatal(err)
	}
	img, ok := c.Image.Content.(v1.Image)
	if !ok || c.Image.Ref != "quay.io/a/b:c" || configOf(t, img).Architecture != "arm64" {
		t.Errorf("%s: %T", c.Image.Ref, c.Image.Content)
	}
}

func TestCatalogNamesJustTheImagesThatWereMade(t *testing.T) {
	c, err := MakeCatalog(CatalogOptions{Size: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	same(t, c)
	for _, want := range []string{"registry.redhat.io/openshift4/ose-anchor-operator-bundle@", "registry.redhat.io/buoy/buoy-rhel9-operator@"} {
		if !slices.ContainsFunc(c.Related, func(n Named) bool { return strings.HasPrefix(n.Ref, want) }) {
			t.Errorf("no %s", want)
		}
	}
}

// same checks that what the blobs name and what was made are the same.
func same(t *testing.T, c *Catalog) {
	t.Helper()
	var named []string
	for _, f := range c.Files {
		blobs, err := readBlobs(f)
		if err != nil {
			t.Fatal(err)
		}
		named = append(named, images(blobs)...)
	}
	slices.Sort(named)
	named = slices.Compact(named)
	var made []string
	for _, n := range c.Related {
		made = append(made, n.Ref)
	}
	if !slices.Equal(named, made) {
		t.Errorf("named\n%s\nmade\n%s", strings.Join(named, "\n"), strings.Join(made, "\n"))
	}
}

func TestRealCatalogIsRewrittenThroughout(t *testing.T) {
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	csv := `{"spec":{"relatedImages":[{"image":"quay.io/x/y@sha256:` + b + `"}],"padding":"` + strings.Repeat("z", 60) + `"}}`
	dir := fstest.MapFS{
		"p/catalog.yaml": {Data: []byte(`---
schema: olm.package
name: p
---
schema: olm.bundle
image: registry.redhat.io/p/bundle@sha256:` + a + `
relatedImages:
- image: mirror.example.com/p/bundle@sha256:` + a + `
- image: quay.io/x/y@sha256:` + b + `
- image: quay.io/tagged/z:v1
properties:
- type: olm.bundle.object
  value: {data: ` + base64.StdEncoding.EncodeToString([]byte(csv)) + `}
- type: olm.csv.metadata
  value: 'an example: "quay.io/x/y@sha256:` + b + `" and sha256:` + a + ` alone'
`)},
		".indexignore": {Data: []byte("README.md\n")},
		"README.md":    {Data: []byte("no blob: {\n")},
	}
	c, err := MakeCatalog(CatalogOptions{Dir: dir, Size: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	same(t, c)
	digest := map[string]string{}
	for _, n := range c.Related {
		digest[repository(n.Ref)] = n.Digest
	}
	if digest["registry.redhat.io/p/bundle"] != digest["mirror.example.com/p/bundle"] {
		t.Errorf("one digest became two: %v", digest)
	}
	text := string(c.Files[2].Content)
	if strings.Contains(text, "@sha256:"+a) || strings.Contains(text, "@sha256:"+b) {
		t.Errorf("real digests are left:\n%s", text)
	}
	newA, newB := digest["registry.redhat.io/p/bundle"], digest["quay.io/x/y"]
	wantCSV := base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(csv, "sha256:"+b, newB)))
	for _, want := range []string{"bundle@" + newA, `"quay.io/x/y@` + newB + `"`, "data: " + wantCSV, "sha256:" + a + " alone"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if string(c.Files[0].Content) != "README.md\n" || string(c.Files[1].Content) != "no blob: {\n" {
		t.Errorf("other files changed: %q, %q", c.Files[0].Content, c.Files[1].Content)
	}
}

func TestCatalogsThatCannotBeReadAreRefusedByFile(t *testing.T) {
	for name, c := range map[string]struct{ file, content, want string }{
		"bad YAML":      {"a.yaml", "a: b\n---\nx: [\n", "a.yaml: document 2: "},
		"bad JSON":      {"a.json", "{}{", "a.json: document 2: "},
		"bad reference": {"a.json", `{"image":"Not A Reference"}`, "a.json: "},
	} {
		_, err := MakeCatalog(CatalogOptions{Dir: fstest.MapFS{c.file: {Data: []byte(c.content)}}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

func TestTheReal417Catalogs(t *testing.T) {
	dir := filepath.Join(fixtures(t), "fbc-art-4.17", "catalog")
	c, err := MakeCatalog(CatalogOptions{Dir: os.DirFS(dir), Size: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"kubernetes-nmstate-operator", "local-storage-operator", "nfd", "vertical-pod-autoscaler"}
	if !slices.Equal(c.Packages, want) {
		t.Errorf("packages %v, want %v", c.Packages, want)
	}
	if len(c.Related) < 100 {
		t.Errorf("only %d images", len(c.Related))
	}
	named := map[string]bool{}
	for _, n := range c.Related {
		named[n.Ref] = true
	}
	for _, f := range c.Files {
		for _, ref := range digestRef.FindAllString(string(f.Content), -1) {
			if !named[ref] {
				t.Errorf("%s names %s, which was not made", f.Path, ref)
			}
		}
	}
}
