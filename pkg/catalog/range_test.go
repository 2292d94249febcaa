package catalog

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"drayage/pkg/manifest"
)

// showEntries writes a channel as "a <- b, c >> d [range]": b is replaced by a, d skipped by it.
func showEntries(ch Channel) string {
	var all []string
	for _, e := range ch.Entries {
		s := strings.TrimPrefix(e.Name, "foo.")
		if e.Replaces != "" {
			s += " <- " + strings.TrimPrefix(e.Replaces, "foo.")
		}
		if len(e.Skips) > 0 {
			s += " >> " + strings.ReplaceAll(strings.Join(e.Skips, " "), "foo.", "")
		}
		if e.SkipRange != "" {
			s += " [" + e.SkipRange + "]"
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

// selectAndKeep wants what is chosen to be valid, and the same when made again
// from the recorded selection.
func selectAndKeep(t *testing.T, c *Catalog, requests []PackageRequest, full bool) (Selection, *Catalog, error) {
	t.Helper()
	selection, err := c.Select(requests, full)
	if err != nil {
		return Selection{}, nil, err
	}
	kept, err := c.Keep(selection.Packages)
	if err != nil {
		t.Fatalf("what was selected cannot be kept: %v", err)
	}
	wantStrings(t, "findings", messages(kept.Validate()))
	record, err := json.Marshal(selection.Packages)
	if err != nil {
		t.Fatal(err)
	}
	var recorded []manifest.Package
	if err := json.Unmarshal(record, &recorded); err != nil {
		t.Fatal(err)
	}
	again, err := c.Keep(recorded)
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, again.Files(), kept.Files())
	return selection, kept, nil
}

// The channels that ranges are tried on, all with the versions 0.9.0 to 5.0.0.
const (
	// As Red Hat's own operators have them: side by side, the head skips all.
	sideBySide = "{name: foo.v5.0.0, skips: [foo.v4.0.0, foo.v3.0.0, foo.v2.0.0, foo.v1.0.0, foo.v0.8.0, foo.v4.5.0, foo-old], skipRange: '>=0.5.0 <5.0.0'}, " +
		"{name: foo.v4.0.0, skipRange: '>=0.5.0 <4.0.0'}, {name: foo.v3.0.0, skipRange: '>=0.5.0 <1.0.0'}, {name: foo.v2.0.0}, {name: foo.v1.0.0}"
	// Each replaces the one before.
	inChain = "{name: foo.v5.0.0, replaces: foo.v4.0.0}, {name: foo.v4.0.0, replaces: foo.v3.0.0, skipRange: '<2.0.0'}, {name: foo.v3.0.0, replaces: foo.v2.0.0}, " +
		"{name: foo.v2.0.0, replaces: foo.v1.0.0}, {name: foo.v1.0.0, replaces: foo.v0.8.0}"
	// 4.0.0 was bad: 5.0.0 replaces 3.0.0 and skips it.
	withBad = "{name: foo.v5.0.0, replaces: foo.v3.0.0, skips: [foo.v4.0.0]}, {name: foo.v4.0.0, replaces: foo.v3.0.0}, {name: foo.v3.0.0, replaces: foo.v2.0.0}, " +
		"{name: foo.v2.0.0, replaces: foo.v1.0.0}, {name: foo.v1.0.0}"
	// The chain does not follow the versions: 2.0.0 came after 3.0.0.
	outOfOrder = "{name: foo.v5.0.0, replaces: foo.v4.0.0}, {name: foo.v4.0.0, replaces: foo.v2.0.0}, {name: foo.v2.0.0, replaces: foo.v3.0.0}, " +
		"{name: foo.v3.0.0, replaces: foo.v1.0.0}, {name: foo.v1.0.0}"
	// A chain, and beside it what an entry of the chain skips.
	branched = "{name: foo.v5.0.0, replaces: foo.v4.0.0}, {name: foo.v4.0.0, replaces: foo.v2.0.0, skips: [foo.v3.0.0]}, {name: foo.v3.0.0}, " +
		"{name: foo.v2.0.0, skips: [foo.v1.0.0]}, {name: foo.v1.0.0}"
	// Below what 5.0.0 skips, entries replace one another in a circle.
	circular = "{name: foo.v5.0.0, replaces: foo.v4.0.0, skips: [foo.v3.0.0, foo.v2.0.0, foo.v1.0.0]}, {name: foo.v4.0.0, replaces: foo.v3.0.0}, " +
		"{name: foo.v3.0.0, replaces: foo.v2.0.0}, {name: foo.v2.0.0, replaces: foo.v3.0.0}, {name: foo.v1.0.0}"
)

func TestShortenedChannels(t *testing.T) {
	tests := []struct{ name, entries, low, high, want, warnings string }{
		{"side by side: all", sideBySide, "1", "",
			"v5.0.0 >> v4.0.0 v3.0.0 v2.0.0 v1.0.0 v0.8.0 v4.5.0 foo-old [>=0.5.0 <5.0.0], v4.0.0 [>=0.5.0 <4.0.0], v3.0.0 [>=0.5.0 <1.0.0], v2.0.0, v1.0.0", ""},
		{"side by side: head and some", sideBySide, "3", "",
			"v5.0.0 >> v4.0.0 v3.0.0 v2.0.0 v1.0.0 v0.8.0 v4.5.0 foo-old [>=0.5.0 <5.0.0], v4.0.0 [>=0.5.0 <4.0.0], v3.0.0 [>=0.5.0 <1.0.0]", ""},
		{"side by side: head alone", sideBySide, "5.0.0", "5.0.0",
			"v5.0.0 >> v4.0.0 v3.0.0 v2.0.0 v1.0.0 v0.8.0 v4.5.0 foo-old [>=0.5.0 <5.0.0]", ""},
		{"side by side: without the head, what it skipped is skipped by the new one", sideBySide, "", "4",
			"v4.0.0 >> v0.8.0 v1.0.0 v2.0.0 v3.0.0 [>=0.5.0 <4.0.0], v3.0.0 [>=0.5.0 <1.0.0], v2.0.0, v1.0.0",
			"no direct update to any that is kept from 1 of its 2 older versions: foo-old"},
		{"side by side: two that were no heads", sideBySide, "2", "3",
			"v3.0.0 >> v0.8.0 v1.0.0 v2.0.0 [>=0.5.0 <1.0.0], v2.0.0",
			"no direct update to any that is kept from 1 of its 3 older versions: foo-old"},
		{"side by side: one that was no head stays as it is", sideBySide, "3", "3",
			"v3.0.0 [>=0.5.0 <1.0.0]",
			"no direct update to the kept foo.v3.0.0 from 3 of its 4 older versions: foo.v2.0.0, foo.v1.0.0, foo-old"},
		{"in a chain: the upper end", inChain, "4", "",
			"v5.0.0 <- v4.0.0, v4.0.0 <- v3.0.0 [<2.0.0]",
			"no direct update to any that is kept from 1 of its 4 older versions: foo.v2.0.0"},
		{"in a chain: the lower end", inChain, "", "2",
			"v2.0.0 <- v1.0.0, v1.0.0 <- v0.8.0", ""},
		{"in a chain: the middle, replaces may name what is gone", inChain, "2", "3",
			"v3.0.0 <- v2.0.0, v2.0.0 <- v1.0.0",
			"no direct update to any that is kept from 1 of its 2 older versions: foo.v0.8.0"},
		{"with a bad one: kept while the head is", withBad, "3", "",
			"v5.0.0 <- v3.0.0 >> v4.0.0, v4.0.0 <- v3.0.0, v3.0.0 <- v2.0.0",
			"no direct update to any that is kept from 1 of its 2 older versions: foo.v1.0.0"},
		{"with a bad one: it was the head once", withBad, "", "4",
			"v4.0.0 <- v3.0.0, v3.0.0 <- v2.0.0, v2.0.0 <- v1.0.0, v1.0.0", ""},
		{"out of order: what lies between is kept too", outOfOrder, "3", "4",
			"v4.0.0 <- v2.0.0, v2.0.0 <- v3.0.0, v3.0.0 <- v1.0.0",
			"keeps outside of the versions from 3 to 4, since updates pass through: foo.v2.0.0"},
		{"out of order: also below the old head", outOfOrder, "3", "",
			"v5.0.0 <- v4.0.0, v4.0.0 <- v2.0.0, v2.0.0 <- v3.0.0, v3.0.0 <- v1.0.0",
			"keeps outside of the versions from 3, since updates pass through: foo.v2.0.0"},
		{"out of order: a lower version is the head", outOfOrder, "", "2",
			"v2.0.0 <- v3.0.0, v3.0.0 <- v1.0.0, v1.0.0",
			"keeps outside of the versions up to 2, since updates pass through: foo.v3.0.0"},
		{"branched: what skipped one is gone", branched, "", "3",
			"v3.0.0, v2.0.0 >> v1.0.0 v3.0.0, v1.0.0", ""},
		{"branched: what is skipped needs no padding", branched, "3", "3", "v3.0.0",
			"no direct update to the kept foo.v3.0.0 from 2 of its 2 older versions: foo.v2.0.0, foo.v1.0.0"},
		{"circular: without the head", circular, "", "4",
			"v4.0.0 <- v3.0.0 >> v1.0.0 v2.0.0 v3.0.0, v3.0.0 <- v2.0.0, v2.0.0 <- v3.0.0, v1.0.0", ""},
		{"circular: with the head", circular, "3", "",
			"v5.0.0 <- v4.0.0 >> v3.0.0 v2.0.0 v1.0.0, v4.0.0 <- v3.0.0, v3.0.0 <- v2.0.0", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := loadFiles(t, map[string]string{"a": operator("foo", test.entries, "1.0.0", "2.0.0", "3.0.0", "4.0.0", "5.0.0")})
			wantStrings(t, "findings in the source", messages(c.Validate()))
			selection, kept, err := selectAndKeep(t, c, []PackageRequest{{Name: "foo", MinVersion: test.low, MaxVersion: test.high}}, false)
			if err != nil {
				t.Fatal(err)
			}
			if got := showEntries(kept.Packages[0].Channels[0]); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			got := strings.ReplaceAll(strings.Join(selection.Warnings, "\n"), `package "foo": channel "stable": `, "")
			if got != test.warnings {
				t.Errorf("warnings are\n%s\nwant\n%s", got, test.warnings)
			}
		})
	}
}

// many is a package with three channels; stable is the default.
var many = operator("foo", "{name: foo.v3.0.0, replaces: foo.v2.0.0}, {name: foo.v2.0.0, replaces: foo.v1.0.0}, {name: foo.v1.0.0}", "1.0.0", "2.0.0", "3.0.0") +
	channel("foo", "beta", "{name: foo.v3.0.0, skips: [foo.v2.0.0]}, {name: foo.v2.0.0}") +
	channel("foo", "old", "{name: foo.v1.0.0}")

func TestRequests(t *testing.T) {
	const lost = `package "foo": channel "stable": no direct update to the kept foo.v3.0.0 from 1 of its 2 older versions: foo.v1.0.0`
	tests := []struct {
		name     string
		request  PackageRequest
		full     bool
		want     string
		warnings []string
	}{
		{"by name", PackageRequest{}, false, "foo(stable): beta[foo.v3.0.0] old[foo.v1.0.0] stable[foo.v3.0.0]", []string{lost}},
		{"full", PackageRequest{Full: true}, false, "foo(stable): beta[foo.v2.0.0 foo.v3.0.0] old[foo.v1.0.0] stable[foo.v1.0.0 foo.v2.0.0 foo.v3.0.0]", nil},
		{"full of all", PackageRequest{}, true, "foo(stable): beta[foo.v2.0.0 foo.v3.0.0] old[foo.v1.0.0] stable[foo.v1.0.0 foo.v2.0.0 foo.v3.0.0]", nil},
		{"range of the package", PackageRequest{MaxVersion: "2"}, false, "foo(stable): beta[foo.v2.0.0] old[foo.v1.0.0] stable[foo.v1.0.0 foo.v2.0.0]", nil},
		{"channel without versions is dropped", PackageRequest{MinVersion: "2"}, false, "foo(stable): beta[foo.v2.0.0 foo.v3.0.0] stable[foo.v2.0.0 foo.v3.0.0]",
			[]string{`package "foo": channel "old": is left out: has no version from 2; nearest: 1.0.0 below`}},
		{"one channel, its head", PackageRequest{Channels: []ChannelRequest{{Name: "stable"}}}, false, "foo(stable): stable[foo.v3.0.0]", []string{lost}},
		{"channels are sorted", PackageRequest{Channels: []ChannelRequest{{Name: "stable"}, {Name: "old"}}}, false, "foo(stable): old[foo.v1.0.0] stable[foo.v3.0.0]", []string{lost}},
		{"one channel, full", PackageRequest{Channels: []ChannelRequest{{Name: "stable"}}, Full: true}, false, "foo(stable): stable[foo.v1.0.0 foo.v2.0.0 foo.v3.0.0]", nil},
		{"range of a channel", PackageRequest{Channels: []ChannelRequest{{"stable", "2.0.0", "2.0.0"}, {Name: "beta"}}}, false, "foo(stable): beta[foo.v3.0.0] stable[foo.v2.0.0]", nil},
		{"range of the package for channels that are named", PackageRequest{MinVersion: "2", Channels: []ChannelRequest{{Name: "stable"}}}, false, "foo(stable): stable[foo.v2.0.0 foo.v3.0.0]", nil},
		{"another default", PackageRequest{Channels: []ChannelRequest{{Name: "beta"}, {Name: "old"}}, DefaultChannel: "beta"}, false, "foo(beta): beta[foo.v3.0.0] old[foo.v1.0.0]", nil},
		{"another default, all channels", PackageRequest{DefaultChannel: "old"}, false, "foo(old): beta[foo.v3.0.0] old[foo.v1.0.0] stable[foo.v3.0.0]", []string{lost}},
		{"the old default is dropped", PackageRequest{MaxVersion: "1", DefaultChannel: "old"}, false, "foo(old): old[foo.v1.0.0] stable[foo.v1.0.0]",
			[]string{`package "foo": channel "beta": is left out: has no version up to 1; nearest: 2.0.0 above`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.request.Name = "foo"
			selection, kept, err := selectAndKeep(t, loadFiles(t, map[string]string{"a": many}), []PackageRequest{test.request}, test.full)
			if err != nil {
				t.Fatal(err)
			}
			wantStrings(t, "selection", show(selection.Packages), test.want)
			wantStrings(t, "warnings", selection.Warnings, test.warnings...)
			if got := kept.Packages[0].Definitions[0].DefaultChannel; !strings.HasPrefix(test.want, "foo("+got+")") {
				t.Errorf("default channel is %s", got)
			}
		})
	}
}

func TestRequestsAreRefused(t *testing.T) {
	channels := func(names ...string) (all []ChannelRequest) {
		for _, name := range names {
			all = append(all, ChannelRequest{Name: name})
		}
		return all
	}
	tests := []struct {
		name     string
		requests []PackageRequest
		full     bool
		want     string
	}{
		{"package", []PackageRequest{{Name: "fooo"}, {Name: "xyz"}, {Name: "bare"}}, false,
			"package \"fooo\": not in the catalog; near: foo\npackage \"xyz\": not in the catalog\npackage \"bare\": not in the catalog; near: bar"},
		{"package twice", []PackageRequest{{Name: "foo"}, {Name: "foo"}}, false, `package "foo": named more than once`},
		{"channel, with near ones", []PackageRequest{{Name: "foo", Channels: channels("stabel", "old")}}, false,
			`package "foo": channel "stabel": not in the package; near: stable`},
		{"channel, with all there are", []PackageRequest{{Name: "foo", Channels: channels("fast", "stable")}}, false,
			`package "foo": channel "fast": not in the package; there are: beta, old, stable`},
		{"channel twice", []PackageRequest{{Name: "foo", Channels: channels("stable", "stable")}}, false, `package "foo": channel "stable": named more than once`},
		{"default channel lost", []PackageRequest{{Name: "foo", Channels: channels("old", "beta")}}, false,
			`package "foo": default channel "stable": is not kept; name another with defaultChannel: beta, old`},
		{"default channel not among those named", []PackageRequest{{Name: "foo", Channels: channels("old", "beta"), DefaultChannel: "stable"}}, false,
			`package "foo": default channel "stable": is not among the channels that are kept: beta, old`},
		{"default channel that is none", []PackageRequest{{Name: "foo", DefaultChannel: "stab"}}, false,
			`package "foo": default channel "stab": not in the package; near: stable`},
		{"bounds", []PackageRequest{{Name: "foo", MinVersion: "x", Channels: []ChannelRequest{{"stable", "", "y"}}}}, false,
			"package \"foo\": minVersion \"x\": is no version such as 4.17, 4.17.0 or 4.17.0-202412170235\n" +
				"package \"foo\": channel \"stable\": maxVersion \"y\": is no version such as 4.17, 4.17.0 or 4.17.0-202412170235"},
		{"two ranges", []PackageRequest{{Name: "foo", MinVersion: "1", Channels: []ChannelRequest{{"stable", "", "2"}}}}, false,
			`package "foo": channel "stable": versions up to 2 are asked for, and from 1 for the whole package: want one of them`},
		{"full and a range", []PackageRequest{{Name: "foo", MinVersion: "1", Full: true}}, false,
			`package "foo": all versions are asked for, and those from 1 too: want one of them`},
		{"full of all and a range of a channel", []PackageRequest{{Name: "foo", Channels: []ChannelRequest{{"stable", "1", "2"}}}}, true,
			`package "foo": channel "stable": all versions are asked for, and those from 1 to 2 too: want one of them`},
		{"nothing between", []PackageRequest{{Name: "foo", MinVersion: "1.1", MaxVersion: "1.9"}}, false,
			`package "foo": default channel "stable": has no version from 1.1 to 1.9; nearest: 1.0.0 below, 2.0.0 above`},
		{"nothing in the default channel", []PackageRequest{{Name: "foo", DefaultChannel: "old", MinVersion: "2"}}, false,
			`package "foo": default channel "old": has no version from 2; nearest: 1.0.0 below; kept, and could be the default, are: beta, stable`},
		{"nothing in the one channel", []PackageRequest{{Name: "foo", Channels: []ChannelRequest{{"old", "2", ""}}}}, false,
			`package "foo": channel "old": has no version from 2; nearest: 1.0.0 below`},
		{"all that is wrong", []PackageRequest{{Name: "foo", MinVersion: "9"}, {Name: "bar", Channels: channels("x")}}, false,
			"package \"bar\": channel \"x\": not in the package; there are: stable\n" +
				"package \"foo\": default channel \"stable\": has no version from 9; nearest: 3.0.0 below"},
	}
	c := loadFiles(t, map[string]string{"a": many, "b": operator("bar", "{name: bar.v1.0.0}", "1.0.0"), "c": "schema: x\npackage: bare\n"})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.Select(test.requests, test.full)
			if err == nil || err.Error() != test.want {
				t.Errorf("got\n%v\nwant\n%s", err, test.want)
			}
		})
	}
}

