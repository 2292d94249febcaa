package imageset

import (
	"fmt"
	"regexp"
	"slices"

	"drayage/pkg/manifest"
)

// Operator asks for operators of one catalog.
type Operator struct {
	// Catalog is the reference of a catalog image, with a tag or a digest.
	Catalog string `yaml:"catalog"`
	// Full keeps every bundle of the packages, or the whole catalog when there
	// are no Packages. Otherwise the heads of the packages' channels are kept, or
	// what is in the packages' ranges of versions.
	Full bool `yaml:"full"`
	// TargetCatalog and TargetTag are the repository, without a host, and the tag
	// under which the pruned catalog stands; empty for the usual ones.
	TargetCatalog string    `yaml:"targetCatalog"`
	TargetTag     string    `yaml:"targetTag"`
	Packages      []Package `yaml:"packages"`
	// Platforms are those for which the catalog is pruned, and that travel of the
	// images that it names; none means those of the releases, and whole images.
	Platforms []ImagePlatform `yaml:"platforms"`
}

// Package is an operator package to keep.
type Package struct {
	Name string `yaml:"name"`
	// Channels are those to keep; none means all.
	Channels []PackageChannel `yaml:"channels"`
	// MinVersion and MaxVersion bound the versions to keep in every channel that
	// is kept. Either may be empty; then no channel has bounds of its own.
	MinVersion string `yaml:"minVersion"`
	MaxVersion string `yaml:"maxVersion"`
	// DefaultChannel is the channel to make the default one; empty for the
	// catalog's. It is one of Channels, if there are any.
	DefaultChannel string `yaml:"defaultChannel"`
}

// PackageChannel is a channel of an operator package to keep.
type PackageChannel struct {
	Name string `yaml:"name"`
	// MinVersion and MaxVersion are empty when the package has any.
	MinVersion string `yaml:"minVersion"`
	MaxVersion string `yaml:"maxVersion"`
}

// Range says whether a channel of the package is to be kept, and between which
// versions. Both are empty when no range is asked for: then it is the head of the
// channel, or all of it with [Operator.Full]. One alone is a range with an open
// end. They may be partial and are meant as the package comment says.
func (p Package) Range(channel string) (minVersion, maxVersion string, kept bool) {
	if len(p.Channels) == 0 {
		return p.MinVersion, p.MaxVersion, true
	}
	i := slices.IndexFunc(p.Channels, func(ch PackageChannel) bool { return ch.Name == channel })
	switch {
	case i < 0:
		return "", "", false
	case p.hasRange():
		return p.MinVersion, p.MaxVersion, true
	}
	return p.Channels[i].MinVersion, p.Channels[i].MaxVersion, true
}

func (p Package) hasRange() bool {
	return p.MinVersion != "" || p.MaxVersion != ""
}

// packageName is narrow enough for a name to stand in a file name or a message.
var packageName = grammar{
	regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$`).MatchString,
	"package name: letters, digits and inner dots, dashes and underscores",
}

// packageChannel is wide, since catalogs may call their channels what they like.
var packageChannel = grammar{
	regexp.MustCompile(`^\S{1,253}$`).MatchString,
	"channel name: at most 253 characters, no spaces",
}

func (c checker) operators(operators []Operator) {
	first := map[manifest.Ref]int{}
	places := map[string]int{}
	for i, o := range operators {
		path := fmt.Sprintf("mirror.operators[%d]", i)
		c.reference(path+".catalog", o.Catalog, first)
		if len(o.Packages) == 0 && !o.Full {
			c.Missingf(path+".packages", "missing: name the packages to keep, or set full: true for the whole catalog")
		}
		c.target(target{path, "targetCatalog", o.TargetCatalog, o.TargetTag, o.Catalog}, places)
		c.imagePlatforms(path+".platforms", o.Platforms)
		c.names(path+".packages", ".name", packageName, each(o.Packages, func(p Package) string { return p.Name }))
		for j, p := range o.Packages {
			c.pkg(fmt.Sprintf("%s.packages[%d]", path, j), p, o.Full)
		}
	}
}

const (
	fullAndRange = "the catalog's full: true keeps every version, want one of the two"
	twoRanges    = "the package has a minVersion or maxVersion too, want them in one place"
)

func (c checker) pkg(path string, p Package, full bool) {
	c.bounds(path, p.MinVersion, p.MaxVersion, operatorVersions)
	if full {
		c.noBounds(path, p.MinVersion, p.MaxVersion, fullAndRange)
	}
	c.names(path+".channels", ".name", packageChannel, each(p.Channels, func(ch PackageChannel) string { return ch.Name }))
	for i, ch := range p.Channels {
		item := fmt.Sprintf("%s.channels[%d]", path, i)
		c.bounds(item, ch.MinVersion, ch.MaxVersion, operatorVersions)
		if full {
			c.noBounds(item, ch.MinVersion, ch.MaxVersion, fullAndRange)
		}
		if p.hasRange() {
			c.noBounds(item, ch.MinVersion, ch.MaxVersion, twoRanges)
		}
	}
	c.defaultChannel(path+".defaultChannel", p)
}

func (c checker) defaultChannel(path string, p Package) {
	if p.DefaultChannel == "" || !c.optional(path, p.DefaultChannel, packageChannel) {
		return
	}
	if _, _, kept := p.Range(p.DefaultChannel); !kept {
		c.Wrongf(path, "%.64q is none of the package's channels here", p.DefaultChannel)
	}
}
