package catalog

import (
	"strings"
	"testing"
)

// whole is a valid catalog with something of everything.
var whole = operator("foo",
	`{name: foo.v3.0.0, replaces: foo.v2.0.0, skips: [foo.v1.0.0], skipRange: ">=1.0.0 <3.0.0"}, {name: foo.v2.0.0, replaces: foo.v0.0.1}, {name: foo.v1.0.0}`,
	"1.0.0", "2.0.0", "3.0.0") +
	channel("foo", "old", "{name: foo.v1.0.0}") + `---
schema: olm.deprecations
package: foo
entries:
- {reference: {schema: olm.package}, message: old}
- {reference: {schema: olm.channel, name: old}, message: older}
- {reference: {schema: olm.bundle, name: foo.v1.0.0}, message: oldest}
`

// validCase is a catalog that is valid.
type validCase struct{ name, text string }

func validCases() []validCase {
	return []validCase{
		{"something of everything", whole},
		{"head only", operator("foo", "{name: foo.v2.0.0}", "2.0.0")},
		{"head and older, replaced", operator("foo", "{name: foo.v2.0.0, replaces: foo.v1.0.0}, {name: foo.v1.0.0}", "1.0.0", "2.0.0")},
		{"head and older, skipped", operator("foo", "{name: foo.v2.0.0, skips: [foo.v1.0.0]}, {name: foo.v1.0.0}", "1.0.0", "2.0.0")},
		{"a single version that was no head", operator("foo", "{name: foo.v1.0.0}", "1.0.0")},
		{"last replaces what is not there", operator("foo", "{name: foo.v2.0.0, replaces: foo.v1.0.0}", "2.0.0")},
		{"skips what is not there", operator("foo", "{name: foo.v2.0.0, skips: [foo.v1.0.0]}", "2.0.0")},
		{"circle behind what is skipped", operator("foo", "{name: foo.v3.0.0, replaces: foo.v2.0.0, skips: [foo.v2.0.0, foo.v1.0.0]}, {name: foo.v2.0.0, replaces: foo.v1.0.0}, {name: foo.v1.0.0, replaces: foo.v2.0.0}", "1.0.0", "2.0.0", "3.0.0")},
		{"prereleases and build metadata", operator("foo", "{name: foo.v2.0.0-202401020304, replaces: foo.v2.0.0+1}, {name: foo.v2.0.0+1}", "2.0.0-202401020304", "2.0.0+1")},
		{"only documents of other schemas", operator("foo", "{name: foo.v1.0.0}", "1.0.0") + "---\nschema: x\npackage: NOT a label\n"},
		{"no image but the operator's objects", strings.Replace(operator("foo", "{name: foo.v1.0.0}", "1.0.0"),
			"image: quay.io/foo/bundle:v1.0.0\nproperties:\n", "properties:\n- {type: olm.bundle.object, value: {data: e30=}}\n", 1)},
		{"a release", operator("foo", "{name: foo-v1.0.0-1.a}") + release("foo-v1.0.0-1.a", "1.0.0", "1.a")},
	}
}

func TestValidateTakesWhatOpmTakes(t *testing.T) {
	for _, test := range validCases() {
		t.Run(test.name, func(t *testing.T) {
			wantStrings(t, "findings", messages(loadFiles(t, map[string]string{"a": test.text}).Validate()))
		})
	}
}

func release(name, version, release string) string {
	return `---
schema: olm.bundle
package: foo
name: ` + name + `
image: quay.io/foo/bundle:1
properties:
- type: olm.package
  value: {packageName: foo, version: "` + version + `", release: "` + release + `"}
`
}

// invalidCase changes one thing in the valid catalog whole.
type invalidCase struct{ name, old, new, want string }

func (c invalidCase) text(t *testing.T) string {
	t.Helper()
	text := strings.Replace(whole, c.old, c.new, 1)
	if text == whole {
		t.Fatalf("%q is not in the catalog", c.old)
	}
	return text
}

