package catalog

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/blang/semver/v4"
)

// packageName is a label of a DNS name, RFC 1123: what opm takes for a package.
var packageName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// Validate checks a catalog by the rules of `opm validate` and returns all it
// finds, in order. Of a package:
//
//   - it has one olm.package document, a name that is a DNS label, a channel,
//     and a default channel that is one of its channels
//   - names of channels and of bundles are unique, and so is the version
//     (with its release) of every bundle
//   - every entry of a channel has a bundle and every bundle an entry
//   - there is at most one olm.deprecations document; it points at the package
//     or at channels and bundles that are there, at each once, with a message
//
// Of a channel: it has entries, each once; one of them is the head; from the head
// the entries replace one another without a circle until every entry that is not
// skipped is met (the last may replace one that is not there); skips are not
// empty and skipRange can be read.
//
// Of a bundle: one olm.package property that names the bundle's package and a
// version; properties of known types that can be read; an image (or the
// operator's objects in its place); images that are references.
func (c *Catalog) Validate() []error {
	f := &findings{}
	for _, d := range c.Globals {
		switch d.Schema {
		case SchemaChannel, SchemaBundle, SchemaDeprecations:
			f.add("%s %q: names no package", d.Schema, d.Name)
		}
	}
	for _, p := range c.Packages {
		p.validate(&findings{parent: f, subject: fmt.Sprintf("package %q", p.Name)})
	}
	return f.errs
}

func (p *Package) validate(f *findings) {
	if len(p.Definitions)+len(p.Channels)+len(p.Bundles)+len(p.Deprecations) == 0 {
		return // only documents of other schemas, which may belong to a package elsewhere
	}
	if !packageName.MatchString(p.Name) {
		f.add("its name is no DNS label")
	}
	if n := len(p.Definitions); n != 1 {
		f.add("%d documents %s, want 1", n, SchemaPackage)
	}
	p.checkDefault(f)
	p.checkUnique(f)
	p.checkEntries(f)
	p.checkVersions(f)
	for _, ch := range p.Channels {
		ch.validate(f.of("channel %q", ch.Name))
	}
	for _, b := range p.Bundles {
		for _, err := range b.problems {
			f.of("bundle %q", b.Name).add("%w", err)
		}
	}
	p.checkDeprecations(f)
}

func (p *Package) checkDefault(f *findings) {
	if len(p.Channels) == 0 {
		f.add("has no channel")
	}
	for _, d := range p.Definitions {
		switch {
		case d.DefaultChannel == "":
			f.add("names no default channel")
		case p.channel(d.DefaultChannel) == nil:
			f.add("its default channel %q is not there", d.DefaultChannel)
		}
	}
}

func (p *Package) checkUnique(f *findings) {
	var channels, bundles []string
	for _, ch := range p.Channels {
		channels = append(channels, ch.Name)
	}
	for _, b := range p.Bundles {
		bundles = append(bundles, b.Name)
	}
	checkNames(f, "channel", channels)
	checkNames(f, "bundle", bundles)
}

func checkNames(f *findings, kind string, names []string) {
	for _, name := range repeated(names) {
		f.add("%s %q: is there more than once", kind, name)
	}
	if slices.Contains(names, "") {
		f.add("a %s has no name", kind)
	}
}

// repeated are the strings that are there more than once, sorted.
func repeated(all []string) []string {
	count := map[string]int{}
	for _, s := range all {
		count[s]++
	}
	maps.DeleteFunc(count, func(_ string, n int) bool { return n == 1 })
	return slices.Sorted(maps.Keys(count))
}

func (p *Package) checkEntries(f *findings) {
	bundles, entries := map[string]bool{}, map[string]bool{}
	for _, b := range p.Bundles {
		bundles[b.Name] = true
	}
	for _, ch := range p.Channels {
		for _, e := range ch.Entries {
			entries[e.Name] = true
			if !bundles[e.Name] {
				f.add("channel %q: entry %q: no bundle of that name", ch.Name, e.Name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(bundles)) {
		if !entries[name] {
			f.add("bundle %q: is in no channel", name)
		}
	}
}

func (p *Package) checkVersions(f *findings) {
	bundles := map[string][]string{}
	for _, b := range p.Bundles {
		if b.Version != nil {
			v := b.versionString()
			bundles[v] = append(bundles[v], b.Name)
		}
	}
	for _, v := range slices.Sorted(maps.Keys(bundles)) {
		if names := slices.Compact(bundles[v]); len(names) > 1 {
			f.add("version %s: is that of %s", v, strings.Join(names, " and "))
		}
	}
}

func (c Channel) validate(f *findings) {
	var names []string
	for _, e := range c.Entries {
		names = append(names, e.Name)
		if slices.Contains(e.Skips, "") {
			f.add("entry %q: an empty name among its skips", e.Name)
		}
		if e.SkipRange == "" {
			continue
		}
		if _, err := semver.ParseRange(e.SkipRange); err != nil {
			f.add("entry %q: skipRange %q: %w", e.Name, e.SkipRange, err)
		}
	}
	twice := repeated(names)
	for _, name := range twice {
		f.add("entry %q: is there more than once", name)
	}
	if len(twice) > 0 {
		return // which of the two counts?
	}
	head, err := c.head()
	if err == nil {
		err = c.checkChain(head)
	}
	if err != nil {
		f.add("%w", err)
	}
}

func (p *Package) checkDeprecations(f *findings) {
	if n := len(p.Deprecations); n > 1 {
		f.add("%d documents %s, want at most 1", n, SchemaDeprecations)
	}
	for _, d := range p.Deprecations {
		seen := map[Reference]bool{}
		for i, e := range d.Entries {
			g := f.of("deprecation %d (%s %q)", i+1, e.Reference.Schema, e.Reference.Name)
			p.checkDeprecation(g, e)
			if seen[e.Reference] {
				g.add("is there more than once")
			}
			seen[e.Reference] = true
		}
	}
}

func (p *Package) checkDeprecation(f *findings, d Deprecation) {
	if d.Message == "" {
		f.add("has no message")
	}
	name := d.Reference.Name
	switch d.Reference.Schema {
	case SchemaPackage:
		if name != "" {
			f.add("that of a package has no name")
		}
	case SchemaChannel:
		if p.channel(name) == nil {
			f.add("points at nothing")
		}
	case SchemaBundle:
		if p.bundle(name) == nil {
			f.add("points at nothing")
		}
	default:
		f.add("points at none of %s, %s, %s", SchemaPackage, SchemaChannel, SchemaBundle)
	}
}
