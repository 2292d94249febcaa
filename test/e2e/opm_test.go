package e2e

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"drayage/pkg/manifest"
	"drayage/test/content"
	"drayage/test/registry"
)

// needOpm leaves a test out where there is no opm, the program that serves
// catalogs.
func needOpm(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("opm"); err != nil {
		t.Skip("opm is not here: the test that it serves the pruned catalog is left out")
	}
}

// The pruned catalog, as a node has it, is what opm takes it for: it passes
// `opm validate`, `opm serve` begins with it, and `opm render` reads the packages, channels and versions that
// the packing list records, and the images that travel.
func TestOpmReadsThePrunedCatalog(t *testing.T) {
	needOpm(t)
	src, filled := sharedSource(t)
	for name, packages := range map[string]string{
		"heads":                     "packages: [{name: anchor-operator}, {name: buoy-operator}]",
		"a range with another head": "packages: [{name: anchor-operator, minVersion: 4.17.0, maxVersion: 4.17.0-202410211206}]",
		"a range in one channel":    "packages: [{name: buoy-operator, channels: [{name: stable-1.2, minVersion: 1.1.1, maxVersion: 1.2.0}]}]",
		"another default channel":   "packages: [{name: buoy-operator, defaultChannel: stable-1.1, channels: [{name: stable-1.1}, {name: candidate}]}]",
		"a deprecation":             "packages: [{name: crane-operator, minVersion: 2.0.0}, {name: buoy-operator}]",
		"everything":                "full: true",
	} {
		t.Run(name, func(t *testing.T) {
			dir := connected(t, src.Addr(), filled)
			opmAgrees(t, dir, content.CatalogRef, packages)
		})
	}
}

// The same of the real catalogs for 4.17, with made-up images.
func TestOpmReadsThePrunedRealCatalog(t *testing.T) {
	needOpm(t)
	real := filepath.Join(fixtures(t), "fbc-art-4.17/catalog")
	cat, err := content.MakeCatalog(content.CatalogOptions{Dir: os.DirFS(real)})
	if err != nil {
		t.Fatal(err)
	}
	reg, err := content.MakeRegistryImage(1<<16, false)
	if err != nil {
		t.Fatal(err)
	}
	src := registry.StartT(t, registry.Options{})
	if err := content.Push(t.Context(), src.Addr(), content.PushOptions{}, append(cat.Images(), reg)...); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "registries.conf", string(content.RegistriesConf(src.Addr())))
	packages := "packages: [{name: local-storage-operator}, {name: nfd, minVersion: 4.17.0-202411251634}]"
	if got := opmAgrees(t, dir, content.CatalogRef, packages); got != 4 {
		t.Errorf("%d versions are kept, want 4", got)
	}
	if got := opmAgrees(t, dir, content.CatalogRef, "full: true"); got != 40 {
		t.Errorf("%d versions in all, want 40", got)
	}
}

// opmAgrees builds, pushes and pulls back what is asked of a catalog, and has opm
// read it. It returns how many versions there are.
func opmAgrees(t *testing.T, dir, catalogRef, packages string) int {
	t.Helper()
	write(t, dir, "imageset.yaml", "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  operators:\n  - catalog: "+catalogRef+"\n    "+packages+"\n")
	build(t, dir)
	list := packingList(t, dir)
	node := nodes(t, dir, 1)[0]
	good(t, dir, "import", "push", "--site", "site.yaml", "site.tar")
	folder := flatten(t, image(t, node.Addr()+"/olm-mirror/redhat-operator-index:v4.17"), "configs")
	opm(t, "validate", folder)
	opm(t, "serve", folder, "--cache-only", "--pprof-addr=", "--termination-log", filepath.Join(t.TempDir(), "log"))
	got := renderedByOpm(t, opm(t, "render", folder, "-o", "json"))
	if want := summaries(list.Catalogs[0].Packages); !slices.Equal(summaries(got.packages), want) {
		t.Errorf("opm reads\n%s\nthe packing list has\n%s", strings.Join(summaries(got.packages), "\n"), strings.Join(want, "\n"))
	}
	travel := map[string]bool{}
	for _, i := range list.Images {
		travel[i.Name] = i.Role == manifest.RoleOperator
	}
	for _, name := range got.images {
		if !travel[name] {
			t.Errorf("opm reads the image %s, which does not travel", name)
		}
	}
	return got.bundles
}

