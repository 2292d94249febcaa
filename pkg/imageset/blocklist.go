package imageset

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Blocklist tells which images are blocked. Like oc-mirror, it takes what the
// image set says for regular expressions (of the package regexp) and looks for
// them anywhere in a name. So quay.io/a/b blocks quay.io/a/b:v1 and
// quay.io/a/b-c@sha256:..., and quay.io/a/b[:@] the first one alone.
type Blocklist struct {
	patterns []*regexp.Regexp
}

// Blocklist is that of the image set; it blocks nothing when there is none. It
// relies on what Decode checks: what is no regular expression blocks nothing.
func (c *Config) Blocklist() Blocklist {
	var b Blocklist
	for _, image := range c.Mirror.BlockedImages {
		if re, err := regexp.Compile(image.Name); err == nil {
			b.patterns = append(b.patterns, re)
		}
	}
	return b
}

// Match returns the first expression that is found in one of an image's names,
// and whether there is one. oc-mirror looks into two names: the reference under
// which the image is known, in full and without a transport, and the one under
// which it shall stand. Only the latter has the name of a release's component.
func (b Blocklist) Match(names ...string) (expression string, blocked bool) {
	for _, re := range b.patterns {
		for _, name := range names {
			if re.MatchString(name) {
				return re.String(), true
			}
		}
	}
	return "", false
}

// checkPattern refuses what is no regular expression, and what would block all
// images or none.
func checkPattern(s string) error {
	if len(s) > maxPattern {
		return fmt.Errorf("%d bytes, at most %d make a regular expression", len(s), maxPattern)
	}
	if strings.Contains(s, "docker://") {
		return errNoScheme
	}
	re, err := regexp.Compile(s)
	switch {
	case err != nil:
		return fmt.Errorf("%.64q is no regular expression: %w", s, cause(err))
	case re.MatchString("") && re.MatchString("/"):
		return fmt.Errorf("%.64q is found in every name, and blocks all images", s)
	}
	return nil
}

// cause is an error of the package regexp without what it says about itself.
func cause(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
}
