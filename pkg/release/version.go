package release

import (
	"strings"

	"github.com/blang/semver/v4"
)

// CompareVersions orders versions of releases, as [strings.Compare] does texts.
// What is no version is compared as text.
func CompareVersions(a, b string) int {
	x, errX := semver.Parse(a)
	y, errY := semver.Parse(b)
	if errX != nil || errY != nil {
		return strings.Compare(a, b)
	}
	return x.Compare(y)
}