// flatten writes the files below a folder of an image to disk, as a container
// would see them.
func flatten(t *testing.T, img v1.Image, folder string) string {
	t.Helper()
	dir := t.TempDir()
	for r := tar.NewReader(mutate.Extract(img)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		name, ok := strings.CutPrefix(strings.TrimPrefix(h.Name, "/"), folder+"/")
		if !ok || h.Typeflag != tar.TypeReg {
			continue
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, raw, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// opm runs opm, which must succeed, and returns its standard output.
func opm(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("opm", args...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+home, "TMPDIR="+home)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if strings.Contains(errs.String(), "CGO_ENABLED=0") {
		t.Skip("this opm is built without SQLite: the test of a SQLite catalog is left out")
	}
	if err != nil {
		t.Fatalf("opm %s: %v\n%s", strings.Join(args, " "), err, &errs)
	}
	return string(out)
}

// render is what `opm render` prints, as far as a packing list has it.
type render struct {
	packages []manifest.Package
	images   []string
	bundles  int
}

func renderedByOpm(t *testing.T, out string) render {
	t.Helper()
	var r render
	at := map[string]int{}
	for d := json.NewDecoder(strings.NewReader(out)); ; {
		var doc struct {
			Schema, Package, Name, DefaultChannel, Image string
			Entries                                      []struct{ Name string }
			RelatedImages                                []struct{ Image string }
		}
		if err := d.Decode(&doc); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch doc.Schema {
		case "olm.package":
			at[doc.Name] = len(r.packages)
			r.packages = append(r.packages, manifest.Package{Name: doc.Name, DefaultChannel: doc.DefaultChannel})
		case "olm.channel":
			ch := manifest.Channel{Name: doc.Name}
			for _, e := range doc.Entries {
				ch.Bundles = append(ch.Bundles, e.Name)
			}
			p := &r.packages[at[doc.Package]]
			p.Channels = append(p.Channels, ch)
		case "olm.bundle":
			r.bundles++
			r.images = append(r.images, doc.Image)
			for _, i := range doc.RelatedImages {
				r.images = append(r.images, i.Image)
			}
		}
	}
	r.images = slices.DeleteFunc(r.images, func(s string) bool { return s == "" })
	if len(r.packages) == 0 || len(r.images) == 0 {
		t.Error("opm reads nothing")
	}
	return r
}

// summaries are a sorted line for each channel, with its versions sorted.
func summaries(packages []manifest.Package) []string {
	var all []string
	for _, p := range packages {
		for _, ch := range p.Channels {
			versions := slices.Sorted(slices.Values(ch.Bundles))
			all = append(all, fmt.Sprintf("%s (%s) %s: %s", p.Name, p.DefaultChannel, ch.Name, strings.Join(versions, " ")))
		}
	}
	slices.Sort(all)
	return all
}

// A pruned SQLite catalog, as a node has it, is read by opm too.
func TestOpmReadsThePrunedDatabase(t *testing.T) {
	needOpm(t)
	src := registry.StartT(t, registry.Options{})
	images, catalogRef := sqliteWorld(t)
	if err := content.Push(t.Context(), src.Addr(), content.PushOptions{}, images...); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "registries.conf", string(content.RegistriesConf(src.Addr())))
	write(t, dir, "imageset.yaml", "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  operators:\n  - catalog: "+catalogRef+"\n    packages: [{name: anchor}]\n")
	build(t, dir)
	node := nodes(t, dir, 1)[0]
	good(t, dir, "import", "push", "--site", "site.yaml", "site.tar")
	folder := flatten(t, image(t, node.Addr()+"/olm-mirror/redhat-operator-index:v4.9"), "database")
	got := renderedByOpm(t, opm(t, "render", filepath.Join(folder, "index.db"), "-o", "json"))
	if want := summaries(packingList(t, dir).Catalogs[0].Packages); !slices.Equal(summaries(got.packages), want) {
		t.Errorf("opm reads %q, the packing list has %q", summaries(got.packages), want)
	}
}