func TestTheNearestVersionsAreNamed(t *testing.T) {
	const entries = "{name: foo.v1.0.0, skips: [foo.v9.0.0, foo.v10.0.0, foo.v12.0.0, foo.v100.0.0]}, {name: foo.v9.0.0}, {name: foo.v10.0.0}, {name: foo.v12.0.0}, {name: foo.v100.0.0}"
	c := loadFiles(t, map[string]string{"a": operator("foo", entries, "1.0.0", "9.0.0", "10.0.0", "12.0.0", "100.0.0")})
	_, err := c.Select([]PackageRequest{{Name: "foo", MinVersion: "11", MaxVersion: "11"}}, false)
	const want = `package "foo": default channel "stable": has no version 11; nearest: 10.0.0 below, 12.0.0 above`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestRangesNeedChannelsThatAreValid(t *testing.T) {
	tests := []struct{ name, entries, want string }{
		{"two heads", "{name: foo.v2.0.0}, {name: foo.v1.0.0}", `package "foo": channel "stable": has 2 heads: foo.v1.0.0, foo.v2.0.0`},
		{"stranded", "{name: foo.v3.0.0}, {name: foo.v2.0.0, replaces: foo.v1.0.0}, {name: foo.v1.0.0, replaces: foo.v2.0.0}", `package "foo": channel "stable": its head foo.v3.0.0 does not lead to foo.v1.0.0, foo.v2.0.0`},
		{"no bundle", "{name: foo.v3.0.0, replaces: foo.v9.0.0}, {name: foo.v9.0.0}", `package "foo": channel "stable": entry "foo.v9.0.0": has no version that could be compared`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := loadFiles(t, map[string]string{"a": operator("foo", test.entries, "1.0.0", "2.0.0", "3.0.0")})
			_, err := c.Select([]PackageRequest{{Name: "foo", MaxVersion: "2"}}, false)
			if err == nil || err.Error() != test.want {
				t.Errorf("got\n%v\nwant\n%s", err, test.want)
			}
		})
	}
	broken := operator("foo", "{name: foo.v1.0.0}", "1.0.0") + channel("foo", "broken", "")
	if _, err := loadFiles(t, map[string]string{"a": broken}).Select([]PackageRequest{{Name: "foo", Channels: []ChannelRequest{{Name: "stable"}}}}, false); err != nil {
		t.Errorf("a channel that nobody asked for: %v", err)
	}
}

