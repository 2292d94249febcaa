package catalog

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"drayage/pkg/manifest"
)

const sharedFixtures = "../../../shared/fixtures"

// real loads a catalog of the shared fixtures.
func real(t testing.TB, name string, want ...string) *Catalog {
	t.Helper()
	root := filepath.Join(sharedFixtures, name)
	if _, err := os.Stat(root); err != nil {
		t.Skipf("shared fixtures are not here: %v", err)
	}
	l := NewLoader(want)
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(filepath.Join(root, name))
		if err != nil {
			return err
		}
		defer f.Close()
		return l.Add(name, f)
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var realCatalogs = []string{"fbc-art-4.17/catalog", "fbc-opm-testdata-latest"}

func TestRealCatalogs(t *testing.T) {
	want := map[string]string{
		"fbc-art-4.17/catalog":    "kubernetes-nmstate-operator local-storage-operator nfd vertical-pod-autoscaler",
		"fbc-opm-testdata-latest": "bar baz foo",
	}
	for _, name := range realCatalogs {
		t.Run(name, func(t *testing.T) {
			c := real(t, name)
			var names []string
			for _, p := range c.Packages {
				names = append(names, p.Name)
			}
			wantStrings(t, "packages", names, strings.Fields(want[name])...)
			wantStrings(t, "findings", messages(c.Validate()))
			for _, full := range []bool{false, true} {
				keepValid(t, c, full)
			}
		})
	}
}

// The test data of oc is older than olm.channel: it can be read, and no more.
func TestOldCatalogIsReadAndJudged(t *testing.T) {
	c := real(t, "fbc-oc-test-declcfg")
	wantStrings(t, "images", c.Images(),
		"quay.io/coreos/etcd-operator@sha256:c0301e4686c3ed4206e370b42de5a3bd2229b9fb4906cf85f3f30650424abec2",
		"quay.io/coreos/etcd-operator@sha256:db563baa8194fcfe39d1df744ed70024b0f1f9e9b55b5923c2f3a413c44dc6b8",
		"quay.io/coreos/prometheus-operator@sha256:0e92dd9b5789c4b13d53e1319d0a6375bcca4caaf0d698af61198061222a576d",
		"quay.io/coreos/prometheus-operator@sha256:3daa69a8c6c2f1d35dcf1fe48a7cd8b230e55f5229a1ded438f687debade5bcf",
		"quay.io/coreos/prometheus-operator@sha256:5037b4e90dbb03ebdefaa547ddf6a1f748c8eeebeedf6b9d9f0913ad662b5731",
		"quay.io/test/etcd.0.9.0",
		"quay.io/test/etcd.0.9.2",
		"quay.io/test/prometheus.0.14.0",
		"quay.io/test/prometheus.0.15.0",
		"quay.io/test/prometheus.0.22.2",
	)
	got := strings.Join(messages(c.Validate()), "\n")
	for _, want := range []string{`package "etcd": has no channel`, `package "prometheus": bundle "prometheusoperator.0.22.2": is in no channel`} {
		if !strings.Contains(got, want) {
			t.Errorf("findings are\n%s\nwant in it %s", got, want)
		}
	}
}

func keepValid(t *testing.T, c *Catalog, full bool) *Catalog {
	t.Helper()
	selection, err := c.Select(nil, full)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := c.Keep(selection.Packages)
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, fmt.Sprintf("findings, full %v", full), messages(kept.Validate()))
	if full {
		sameFiles(t, kept.Files(), c.Files())
	}
	return kept
}

