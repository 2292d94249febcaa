package catalog

import (
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// listFiles lists a catalog of files, as [List] does.
func listFiles(t *testing.T, files map[string]string) *Listing {
	t.Helper()
	l := newLister()
	for name, text := range files {
		if err := l.Add(name, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := l.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	return c.listing()
}

// listingLines are one line for each package, channel and version.
func listingLines(l *Listing) []string {
	var all []string
	for _, p := range l.Packages {
		all = append(all, fmt.Sprintf("%s (%s) %s", p.Name, p.DefaultChannel, p.DisplayName))
		for _, ch := range p.Channels {
			head := "no head"
			if ch.Head != nil {
				head = ch.Head.Version
			}
			all = append(all, fmt.Sprintf("  %s: %s", ch.Name, head))
			for _, v := range ch.Versions {
				all = append(all, strings.TrimRight(fmt.Sprintf("    %s replaces %s %v %s", v.Version, v.ReplacesVersion, v.Skips, v.SkipRange), " "))
			}
		}
	}
	return all
}

func TestListing(t *testing.T) {
	l := listFiles(t, map[string]string{"a": whole, "b": "---\nschema: x\npackage: other\n"})
	wantStrings(t, "listing", listingLines(l),
		"foo (stable) ",
		"  old: 1.0.0",
		"    1.0.0 replaces  []",
		"  stable: 3.0.0",
		"    1.0.0 replaces  []",
		"    2.0.0 replaces 0.0.1 []",
		"    3.0.0 replaces 2.0.0 [foo.v1.0.0] >=1.0.0 <3.0.0")
}

// What is no valid catalog is listed as far as it goes: pruning says what is wrong.
func TestListingOfWhatIsNotValid(t *testing.T) {
	text := strings.Replace(whole, "replaces: foo.v2.0.0, ", "", 1) + "---\nschema: olm.channel\npackage: foo\nname: empty\nentries: []\n" +
		"---\nschema: olm.channel\npackage: foo\nname: gone\nentries: [{name: b}, {name: a}, {name: foo.v3.0.0}]\n"
	wantStrings(t, "listing", listingLines(listFiles(t, map[string]string{"a": text})),
		"foo (stable) ",
		"  empty: no head",
		"  gone: no head",
		"    3.0.0 replaces  []",
		"     replaces  []",
		"     replaces  []",
		"  old: 1.0.0",
		"    1.0.0 replaces  []",
		"  stable: no head",
		"    1.0.0 replaces  []",
		"    2.0.0 replaces 0.0.1 []",
		"    3.0.0 replaces  [foo.v1.0.0] >=1.0.0 <3.0.0")
}

func TestDisplayNames(t *testing.T) {
	csv := func(value string) string {
		return operator("foo", "{name: foo.v1.0.0}") + "---\nschema: olm.bundle\npackage: foo\nname: foo.v1.0.0\nimage: quay.io/foo/bundle:1\nproperties:\n" +
			"- type: olm.package\n  value: {packageName: foo, version: 1.0.0}\n- type: olm.csv.metadata\n  value:\n" + value
	}
	for _, test := range []struct{ name, text, want string }{
		{"in YAML", csv("    annotations:\n      displayName: not this\n    displayName: The Foo\n    keywords: [a]\n"), "The Foo"},
		{"in quotes", csv("    displayName: 'Foo: it''s \"here\"'\n    keywords: [a]\n"), `Foo: it's "here"`},
		{"over several lines", csv("    displayName: |\n      The\n      Foo\n    keywords: [a]\n"), ""},
		{"not there", csv("    keywords: [a]\n"), ""},
		{"no text", csv("    displayName: {a: b}\n    keywords: [a]\n"), ""},
		{"in JSON", `{"schema": "olm.package", "name": "foo", "defaultChannel": "stable"}
{"schema": "olm.channel", "package": "foo", "name": "stable", "entries": [{"name": "foo.v1.0.0"}]}
{"schema": "olm.bundle", "package": "foo", "name": "foo.v1.0.0", "properties": [{"type": "olm.package", "value": {"packageName": "foo", "version": "1.0.0"}},
  {"type": "olm.csv.metadata", "value": {"description": "x", "displayName": "The \"Foo\""}}]}`, `The "Foo"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := listFiles(t, map[string]string{"a": test.text})
			if len(l.Packages) != 1 || l.Packages[0].DisplayName != test.want || l.Packages[0].Head().Version != "1.0.0" {
				t.Errorf("got %+v, want %q", l.Packages, test.want)
			}
		})
	}
}

func TestListingNamesWhatIsNear(t *testing.T) {
	l := listFiles(t, map[string]string{"a": whole})
	if _, err := l.Package("fo"); err == nil || err.Error() != `package "fo": not in the catalog; near: foo` {
		t.Error(err)
	}
	p, err := l.Package("foo")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Channel("stabel"); err == nil || err.Error() != `package "foo": channel "stabel": not in the package; near: stable` {
		t.Error(err)
	}
	if _, err := p.Channel("beta"); err == nil || err.Error() != `package "foo": channel "beta": not in the package; there are: old, stable` {
		t.Error(err)
	}
}

func TestListingOfNothing(t *testing.T) {
	l := newLister()
	if _, err := l.Catalog(); err == nil || err.Error() != "catalog: has no package" {
		t.Error(err)
	}
}

// listReal lists a catalog of the shared fixtures.
func listReal(t *testing.T, name string) *Listing {
	t.Helper()
	root := filepath.Join(sharedFixtures, name)
	if _, err := os.Stat(root); err != nil {
		t.Skipf("shared fixtures are not here: %v", err)
	}
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(filepath.Join(root, name))
		files[name] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return listFiles(t, files)
}

// summary is a line for each package, with the number of versions in each channel.
func summary(l *Listing) []string {
	var all []string
	for _, p := range l.Packages {
		line := fmt.Sprintf("%s (%s) %q:", p.Name, p.DefaultChannel, p.DisplayName)
		for _, ch := range p.Channels {
			line += fmt.Sprintf(" %s %d %s", ch.Name, len(ch.Versions), ch.Head.Version)
		}
		all = append(all, line)
	}
	return all
}

func TestListingOfRealCatalogs(t *testing.T) {
	wantStrings(t, "listing", summary(listReal(t, "fbc-art-4.17/catalog")),
		`kubernetes-nmstate-operator (stable) "Kubernetes NMState Operator": stable 10 4.17.0-202412180037`,
		`local-storage-operator (stable) "Local Storage": stable 11 4.17.0-202412170235`,
		`nfd (stable) "Node Feature Discovery Operator": stable 10 4.17.0-202412170235`,
		`vertical-pod-autoscaler (stable) "VerticalPodAutoscaler": stable 9 4.17.0-202412170235`)
	wantStrings(t, "listing", summary(listReal(t, "fbc-opm-testdata-latest")),
		`bar (stable) "": alpha 3 1.0.0 stable 1 1.0.0`,
		`baz (stable) "": stable 3 1.1.0`,
		`foo (beta) "": beta 4 0.3.1`)
}

func TestListingOfARealDatabase(t *testing.T) {
	path := filepath.Join(sharedFixtures, "sqlite/operator-registry-bundles.db")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("shared fixtures are not here: %v", err)
	}
	l, err := listDatabase(t.Context(), path, filepath.Join(t.TempDir(), "empty.db"))
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "listing", summary(l),
		`etcd (alpha) "etcd": alpha 3 0.9.2 beta 2 0.9.0 stable 3 0.9.2`,
		`prometheus (preview) "Prometheus Operator": preview 3 0.22.2`,
		`strimzi-kafka-operator (stable) "Strimzi Apache Kafka Operator": alpha 4 0.12.2 beta 3 0.12.1 stable 2 0.11.1`)
	p, err := l.Package("etcd")
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "etcd", listingLines(&Listing{Packages: []ListedPackage{*p}}),
		"etcd (alpha) etcd",
		"  alpha: 0.9.2",
		"    0.6.1 replaces  []",
		"    0.9.0 replaces 0.6.1 []",
		"    0.9.2 replaces 0.9.0 [etcdoperator.v0.9.1] < 0.6.0",
		"  beta: 0.9.0",
		"    0.6.1 replaces  []",
		"    0.9.0 replaces 0.6.1 []",
		"  stable: 0.9.2",
		"    0.6.1 replaces  []",
		"    0.9.0 replaces 0.6.1 []",
		"    0.9.2 replaces 0.9.0 [etcdoperator.v0.9.1] < 0.6.0")
}

// Before version 5 of the schema, a database has no versions and no objects.
func TestListingOfAnOldDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"CREATE TABLE operatorbundle (name TEXT PRIMARY KEY, csv TEXT)",
		"CREATE TABLE package (name TEXT PRIMARY KEY, default_channel TEXT)",
		"CREATE TABLE channel (name TEXT, package_name TEXT, head_operatorbundle_name TEXT)",
		"CREATE TABLE channel_entry (entry_id INTEGER PRIMARY KEY, channel_name TEXT, package_name TEXT, operatorbundle_name TEXT, replaces INTEGER, depth INTEGER)",
		"CREATE TABLE related_image (image TEXT, operatorbundle_name TEXT)",
		`INSERT INTO operatorbundle VALUES ('foo.v1.0.0', NULL), ('foo.v1.1.0', 'no JSON'), ('foo.v2.0.0', '{"spec": {"displayName": "The Foo"}}')`,
		"INSERT INTO package VALUES ('foo', 'stable')",
		"INSERT INTO channel VALUES ('stable', 'foo', 'foo.v2.0.0'), ('old', 'foo', 'foo.v1.1.0')",
		"INSERT INTO channel_entry VALUES (1, 'stable', 'foo', 'foo.v2.0.0', 2, 0), (2, 'stable', 'foo', 'foo.v1.1.0', NULL, 1)",
		"INSERT INTO channel_entry VALUES (3, 'stable', 'foo', 'foo.v2.0.0', 4, 1), (4, 'stable', 'foo', 'foo.v1.0.1', NULL, 2)",
		"INSERT INTO channel_entry VALUES (5, 'old', 'foo', 'foo.v1.1.0', 6, 0), (6, 'old', 'foo', 'foo.v1.0.0', NULL, 1)",
	} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := listDatabase(t.Context(), path, filepath.Join(t.TempDir(), "empty.db"))
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "listing", listingLines(l),
		"foo (stable) The Foo",
		"  old: 1.1.0",
		"    1.0.0 replaces  []",
		"    1.1.0 replaces 1.0.0 []",
		"  stable: 2.0.0",
		"    1.1.0 replaces  []",
		"    2.0.0 replaces 1.1.0 [foo.v1.0.1]")
	if _, err := listDatabase(t.Context(), filepath.Join(sharedFixtures, "..", "gone.db"), filepath.Join(t.TempDir(), "empty.db")); err == nil {
		t.Error("a database that is not there was listed")
	}
}

// BenchmarkListLargeCatalog lists the catalog of BenchmarkLoadLargeCatalog.
func BenchmarkListLargeCatalog(b *testing.B) {
	for _, format := range []string{"json", "yaml"} {
		b.Run(format, func(b *testing.B) {
			dir := b.TempDir()
			b.SetBytes(writeLargeCatalog(b, dir, format, benchmarkSize(b)))
			runtime.GC()
			for b.Loop() {
				l := newLister()
				err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
					if err != nil || d.IsDir() {
						return err
					}
					f, err := os.Open(filepath.Join(dir, name))
					if err != nil {
						return err
					}
					defer f.Close()
					return l.Add(name, f)
				})
				if err != nil {
					b.Fatal(err)
				}
				c, err := l.Catalog()
				if err != nil {
					b.Fatal(err)
				}
				if n := len(c.listing().Packages); n != benchmarkPackages {
					b.Fatalf("%d packages", n)
				}
			}
			reportPeak(b)
		})
	}
}
