package catalog

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// related is a package in which every kind of relation stands.
const related = `---
schema: olm.package
name: foo
defaultChannel: stable
icon: {base64data: "AAAA", mediatype: image/png}
---
schema: olm.channel
package: foo
name: stable
entries:
- {name: foo.v2.0.0, replaces: foo.v1.0.0, skips: [foo.v1.5.0], skipRange: "<2.0.0"}
- {name: foo.v1.0.0}
---
schema: olm.bundle
package: foo
name: foo.v2.0.0
image: quay.io/foo/bundle:2
properties:
- type: olm.gvk
  value:
    group: example.com
    kind: Foo
    version: v1
- type: olm.package
  value:
    packageName: foo
    version: 2.0.0
- type: olm.csv.metadata
  value:
    description: |-
      - type: olm.gvk
        value: this is text

      type: olm.gvk
    annotations:
      type: olm.gvk
- type: olm.gvk.required
  value:
    group: example.com
    kind: Bar
    version: v1
- type: olm.package.required
  value:
    packageName: bar
    versionRange: '>=1.0.0'
- type: olm.constraint
  value:
    failureMessage: needs it
    all:
      constraints:
      - package: {packageName: baz, versionRange: "<3.0.0"}
      - not:
          constraints:
          - gvk: {group: g, kind: K, version: v}
relatedImages:
- image: quay.io/foo/bundle:2
  name: ""
---
schema: olm.bundle
package: foo
name: foo.v1.0.0
image: quay.io/foo/bundle:1
properties:
- type: olm.package
  value: {packageName: foo, version: 1.0.0+5}
`

const another = "---\nschema: olm.package\nname: another\ndefaultChannel: stable\n"

// withoutRaw is a package as a sketch has it.
func withoutRaw(p *Package) *Package {
	s := &Package{Name: p.Name}
	for _, d := range p.Definitions {
		d.Raw = nil
		s.Definitions = append(s.Definitions, d)
	}
	for _, ch := range p.Channels {
		ch.Raw = nil
		for i, e := range ch.Entries {
			ch.Entries[i].Skips = append([]string{}, e.Skips...)
		}
		s.Channels = append(s.Channels, ch)
	}
	for _, b := range p.Bundles {
		s.Bundles = append(s.Bundles, Bundle{Document: Document{Schema: b.Schema, Package: b.Package, Name: b.Name},
			Version: b.Version, Release: b.Release, provides: b.provides, requires: b.requires})
	}
	return s
}

func wantSketch(t *testing.T, got, read *Package) {
	t.Helper()
	want := withoutRaw(read)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the sketch is\n%+v\nwant\n%+v", *got, *want)
	}
}

func TestSketchesSayWhatReadingSays(t *testing.T) {
	read := loadFiles(t, map[string]string{"a": related, "b": another})
	foo := read.pkg("foo")
	if b := foo.bundle("foo.v2.0.0"); len(b.provides) != 1 || len(b.requires) != 3 {
		t.Fatalf("the bundle has %+v", b)
	}
	asJSON := string(read.Files()["foo/catalog.json"])
	tests := []struct{ name, text string }{
		{"yaml", related},
		{"windows line ends", strings.ReplaceAll(related, "\n", "\r\n")},
		{"lists that are indented", indentLists(related)},
		{"value before type", strings.ReplaceAll(related, "- type: olm.gvk\n  value:\n    group: example.com\n    kind: Foo\n    version: v1\n",
			"- value:\n    group: example.com\n    kind: Foo\n    version: v1\n  type: olm.gvk\n")},
		{"types in quotes", strings.ReplaceAll(related, "- type: olm.gvk\n", "- type: \"olm.gvk\"\n")},
		{"types that mean more than they say", strings.ReplaceAll(related, "- type: olm.gvk\n", "- type: !!str olm.gvk\n")},
		{"properties in flow style", strings.ReplaceAll(related, "- type: olm.package\n  value:\n    packageName: foo\n    version: 2.0.0\n", "- {type: olm.package, value: {packageName: foo, version: 2.0.0}}\n")},
		{"aliases", strings.ReplaceAll(strings.ReplaceAll(related, "    group: example.com\n    kind: Foo", "    group: &g example.com\n    kind: Foo"),
			"    group: example.com\n    kind: Bar", "    group: *g\n    kind: Bar")},
		{"comments", strings.ReplaceAll(related, "properties:\n", "properties: # what it is\n# of the first\n")},
		{"json", asJSON},
		{"json without white space", compactJSON(t, asJSON)},
		{"json with keys in any case", strings.NewReplacer(`"properties"`, `"Properties"`, `"type"`, `"Type"`, `"entries"`, `"ENTRIES"`, `"defaultChannel"`, `"defaultchannel"`).Replace(asJSON)},
		{"json with escapes", strings.ReplaceAll(asJSON, `olm.gvk`, `olm\u002egvk`)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.text == "" || test.name != "yaml" && test.text == related {
				t.Fatal("the test changes nothing")
			}
			c := loadFiles(t, map[string]string{"a": test.text, "b": another}, "another")
			if len(c.others) != 1 {
				t.Fatalf("others are %v", c.others)
			}
			wantSketch(t, c.others[0], foo)
		})
	}
}