func TestHeadsOfARealCatalogNameTheImagesThatOcMirrors(t *testing.T) {
	c := keepValid(t, real(t, "fbc-art-4.17/catalog", "local-storage-operator"), false)
	golden, err := os.ReadFile(filepath.Join(sharedFixtures, "golden-oc/catalog-pruned-lso/mapping.txt"))
	if err != nil {
		t.Skipf("shared fixtures are not here: %v", err)
	}
	var want []string
	for line := range strings.Lines(string(golden)) {
		source, _, ok := strings.Cut(line, "=")
		if ok && !strings.Contains(source, "redhat-operator-index") {
			want = append(want, source)
		}
	}
	slices.Sort(want)
	if len(want) != 5 {
		t.Fatalf("%d images in the golden file", len(want))
	}
	wantStrings(t, "images", c.Images(), want...)
}

func TestRealCatalogPrunedToHeads(t *testing.T) {
	c := real(t, "fbc-art-4.17/catalog", "local-storage-operator", "nfd")
	selection, err := c.Select(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "selection", show(selection.Packages),
		"local-storage-operator(stable): stable[local-storage-operator.v4.17.0-202412170235]",
		"nfd(stable): stable[nfd.4.17.0-202412170235]")
	wantStrings(t, "warnings", selection.Warnings)
	kept, err := c.Keep(selection.Packages)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range kept.Packages {
		if len(p.Bundles) != 1 || len(p.Channels) != 1 || len(p.Channels[0].Entries) != 1 {
			t.Errorf("%s: %d bundles, %d channels", p.Name, len(p.Bundles), len(p.Channels))
		}
		if e, old := p.Channels[0].Entries[0], c.pkg(p.Name).Channels[0].Entries; len(e.Skips) < len(old)-1 || e.SkipRange == "" {
			t.Errorf("%s: the head lost its skips: %v", p.Name, e)
		}
	}
}

func TestRealCatalogInARange(t *testing.T) {
	c := real(t, "fbc-art-4.17/catalog", "local-storage-operator")
	name := func(v string) string { return "local-storage-operator.v4.17.0-" + v }
	tests := []struct {
		name, low, high, head string
		entries, skips        int
	}{
		{"a version without its date takes in all of them", "4.17.0", "4.17.0", "202412170235", 11, 34},
		{"part of a version", "4.17", "", "202412170235", 11, 34},
		{"up to another major", "", "4", "202412170235", 11, 34},
		{"from a date: the head stays as it is", "4.17.0-202411251634", "", "202412170235", 4, 34},
		{"up to a date: the new head skips what the old one did, but for newer ones", "", "4.17.0-202412120604", "202412120604", 10, 31},
		{"between dates", "4.17.0-202410211206", "4.17.0-202411190204", "202411190204", 4, 24},
		{"two that were no heads", "4.17.0-202411190204", "4.17.0-202411251634", "202411251634", 2, 27},
		{"one that was no head", "4.17.0-202411190204", "4.17.0-202411190204", "202411190204", 1, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			selection, kept, err := selectAndKeep(t, c, []PackageRequest{{Name: "local-storage-operator", MinVersion: test.low, MaxVersion: test.high}}, false)
			if err != nil {
				t.Fatal(err)
			}
			wantStrings(t, "warnings", selection.Warnings) // the skipRange reaches the rest
			ch := kept.Packages[0].Channels[0]
			if head, err := ch.head(); err != nil || head != name(test.head) || len(ch.Entries) != test.entries || len(ch.entry(head).Skips) != test.skips {
				t.Errorf("head %s of %d skips %d, %v", head, len(ch.Entries), len(ch.entry(head).Skips), err)
			}
			for _, e := range ch.Entries {
				if older := e.Name <= name(test.head); !older {
					t.Errorf("%s is newer than the head", e.Name)
				}
			}
		})
	}
	_, err := c.Select([]PackageRequest{{Name: "local-storage-operator", MinVersion: "4.18"}}, false)
	wantError(t, err, `package "local-storage-operator": default channel "stable": has no version from 4.18; nearest: 4.17.0-202412170235 below`)
}

