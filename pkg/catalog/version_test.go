package catalog

import (
	"slices"
	"strings"
	"testing"

	"github.com/blang/semver/v4"
)

// versioned makes a bundle of a version; behind a space stands its release.
func versioned(t *testing.T, text string) *Bundle {
	t.Helper()
	version, release, _ := strings.Cut(text, " ")
	v, err := semver.Parse(version)
	if err != nil {
		t.Fatal(err)
	}
	return &Bundle{Version: &v, Release: release}
}

func TestRangesTakeInWhatTheirBoundsLeaveOut(t *testing.T) {
	const red = "4.17.0-202412170235"
	tests := []struct{ low, high, inside, below, above string }{
		{"4.17.0", "", "4.17.0 4.17.0-0 4.17.0-rc.1 " + red + " 4.17.0+1 4.17.1 4.18.0-1 5.0.0", "4.16.9 4.16.9+1 3.0.0", ""},
		{"", "4.17.0", "4.17.0 4.17.0-0 " + red + " 4.17.0+9 4.16.9 0.1.0", "", "4.17.1-0 4.17.1 4.18.0 5.0.0"},
		{"4.17", "4.17", "4.17.0-0 " + red + " 4.17.0 4.17.99+1", "4.16.99 3.99.0", "4.18.0-0 5.0.0-0"},
		{"4", "4", "4.0.0-0 4.99.99", "3.99.99", "5.0.0-0"},
		{"4.17.0", "4.17.0", "4.17.0-0 " + red + " 4.17.0 4.17.0+1", "4.16.99", "4.17.1-0"},
		{red, "", red + " 4.17.0-202412170236 4.17.0 " + red + "+1 4.17.1-0", "4.17.0-202412170234 4.17.0-202412 4.17.0-0", ""},
		{"", red, red + " 4.17.0-202412170234 4.16.0 " + red + "+1", "", "4.17.0-202412170236 4.17.0 4.17.0-rc 4.17.1-0"},
		{red, red, red, "4.17.0-202412170234", "4.17.0 4.17.0-202412170236"},
		{"0.9.1+5", "", "0.9.1+5 0.9.1+10 0.9.1+5.1 0.9.1+a 0.9.2-0", "0.9.1 0.9.1+4 0.9.1-9 0.9.0+9", ""},
		{"", "0.9.1+5", "0.9.1 0.9.1-9 0.9.1+5 0.9.1+4 0.9.0+9", "", "0.9.1+6 0.9.1+10 0.9.1+5.1 0.9.1+a 0.9.2-0"},
		{"0.9.1-1+5", "0.9.1-1+5", "0.9.1-1+5", "0.9.1-1 0.9.1-0+9", "0.9.1-1+6 0.9.1"},
		{"4.16", "4.17.0", "4.16.0-1 4.16.9 " + red + " 4.17.0", "4.15.9", "4.17.1-0"},
		{"4.17.0", red, "4.17.0-0 " + red, "4.16.9", "4.17.0"},
		{red, "4.17", red + " 4.17.0 4.17.8", "4.17.0-1", "4.18.0-0"},
	}
	for _, test := range tests {
		t.Run(test.low+" to "+test.high, func(t *testing.T) {
			r, err := parseRange(test.low, test.high)
			if err != nil {
				t.Fatal(err)
			}
			for want, versions := range map[int]string{-1: test.below, 0: test.inside, 1: test.above} {
				for _, v := range strings.Fields(versions) {
					if got := r.compare(versioned(t, v)); got != want {
						t.Errorf("%s: is %d, want %d", v, got, want)
					}
				}
			}
		})
	}
}

func TestRangesKnowReleases(t *testing.T) {
	tests := []struct {
		low, high, version string
		want               int
	}{
		{"1.0.0", "1.0.0", "1.0.0 2", 0},
		{"1.0.0-2", "", "1.0.0 2", 0},
		{"1.0.0-2", "", "1.0.0 1", -1},
		{"", "1.0.0-2", "1.0.0 10", 1},
		{"", "1.0.0-2", "1.0.0 2", 0},
		{"", "1.0.0-2", "1.0.0", 1},
		{"1.0.1", "", "1.0.0 2", -1},
	}
	for _, test := range tests {
		r, err := parseRange(test.low, test.high)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.compare(versioned(t, test.version)); got != test.want {
			t.Errorf("%s in %s: is %d, want %d", test.version, r, got, test.want)
		}
	}
}

