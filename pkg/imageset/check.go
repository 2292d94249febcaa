package imageset

import (
	"errors"
	"fmt"
	"strings"

	"drayage/internal/strictyaml"
	"drayage/pkg/manifest"
)

// maxReference bounds a reference, in bytes: 255 for host and path, 128 for a
// tag and 71 for a digest come to less.
const maxReference = 512

// checker reports what is wrong with what an image set says.
type checker struct {
	*strictyaml.Document
	notYet table
}

func (c checker) config(cfg *Config) {
	c.header(cfg)
	m := cfg.Mirror
	c.platform(m.Platform)
	c.operators(m.Operators)
	c.additional(m.AdditionalImages)
	c.blocked(m.BlockedImages)
	p := m.Platform
	if p.Release == "" && len(p.Channels) == 0 && !p.Graph && len(m.Operators) == 0 && len(m.AdditionalImages) == 0 {
		c.Missingf("mirror", "asks for nothing: want a platform.release, platform.channels, platform.graph, operators or additionalImages")
	}
}

func (c checker) header(cfg *Config) {
	switch {
	case cfg.APIVersion == "":
		c.Missingf("apiVersion", "missing, want %s", APIVersion)
	case strings.HasPrefix(cfg.APIVersion, "mirror.openshift.io/v1alpha"):
		c.Wrongf("apiVersion", "%.64q is the format of oc-mirror v1, want %s: convert the file to v2 first", cfg.APIVersion, APIVersion)
	case cfg.APIVersion != APIVersion:
		c.Wrongf("apiVersion", "%.64q, want %s", cfg.APIVersion, APIVersion)
	}
	switch cfg.Kind {
	case Kind:
	case "":
		c.Missingf("kind", "missing, want %s", Kind)
	default:
		c.Wrongf("kind", "%.64q, want %s", cfg.Kind, Kind)
	}
}

// grammar is what a string has to look like.
type grammar struct {
	matches func(string) bool
	want    string // package name: letters and digits
}

// optional checks a string that may be left out, and says whether it is in order.
func (c checker) optional(path, s string, g grammar) bool {
	if s == "" || g.matches(s) {
		return true
	}
	c.Wrongf(path, "%.64q is no %s", s, g.want)
	return false
}

// names checks the field of every item of a list: each has one, and no two the
// same. The field begins with a dot; it is empty when the items are the names.
func (c checker) names(list, field string, g grammar, names []string) {
	first := map[string]int{}
	for i, name := range names {
		path := fmt.Sprintf("%s[%d]%s", list, i, field)
		j, twice := first[name]
		switch {
		case name == "":
			c.Missingf(path, "missing")
		case !c.optional(path, name, g):
		case twice:
			c.Wrongf(path, "%.64q, the same as %s[%d]", name, list[strings.LastIndex(list, ".")+1:], j)
		default:
			first[name] = i
		}
	}
}

// each collects one string of every item of a list.
func each[T any](list []T, of func(T) string) []string {
	var all []string
	for _, item := range list {
		all = append(all, of(item))
	}
	return all
}

// reference checks one reference of a list; first holds those that came before
// it, with their lines.
func (c checker) reference(path, s string, first map[manifest.Ref]int) {
	if s == "" {
		c.Missingf(path, "missing")
		return
	}
	ref, err := parseImage(s)
	if err != nil {
		c.Wrongf(path, "%w", err)
		return
	}
	if line, twice := first[ref]; twice {
		c.Wrongf(path, "%s is given twice, first in line %d", ref, line)
		return
	}
	first[ref] = c.Line(path)
}

// parseImage reads the reference of an image in a registry.
func parseImage(s string) (manifest.Ref, error) {
	if len(s) > maxReference {
		return manifest.Ref{}, fmt.Errorf("%d bytes, at most %d make a reference", len(s), maxReference)
	}
	scheme, _, ok := strings.Cut(s, "://")
	switch {
	case ok && scheme == "docker":
		return manifest.Ref{}, errNoScheme
	case ok:
		return manifest.Ref{}, fmt.Errorf("%q: the transport %.16q is not supported yet, want an image in a registry", s, scheme)
	}
	return manifest.ParseRef(s)
}

var errNoScheme = errors.New("docker:// is no part of a reference here: leave it out")