// indentLists indents what stands below properties, as some emitters do.
func indentLists(text string) string {
	var b strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		if inside && line != "\n" && line[0] != ' ' && line[0] != '-' || strings.HasPrefix(line, "---") {
			inside = false
		}
		if inside && line != "\n" {
			b.WriteString("    ")
		}
		b.WriteString(line)
		inside = inside || line == "properties:\n"
	}
	return b.String()
}

func compactJSON(t *testing.T, text string) string {
	t.Helper()
	var docs []string
	for _, d := range loadFiles(t, map[string]string{"a": text}).documents() {
		docs = append(docs, string(d.Raw))
	}
	return strings.Join(docs, "")
}

func TestSketchesOfRealCatalogs(t *testing.T) {
	for _, name := range realCatalogs {
		all := real(t, name)
		wanted := all.Packages[0].Name
		c := real(t, name, wanted)
		if len(c.others) != len(all.Packages)-1 {
			t.Fatalf("%s: %d others", name, len(c.others))
		}
		for _, p := range c.others {
			wantSketch(t, p, all.pkg(p.Name))
		}
	}
}

func TestSketchesAreMergedFromFilesThatAreNotIgnored(t *testing.T) {
	c := loadFiles(t, map[string]string{
		"a.yaml":       operator("foo", "{name: foo.v1.0.0}"),
		"b.yaml":       bundle("foo", "1.0.0") + channel("foo", "beta", ""),
		"c.yaml":       channel("foo", "gone", ""),
		"d.yaml":       another,
		".indexignore": "c.yaml",
	}, "another")
	if len(c.others) != 1 || len(c.others[0].Channels) != 2 || len(c.others[0].Bundles) != 1 || len(c.others[0].Definitions) != 1 {
		t.Errorf("%+v", c.others[0])
	}
	if got := c.others[0].channelNames(); got[0] != "beta" {
		t.Errorf("channels are %v", got)
	}
}

func TestSketchesAreBounded(t *testing.T) {
	l := NewLoader([]string{"another"})
	l.others.size = MaxSketches - sizeDocument
	many := strings.Repeat(related, 20)
	wantError(t, l.Add("a", strings.NewReader(many)), "a: what the catalog's packages provide takes more than 134217728 bytes")
	if over := l.others.size - MaxSketches; over > 1000 {
		t.Errorf("%d bytes too many are remembered", over)
	}
	l = NewLoader([]string{"foo"})
	l.others.size = MaxSketches - 1
	if err := l.Add("a", strings.NewReader(related)); err != nil {
		t.Errorf("wanted packages are not sketched: %v", err)
	}
}

func TestSketchesKeepNoDocuments(t *testing.T) {
	l := NewLoader([]string{"another"})
	long := strings.Replace(related, "this is text", strings.Repeat("long ", 100_000), 1)
	add(t, l, "a", long)
	first := l.others.size
	if first > 4000 || first < 500 {
		t.Errorf("%d bytes of %d are remembered", first, len(long))
	}
	var strings int
	for text := range l.others.seen {
		strings += sizeString + len(text)
	}
	add(t, l, "b", long)
	if got := l.others.size - first; got != first-strings {
		t.Errorf("the same again takes %d bytes, want %d: no string twice", got, first-strings)
	}
	if _, ok := l.others.seen["example.com"]; !ok {
		t.Error("groups are not among the strings that are kept once")
	}
}

// All that is done in full takes ten times as long.
func TestPropertiesAreCutOutOfUsualBundles(t *testing.T) {
	var documents []string
	for _, text := range append([]string{related, indentLists(related)}, realTexts(t)...) {
		for _, doc := range strings.Split(text, "---\n") {
			if strings.Contains(doc, "schema: olm.bundle\n") {
				documents = append(documents, doc)
			}
		}
	}
	for _, doc := range documents {
		lists, sure := propertiesYAML([]byte(doc))
		section := bytes.Join(lists, nil)
		if !sure || strings.Contains(string(section), "relatedImages") || strings.Contains(string(section), propertyCSV) {
			t.Errorf("sure is %v: %.200s", sure, section)
		}
	}
	if len(documents) < 4 {
		t.Errorf("%d bundles", len(documents))
	}
}

func TestConvertedPropertiesAreBounded(t *testing.T) {
	s := &documentScanner{}
	for i := range 3000 {
		list := fmt.Sprintf("- {type: %d, value: %s}\n", i, strings.Repeat("x", 1000))
		raw, err := s.properties([][]byte{[]byte(list), []byte("- 1\n")})
		if want := fmt.Sprintf(`{"properties":[{"type":%d,"value":"%s"},1]}`, i, strings.Repeat("x", 1000)); err != nil || string(raw) != want {
			t.Fatalf("%.100s, %v", raw, err)
		}
	}
	if s.size > maxConverted || s.size < maxConverted/100 {
		t.Errorf("%d bytes", s.size)
	}
	if _, err := s.properties([][]byte{[]byte("- 1\n- 2\n")}); err == nil {
		t.Error("a list of two")
	}
	if _, err := s.properties([][]byte{[]byte("- " + strings.Repeat("x", maxConverted))}); err != nil || s.size > maxConverted {
		t.Errorf("%d bytes, %v", s.size, err)
	}
}

func realTexts(t *testing.T) []string {
	files, _ := filepath.Glob(sharedFixtures + "/fbc-art-4.17/*/*/*.yaml")
	var texts []string
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	return texts
}