func TestRangesAreRefused(t *testing.T) {
	const form = ": is no version such as 4.17, 4.17.0 or 4.17.0-202412170235"
	tests := []struct{ low, high, want string }{
		{"4.x", "", `minVersion "4.x"` + form},
		{"", "v4.17.0", `maxVersion "v4.17.0"` + form},
		{">=4.17.0", "", `minVersion ">=4.17.0"` + form},
		{"4.17-1", "", `minVersion "4.17-1"` + form},
		{"4.17.", "", `minVersion "4.17."` + form},
		{"04.17", "", `minVersion "04.17"` + form},
		{" 4.17", "", `minVersion " 4.17"` + form},
		{"4.17.0.1", "", `minVersion "4.17.0.1"` + form},
		{"99999999999999999999", "", `minVersion "99999999999999999999"` + form},
		{strings.Repeat("1", maxVersion+1), "", `minVersion "1111111111111111111111111111111111111111"...: is longer than 256 characters`},
		{"4.18", "4.17", "minVersion 4.18 is above maxVersion 4.17"},
		{"4.17.1", "4.17.0", "minVersion 4.17.1 is above maxVersion 4.17.0"},
		{"5", "4.17.0-1", "minVersion 5 is above maxVersion 4.17.0-1"},
		{"4.17.0-2", "4.17.0-1", "minVersion 4.17.0-2 is above maxVersion 4.17.0-1"},
		{"1.0.0+2", "1.0.0+1", "minVersion 1.0.0+2 is above maxVersion 1.0.0+1"},
	}
	for _, test := range tests {
		if _, err := parseRange(test.low, test.high); err == nil || err.Error() != test.want {
			t.Errorf("%.20q, %.20q: got  %v\nwant %s", test.low, test.high, err, test.want)
		}
	}
	for _, ok := range [][2]string{{"4.17.3", "4.17"}, {"4.17", "4.17.3"}, {"4.17.0-5", "4.17.0"}, {"4.17.0", "4.17.0-5"}, {"1.0.0+2", "1.0.0"}} {
		if _, err := parseRange(ok[0], ok[1]); err != nil {
			t.Errorf("%v: %v", ok, err)
		}
	}
}

func TestRangeReadsWell(t *testing.T) {
	for ends, want := range map[[2]string]string{
		{"", ""}: "any", {"1", ""}: "from 1", {"", "2.0"}: "up to 2.0", {"1.0.0", "1.0.0"}: "1.0.0", {"1", "2"}: "from 1 to 2",
	} {
		if r, err := parseRange(ends[0], ends[1]); err != nil || r.String() != want {
			t.Errorf("%v: %s, %v", ends, r, err)
		}
	}
}

func TestOrderOfBundles(t *testing.T) {
	order := []string{"1.0.0-1", "1.0.0-1+1", "1.0.0-2", "1.0.0", "1.0.0+1", "1.0.0+02", "1.0.0+10", "1.0.0+10.1", "1.0.0+a", "1.0.1", "1.0.1 1", "1.0.1 2", "1.0.1 10", "1.0.1 a"}
	for i, a := range order {
		for j, b := range order {
			if got, want := compareBundles(versioned(t, a), versioned(t, b)), sign(i-j); got != want {
				t.Errorf("%s, %s: %d, want %d", a, b, got, want)
			}
		}
	}
}

func sign(n int) int { return max(-1, min(1, n)) }

func TestVersionInName(t *testing.T) {
	tests := []struct{ name, want string }{
		{"foo.v1.2.3", "1.2.3"},
		{"nfd.4.17.0-202412170235", "4.17.0-202412170235"},
		{"a.b-c.v0.1.0-rc.1+5", "0.1.0-rc.1+5"},
		{"1foo.v1.2.3", "1.2.3"},
		{"foo.v1.2", ""},
		{"foo.v1.2.3.4", ""},
		{"foo-v1.2.3", ""},
		{"foo", ""},
		{"", ""},
		{"foo.", ""},
		{strings.Repeat("a.", maxNameParts) + "v1.0.0", "1.0.0"},
		{strings.Repeat("a.", maxNameParts+1) + "v1.0.0", ""},
	}
	for _, test := range tests {
		got := ""
		if v := versionInName(test.name); v != nil {
			got = v.String()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestSortNewestKnowsNamesOfWhatIsGone(t *testing.T) {
	p := loadFiles(t, map[string]string{"a": operator("foo", "", "1.0.0", "1.0.0+1", "1.0.0+2")}).Packages[0]
	names := []string{"unknown-b", "foo.v1.0.0", "foo.v0.9.0", "foo.v1.0.0+2", "unknown-a", "foo.v2.0.0", "foo.v1.0.0+1"}
	p.sortNewest(names)
	if want := []string{"foo.v2.0.0", "foo.v1.0.0+2", "foo.v1.0.0+1", "foo.v1.0.0", "foo.v0.9.0", "unknown-a", "unknown-b"}; !slices.Equal(names, want) {
		t.Errorf("%v", names)
	}
}