func invalidCases() []invalidCase {
	const v1 = "  value: {packageName: foo, version: 1.0.0}\n"
	return []invalidCase{
		{"two heads", "replaces: foo.v2.0.0, ", "", `package "foo": channel "stable": has 2 heads: foo.v2.0.0, foo.v3.0.0`},
		{"no head", "{name: foo.v2.0.0, replaces: foo.v0.0.1}", "{name: foo.v2.0.0, replaces: foo.v3.0.0}", `package "foo": channel "stable": has no head: every entry is replaced or skipped by another`},
		{"no entries", "name: old\nentries: [{name: foo.v1.0.0}]", "name: old\nentries: []", `package "foo": channel "old": has no entries`},
		{"stranded", "{name: foo.v2.0.0, replaces: foo.v0.0.1}, {name: foo.v1.0.0}",
			"{name: foo.v2.0.0}, {name: foo.v1.0.0, replaces: foo.v9.0.0}, {name: foo.v9.0.0, replaces: foo.v8.0.0}, {name: foo.v8.0.0, replaces: foo.v9.0.0}]#",
			`package "foo": channel "stable": entry "foo.v9.0.0": no bundle of that name
package "foo": channel "stable": entry "foo.v8.0.0": no bundle of that name
package "foo": channel "stable": its head foo.v3.0.0 does not lead to foo.v8.0.0, foo.v9.0.0`},
		{"circle", "{name: foo.v2.0.0, replaces: foo.v0.0.1}, {name: foo.v1.0.0}",
			"{name: foo.v2.0.0, replaces: foo.v9.0.0}, {name: foo.v1.0.0}, {name: foo.v9.0.0, replaces: foo.v2.0.0}]#",
			`package "foo": channel "stable": entry "foo.v9.0.0": no bundle of that name
package "foo": channel "stable": replaces in a circle: foo.v2.0.0 -> foo.v9.0.0 -> foo.v2.0.0`},
		{"entry without a bundle", bundle("foo", "3.0.0"), "", `package "foo": channel "stable": entry "foo.v3.0.0": no bundle of that name`},
		{"bundle without an entry", bundle("foo", "3.0.0"), bundle("foo", "3.0.0") + bundle("foo", "4.0.0"), `package "foo": bundle "foo.v4.0.0": is in no channel`},
		{"entry twice", "{name: foo.v2.0.0, ", "{name: foo.v3.0.0}, {name: foo.v2.0.0, ", `package "foo": channel "stable": entry "foo.v3.0.0": is there more than once`},
		{"empty skip", "skips: [foo.v1.0.0]", `skips: [foo.v1.0.0, ""]`, `package "foo": channel "stable": entry "foo.v3.0.0": an empty name among its skips`},
		{"skipRange", ">=1.0.0 <3.0.0", ">=1.0.0, <3", `package "foo": channel "stable": entry "foo.v3.0.0": skipRange ">=1.0.0, <3": Could not parse Range ">=1.0.0,": Could not parse version "1.0.0," in ">=1.0.0,": Invalid character(s) found in patch number "0,"`},
		{"default channel gone", "defaultChannel: stable", "defaultChannel: beta", `package "foo": its default channel "beta" is not there`},
		{"no default channel", "defaultChannel: stable", "x: y", `package "foo": names no default channel`},
		{"channel twice", "---\nschema: olm.deprecations", channel("foo", "old", "{name: foo.v1.0.0}") + "---\nschema: olm.deprecations", `package "foo": channel "old": is there more than once`},
		{"channel without a name", "---\nschema: olm.deprecations", channel("foo", `""`, "{name: foo.v1.0.0}") + "---\nschema: olm.deprecations", `package "foo": a channel has no name`},
		{"bundle twice", bundle("foo", "1.0.0"), bundle("foo", "1.0.0") + bundle("foo", "1.0.0"), `package "foo": bundle "foo.v1.0.0": is there more than once`},
		{"package twice", "---\nschema: olm.deprecations", "---\nschema: olm.package\nname: foo\ndefaultChannel: old\n---\nschema: olm.deprecations", `package "foo": 2 documents olm.package, want 1`},
		{"package missing", "schema: olm.package\n", "schema: olm.package\nname: bar\ndefaultChannel: x\n---\nschema: something\n",
			`package "bar": has no channel
package "bar": its default channel "x" is not there
package "foo": 0 documents olm.package, want 1`},
		{"version twice", v1, "  value: {packageName: foo, version: 2.0.0}\n", `package "foo": version 2.0.0: is that of foo.v1.0.0 and foo.v2.0.0`},
		{"version", v1, "  value: {packageName: foo, version: 1.0}\n", `package "foo": bundle "foo.v1.0.0": property 1 (olm.package): json: cannot unmarshal number into Go struct field packageValue.version of type string`},
		{"version string", v1, "  value: {packageName: foo, version: v1}\n", `package "foo": bundle "foo.v1.0.0": version "v1": No Major.Minor.Patch elements found`},
		{"another package's bundle", v1, "  value: {packageName: bar, version: 1.0.0}\n", `package "foo": bundle "foo.v1.0.0": its property olm.package says that it belongs to "bar"`},
		{"two package properties", v1, v1 + "- type: olm.package\n" + v1, `package "foo": bundle "foo.v1.0.0": 2 properties of the type olm.package, want 1`},
		{"no package property", "- type: olm.package\n" + v1, "- {type: x, value: 1}\n", `package "foo": bundle "foo.v1.0.0": 0 properties of the type olm.package, want 1`},
		{"property without a value", v1, v1 + "- type: x\n", `package "foo": bundle "foo.v1.0.0": property 2 (x): has no value`},
		{"gvk", v1, v1 + "- {type: olm.gvk, value: {kind: [1]}}\n", `package "foo": bundle "foo.v1.0.0": property 2 (olm.gvk): json: cannot unmarshal array into Go struct field .Kind of type string`},
		{"object", v1, v1 + "- {type: olm.bundle.object, value: {data: '?'}}\n", `package "foo": bundle "foo.v1.0.0": property 2 (olm.bundle.object): illegal base64 data at input byte 0`},
		{"no image", "image: quay.io/foo/bundle:v1.0.0\n", "", `package "foo": bundle "foo.v1.0.0": has no image`},
		{"image", "image: quay.io/foo/bundle:v1.0.0\n", "image: quay.io/Foo:v1\n", `package "foo": bundle "foo.v1.0.0": image "quay.io/Foo:v1": invalid reference format: repository name (Foo) must be lowercase`},
		{"related image", "quay.io/foo/operator:v1.0.0", "a b", `package "foo": bundle "foo.v1.0.0": image "a b": invalid reference format`},
		{"release", v1, "  value: {packageName: foo, version: 1.0.0+b, release: '01.123456789012345678'}\n",
			`package "foo": bundle "foo.v1.0.0": release "01.123456789012345678": is longer than 20 characters
package "foo": bundle "foo.v1.0.0": release "01.123456789012345678": Numeric PreRelease version must not contain leading zeroes "01"
package "foo": bundle "foo.v1.0.0": version 1.0.0+b has build metadata and a release, want one of them
package "foo": bundle "foo.v1.0.0": a bundle with a release is named after it, want foo-v1.0.0+b-01.123456789012345678`},
		{"deprecated channel gone", "{schema: olm.channel, name: old}", "{schema: olm.channel, name: new}", `package "foo": deprecation 2 (olm.channel "new"): points at nothing`},
		{"deprecated bundle gone", "{schema: olm.bundle, name: foo.v1.0.0}", "{schema: olm.bundle, name: foo.v0}", `package "foo": deprecation 3 (olm.bundle "foo.v0"): points at nothing`},
		{"deprecated package named", "{schema: olm.package}", "{schema: olm.package, name: foo}", `package "foo": deprecation 1 (olm.package "foo"): that of a package has no name`},
		{"deprecated what", "{schema: olm.package}", "{name: foo}", `package "foo": deprecation 1 ( "foo"): points at none of olm.package, olm.channel, olm.bundle`},
		{"deprecated without a word", "message: old}", "x: y}", `package "foo": deprecation 1 (olm.package ""): has no message`},
		{"deprecated twice", "{schema: olm.package}", "{schema: olm.channel, name: old}", `package "foo": deprecation 2 (olm.channel "old"): is there more than once`},
		{"two deprecations", "---\nschema: olm.deprecations", "---\nschema: olm.deprecations\npackage: foo\n---\nschema: olm.deprecations", `package "foo": 2 documents olm.deprecations, want at most 1`},
		{"no package named", "---\nschema: olm.deprecations", "---\nschema: olm.bundle\nname: lost\n---\nschema: olm.deprecations", `olm.bundle "lost": names no package`},
	}
}

