package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"drayage/pkg/manifest"
)

// show writes a selection as foo(stable): stable[a b] old[a].
func show(selection []manifest.Package) []string {
	var all []string
	for _, p := range selection {
		s := fmt.Sprintf("%s(%s):", p.Name, p.DefaultChannel)
		for _, ch := range p.Channels {
			s += fmt.Sprintf(" %s%v", ch.Name, ch.Bundles)
		}
		all = append(all, s)
	}
	return all
}

func TestSelectHeadsOrAll(t *testing.T) {
	c := loadFiles(t, map[string]string{
		"a":   whole + channel("foo", "alpha", "{name: foo.v2.0.0}"),
		"b":   operator("bar", "{name: bar.v2.0.0, skips: [bar.v1.0.0]}, {name: bar.v1.0.0}", "1.0.0", "2.0.0"),
		"c":   "schema: x\npackage: elsewhere\n",
		"d/e": "schema: global\n",
	})
	heads, err := c.Select(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "heads", show(heads.Packages), "bar(stable): stable[bar.v2.0.0]", "foo(stable): alpha[foo.v2.0.0] old[foo.v1.0.0] stable[foo.v3.0.0]")
	wantStrings(t, "warnings", heads.Warnings,
		`package "foo": channel "stable": no direct update to the kept foo.v3.0.0 from 1 of its 3 older versions: foo.v0.0.1`)
	all, err := c.Select(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "all", show(all.Packages), "bar(stable): stable[bar.v1.0.0 bar.v2.0.0]",
		"foo(stable): alpha[foo.v2.0.0] old[foo.v1.0.0] stable[foo.v1.0.0 foo.v2.0.0 foo.v3.0.0]")
	wantStrings(t, "warnings", all.Warnings)
}

func TestSelectRefusesChannelsWithoutOneHead(t *testing.T) {
	c := loadFiles(t, map[string]string{
		"a": operator("foo", "{name: foo.v2.0.0}, {name: foo.v1.0.0}"),
		"b": operator("bar", ""),
		"c": channel("lost", "stable", "{name: lost.v1}"),
	})
	for _, full := range []bool{false, true} {
		_, err := c.Select(nil, full)
		want := `package "bar": channel "stable": has no entries
package "foo": channel "stable": has 2 heads: foo.v1.0.0, foo.v2.0.0
package "lost": 0 documents olm.package, want 1`
		if err == nil || err.Error() != want {
			t.Errorf("full %v: got\n%v\nwant\n%s", full, err, want)
		}
	}
}

func TestSelectWarnsOfVersionsThatLoseTheirWayUp(t *testing.T) {
	const chain = "{name: foo.v1.9.0, replaces: foo.v1.2.0}, {name: foo.v1.2.0, replaces: foo.v1.1.0}, {name: foo.v1.1.0, replaces: foo.v1.0.0}, {name: foo.v1.0.0}, {name: foo.v0.9.0}"
	versions := []string{"0.9.0", "1.0.0", "1.1.0", "1.2.0", "1.9.0", "1.10.0"}
	tests := []struct{ name, head, want string }{
		{"replaces reaches one", "replaces: foo.v1.9.0, skips: [foo.v0.9.0]", "from 3 of its 5 older versions: foo.v1.2.0, foo.v1.1.0, foo.v1.0.0"},
		{"newest first, and few", "skips: [foo.v0.1.0]", "from 5 of its 6 older versions: foo.v1.9.0, foo.v1.2.0, foo.v1.1.0 and 2 more"},
		{"skips reach all", "skips: [foo.v1.9.0, foo.v1.2.0, foo.v1.1.0, foo.v1.0.0, foo.v0.9.0]", ""},
		{"range reaches all", "replaces: foo.v1.9.0, skipRange: '>=0.1.0 <1.10.0'", ""},
		{"range reaches some", "replaces: foo.v1.9.0, skipRange: '>=1.1.0 <1.10.0'", "from 2 of its 5 older versions: foo.v1.0.0, foo.v0.9.0"},
		{"range that cannot be read", "replaces: foo.v1.9.0, skips: [foo.v0.9.0], skipRange: '1.x, 2'", "from 3 of its 5 older versions: foo.v1.2.0, foo.v1.1.0, foo.v1.0.0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			entries := "{name: foo.v1.10.0, " + test.head + "}, " + chain
			if test.head[:5] != "repla" { // make one head of it
				entries = "{name: foo.v1.10.0, " + test.head + "}, {name: foo.v1.9.0}, {name: foo.v1.2.0}, {name: foo.v1.1.0}, {name: foo.v1.0.0}, {name: foo.v0.9.0}"
			}
			c := loadFiles(t, map[string]string{"a": operator("foo", entries, versions...)})
			p, ch := c.Packages[0], &c.Packages[0].Channels[0]
			kept, err := p.shorten(ch, []string{"foo.v1.10.0"})
			if err != nil {
				t.Fatal(err)
			}
			var s Selection
			s.warnLost(p, ch, kept)
			lost, want := strings.Join(s.Warnings, "\n"), test.want
			if want != "" {
				want = `package "foo": channel "stable": no direct update to the kept foo.v1.10.0 ` + want
			}
			if lost != want {
				t.Errorf("got  %s\nwant %s", lost, want)
			}
		})
	}
}

func TestSelectWarnsPerChannelAndNotWhenAllIsKept(t *testing.T) {
	const chain = "{name: foo.v3.0.0, replaces: foo.v2.0.0}, {name: foo.v2.0.0, replaces: foo.v1.0.0}, {name: foo.v1.0.0}"
	c := loadFiles(t, map[string]string{"a": operator("foo", chain, "1.0.0", "2.0.0", "3.0.0") + channel("foo", "beta", chain)})
	heads, err := c.Select(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "warnings", heads.Warnings,
		`package "foo": channel "beta": no direct update to the kept foo.v3.0.0 from 1 of its 2 older versions: foo.v1.0.0`,
		`package "foo": channel "stable": no direct update to the kept foo.v3.0.0 from 1 of its 2 older versions: foo.v1.0.0`)
	if all, _ := c.Select(nil, true); len(all.Warnings) > 0 {
		t.Errorf("all is kept, and yet: %q", all.Warnings)
	}
}

func TestSelectionIsSorted(t *testing.T) {
	c := loadFiles(t, map[string]string{"a": operator("foo", "{name: foo.v2.0.0, skips: [foo.v10.0.0, foo.v1.0.0]}, {name: foo.v10.0.0}, {name: foo.v1.0.0}", "1.0.0", "10.0.0", "2.0.0")})
	all, err := c.Select(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(all.Packages[0].Channels[0].Bundles) {
		t.Errorf("%v", all.Packages[0].Channels[0].Bundles)
	}
}
