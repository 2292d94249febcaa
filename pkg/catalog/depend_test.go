package catalog

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// chained writes a package with one channel, stable, in which the versions stand
// in a chain, the newest first, each with properties in YAML flow style.
func chained(name string, versions ...[2]string) string {
	var entries []string
	var bundles strings.Builder
	for i, v := range versions {
		e := fmt.Sprintf("{name: %s.v%s", name, v[0])
		if i+1 < len(versions) {
			e += fmt.Sprintf(", replaces: %s.v%s", name, versions[i+1][0])
		}
		entries = append(entries, e+"}")
		bundles.WriteString(strings.Replace(bundle(name, v[0]), "relatedImages:", v[1]+"relatedImages:", 1))
	}
	return operator(name, strings.Join(entries, ", ")) + bundles.String()
}

func gives(kind string) string {
	return "- {type: olm.gvk, value: {group: g, kind: " + kind + ", version: v1}}\n"
}

func needs(kind string) string {
	return "- {type: olm.gvk.required, value: {group: g, kind: " + kind + ", version: v1}}\n"
}

func needsPackage(name, versions string) string {
	return "- {type: olm.package.required, value: {packageName: " + name + ", versionRange: '" + versions + "'}}\n"
}

func constrains(value string) string { return "- {type: olm.constraint, value: " + value + "}\n" }

func lines(missing []Dependency) []string {
	var all []string
	for _, d := range missing {
		all = append(all, d.String())
	}
	return all
}