func TestValidateFinds(t *testing.T) {
	for _, test := range invalidCases() {
		t.Run(test.name, func(t *testing.T) {
			got := messages(loadFiles(t, map[string]string{"a": test.text(t)}).Validate())
			wantStrings(t, "findings", got, strings.Split(test.want, "\n")...)
		})
	}
}

// packageNames are names, and whether a package may have them.
var packageNames = map[string]bool{
	"a": true, "3scale-operator": true, strings.Repeat("a", 63): true,
	strings.Repeat("a", 64): false, "a.b": false, "A": false, "a_b": false, "-a": false, "a-": false, `""`: false, "../a": false,
}

func TestValidatePackageNames(t *testing.T) {
	for name, ok := range packageNames {
		errs := loadFiles(t, map[string]string{"a": operator(name, "{name: foo.v1.0.0}")}).Validate()
		if got := !strings.Contains(strings.Join(messages(errs), "\n"), "is no DNS label"); got != ok {
			t.Errorf("%s: taken is %v, want %v", name, got, ok)
		}
	}
}

func TestValidateFindsAll(t *testing.T) {
	text := strings.Replace(whole, "replaces: foo.v2.0.0, ", "", 1)
	text = strings.Replace(text, "defaultChannel: stable", "defaultChannel: beta", 1)
	text += "---\n" + operator("bar", "")
	got := messages(loadFiles(t, map[string]string{"a": text}).Validate())
	wantStrings(t, "findings", got,
		`package "bar": channel "stable": has no entries`,
		`package "foo": its default channel "beta" is not there`,
		`package "foo": channel "stable": has 2 heads: foo.v2.0.0, foo.v3.0.0`,
	)
}
