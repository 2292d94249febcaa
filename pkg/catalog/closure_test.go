package catalog

import (
	"strings"
	"testing"
)

func TestClosureTellsWhatItAddedAndWhy(t *testing.T) {
	text := strings.Join([]string{
		chained("a", [2]string{"1.0.0", needs("B")}),
		chained("b", [2]string{"2.0.0", gives("B") + needsPackage("c", "<2.0.0")}),
		chained("c", [2]string{"2.0.0", ""}, [2]string{"1.0.0", ""}),
	}, "---\n")
	c := loadFiles(t, map[string]string{"a": text}, "a")
	_, added, err := c.Closure([]PackageRequest{{Name: "a"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range added {
		got = append(got, a.String())
	}
	wantStrings(t, "added", got,
		"package b: added, b.v2.0.0 of channel stable: a.v1.0.0 requires API B.v1.g",
		"package c: added, c.v1.0.0 of channel stable: b.v2.0.0 requires package c <2.0.0")
}

// A request with dependencies wants packages that were not read; without, what is
// missing is only told.
func TestChoiceWithDependencies(t *testing.T) {
	text := strings.Join([]string{
		chained("a", [2]string{"2.0.0", needs("B")}, [2]string{"1.0.0", needs("Nobody")}),
		chained("b", [2]string{"1.0.0", gives("B")}),
	}, "---\n")
	c := loadFiles(t, map[string]string{"a": text}, "a")
	for name, test := range map[string]struct {
		request           Request
		selection, unread string
		missing           []string
	}{
		"without": {Request{Packages: []PackageRequest{{Name: "a"}}}, "a(stable): stable[a.v2.0.0]", "",
			[]string{"a.v2.0.0 requires API B.v1.g: not kept, but in the catalog: package b (b.v1.0.0 in channel stable)"}},
		"with": {Request{Packages: []PackageRequest{{Name: "a"}}, WithDependencies: true},
			"a(stable): stable[a.v2.0.0] b(stable): stable[b.v1.0.0]", "b", nil},
		"with, and all versions": {Request{Packages: []PackageRequest{{Name: "a"}}, Full: true, WithDependencies: true},
			"a(stable): stable[a.v1.0.0 a.v2.0.0] b(stable): stable[b.v1.0.0]", "b",
			[]string{"a.v1.0.0 requires API Nobody.v1.g: nothing in the catalog provides it"}},
		"with, of all that was read": {Request{WithDependencies: true}, "a(stable): stable[a.v2.0.0]", "",
			[]string{"a.v2.0.0 requires API B.v1.g: not kept, but in the catalog: package b (b.v1.0.0 in channel stable)"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.request.choose(c)
			if err != nil {
				t.Fatal(err)
			}
			if s := strings.Join(show(got.Packages), " "); s != test.selection {
				t.Errorf("selection %s, want %s", s, test.selection)
			}
			if s := strings.Join(got.unread, " "); s != test.unread {
				t.Errorf("unread %q, want %q", s, test.unread)
			}
			wantStrings(t, "missing", lines(got.missing), test.missing...)
		})
	}
}

// For a cluster all its catalogs are one.
func TestWhatAnotherCatalogProvidesIsNotMissing(t *testing.T) {
	pruned := func(text string, name string) *Pruned {
		c := loadFiles(t, map[string]string{"a": text}, name)
		chosen, err := Request{Packages: []PackageRequest{{Name: name}}}.choose(c)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := c.Keep(chosen.Packages)
		if err != nil {
			t.Fatal(err)
		}
		return &Pruned{Missing: chosen.missing, kept: kept.bundles()}
	}
	a := pruned(chained("a", [2]string{"1.0.0", needs("B") + needs("C") + needsPackage("b", ">=2.0.0")}), "a")
	b := pruned(chained("b", [2]string{"1.0.0", gives("B") + needs("C")}), "b")
	Settle([]*Pruned{a, b})
	wantStrings(t, "missing of a", lines(a.Missing),
		"a.v1.0.0 requires API C.v1.g: nothing in the catalog provides it",
		"a.v1.0.0 requires package b >=2.0.0: nothing in the catalog provides it")
	wantStrings(t, "missing of b", lines(b.Missing), "b.v1.0.0 requires API C.v1.g: nothing in the catalog provides it")
}
