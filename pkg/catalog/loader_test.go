package catalog

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestLoaderReadsWhatOpmReads(t *testing.T) {
	const def = `{"schema":"olm.package","name":"foo","defaultChannel":"stable"}`
	tests := []struct{ name, text, want string }{
		{"json objects in a row", def + "\n" + `{"schema":"a"} {"schema":"b"}`, "a b"},
		{"json with yaml separators", def + "\n---\n" + `{"schema":"a"}` + "\n---\n{\"schema\": b}\n", "a b"},
		{"yaml flow that is no json", "{schema: olm.package, name: foo}\n---\n{schema: a}", "a"},
		{"yaml", "---\nschema: olm.package\nname: foo\n---\nschema: a\n", "a"},
		{"windows line ends", "---\r\nschema: olm.package\r\nname: foo\r\n---\r\nschema: a\r\n", "a"},
		{"comments alone and empty documents", "# licence\n---\n\n---\n" + "schema: olm.package\nname: foo\n--- # next\n\n---", ""},
		{"keys in any case", `{"Schema":"olm.package","NAME":"foo"}` + `{"SCHEMA":"a"}`, "a"},
		{"three dashes inside of text", "schema: olm.package\nname: foo\ntext: |\n  ---\n  more\n---\nschema: a", "a"},
		{"anchors", "schema: olm.package\nname: &n foo\ntext: *n\n---\nschema: a", "a"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := loadFiles(t, map[string]string{"any.name": test.text})
			if len(c.Packages) != 1 || c.Packages[0].Name != "foo" {
				t.Fatalf("packages are %v", c.Packages)
			}
			var got []string
			for _, d := range c.Globals {
				got = append(got, d.Schema)
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("the other documents are %q, want %q", s, test.want)
			}
		})
	}
}

func TestLoaderRefuses(t *testing.T) {
	const ok = "{\"schema\":\"olm.package\",\"name\":\"foo\"}\n"
	tests := []struct{ name, text, want string }{
		{"no schema", ok + `{"name":"x"}`, `a: document 2: has no "schema"`},
		{"no schema behind a yaml separator", ok + "---\n" + `{"name":"x"}`, `a: document 2: has no "schema"`},
		{"schema that is no string", `{"schema":1}`, `a: document 1: its "schema" is not a string`},
		{"package that is null", "schema: a\npackage: null", `a: document 1: its "package" is not a string`},
		{"list", "[]", "a: document 1: is not an object"},
		{"text", "Read me", "a: document 1: is not an object"},
		{"cut json", ok + `{"schema":"a`, "a: document 2: unexpected EOF"},
		{"bad json late", ok + ok + `{"schema" "a"}`, "a: document 3: invalid character"},
		{"bad json early", `{"schema" "a"}`, "a: document 1: invalid character"},
		{"yaml separator after two json objects", ok + ok + "---\n" + ok, "a: document 3: invalid character '-'"},
		{"bad yaml after json", ok + "---\na: b\nschema: c\n---\na: {b", "a: document 3: yaml: "},
		{"cut yaml", "schema: a\nb: {c: d", "a: document 1: yaml: "},
		{"text behind a yaml separator", "schema: a\n--- b", `a: document 1: "b" follows ---`},
		{"the same key twice", `{"schema":"a","Schema":"b"}`, `a: document 1: the key "Schema" stands twice`},
		{"entries that are no list", `{"schema":"olm.channel","package":"p","name":"c","entries":"x"}`, `a: olm.channel "c": json: cannot unmarshal`},
		{"alias in itself", "schema: a\nb: &b [*b]", "a: document 1: an alias stands inside of what it names"},
		{"long text by alias", "schema: a\nb: &b " + strings.Repeat("x", MaxDocument/100) + "\nc: [" + strings.Repeat("*b,", 100) + "*b]", "is longer than"},
		{"long json", `{"schema":"a","b":"` + strings.Repeat("x", MaxDocument) + `"}`, "a: document 1: is longer than"},
		{"long yaml", "schema: a\nb: " + strings.Repeat("x", MaxDocument), "a: document 1: is longer than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := tryFiles(map[string]string{"a": test.text})
			wantError(t, err, test.want)
		})
	}
}

func TestLoaderTellsOfAllFiles(t *testing.T) {
	_, err := tryFiles(map[string]string{"a": "x", "b/c": "y", "d": operator("foo", "", "1.0.0")})
	wantError(t, err, "a: document 1", "b/c: document 1")
}

func TestLoaderTakesADocumentOfExactlyTheLimit(t *testing.T) {
	const start, end = `{"schema":"a","b":"`, `"}`
	text := start + strings.Repeat("x", MaxDocument-len(start)-len(end)) + end
	c := loadFiles(t, map[string]string{"a": text, "b": operator("foo", "")})
	if len(c.Globals) != 1 || string(c.Globals[0].Raw) != text {
		t.Error("the document is not what it was")
	}
}

