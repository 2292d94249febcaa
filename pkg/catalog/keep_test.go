package catalog

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"drayage/pkg/manifest"
)

// choose selects of package foo, default channel stable: choose("stable: a b", "old: a").
func choose(channels ...string) []manifest.Package {
	p := manifest.Package{Name: "foo", DefaultChannel: "stable"}
	for _, s := range channels {
		name, bundles, _ := strings.Cut(s, ":")
		p.Channels = append(p.Channels, manifest.Channel{Name: name, Bundles: strings.Fields(bundles)})
	}
	return []manifest.Package{p}
}

// What is kept of a channel without links, as `opm validate` judges it.
func TestKeepAndValidateJudgeAsOpm(t *testing.T) {
	const flat = "{name: foo.v3.0.0, skips: [foo.v2.0.0, foo.v1.0.0], skipRange: '>=1.0.0 <3.0.0'}, {name: foo.v2.0.0}, {name: foo.v1.0.0}"
	const linked = "{name: foo.v3.0.0, replaces: foo.v2.0.0}, {name: foo.v2.0.0, replaces: foo.v1.0.0}, {name: foo.v1.0.0, replaces: foo.v0.0.1}"
	tests := []struct{ name, entries, keep, entriesKept, want string }{
		{"head only", flat, "foo.v3.0.0", `[{"name":"foo.v3.0.0","skipRange":">=1.0.0 <3.0.0","skips":["foo.v2.0.0","foo.v1.0.0"]}]`, ""},
		{"head and older, linked by skips", flat, "foo.v1.0.0 foo.v3.0.0", `[{"name":"foo.v3.0.0","skipRange":">=1.0.0 <3.0.0","skips":["foo.v2.0.0","foo.v1.0.0"]},{"name":"foo.v1.0.0"}]`, ""},
		{"head and older, linked by replaces", linked, "foo.v3.0.0 foo.v2.0.0", `[{"name":"foo.v3.0.0","replaces":"foo.v2.0.0"},{"name":"foo.v2.0.0","replaces":"foo.v1.0.0"}]`, ""},
		{"a hole in the chain", linked, "foo.v3.0.0 foo.v1.0.0", `[{"name":"foo.v3.0.0","replaces":"foo.v2.0.0","skips":["foo.v1.0.0"]},{"name":"foo.v1.0.0","replaces":"foo.v0.0.1"}]`, ""},
		{"two that were no heads", flat, "foo.v1.0.0 foo.v2.0.0", `[{"name":"foo.v2.0.0","skips":["foo.v1.0.0"]},{"name":"foo.v1.0.0"}]`, ""},
		{"one that was no head", flat, "foo.v1.0.0", `[{"name":"foo.v1.0.0"}]`, ""},
		{"last replaces what is gone", linked, "foo.v2.0.0", `[{"name":"foo.v2.0.0","replaces":"foo.v1.0.0"}]`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := loadFiles(t, map[string]string{"a": operator("foo", test.entries, "1.0.0", "2.0.0", "3.0.0")})
			kept, err := c.Keep(choose("stable: " + test.keep))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(messages(kept.Validate()), "\n"); got != test.want {
				t.Errorf("findings are %q, want %q", got, test.want)
			}
			if got := string(kept.Packages[0].Channels[0].Raw); test.want == "" && !strings.Contains(got, `"entries":`+test.entriesKept+`,`) {
				t.Errorf("the channel is %s\nwant in it %s", got, test.entriesKept)
			}
			if got, want := len(kept.Packages[0].Bundles), len(strings.Fields(test.keep)); got != want {
				t.Errorf("%d bundles, want %d", got, want)
			}
			again := loadFiles(t, map[string]string{"foo/catalog.json": string(kept.Files()["foo/catalog.json"])})
			if got := strings.Join(messages(again.Validate()), "\n"); got != test.want {
				t.Errorf("written and read again, findings are %q, want %q", got, test.want)
			}
		})
	}
}

