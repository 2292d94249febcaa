package catalog

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"drayage/pkg/manifest"
)

// needOpm leaves a test out where there is no opm. What Validate says was
// compared with v1.73.0 of it.
func needOpm(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("opm"); err != nil {
		t.Skip("opm is not here: the comparison with its judgement is left out")
	}
}

// opmValidate is what opm says against a catalog of files, "" for nothing.
func opmValidate(dir string, files map[string]string) (string, error) {
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	out, err := exec.Command("opm", "validate", dir).CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "refused: " + string(out), nil
	}
	return "", err
}

// judged is a catalog and what Validate says of it.
type judged struct {
	name     string
	files    map[string]string
	findings []error
}

// compareWithOpm has opm judge catalogs, a few at a time.
func compareWithOpm(t *testing.T, all []judged) {
	t.Helper()
	var g errgroup.Group
	g.SetLimit(2)
	for _, c := range all {
		dir := t.TempDir()
		g.Go(func() error {
			said, err := opmValidate(dir, c.files)
			if (said == "") != (len(c.findings) == 0) {
				t.Errorf("%s: opm says %q, Validate %v", c.name, said, c.findings)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d catalogs compared", len(all))
}

// Every case of the table in validate_test.go is judged by opm as by Validate.
func TestOpmJudgesEveryCaseAsValidateDoes(t *testing.T) {
	needOpm(t)
	var all []judged
	add := func(name, text string) {
		files := map[string]string{"a.yaml": text}
		all = append(all, judged{name, files, loadFiles(t, files).Validate()})
	}
	for _, c := range validCases() {
		add(c.name, c.text)
	}
	for _, c := range invalidCases() {
		add(c.name, c.text(t))
	}
	for _, name := range slices.Sorted(maps.Keys(packageNames)) {
		add("package "+name, operator(name, "{name: x}")+"---\nschema: olm.bundle\npackage: "+name+
			"\nname: x\nimage: quay.io/x/x:1\nproperties:\n- {type: olm.package, value: {packageName: "+name+", version: 1.0.0}}\n")
	}
	compareWithOpm(t, all)
}

// Channels that are linked at random are judged alike too, the good and the bad.
func TestOpmJudgesChannelsAsValidateDoes(t *testing.T) {
	needOpm(t)
	r := rand.New(rand.NewPCG(13, 14))
	var all []judged
	good := 0
	for range 120 {
		versions := randomVersions(r, 1+r.IntN(5))
		text := operator("foo", randomEntries(r, versions), versions...)
		if r.IntN(2) == 0 {
			text += channel("foo", "old", randomEntries(r, versions[:1+r.IntN(len(versions))]))
		}
		files := map[string]string{"a.yaml": text}
		findings := loadFiles(t, files).Validate()
		if len(findings) == 0 {
			good++
		}
		all = append(all, judged{text, files, findings})
	}
	if good < 20 || good > 100 {
		t.Errorf("%d of %d are valid: too few of one kind", good, len(all))
	}
	compareWithOpm(t, all)
}

// Whatever is asked for, opm takes what is kept.
func TestOpmTakesWhatIsKept(t *testing.T) {
	needOpm(t)
	r := rand.New(rand.NewPCG(11, 12))
	var all []judged
	for len(all) < 60 {
		c := randomPackage(t, r)
		_, kept, err := selectAndKeep(t, c, []PackageRequest{randomRequest(r, c.Packages[0])}, false)
		if err != nil {
			continue
		}
		files := map[string]string{}
		for name, raw := range kept.Files() {
			files[name] = string(raw)
		}
		all = append(all, judged{name: string(kept.Files()["foo/catalog.json"]), files: files})
	}
	compareWithOpm(t, all)
}

// opmDocument is what opm render prints.
type opmDocument struct {
	Schema, Package, Name, DefaultChannel string
	Entries                               []Entry
}

// opmRender is what opm reads in a file or a folder, as a packing list records it.
func opmRender(t *testing.T, path string) []manifest.Package {
	t.Helper()
	cmd := exec.Command("opm", "render", path, "-o", "json")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if strings.Contains(errs.String(), "CGO_ENABLED=0") {
		t.Skip("this opm is built without SQLite: the comparison is left out")
	}
	if err != nil {
		t.Fatalf("opm render: %v\n%s", err, &errs)
	}
	packages := map[string]*manifest.Package{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var doc opmDocument
		if err := d.Decode(&doc); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch doc.Schema {
		case SchemaPackage:
			packages[doc.Name] = &manifest.Package{Name: doc.Name, DefaultChannel: doc.DefaultChannel}
		case SchemaChannel:
			ch := manifest.Channel{Name: doc.Name}
			for _, e := range doc.Entries {
				ch.Bundles = append(ch.Bundles, e.Name)
			}
			slices.Sort(ch.Bundles)
			packages[doc.Package].Channels = append(packages[doc.Package].Channels, ch)
		}
	}
	return sortedPackages(packages)
}

// The real database, pruned by us, is to opm what we say it is; and the packages
// that are listed of the whole one are those that opm renders.
func TestOpmReadsAPrunedDatabase(t *testing.T) {
	needOpm(t)
	source := filepath.Join(sharedFixtures, "sqlite/operator-registry-bundles.db")
	raw, err := os.ReadFile(source)
	if err != nil {
		t.Skipf("shared fixtures are not here: %v", err)
	}
	dir := t.TempDir()
	mine := filepath.Join(dir, "whole.db") // opm writes to what it reads
	if err := os.WriteFile(mine, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	pruned := filepath.Join(dir, "pruned.db")
	d, err := PruneDatabase(t.Context(), source, pruned, []string{"etcd", "strimzi-kafka-operator"})
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "opm reads", show(opmRender(t, pruned)), show(d.Packages)...)
	l, err := listDatabase(t.Context(), source, filepath.Join(dir, "empty.db"))
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "opm reads", show(opmRender(t, mine)), show(l.selection())...)
}

// selection is a listing as a packing list would record it.
func (l *Listing) selection() []manifest.Package {
	var all []manifest.Package
	for _, p := range l.Packages {
		one := manifest.Package{Name: p.Name, DefaultChannel: p.DefaultChannel}
		for _, ch := range p.Channels {
			c := manifest.Channel{Name: ch.Name}
			for _, v := range ch.Versions {
				c.Bundles = append(c.Bundles, v.Name)
			}
			slices.Sort(c.Bundles)
			one.Channels = append(one.Channels, c)
		}
		all = append(all, one)
	}
	return all
}