func TestLoaderKeepsOnlyWhatIsWanted(t *testing.T) {
	files := map[string]string{
		"one.yaml": operator("foo", "{name: foo.v1.0.0}", "1.0.0") + "---\n" + operator("bar", "{name: bar.v1.0.0}", "1.0.0"),
		"two.json": `{"schema":"x","package":"bar"}{"schema":"y","package":"foo"}{"schema":"z"}` +
			`{"schema":"olm.package","name":"baz"}{"schema":"olm.channel","package":"baz","entries":"none, but it is not looked at"}`,
	}
	l := NewLoader([]string{"foo"})
	for name, text := range files {
		add(t, l, name, text)
	}
	c, err := l.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range c.documents() {
		got = append(got, d.Schema)
	}
	wantStrings(t, "documents", got, "olm.package", "olm.channel", "olm.bundle", "y", "z")
	for name, f := range l.files {
		for _, d := range f.docs {
			if d.Package == "bar" || d.Package == "baz" {
				t.Errorf("%s: %s of %s is kept", name, d.Schema, d.Package)
			}
		}
	}
}

func TestLoaderKeepsJSONAsItIs(t *testing.T) {
	const text = "{ \"name\":\"foo\",\n\t\"schema\" : \"olm.package\", \"n\": 1.0e+2, \"t\":\"\\u003c<\\/\" }"
	c := loadFiles(t, map[string]string{"a": text + " " + text[:2] + `"schema":"x"}`})
	if got := string(c.Packages[0].Definitions[0].Raw); got != text {
		t.Errorf("got  %s\nwant %s", got, text)
	}
}