func TestKeepChangesNothingElse(t *testing.T) {
	channelText := "{ \"schema\":\"olm.channel\",\"package\":\"foo\",\n\"entries\" : [ {\"name\":\"foo.v2.0.0\", \"skips\":[\"foo.v1.0.0\"], \"x\":1.0},\n {\"name\":\"foo.v1.0.0\"}] , \"properties\":[{\"type\":\"x\",\"value\":1e3}],\"name\":\"stable\"}"
	files := map[string]string{
		"foo.json": `{"schema":"olm.package","name":"foo","defaultChannel":"stable","icon":{"base64data":"","mediatype":"x"}}` + channelText +
			`{"schema":"other","package":"foo", "n" : 1.00}`,
		"foo.yaml":    bundle("foo", "1.0.0") + bundle("foo", "2.0.0"),
		"bar.yaml":    operator("bar", "{name: bar.v1.0.0}", "1.0.0"),
		"global.json": `{"schema":"global", "n" : 1.00}`,
	}
	c := loadFiles(t, files)
	before := c.Files()
	kept, err := c.Keep(choose("stable: foo.v2.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range kept.documents() {
		got = append(got, d.Schema+" "+d.Name)
	}
	wantStrings(t, "documents", got, "olm.package foo", "olm.channel stable", "olm.bundle foo.v2.0.0", "other ", "global ")
	want := strings.Replace(channelText, "[ {\"name\":\"foo.v2.0.0\", \"skips\":[\"foo.v1.0.0\"], \"x\":1.0},\n {\"name\":\"foo.v1.0.0\"}]",
		"[{\"name\":\"foo.v2.0.0\", \"skips\":[\"foo.v1.0.0\"], \"x\":1.0}]", 1)
	if raw := string(kept.Packages[0].Channels[0].Raw); raw != want {
		t.Errorf("the channel is\n%s\nwant\n%s", raw, want)
	}
	for i, d := range kept.documents() {
		if i != 1 && !bytes.Contains(c.Files()["foo/catalog.json"], encodeDocuments([]Document{d})) && d.Schema != "global" {
			t.Errorf("%s %s changed", d.Schema, d.Name)
		}
	}
	for name, content := range c.Files() {
		if !bytes.Equal(content, before[name]) {
			t.Errorf("%s of the source changed", name)
		}
	}
}

func TestKeepChangesTheDefaultChannelAlone(t *testing.T) {
	const definition = "{ \"schema\":\"olm.package\",\"name\":\"foo\",\n\"DefaultChannel\" : \"stable\" , \"n\":1.0 }"
	_, rest, _ := strings.Cut(whole, "---\n")
	c := loadFiles(t, map[string]string{"a.json": definition, "b.yaml": rest})
	selection := choose("old: foo.v1.0.0")
	selection[0].DefaultChannel = "old"
	kept, err := c.Keep(selection)
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "findings", messages(kept.Validate()))
	want := strings.Replace(definition, `"stable"`, `"old"`, 1)
	if got := string(kept.Packages[0].Definitions[0].Raw); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := kept.Packages[0].Definitions[0].DefaultChannel; got != "old" {
		t.Errorf("default channel is %q", got)
	}
	if got := string(c.Packages[0].Definitions[0].Raw); got != definition {
		t.Errorf("the source changed: %s", got)
	}
}

