package e2e

import (
	"bufio"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/site"
	"drayage/test/content"
	"drayage/test/registry"
)

// fixtures is the folder of real payloads, which only some machines have.
func fixtures(t *testing.T) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "fixtures")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("shared fixtures are not here: ", err)
	}
	return dir
}

var blogRepositories = site.Repositories{Release: "ocp4/openshift", Registry: "registry", Operators: "olm-mirror"}

// The real payload of 4.12.0 with made-up images: it is built, pushed, and all
// 184 names on the node are those that oc gives.
func TestRealPayload(t *testing.T) {
	dir := fixtures(t)
	references, err := os.ReadFile(filepath.Join(dir, "release-4.12.0/release-manifests/image-references"))
	if err != nil {
		t.Fatal(err)
	}
	rel, err := content.MakeRelease(content.ReleaseOptions{References: references})
	if err != nil {
		t.Fatal(err)
	}
	reg, err := content.MakeRegistryImage(1<<16, false)
	if err != nil {
		t.Fatal(err)
	}
	src := registry.StartT(t, registry.Options{})
	if err := content.Push(t.Context(), src.Addr(), content.PushOptions{}, append(rel.Images(), reg)...); err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	write(t, work, "registries.conf", string(content.RegistriesConf(src.Addr())))
	write(t, work, "imageset.yaml", "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  platform:\n    channels:\n    - {name: stable-4.12, minVersion: 4.12.0, maxVersion: 4.12.0}\n")
	build(t, work)
	node := nodes(t, work, 1)[0]
	good(t, work, "import", "push", "--site", "site.yaml", "site.tar")
	want := goldenPlaces(t, filepath.Join(dir, "golden-oc/release-4.12.0-to-mirror.txt"))
	if len(want) != 184 {
		t.Fatalf("the golden has %d names, want 184", len(want))
	}
	var got []string
	for _, path := range tags(t, node.Root()) {
		if repo := filepath.Dir(filepath.Dir(filepath.Dir(path))); strings.HasSuffix(repo, "ocp4/openshift") {
			got = append(got, "ocp4/openshift:"+filepath.Base(path))
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the node has %d names, oc gives %d:\n%q\n%q", len(got), len(want), got, want)
	}
	pullAll(t, work, node.Addr())
}

// goldenPlaces reads lines of source and destination, and drops the host.
func goldenPlaces(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var places []string
	for s := bufio.NewScanner(f); s.Scan(); {
		_, place, ok := strings.Cut(s.Text(), " mirror.example.com:5000/")
		if !ok {
			t.Fatalf("line %q", s.Text())
		}
		places = append(places, place)
	}
	slices.Sort(places)
	return places
}

// The real catalogs for 4.17 with made-up images: pruned to the local storage
// operator, built, pushed. The repositories on the node are those that oc gives;
// the tags are sums over the digest, which here is another, so they are compared
// by the rule that the golden's own tags follow.
func TestRealCatalog(t *testing.T) {
	dir := fixtures(t)
	cat, err := content.MakeCatalog(content.CatalogOptions{Dir: os.DirFS(filepath.Join(dir, "fbc-art-4.17/catalog"))})
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
	work := t.TempDir()
	write(t, work, "registries.conf", string(content.RegistriesConf(src.Addr())))
	write(t, work, "imageset.yaml", "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  operators:\n  - catalog: "+content.CatalogRef+"\n    packages:\n    - name: local-storage-operator\n")
	listed := good(t, work, "bundle", "list", "operators", "--registries-conf", "registries.conf", content.CatalogRef)
	if !strings.Contains(listed, "\nlocal-storage-operator       stable           4.17.0-202412170235  Local Storage\n") || strings.Count(listed, "\n") != 5 {
		t.Errorf("listed\n%s\nwant four packages", listed)
	}
	build(t, work)
	want := goldenMapping(t, filepath.Join(dir, "golden-oc/catalog-pruned-lso/mapping.txt"))
	if len(want) != 5 {
		t.Fatalf("the golden has %d operator images, want 5", len(want))
	}
	places, err := mirror.Placements(packingList(t, work), blogRepositories)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range places {
		if p.Image.Role == manifest.RoleOperator {
			ref, err := manifest.ParseRef(p.Image.Name)
			if err != nil {
				t.Fatal(err)
			}
			got[ref.Repository] = p.Repository
			sum := fnv.New32a() // as oc computes it, over the whole pull spec
			io.WriteString(sum, p.Image.Name)
			if want := fmt.Sprintf("%x", sum.Sum32()); p.Tag != want {
				t.Errorf("%s: tag %s, want %s", p.Image.Name, p.Tag, want)
			}
		}
	}
	for source, place := range want {
		if got[source] != place {
			t.Errorf("%s stands at %q, oc gives %q", source, got[source], place)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d operator repositories, oc gives %d: %v", len(got), len(want), got)
	}
	node := nodes(t, work, 1)[0]
	good(t, work, "import", "push", "--site", "site.yaml", "site.tar")
	pullAll(t, work, node.Addr())
}

// goldenMapping reads source repository -> repository on the node, without the
// catalog itself, which the tool in question names otherwise on purpose.
func goldenMapping(t *testing.T, path string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		source, place, ok := strings.Cut(strings.TrimSpace(line), "=localhost:5812/")
		repo, _, digested := strings.Cut(source, "@")
		if !ok || !digested {
			continue
		}
		m[repo], _, _ = strings.Cut(place, ":")
	}
	return m
}