func TestRealCatalogsWriteTheSameBytesTwice(t *testing.T) {
	for _, name := range realCatalogs {
		a, b := real(t, name).Files(), real(t, name).Files()
		sameFiles(t, a, b)
		layerA, errA := Layer("configs", a, []string{".wh.old"})
		layerB, errB := Layer("configs", b, []string{".wh.old"})
		if errA != nil || errB != nil || !bytes.Equal(layerA, layerB) {
			t.Errorf("%s: layers differ (%v, %v)", name, errA, errB)
		}
	}
}

func TestRealCatalogRetainsOnlyWhatIsWanted(t *testing.T) {
	c := real(t, "fbc-art-4.17/catalog", "nfd")
	for _, d := range c.documents() {
		if (header{d.Schema, d.Package, d.Name}).owner() != "nfd" {
			t.Errorf("%s %s is kept", d.Schema, d.Name)
		}
	}
}

func TestAnyChoiceOfPackagesIsValid(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, name := range realCatalogs {
		all := real(t, name)
		whole, err := all.Select(nil, true)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			choice := slices.DeleteFunc(slices.Clone(whole.Packages), func(manifest.Package) bool { return r.IntN(2) == 0 })
			if len(choice) == 0 {
				continue
			}
			kept, err := all.Keep(choice)
			if err != nil {
				t.Fatal(err)
			}
			wantStrings(t, "findings", messages(kept.Validate()))
			keepValid(t, kept, r.IntN(2) == 0)
			for _, p := range kept.Packages {
				want := map[string][]byte{p.Name + "/catalog.json": all.Files()[p.Name+"/catalog.json"]}
				sameFiles(t, map[string][]byte{p.Name + "/catalog.json": kept.Files()[p.Name+"/catalog.json"]}, want)
			}
		}
	}
}

// A glance must never disagree with reading, on any document there is.
func TestGlanceAtRealDocumentsAgreesWithReadingThem(t *testing.T) {
	files, _ := filepath.Glob(sharedFixtures + "/fbc-*/*.yaml")
	more, _ := filepath.Glob(sharedFixtures + "/fbc-*/*/*/*.yaml")
	if len(files)+len(more) == 0 {
		t.Skip("shared fixtures are not here")
	}
	sure := 0
	for _, name := range append(files, more...) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, doc := range bytes.Split(b, []byte("\n---\n")) {
			got, ok := peekYAML(doc)
			if !ok {
				continue
			}
			sure++
			raw, err := yamlToJSON(doc)
			if err != nil {
				t.Fatal(err)
			}
			if want, err := peekJSON(raw); err != nil || want.schema != got.schema || want.owner() != got.owner() {
				t.Errorf("%s: document %d: a glance shows %v, reading it %v %v", name, i, got, want, err)
			}
		}
	}
	if sure < 30 {
		t.Errorf("a glance explains only %d documents", sure)
	}
}

// BenchmarkLoadOne reads 20 MB of YAML, or of JSON, for one package of many.
func BenchmarkLoadOne(b *testing.B) {
	c := real(b, "fbc-art-4.17/catalog")
	nfd, err := os.ReadFile(sharedFixtures + "/fbc-art-4.17/catalog/nfd/catalog.yaml")
	if err != nil {
		b.Skip(err)
	}
	for _, test := range []struct {
		name string
		text []byte
	}{
		{"yaml", bytes.ReplaceAll(nfd, []byte("nfd"), []byte("dfn"))},
		{"json", bytes.ReplaceAll(c.Files()["nfd/catalog.json"], []byte("nfd"), []byte("dfn"))},
	} {
		b.Run(test.name, func(b *testing.B) {
			const times = 128
			b.SetBytes(int64(len(test.text)) * times)
			for b.Loop() {
				l := NewLoader([]string{"nfd"})
				for i := range times {
					if err := l.Add(fmt.Sprint(i), bytes.NewReader(test.text)); err != nil {
						b.Fatal(err)
					}
				}
				runtime.KeepAlive(l)
			}
		})
	}
}