func TestMissing(t *testing.T) {
	const byBar = "not kept, but in the catalog: package bar (bar.v2.0.0 in channel stable)"
	others := chained("bar", [2]string{"2.0.0", gives("Bar")}, [2]string{"1.0.0", gives("OldBar")}) +
		"---\n" + chained("baz", [2]string{"3.0.0", gives("Bar") + gives("Baz")})
	tests := []struct{ name, properties, want string }{
		{"nothing", "", ""},
		{"what it gives itself", gives("Foo") + needs("Foo"), ""},
		{"API", needs("Bar"), "foo.v1.0.0 requires API Bar.v1.g: not kept, but in the catalog: package bar (bar.v2.0.0 in channel stable), package baz (baz.v3.0.0 in channel stable)"},
		{"API of an older version", needs("OldBar"), "foo.v1.0.0 requires API OldBar.v1.g: not kept, but in the catalog: package bar (bar.v1.0.0 in channel stable)"},
		{"API of nobody", needs("Qux"), "foo.v1.0.0 requires API Qux.v1.g: nothing in the catalog provides it"},
		{"package", needsPackage("bar", ">=1.0.0"), "foo.v1.0.0 requires package bar >=1.0.0: " + byBar},
		{"package in another range", needsPackage("bar", "<2.0.0"), "foo.v1.0.0 requires package bar <2.0.0: not kept, but in the catalog: package bar (bar.v1.0.0 in channel stable)"},
		{"package in no range", needsPackage("bar", ">2.0.0"), "foo.v1.0.0 requires package bar >2.0.0: nothing in the catalog provides it"},
		{"itself as a package", needsPackage("foo", ">=1.0.0"), ""},
		{"range that cannot be read", needsPackage("bar", "2.x || y"), `foo.v1.0.0 requires package bar 2.x || y: cannot be judged here: the range "2.x || y"`},
		{"several, sorted", needs("Qux") + needsPackage("bar", ">=1.0.0") + needs("Qux"), "foo.v1.0.0 requires API Qux.v1.g: nothing in the catalog provides it\nfoo.v1.0.0 requires package bar >=1.0.0: " + byBar},
		{"constraint: API", constrains("{failureMessage: a bar is needed, gvk: {group: g, kind: Bar, version: v1}, package: {packageName: never}}"),
			`foo.v1.0.0 requires API Bar.v1.g ("a bar is needed"): not kept, but in the catalog: package bar (bar.v2.0.0 in channel stable), package baz (baz.v3.0.0 in channel stable)`},
		{"constraint: package", constrains("{package: {packageName: bar, versionRange: '>=1.0.0'}}"), "foo.v1.0.0 requires package bar >=1.0.0: " + byBar},
		{"constraint: all of one bundle", constrains("{all: {constraints: [{gvk: {group: g, kind: Bar, version: v1}}, {not: {constraints: [{package: {packageName: baz, versionRange: '>0.0.0'}}]}}]}}"),
			"foo.v1.0.0 requires all of (API Bar.v1.g, none of (package baz >0.0.0)): " + byBar},
		{"constraint: all, but of two bundles", constrains("{all: {constraints: [{gvk: {group: g, kind: Baz, version: v1}}, {package: {packageName: bar, versionRange: '>0.0.0'}}]}}"),
			"foo.v1.0.0 requires all of (API Baz.v1.g, package bar >0.0.0): nothing in the catalog provides it"},
		{"constraint: any", constrains("{any: {constraints: [{gvk: {group: g, kind: Qux, version: v1}}, {package: {packageName: foo, versionRange: '>0.0.0'}}]}}"), ""},
		{"constraint: any, missing", constrains("{any: {constraints: [{gvk: {group: g, kind: Qux, version: v1}}, {gvk: {group: g, kind: OldBar, version: v1}}]}}"),
			"foo.v1.0.0 requires one of (API Qux.v1.g, API OldBar.v1.g): not kept, but in the catalog: package bar (bar.v1.0.0 in channel stable)"},
		{"constraint: not alone", constrains("{not: {constraints: [{package: {packageName: bar, versionRange: '>0.0.0'}}]}}"), ""},
		{"constraint: CEL", constrains("{cel: {rule: 'true'}}"), `foo.v1.0.0 requires CEL "true": cannot be judged here: a CEL rule`},
		{"constraint: CEL where something else is missing", constrains("{all: {constraints: [{cel: {rule: 'true'}}, {gvk: {group: g, kind: Qux, version: v1}}]}}"),
			`foo.v1.0.0 requires all of (CEL "true", API Qux.v1.g): nothing in the catalog provides it`},
		{"constraint: CEL of what is not kept", constrains("{all: {constraints: [{cel: {rule: 'true'}}, {gvk: {group: g, kind: Baz, version: v1}}]}}"),
			`foo.v1.0.0 requires all of (CEL "true", API Baz.v1.g): cannot be judged here: a CEL rule`},
		{"constraint: CEL that does not matter", constrains("{any: {constraints: [{cel: {rule: 'true'}}, {package: {packageName: foo, versionRange: '>0.0.0'}}]}}"), ""},
		{"constraint: empty", constrains("{}"), "foo.v1.0.0 requires something that is not understood (): cannot be judged here: an empty constraint"},
		{"constraint: unknown", constrains("{new: 1}"), `foo.v1.0.0 requires something that is not understood (json: unknown field "new"): cannot be judged here: json: unknown field "new"`},
		{"constraint: long", constrains("{failureMessage: " + strings.Repeat("x", maxConstraint) + ", gvk: {group: g, kind: Bar, version: v1}}"),
			"foo.v1.0.0 requires something that is not understood (a constraint longer than 131072 bytes): cannot be judged here: a constraint longer than 131072 bytes"},
		{"label", "- {type: olm.label.required, value: {label: x}}\n",
			"foo.v1.0.0 requires something that is not understood (a property of the type olm.label.required): cannot be judged here: a property of the type olm.label.required"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			text := chained("foo", [2]string{"1.0.0", test.properties}) + "---\n" + others
			for _, want := range [][]string{nil, {"foo"}} { // all packages are read, or one
				c := loadFiles(t, map[string]string{"a": text}, want...)
				selection, err := c.Select([]PackageRequest{{Name: "foo"}}, false)
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(lines(c.Missing(selection.Packages)), "\n"); got != test.want {
					t.Errorf("read %v: got\n%s\nwant\n%s", want, got, test.want)
				}
			}
		})
	}
}