func TestLoaderNamesNearPackages(t *testing.T) {
	var b strings.Builder
	for _, name := range []string{"local-storage-operator", "odf-operator", "mcg-operator", "nfd", "quay-operator", "openshift-pipelines-operator-rh"} {
		b.WriteString(operator(name, "") + "---\n")
	}
	_, err := tryFiles(map[string]string{"a": b.String()}, "local-storage-operater", "NFD", "pipelines", "xyz-nothing", "nfd")
	want := `package "NFD": not in the catalog
package "local-storage-operater": not in the catalog; near: local-storage-operator
package "pipelines": not in the catalog; near: openshift-pipelines-operator-rh
package "xyz-nothing": not in the catalog`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestNearNames(t *testing.T) {
	names := []string{"nfd", "nmstate", "kubernetes-nmstate-operator", "abc", "abd", "abe", "abf", "abc"}
	tests := []struct{ name, want string }{
		{"ndf", "nfd"},
		{"nmstat", "nmstate kubernetes-nmstate-operator"},
		{"abx", "abc abd abe"},
		{"ABC", "abc abd abe"},
		{"q", ""},
	}
	for _, test := range tests {
		if got := strings.Join(near(test.name, names), " "); got != test.want {
			t.Errorf("%s: near is %q, want %q", test.name, got, test.want)
		}
	}
}

func TestLoaderRefusesACatalogWithoutPackages(t *testing.T) {
	for _, text := range []string{"", `{"schema":"a"}`} {
		_, err := tryFiles(map[string]string{"a": text})
		wantError(t, err, "catalog: has no package")
	}
}

func TestAddRefusesPathsAndTellsReadErrors(t *testing.T) {
	l := NewLoader(nil)
	for _, name := range []string{"", ".", "/a", "../a", "a//b", "a/"} {
		wantError(t, l.Add(name, strings.NewReader("")), "is no path")
	}
	add(t, l, "a", "")
	wantError(t, l.Add("a", strings.NewReader("")), "a: added twice")
	broken := errors.New("broken pipe")
	for i, start := range []string{"", "{", `{"schema":"a"}`, "schema: a\n"} {
		name := fmt.Sprint("f", i)
		err := l.Add(name, io.MultiReader(strings.NewReader(start), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("after %q: %v", start, err)
		}
	}
	if err := l.Add(".indexignore", iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf(".indexignore: %v", err)
	}
}

func TestLoaderStopsWhereACatalogIsTooMuch(t *testing.T) {
	l := NewLoader(nil)
	l.bytes = MaxCatalog - 10
	wantError(t, l.Add("a", strings.NewReader(`{"schema":"longer than ten"}`)), "a: the catalog has more than")
}

func TestGlanceAtYAMLAgreesWithReadingIt(t *testing.T) {
	tests := []struct {
		name, text string
		sure       bool
	}{
		{"block", "schema: olm.bundle\npackage: foo\nname: x\n", true},
		{"behind other things", "a:\n- b: c\n- d\n\n# schema: no\ntext: |\n  schema: no\npackage: foo\nschema: olm.bundle\n", true},
		{"quoted", "schema: \"olm.bundle\"\npackage: 'foo'\n", true},
		{"package", "schema: olm.package\nname: foo\npackage: bar\n", true},
		{"any case", "Schema: olm.bundle\nPACKAGE: foo\n", true},
		{"comment behind", "schema: olm.bundle\npackage: foo # bar\n", false},
		{"no owner", "schema: olm.bundle\n", false},
		{"key twice", "schema: olm.bundle\npackage: foo\npackage: bar\n", false},
		{"flow", "{schema: olm.bundle, package: foo}\n", false},
		{"indented", "  schema: olm.bundle\n  package: foo\n", false},
		{"quoted key", "schema: olm.bundle\npackage: foo\n\"package\": bar\n", false},
		{"explicit key", "schema: olm.bundle\npackage: foo\n? package\n: bar\n", false},
		{"merge", "a: &a {package: bar}\nschema: olm.bundle\npackage: foo\n<<: *a\n", false},
		{"folded value", "schema: olm.bundle\npackage: >\n  foo\n", false},
		{"value on the next line", "schema: olm.bundle\npackage:\n  foo\n", false},
		{"text that runs to the first column", "a: \"\npackage: bar\n\"\nschema: olm.bundle\npackage: foo\n", false},
		{"indented, and text that runs to the first column", "  a: \"\nschema: olm.bundle\npackage: foo\nz: \"\n", false},
		{"alias", "x: &x foo\nschema: olm.bundle\npackage: *x\n", false},
		{"carriage returns alone", "schema: olm.bundle\rpackage: foo\n", false},
		{"number", "schema: olm.bundle\npackage: 1\n", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, sure := peekYAML([]byte(test.text))
			if sure != test.sure {
				t.Errorf("sure is %v, want %v", sure, test.sure)
			}
			if !sure {
				return
			}
			raw, err := yamlToJSON([]byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if want, err := peekJSON(raw); err != nil || got.schema != want.schema || got.owner() != want.owner() {
				t.Errorf("a glance shows %v, reading it %v %v", got, want, err)
			}
		})
	}
}

// Written out, this would be 5 GB; the library alone would write it.
func TestLongTextByManyAliasesIsNotWrittenOut(t *testing.T) {
	text := "a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*a,", 5000) + "]\nc: [" + strings.Repeat("c,", 1000) + "]"
	_, err := yamlToJSON([]byte(text))
	wantError(t, err, "is longer than")
	_, err = yamlToJSON([]byte("a: &a [1, 2, 3]\nb: [*a, *a]"))
	if err != nil {
		t.Errorf("few aliases: %v", err)
	}
}

func TestYAMLBecomesReadableJSON(t *testing.T) {
	raw, err := yamlToJSON([]byte(`{a: "<b> & \\u003c \\\\u003e", date: 2024-01-02, number: 1.0, word: yes}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"a":"<b> & \\u003c \\\\u003e","date":"2024-01-02","number":1,"word":true}`
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
}

func FuzzLoader(f *testing.F) {
	f.Add([]byte(operator("foo", "{name: foo.v1.0.0}", "1.0.0")), "foo")
	f.Add([]byte(`{"schema":"olm.package","name":"foo"}{"schema":"olm.channel","package":"foo","entries":[{"name":"a"},{"name":"b","replaces":"a"}]}`), "foo")
	f.Add([]byte(whole), "")
	f.Add([]byte(operator("foo", circular, "1.0.0", "2.0.0", "3.0.0")), "")
	f.Add([]byte(related+another), "another")
	f.Add([]byte("{\"schema\":\"olm.deprecations\",\"package\":\"foo\",\"entries\":null}\n---\nschema: &a b\nc: *a"), "")
	f.Fuzz(func(t *testing.T, text []byte, want string) {
		l := NewLoader(slices.DeleteFunc([]string{want}, func(s string) bool { return s == "" }))
		if err := l.Add("a", strings.NewReader(string(text))); err != nil {
			t.Fatal(err)
		}
		c, err := l.Catalog()
		if err != nil {
			return
		}
		valid := len(c.Validate()) == 0
		c.Images()
		c.Files()
		for _, request := range []PackageRequest{{MinVersion: "1"}, {MaxVersion: "1.0.0"}} {
			var requests []PackageRequest
			for _, p := range c.Packages {
				request.Name = p.Name
				requests = append(requests, request)
			}
			_, _, _ = c.Closure(requests, false)
			selection, err := c.Select(requests, false)
			if err != nil {
				continue
			}
			c.Missing(selection.Packages)
			kept, err := c.Keep(selection.Packages)
			if err != nil && valid {
				t.Fatal(err)
			}
			if err != nil {
				continue
			}
			if errs := kept.Validate(); valid && len(errs) > 0 {
				t.Fatal(errs)
			}
		}
		for _, full := range []bool{false, true} {
			selection, err := c.Select(nil, full)
			if err != nil {
				continue
			}
			if kept, err := c.Keep(selection.Packages); err == nil {
				kept.Validate()
				kept.Files()
			}
		}
	})
}
