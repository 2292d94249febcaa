package catalog

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/blang/semver/v4"
)

// maxVersion is the longest version that may be written as a bound, in characters.
const maxVersion = 256

// bound is one end of a range of versions. It speaks of the parts that it writes
// out, and what it leaves out is inside: as a lower end, 4.17.0 takes in
// 4.17.0-202412170235, as an upper end it does too, and 4.17 takes in 4.17.9.
type bound struct {
	text    string
	version semver.Version
	parts   int // that are written out: onlyMajor, ... withBuild
}

// How much of a version a bound writes out.
const (
	onlyMajor = iota + 1
	withMinor
	withPatch
	withPrerelease
	withBuild
)

var partialVersion = regexp.MustCompile(`^(0|[1-9][0-9]{0,17})(\.(0|[1-9][0-9]{0,17}))?$`)

// parseBound reads 4, 4.17, 4.17.0, 4.17.0-202412170235 or 4.17.0+5.
func parseBound(text string) (bound, error) {
	if len(text) > maxVersion {
		return bound{}, fmt.Errorf("%.40q...: is longer than %d characters", text, maxVersion)
	}
	b := bound{text: text}
	if m := partialVersion.FindStringSubmatch(text); m != nil {
		b.parts = onlyMajor
		b.version.Major, _ = strconv.ParseUint(m[1], 10, 64)
		if m[2] != "" {
			b.parts = withMinor
			b.version.Minor, _ = strconv.ParseUint(m[3], 10, 64)
		}
		return b, nil
	}
	var err error
	if b.version, err = semver.Parse(text); err != nil {
		return bound{}, fmt.Errorf("%q: is no version such as 4.17, 4.17.0 or 4.17.0-202412170235", text)
	}
	b.parts = withPatch
	if len(b.version.Pre) > 0 {
		b.parts = withPrerelease
	}
	if len(b.version.Build) > 0 {
		b.parts = withBuild
	}
	return b, nil
}

// compare says where a version lies: below the bound (-1), at it (0) or above.
func (b bound) compare(v semver.Version) int {
	order := []int{
		cmp.Compare(v.Major, b.version.Major), cmp.Compare(v.Minor, b.version.Minor), cmp.Compare(v.Patch, b.version.Patch),
		v.Compare(b.version), compareBuild(v.Build, b.version.Build),
	}
	return cmp.Or(order[:b.parts]...)
}

// versionRange is the versions from min to max, each of which may be nil.
type versionRange struct{ min, max *bound }

// parseRange reads the two ends; an empty one is open.
func parseRange(low, high string) (versionRange, error) {
	var r versionRange
	for _, end := range []struct {
		name, text string
		to         **bound
	}{{"minVersion", low, &r.min}, {"maxVersion", high, &r.max}} {
		if end.text == "" {
			continue
		}
		b, err := parseBound(end.text)
		if err != nil {
			return versionRange{}, fmt.Errorf("%s %w", end.name, err)
		}
		*end.to = &b
	}
	if r.inverted() {
		return versionRange{}, fmt.Errorf("minVersion %s is above maxVersion %s", low, high)
	}
	return r, nil
}

// inverted compares the ends by the parts that both of them write out.
func (r versionRange) inverted() bool {
	if r.min == nil || r.max == nil {
		return false
	}
	high := *r.max
	high.parts = min(high.parts, r.min.parts)
	return high.compare(r.min.version) > 0
}

// open says that the range has no end and so is none.
func (r versionRange) open() bool { return r.min == nil && r.max == nil }

// compare says where a bundle with a version lies: below the range (-1), inside
// (0) or above.
func (r versionRange) compare(b *Bundle) int {
	v := b.precise()
	switch {
	case r.min != nil && r.min.compare(v) < 0:
		return -1
	case r.max != nil && r.max.compare(v) > 0:
		return 1
	}
	return 0
}

func (r versionRange) String() string {
	switch {
	case r.min == nil && r.max == nil:
		return "any"
	case r.max == nil:
		return "from " + r.min.text
	case r.min == nil:
		return "up to " + r.max.text
	case r.min.text == r.max.text:
		return r.min.text
	}
	return "from " + r.min.text + " to " + r.max.text
}

// precise is the version with the release in the place of a prerelease, as
// people write it: 1.0.0-2 is release 2 of 1.0.0.
func (b *Bundle) precise() semver.Version {
	if b.Release == "" {
		return *b.Version
	}
	if v, err := semver.Parse(b.versionString()); err == nil {
		return v
	}
	return *b.Version
}

// compareBundles orders bundles that have versions: by the rules of semver, which
// pass over build metadata, then by it, then by release. Having one of these is
// more than having none.
func compareBundles(a, b *Bundle) int {
	return cmp.Or(
		a.Version.Compare(*b.Version),
		compareBuild(a.Version.Build, b.Version.Build),
		compareBuild(identifiers(a.Release), identifiers(b.Release)),
	)
}

func identifiers(release string) []string {
	if release == "" {
		return nil
	}
	return strings.Split(release, ".")
}

// compareBuild compares identifiers pair by pair: numbers by value, and below
// words. Where one list goes on, it is the greater.
func compareBuild(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if c := compareIdentifier(a[i], b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func compareIdentifier(a, b string) int {
	numberA, numberB := isNumber(a), isNumber(b)
	switch {
	case numberA && numberB:
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	case numberA:
		return -1
	case numberB:
		return 1
	}
	return strings.Compare(a, b)
}

func isNumber(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// versionInName is the version that the name of a bundle ends in, as in
// nfd.4.17.0-202412170235 and foo.v1.0.0, or nil. It is what is left to know of a
// version that the catalog names and no longer has.
func versionInName(name string) *semver.Version {
	for range maxNameParts {
		_, rest, ok := strings.Cut(name, ".")
		if !ok {
			return nil
		}
		text := strings.TrimPrefix(rest, "v")
		if v, err := semver.Parse(text); err == nil {
			return &v
		}
		if major, _, _ := strings.Cut(text, "."); isNumber(major) {
			return nil // it began here, and is none
		}
		name = rest
	}
	return nil
}

// maxNameParts bounds in how many places of a name a version is looked for.
const maxNameParts = 8
