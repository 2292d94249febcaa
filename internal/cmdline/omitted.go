package cmdline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"drayage/pkg/manifest"
)

// OmittedError says that all was done, and that images that were asked for are
// left out.
type OmittedError struct{ Images int }

// Error is the count.
func (e *OmittedError) Error() string { return countOmitted(e.Images) }

// CheckOmitted is an OmittedError if anything is left out.
func CheckOmitted(m *manifest.Manifest) error {
	if len(m.Omitted) == 0 {
		return nil
	}
	return &OmittedError{len(m.Omitted)}
}

// WarnOmitted says which images were asked for and do not travel.
func WarnOmitted(c *cli.Context, m *manifest.Manifest) {
	for _, o := range m.Omitted {
		Warn(c, []string{"left out: " + Omitted(m, o)})
	}
}

// WarnOmittedCount is WarnOmitted and the count, for those who are not told by
// the exit code.
func WarnOmittedCount(c *cli.Context, m *manifest.Manifest) {
	WarnOmitted(c, m)
	if n := len(m.Omitted); n > 0 {
		Warn(c, []string{"the bundle was built with --keep-going: " + countOmitted(n)})
	}
}

func countOmitted(n int) string {
	if n == 1 {
		return "1 image that was asked for is left out"
	}
	return fmt.Sprintf("%d images that were asked for are left out", n)
}

// Omitted is one line about an image that is left out: what it is, why, and what
// will miss it.
func Omitted(m *manifest.Manifest, o manifest.Omission) string {
	line := fmt.Sprintf("%s (%s): %s", o.Name, o.Role, o.Reason)
	if o.Catalog != "" {
		line = fmt.Sprintf("%s (%s, of %s): %s", o.Name, o.Role, o.Catalog, o.Reason)
	}
	if users := OmittedUsers(m, o); users != nil {
		line += "; will not install or run: " + strings.Join(users, " ")
	}
	return line
}

// maxBundles is how many versions are named of those that need one image.
const maxBundles = 3

// OmittedUsers are the first of the versions of operators that need an image,
// each with its package, and how many more there are.
func OmittedUsers(m *manifest.Manifest, o manifest.Omission) []string {
	var users []string
	for _, b := range o.Bundles[:min(len(o.Bundles), maxBundles)] {
		users = append(users, b+packageOf(m, o.Catalog, b)+",")
	}
	if more := len(o.Bundles) - maxBundles; more > 0 {
		users = append(users, fmt.Sprintf("and %d more", more))
	}
	if n := len(users); n > 0 {
		users[n-1] = strings.TrimSuffix(users[n-1], ",")
	}
	return users
}

// packageOf says to which package of a catalog a version belongs.
func packageOf(m *manifest.Manifest, catalog, bundle string) string {
	for _, c := range m.Catalogs {
		for _, p := range c.Packages {
			has := func(ch manifest.Channel) bool { return slices.Contains(ch.Bundles, bundle) }
			if c.Name == catalog && slices.ContainsFunc(p.Channels, has) {
				return " of " + p.Name
			}
		}
	}
	return ""
}
