package imageset

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/blang/semver/v4"
)

// versions is a kind of versions: how one is written, and whether a minVersion
// is above a maxVersion.
type versions struct {
	grammar
	above func(minVersion, maxVersion string) bool
}

// releaseVersion is one that the tag of a release can hold.
var releaseVersion = regexp.MustCompile(`^(0|[1-9][0-9]{0,4})(\.(0|[1-9][0-9]{0,4})){2}(-[0-9A-Za-z][0-9A-Za-z.-]{0,63})?$`)

var releaseVersions = versions{
	grammar{
		func(s string) bool {
			_, err := semver.Parse(s)
			return err == nil && releaseVersion.MatchString(s)
		},
		"full version like 4.12.0",
	},
	func(lo, hi string) bool { return parseVersion(lo).Compare(parseVersion(hi).Version) > 0 },
}

// maxVersion bounds the version of an operator, in bytes.
const maxVersion = 128

// operatorVersions may be partial: 4, 4.17 and 4.17.0.
var operatorVersions = versions{
	grammar{
		func(s string) bool { return parseVersion(s).numbers > 0 },
		"version like 4.17, 4.17.0 or 4.17.0-202412170235",
	},
	aboveAll,
}

// aboveAll says that lo is above everything that begins with hi. Of 4.17.1 and
// 4.17 it is not, nor of 4.17.0 and one of its builds: such a range has
// something in it.
func aboveAll(lo, hi string) bool {
	a, b := parseVersion(lo), parseVersion(hi)
	given := min(a.numbers, b.numbers)
	if a.numbers == 3 && b.numbers == 3 && len(a.Pre) > 0 && len(b.Pre) > 0 {
		return a.Compare(b.Version) > 0
	}
	parts := []int{cmp.Compare(a.Major, b.Major), cmp.Compare(a.Minor, b.Minor), cmp.Compare(a.Patch, b.Patch)}
	return cmp.Or(parts[:given]...) > 0
}

// version is a semantic version of which only the first numbers may be given.
type version struct {
	semver.Version
	numbers int // 1 to 3; 0 says that it is no version
}

// parseVersion reads a version; only a full one has a prerelease or a build.
func parseVersion(s string) version {
	if len(s) > maxVersion {
		return version{}
	}
	numbers := 3
	if !strings.ContainsAny(s, "-+") {
		numbers = strings.Count(s, ".") + 1
	}
	v, err := semver.Parse(s + strings.Repeat(".0", max(0, 3-numbers)))
	if err != nil {
		return version{}
	}
	return version{v, numbers}
}

// bounds checks the minVersion and maxVersion of the mapping at the path, each of
// which may be left out.
func (c checker) bounds(path, lo, hi string, v versions) {
	loGood := c.optional(path+".minVersion", lo, v.grammar)
	hiGood := c.optional(path+".maxVersion", hi, v.grammar)
	if loGood && hiGood && lo != "" && hi != "" && v.above(lo, hi) {
		c.Wrongf(path+".maxVersion", "%s is below minVersion %s", hi, lo)
	}
}

// noBounds reports each of minVersion and maxVersion that is there.
func (c checker) noBounds(path, lo, hi, why string) {
	if lo != "" {
		c.Wrongf(path+".minVersion", "%s", why)
	}
	if hi != "" {
		c.Wrongf(path+".maxVersion", "%s", why)
	}
}