func TestKeepExtendsTheSkipsOfTheNewHeadAlone(t *testing.T) {
	const before = "{\"schema\":\"olm.channel\",\"package\":\"foo\",\"name\":\"stable\",\"entries\":[\n {\"name\":\"foo.v3.0.0\",\"skips\":[\"foo.v2.0.0\",\"foo.v1.0.0\",\"foo.v0.9.0\",\"foo.v2.5.0\",\"foo-next\"]},"
	tests := []struct{ name, head, want string }{
		{"no skips", `{"name":"foo.v2.0.0" }`, `{"name":"foo.v2.0.0","skips":["foo.v0.9.0","foo.v1.0.0"] }`},
		{"null", `{"name":"foo.v2.0.0","skips":null,"x":1}`, `{"name":"foo.v2.0.0","skips":["foo.v0.9.0","foo.v1.0.0"],"x":1}`},
		{"some", `{"Skips" : [ "a<b" , "b"],"name":"foo.v2.0.0"}`, `{"Skips" : ["a<b","b","foo.v0.9.0","foo.v1.0.0"],"name":"foo.v2.0.0"}`},
		{"one of them already", `{"name":"foo.v2.0.0","skips":["foo.v0.9.0"]}`, `{"name":"foo.v2.0.0","skips":["foo.v0.9.0","foo.v1.0.0"]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := map[string]string{
				"a.json": `{"schema":"olm.package","name":"foo","defaultChannel":"stable"}` + before + test.head + `, {"name":"foo.v1.0.0"}]}`,
				"b.yaml": bundle("foo", "1.0.0") + bundle("foo", "2.0.0") + bundle("foo", "3.0.0"),
			}
			kept, err := loadFiles(t, files).Keep(choose("stable: foo.v1.0.0 foo.v2.0.0"))
			if err != nil {
				t.Fatal(err)
			}
			wantStrings(t, "findings", messages(kept.Validate()))
			ch := kept.Packages[0].Channels[0]
			if got := string(ch.Raw); !strings.HasSuffix(got, `"entries":[`+test.want+`,{"name":"foo.v1.0.0"}]}`) {
				t.Errorf("got %s\nwant in it %s", got, test.want)
			}
			again := loadFiles(t, map[string]string{"all": string(kept.Files()["foo/catalog.json"])}).Packages[0].Channels[0]
			if len(again.Entries) != 2 || !slices.Equal(again.Entries[0].Skips, ch.Entries[0].Skips) {
				t.Errorf("written and read again, entries are %v, were %v", again.Entries, ch.Entries)
			}
		})
	}
}

func TestKeepRepairsNothingWhereNothingIsTakenOut(t *testing.T) {
	text := operator("foo", "{name: foo.v2.0.0}, {name: foo.v1.0.0}", "1.0.0", "2.0.0")
	c := loadFiles(t, map[string]string{"a": text})
	kept, err := c.Keep(choose("stable: foo.v1.0.0 foo.v2.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, kept.Files(), c.Files())
	wantStrings(t, "findings", messages(kept.Validate()), `package "foo": channel "stable": has 2 heads: foo.v1.0.0, foo.v2.0.0`)
}

func TestKeepRefusesWhatHasNoHead(t *testing.T) {
	const circle = "{name: foo.v3.0.0, skips: [foo.v2.0.0, foo.v1.0.0]}, {name: foo.v2.0.0, replaces: foo.v1.0.0}, {name: foo.v1.0.0, replaces: foo.v2.0.0}"
	c := loadFiles(t, map[string]string{"a": operator("foo", circle, "1.0.0", "2.0.0", "3.0.0")})
	_, err := c.Keep(choose("stable: foo.v1.0.0 foo.v2.0.0"))
	wantError(t, err, `selection: package "foo": channel "stable": what is kept has no head: every entry is replaced or skipped by another`)
}

func TestKeepEverythingIsTheSame(t *testing.T) {
	c := loadFiles(t, map[string]string{"a": whole, "b": "schema: global"})
	selection, err := c.Select(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := c.Keep(selection.Packages)
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, kept.Files(), c.Files())
}

func sameFiles(t *testing.T, got, want map[string][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
	for name, content := range want {
		if !bytes.Equal(got[name], content) {
			t.Errorf("%s is\n%.500s\nwant\n%.500s", name, got[name], content)
		}
	}
}

func TestKeepDropsDeprecationsOfWhatIsGone(t *testing.T) {
	const onlyOld = "---\nschema: olm.deprecations\npackage: foo\nentries: [{reference: {schema: olm.channel, name: old}, message: m}]\n"
	start, _, _ := strings.Cut(whole, "---\nschema: olm.deprecations")
	tests := []struct {
		name, text string
		keep       []manifest.Package
		want       string
	}{
		{"all stays", whole, choose("stable: foo.v1.0.0 foo.v2.0.0 foo.v3.0.0", "old: foo.v1.0.0"), "olm.package  olm.channel old olm.bundle foo.v1.0.0 "},
		{"channel gone", whole, choose("stable: foo.v1.0.0 foo.v2.0.0 foo.v3.0.0"), "olm.package  olm.bundle foo.v1.0.0 "},
		{"channel and bundle gone", whole, choose("stable: foo.v3.0.0"), "olm.package  "},
		{"nothing left", start + onlyOld, choose("stable: foo.v3.0.0"), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			kept, err := loadFiles(t, map[string]string{"a": test.text}).Keep(test.keep)
			if err != nil {
				t.Fatal(err)
			}
			wantStrings(t, "findings", messages(kept.Validate()))
			again := loadFiles(t, map[string]string{"a": string(kept.Files()["foo/catalog.json"])}).Packages[0]
			got := ""
			for _, d := range again.Deprecations {
				for _, e := range d.Entries {
					got += e.Reference.Schema + " " + e.Reference.Name + " "
				}
			}
			if got != test.want {
				t.Errorf("deprecated is %q, want %q", got, test.want)
			}
			if len(again.Deprecations) == 1 != (test.want != "") {
				t.Errorf("%d documents", len(again.Deprecations))
			}
		})
	}
}

func TestKeepRefusesSelectionsThatDoNotFit(t *testing.T) {
	without := func(p manifest.Package, change func(*manifest.Package)) []manifest.Package {
		change(&p)
		return []manifest.Package{p}
	}
	good := choose("stable: foo.v3.0.0")
	tests := []struct {
		name string
		keep []manifest.Package
		want string
	}{
		{"nothing", nil, "selection: names no package"},
		{"package", without(good[0], func(p *manifest.Package) { p.Name = "fo" }), `selection: package "fo": not in the catalog`},
		{"package twice", append(choose("stable: foo.v3.0.0"), good...), `selection: package "foo": named more than once`},
		{"channel", choose("stable: foo.v3.0.0", "new: foo.v3.0.0"), `selection: package "foo": channel "new": not in the package`},
		{"channel twice", choose("stable: foo.v3.0.0", "stable: foo.v3.0.0"), `selection: package "foo": channel "stable": named more than once`},
		{"empty channel", choose("stable: foo.v3.0.0", "old:"), `selection: package "foo": channel "old": no bundle of it is kept`},
		{"bundle", choose("stable: foo.v3.0.0 foo.v4.0.0"), `selection: package "foo": channel "stable": bundle "foo.v4.0.0": not in the channel`},
		{"bundle of another channel", choose("stable: foo.v3.0.0", "old: foo.v2.0.0"), `selection: package "foo": channel "old": bundle "foo.v2.0.0": not in the channel`},
		{"bundle twice", choose("stable: foo.v3.0.0 foo.v3.0.0"), `selection: package "foo": channel "stable": bundle "foo.v3.0.0": named more than once`},
		{"bundle without a document", choose("stable: foo.v3.0.0", "empty: foo.v9.0.0"), `selection: package "foo": channel "empty": bundle "foo.v9.0.0": the channel names it, and it is not there`},
		{"default channel not kept", choose("old: foo.v1.0.0"), `selection: package "foo": default channel "stable": is not kept`},
		{"other default channel, not kept", without(good[0], func(p *manifest.Package) { p.DefaultChannel = "old" }),
			`selection: package "foo": default channel "old": is not kept`},
		{"no default channel", without(good[0], func(p *manifest.Package) { p.DefaultChannel = "" }),
			`selection: package "foo": default channel "": is not kept`},
		{"all that is wrong", choose("old: x y"), `selection: package "foo": default channel "stable": is not kept
selection: package "foo": channel "old": bundle "x": not in the channel
selection: package "foo": channel "old": bundle "y": not in the channel`},
	}
	c := loadFiles(t, map[string]string{"a": whole + channel("foo", "empty", "{name: foo.v9.0.0}")})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.Keep(test.keep)
			if err == nil || err.Error() != test.want {
				t.Errorf("got\n%v\nwant\n%s", err, test.want)
			}
		})
	}
}