func TestManyChannelsThatAreLeftOutAreOneWarning(t *testing.T) {
	text := many
	for i := range 4 {
		text += channel("foo", fmt.Sprint("old-", i), "{name: foo.v1.0.0}")
	}
	selection, _, err := selectAndKeep(t, loadFiles(t, map[string]string{"a": text}), []PackageRequest{{Name: "foo", MinVersion: "2"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "warnings", selection.Warnings, `package "foo": 5 channels are left out, which have no version from 2: old, old-0, old-1 and 2 more`)
}

func TestDeprecationsFollowTheRange(t *testing.T) {
	text := many + "---\nschema: olm.deprecations\npackage: foo\nentries:\n- {reference: {schema: olm.channel, name: old}, message: m}\n" +
		"- {reference: {schema: olm.bundle, name: foo.v1.0.0}, message: m}\n- {reference: {schema: olm.bundle, name: foo.v2.0.0}, message: m}\n"
	_, kept, err := selectAndKeep(t, loadFiles(t, map[string]string{"a": text}), []PackageRequest{{Name: "foo", MinVersion: "2"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := kept.Packages[0].Deprecations[0].Entries; len(got) != 1 || got[0].Reference.Name != "foo.v2.0.0" {
		t.Errorf("%v", got)
	}
}

func TestRangeWithoutRequestsIsOfAllPackages(t *testing.T) {
	c := loadFiles(t, map[string]string{"a": many, "b": operator("bar", "{name: bar.v1.0.0}", "1.0.0")})
	selection, _, err := selectAndKeep(t, c, []PackageRequest{{Name: "foo", MinVersion: "3"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "only what is asked for", show(selection.Packages), "foo(stable): beta[foo.v3.0.0] stable[foo.v3.0.0]")
}
