package e2e

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"drayage/pkg/catalog"
	"drayage/test/content"
)

// The pruned catalog as a node serves it: one layer more, another command, and
// flattened by another reader than ours just the packages that were asked for,
// which pass the rules of `opm validate`.
func TestPrunedCatalogImage(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	node := nodes(t, dir, 1)[0]
	good(t, dir, "import", "push", "--site", "site.yaml", "site.tar")
	pruned := image(t, node.Addr()+"/olm-mirror/redhat-operator-index:v4.17")
	source := image(t, src.Addr()+"/"+content.CatalogRef)
	oneLayerMore(t, source, pruned)
	cfg, err := pruned.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(cfg.Config.Cmd, " "); got != "serve /configs" {
		t.Errorf("Cmd is %q", got)
	}
	if got := strings.Join(cfg.Config.Entrypoint, " "); got != "/bin/opm" {
		t.Errorf("Entrypoint is %q", got)
	}
	validCatalog(t, pruned, filled.Catalog.Packages[:len(filled.Catalog.Packages)-1])
}

func image(t *testing.T, ref string) v1.Image {
	t.Helper()
	r, err := name.ParseReference(ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(r, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"}))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func oneLayerMore(t *testing.T, source, pruned v1.Image) {
	t.Helper()
	a, err := source.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	b, err := pruned.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Layers) != len(a.Layers)+1 || a.MediaType != b.MediaType {
		t.Fatalf("%d layers of %s, the source has %d of %s", len(b.Layers), b.MediaType, len(a.Layers), a.MediaType)
	}
	for i := range a.Layers {
		if a.Layers[i].Digest != b.Layers[i].Digest {
			t.Errorf("layer %d is another", i)
		}
	}
}

// validCatalog flattens an image and reads its catalog.
func validCatalog(t *testing.T, img v1.Image, want []string) {
	t.Helper()
	l := catalog.NewLoader(nil)
	for r := tar.NewReader(mutate.Extract(img)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if path, ok := strings.CutPrefix(strings.TrimPrefix(h.Name, "/"), "configs/"); ok && h.Typeflag == tar.TypeReg {
			if err := l.Add(path, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	c, err := l.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range c.Validate() {
		t.Error(err)
	}
	var got []string
	for _, p := range c.Packages {
		got = append(got, p.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("packages %v, want %v", got, want)
	}
}

// What a catalog's kept versions name is in the bundle, all of it.
func TestEveryImageThatTheCatalogNamesTravels(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	have := map[string]bool{}
	for _, i := range packingList(t, dir).Images {
		have[i.Name] = true
	}
	node := nodes(t, dir, 1)[0]
	good(t, dir, "import", "push", "--site", "site.yaml", "site.tar")
	for _, named := range namedImages(t, image(t, node.Addr()+"/olm-mirror/redhat-operator-index:v4.17")) {
		if !have[named] {
			t.Errorf("%s is named by the catalog and is not in the bundle", named)
		}
	}
}

// namedImages reads the "image" keys of all documents, with nothing of our own
// reader.
func namedImages(t *testing.T, img v1.Image) []string {
	t.Helper()
	var names []string
	for r := tar.NewReader(mutate.Extract(img)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(h.Name, "configs/") || h.Typeflag != tar.TypeReg {
			continue
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		for d := json.NewDecoder(bytes.NewReader(raw)); ; {
			var doc struct {
				Image         string
				RelatedImages []struct{ Image string }
			}
			if err := d.Decode(&doc); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			names = append(names, doc.Image)
			for _, i := range doc.RelatedImages {
				names = append(names, i.Image)
			}
		}
	}
	names = slices.DeleteFunc(names, func(s string) bool { return s == "" })
	if len(names) == 0 {
		t.Fatal("the catalog names no image")
	}
	return names
}
