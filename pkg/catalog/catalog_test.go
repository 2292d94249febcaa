package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// loadFiles reads files in the order of their names.
func loadFiles(t *testing.T, files map[string]string, want ...string) *Catalog {
	t.Helper()
	c, err := tryFiles(files, want...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tryFiles(files map[string]string, want ...string) (*Catalog, error) {
	l := NewLoader(want)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := l.Add(name, strings.NewReader(files[name])); err != nil {
			return nil, err
		}
	}
	return l.Catalog()
}

// operator writes a package whose only channel, stable, has the entries given
// in YAML flow style, and a bundle for each version: operator("foo", "{name: foo.v1.0.0}", "1.0.0").
func operator(name, entries string, versions ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "schema: olm.package\nname: %s\ndefaultChannel: stable\n", name)
	b.WriteString(channel(name, "stable", entries))
	for _, v := range versions {
		b.WriteString(bundle(name, v))
	}
	return b.String()
}

func channel(pkg, name, entries string) string {
	return fmt.Sprintf("---\nschema: olm.channel\npackage: %s\nname: %s\nentries: [%s]\n", pkg, name, entries)
}

func bundle(pkg, version string) string {
	return fmt.Sprintf(`---
schema: olm.bundle
package: %[1]s
name: %[1]s.v%[2]s
image: quay.io/%[1]s/bundle:v%[3]s
properties:
- type: olm.package
  value: {packageName: %[1]s, version: %[2]s}
relatedImages:
- {name: operator, image: "quay.io/%[1]s/operator:v%[3]s"}
- {name: "", image: "quay.io/%[1]s/bundle:v%[3]s"}
`, pkg, version, strings.ReplaceAll(version, "+", "_"))
}

func messages(errs []error) []string {
	var all []string
	for _, err := range errs {
		all = append(all, err.Error())
	}
	return all
}

func wantStrings(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func wantError(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error is\n%v\nwant %q in it", err, w)
		}
	}
}

func TestImagesOfEveryDocumentOnceAndSorted(t *testing.T) {
	c := loadFiles(t, map[string]string{"a.yaml": operator("foo", "{name: foo.v1.0.0}", "1.0.0") + `---
schema: example.com/other
package: foo
image: quay.io/z/other:1
relatedImages: [{image: ""}, {image: quay.io/a/other:1}, {value: quay.io/never/seen:1}]
---
schema: example.com/global
Image: quay.io/g/global:1
relatedImages: this is no list
`})
	wantStrings(t, "images", c.Images(),
		"quay.io/a/other:1",
		"quay.io/foo/bundle:v1.0.0",
		"quay.io/foo/operator:v1.0.0",
		"quay.io/g/global:1",
		"quay.io/z/other:1",
	)
}

func TestFilesAreOrderedAsOpmWritesThem(t *testing.T) {
	c := loadFiles(t, map[string]string{
		"x/deprecations.yaml": "schema: olm.deprecations\npackage: foo\nentries: []\n",
		"x/rest.json":         `{"schema":"z","package":"foo"}{"schema":"a","package":"foo","n":1}{"schema":"a","package":"foo","n":2}`,
		"x/z.yaml":            operator("foo", "{name: foo.v1.0.0}", "1.0.0"),
		"x/y.yaml":            channel("foo", "alpha", "{name: foo.v1.0.0}"),
		"global":              `{"b":[1,2],"schema":"g"}`,
	})
	files := c.Files()
	wantStrings(t, "paths", slices.Sorted(maps.Keys(files)), "catalog.json", "foo/catalog.json")
	if got, want := string(files["catalog.json"]), "{\n    \"b\": [\n        1,\n        2\n    ],\n    \"schema\": \"g\"\n}\n"; got != want {
		t.Errorf("globals are\n%s\nwant\n%s", got, want)
	}
	again := loadFiles(t, map[string]string{"all": string(files["foo/catalog.json"]), "global": string(files["catalog.json"])})
	var order []string
	for _, d := range again.documents() {
		order = append(order, d.Schema+" "+d.Name)
	}
	wantStrings(t, "documents", order, "olm.package foo", "olm.channel alpha", "olm.channel stable",
		"olm.bundle foo.v1.0.0", "a ", "a ", "z ", "olm.deprecations ", "g ")
	if !strings.Contains(string(files["foo/catalog.json"]), "\"n\": 1\n}\n{\n    \"schema\": \"a\",\n    \"package\": \"foo\",\n    \"n\": 2") {
		t.Error("documents of one schema changed their order")
	}
	if a, b := string(again.Files()["foo/catalog.json"]), string(files["foo/catalog.json"]); a != b {
		t.Errorf("read and written again it is\n%s\nwas\n%s", a, b)
	}
}