func TestMissingIsWhatNoKeptBundleProvides(t *testing.T) {
	c := loadFiles(t, map[string]string{"a": chained("foo", [2]string{"2.0.0", needs("Bar")}, [2]string{"1.0.0", needs("Bar")}) + "---\n" +
		chained("bar", [2]string{"2.0.0", ""}, [2]string{"1.0.0", gives("Bar")})})
	tests := []struct {
		name     string
		requests []PackageRequest
		want     string
	}{
		{"provided by an older version that is kept", []PackageRequest{{Name: "foo"}, {Name: "bar", MinVersion: "1"}}, ""},
		{"provided by an older version that is not kept", []PackageRequest{{Name: "foo"}, {Name: "bar"}},
			"foo.v2.0.0 requires API Bar.v1.g: not kept, but in the catalog: package bar (bar.v1.0.0 in channel stable)"},
		{"required by two", []PackageRequest{{Name: "foo", Full: true}},
			"foo.v1.0.0, foo.v2.0.0 require API Bar.v1.g: not kept, but in the catalog: package bar (bar.v1.0.0 in channel stable)"},
		{"not required by what is kept", []PackageRequest{{Name: "bar"}}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			selection, err := c.Select(test.requests, false)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(lines(c.Missing(selection.Packages)), "\n"); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestProvidersAreTheBestOfTheirPackages(t *testing.T) {
	// a: only beside the default channel; b: an older version of the default
	// channel, though the head of another; c: the head of the default channel.
	text := operator("foo", "{name: foo.v1.0.0}") + strings.Replace(bundle("foo", "1.0.0"), "relatedImages", needs("X")+"relatedImages", 1)
	for _, p := range []struct{ name, stable, other string }{
		{"a", "{name: a.v9.0.0}", "{name: a.v1.0.0, skips: [a.v2.0.0]}, {name: a.v2.0.0}"},
		{"b", "{name: b.v9.0.0, skips: [b.v1.0.0, b.v2.0.0]}, {name: b.v1.0.0}, {name: b.v2.0.0}", "{name: b.v2.0.0}"},
		{"c", "{name: c.v1.0.0, skips: [c.v2.0.0]}, {name: c.v2.0.0}", "{name: c.v2.0.0}"},
	} {
		text += "---\n" + operator(p.name, p.stable) + channel(p.name, "aaa", p.other) + bundle(p.name, "9.0.0")
		for _, v := range []string{"1.0.0", "2.0.0"} {
			text += strings.Replace(bundle(p.name, v), "relatedImages", gives("X")+"relatedImages", 1)
		}
	}
	c := loadFiles(t, map[string]string{"a": text}, "foo")
	selection, err := c.Select(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	missing := c.Missing(selection.Packages)
	want := []Provider{{"c", "stable", "c.v1.0.0", "1.0.0", true}, {"a", "aaa", "a.v1.0.0", "1.0.0", false}, {"b", "stable", "b.v2.0.0", "2.0.0", false}}
	if len(missing) != 1 || !reflect.DeepEqual(missing[0].Providers, want) {
		t.Errorf("got  %+v\nwant %+v", missing, want)
	}
	if got, want := missing[0].String(), "foo.v1.0.0 requires API X.v1.g: not kept, but in the catalog: package c (c.v1.0.0 in channel stable), package a (a.v1.0.0 in channel aaa), package b (b.v2.0.0 in channel stable)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestMissingQuotesWhatCouldSteerATerminal(t *testing.T) {
	d := Dependency{Requires: "API \x1b[2J.v1.g", By: []string{"a\nb"}, Message: "\r", Providers: []Provider{{Package: "\x07"}}}
	if got := d.String(); strings.ContainsAny(got, "\x1b\n\r\x07") {
		t.Errorf("%q", got)
	}
}

func TestMissingOfARealCatalog(t *testing.T) {
	c := real(t, "fbc-opm-testdata-latest", "foo")
	selection, err := c.Select(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "missing", lines(c.Missing(selection.Packages)),
		"foo.v0.3.1 requires API Bar.v1alpha1.test.bar: not kept, but in the catalog: package bar (bar.v1.0.0 in channel stable)",
		"foo.v0.3.1 requires package bar <0.2.0: not kept, but in the catalog: package bar (bar.v0.1.0 in channel alpha)")
	selection, err = c.Select(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "missing", lines(c.Missing(selection.Packages)),
		"foo.v0.1.0, foo.v0.2.0, foo.v0.3.0 and 1 more require API Bar.v1alpha1.test.bar: not kept, but in the catalog: package bar (bar.v1.0.0 in channel stable)",
		"foo.v0.1.0, foo.v0.2.0 require package bar <0.1.0: nothing in the catalog provides it",
		"foo.v0.3.0, foo.v0.3.1 require package bar <0.2.0: not kept, but in the catalog: package bar (bar.v0.1.0 in channel alpha)")
	requests, _, err := c.Closure([]PackageRequest{{Name: "foo"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	if want := []PackageRequest{{Name: "foo"}, {Name: "bar", Channels: []ChannelRequest{{"alpha", "0.1.0", "0.1.0"}}, DefaultChannel: "alpha"}}; !reflect.DeepEqual(requests, want) {
		t.Errorf("got  %+v\nwant %+v", requests, want)
	}
	wantStrings(t, "unread", c.Unread(requests), "bar")
}

func TestClosure(t *testing.T) {
	text := strings.Join([]string{
		chained("a", [2]string{"1.0.0", needs("B")}),
		chained("b", [2]string{"2.0.0", gives("B") + needs("C")}, [2]string{"1.0.0", gives("B")}),
		chained("c", [2]string{"2.0.0", needs("A")}, [2]string{"1.0.0", gives("C") + needsPackage("a", ">=1.0.0")}),
		chained("d", [2]string{"1.0.0", needsPackage("e", "<2.0.0") + needsPackage("e", ">=3.0.0") + needs("Nobody")}),
		chained("e", [2]string{"3.0.0", ""}, [2]string{"2.0.0", ""}, [2]string{"1.0.0", ""}),
		chained("f", [2]string{"1.0.0", needs("Z")}),
		chained("yy", [2]string{"2.0.0", ""}, [2]string{"1.0.0", gives("Z")}),
		chained("z", [2]string{"1.0.0", gives("Z") + needs("Z2")}),
		chained("z2", [2]string{"1.0.0", gives("Z2") + needs("Z")}),
	}, "---\n")
	head := func(name string) PackageRequest {
		return PackageRequest{Name: name, Channels: []ChannelRequest{{Name: "stable"}}}
	}
	tests := []struct {
		name     string
		requests []PackageRequest
		full     bool
		want     []PackageRequest
		missing  []string
	}{
		{"nothing is asked for", nil, false, nil, nil},
		{"nothing is missing", []PackageRequest{{Name: "e"}}, false, []PackageRequest{{Name: "e"}}, nil},
		{"one after the other, an older version, in a circle", []PackageRequest{{Name: "a"}}, false,
			[]PackageRequest{{Name: "a"}, head("b"), {Name: "c", Channels: []ChannelRequest{{"stable", "1.0.0", "1.0.0"}}}}, nil},
		{"full is for what was asked for", []PackageRequest{{Name: "a"}}, true,
			[]PackageRequest{{Name: "a", Full: true}, head("b"), {Name: "c", Channels: []ChannelRequest{{"stable", "1.0.0", "1.0.0"}}}}, nil},
		{"two versions of one package", []PackageRequest{{Name: "d"}}, false,
			[]PackageRequest{{Name: "d"}, {Name: "e", Channels: []ChannelRequest{{"stable", "1.0.0", "3.0.0"}}}},
			[]string{"d.v1.0.0 requires API Nobody.v1.g: nothing in the catalog provides it"}},
		{"what was asked for stays", []PackageRequest{{Name: "d"}, {Name: "e"}}, false, []PackageRequest{{Name: "d"}, {Name: "e"}},
			[]string{"d.v1.0.0 requires API Nobody.v1.g: nothing in the catalog provides it",
				"d.v1.0.0 requires package e <2.0.0: not kept, but in the catalog: package e (e.v1.0.0 in channel stable)"}},
		{"heads before older versions, then by name", []PackageRequest{{Name: "f"}}, false, []PackageRequest{{Name: "f"}, head("z"), head("z2")}, nil},
		{"another where the first was asked for", []PackageRequest{{Name: "f"}, {Name: "z", Channels: []ChannelRequest{{"stable", "1", "1"}}}}, false,
			[]PackageRequest{{Name: "f"}, {Name: "z", Channels: []ChannelRequest{{"stable", "1", "1"}}}, head("z2")}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var want []string
			for _, r := range test.requests {
				want = append(want, r.Name)
			}
			c := loadFiles(t, map[string]string{"a": text}, want...)
			got, _, err := c.Closure(test.requests, test.full)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
			checkClosure(t, c, test.requests, got, text)
			selection, err := c.Select(got, false)
			if err != nil {
				t.Fatal(err)
			}
			if got != nil {
				wantStrings(t, "missing", lines(c.Missing(selection.Packages)), test.missing...)
			}
		})
	}
}

// checkClosure reads the catalog once more, for what was added, and wants that
// nothing is missing that could have been added.
func checkClosure(t *testing.T, c *Catalog, asked, got []PackageRequest, text string) {
	t.Helper()
	var all, before []string
	for _, r := range got {
		all = append(all, r.Name)
	}
	for _, r := range asked {
		before = append(before, r.Name)
	}
	if len(got) > 0 {
		wantStrings(t, "unread", c.Unread(got), slices.Sorted(slices.Values(all[len(asked):]))...)
	}
	again := loadFiles(t, map[string]string{"a": text}, all...)
	selection, _, err := selectAndKeep(t, again, got, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range again.Missing(selection.Packages) {
		for _, p := range d.Providers {
			if !slices.Contains(before, p.Package) && len(got) > 0 {
				t.Errorf("%s could have been added: %s", p.Package, d)
			}
		}
	}
}

func TestClosureTellsWhatIsWrongWithRequests(t *testing.T) {
	c := loadFiles(t, map[string]string{"a": chained("a", [2]string{"1.0.0", needs("B")}) + "---\n" + operator("b", "{name: b.v1.0.0}, {name: b.v2.0.0}") +
		strings.Replace(bundle("b", "1.0.0"), "relatedImages", gives("B")+"relatedImages", 1) + bundle("b", "2.0.0")}, "a")
	_, _, err := c.Closure([]PackageRequest{{Name: "x"}}, false)
	wantError(t, err, `package "x": not in the catalog`)
	_, _, err = c.Closure([]PackageRequest{{Name: "a"}}, false)
	wantError(t, err, `package "b": channel "stable": has 2 heads: b.v1.0.0, b.v2.0.0`)
}

func TestWhatWasNotReadCanBeSelectedAndNotKept(t *testing.T) {
	c := loadFiles(t, map[string]string{"a": many, "b": operator("bar", "{name: bar.v1.0.0}", "1.0.0")}, "bar")
	selection, err := c.Select([]PackageRequest{{Name: "foo", MinVersion: "2"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "selection", show(selection.Packages), "foo(stable): beta[foo.v2.0.0 foo.v3.0.0] stable[foo.v2.0.0 foo.v3.0.0]")
	_, err = c.Keep(selection.Packages)
	wantError(t, err, `selection: package "foo": was not read`)
	if selection, _ := c.Select(nil, false); len(selection.Packages) != 1 {
		t.Errorf("without requests: %v", selection.Packages)
	}
}

func TestClosureOfAnyCatalogEnds(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	kinds := "ABCDEF"
	for range 60 {
		var packages []string
		for i := range len(kinds) {
			name := fmt.Sprint("p", i)
			var versions [][2]string
			for v := 3; v > r.IntN(3); v-- {
				properties := ""
				for _, k := range kinds {
					switch r.IntN(10) {
					case 0:
						properties += gives(string(k))
					case 1:
						properties += needs(string(k))
					case 2:
						properties += needsPackage(fmt.Sprint("p", r.IntN(len(kinds))), []string{"<2.0.0", ">=2.0.0", ">2.0.0"}[r.IntN(3)])
					}
				}
				versions = append(versions, [2]string{fmt.Sprintf("%d.0.0", v), properties})
			}
			packages = append(packages, chained(name, versions...))
		}
		text := strings.Join(packages, "---\n")
		c := loadFiles(t, map[string]string{"a": text}, "p0", "p1")
		asked := []PackageRequest{{Name: "p0"}, {Name: "p1", MaxVersion: "3"}}
		got, _, err := c.Closure(asked, false)
		if err != nil {
			t.Fatal(err)
		}
		checkClosure(t, c, asked, got, text)
		if again, _, err := c.Closure(asked, false); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("got %+v, again %+v, %v", got, again, err)
		}
	}
}
