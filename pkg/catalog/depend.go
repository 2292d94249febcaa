package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"drayage/pkg/manifest"
)

// Dependency is something that bundles of a selection require and that none of
// them provides.
type Dependency struct {
	// Requires says what: "package bar >=1.0.0", "API Bar.v1.example.com".
	Requires string
	// By are the names of the bundles that require it, sorted.
	By []string
	// Message is what the catalog says of it, mostly nothing.
	Message string
	// Unclear is why it could not be judged, when that is so: then it may be
	// provided for all that is known here.
	Unclear string
	// Providers are the packages of the catalog that would provide it: first those
	// whose default channel's head does, then by name.
	Providers []Provider

	meets predicate
}

// Provider is a package that provides something, and the best of its versions
// that do: of the default channel, the head of its channel, the newest.
type Provider struct {
	Package, Channel, Bundle, Version string
	// Head says that it is the head of the default channel.
	Head bool
}

// String is one line for people.
func (d Dependency) String() string { return d.claim() + ": " + d.whence() }

// claim is who requires what.
func (d Dependency) claim() string {
	verb := "require"
	if len(d.By) == 1 {
		verb += "s"
	}
	said := ""
	if d.Message != "" {
		said = fmt.Sprintf(" (%q)", d.Message)
	}
	return fmt.Sprintf("%s %s %s%s", list(d.By), verb, shown(d.Requires), said)
}

func (d Dependency) whence() string {
	if d.Unclear != "" {
		return "cannot be judged here: " + shown(d.Unclear)
	}
	var from []string
	for _, p := range d.Providers {
		from = append(from, fmt.Sprintf("package %s (%s in channel %s)", p.Package, p.Bundle, p.Channel))
	}
	if len(from) == 0 {
		return "nothing in the catalog provides it"
	}
	return "not kept, but in the catalog: " + list(from)
}

// Missing is what the bundles of a selection require and none of them provides,
// sorted by what it is. Providers are looked for in the whole source catalog, in
// packages that were not read too. As for OLM, a bundle may provide what it
// requires itself, and a constraint has to be met by a single bundle.
//
// What another catalog provides is not known here, see [Settle], nor what the
// cluster itself does.
func (c *Catalog) Missing(selection []manifest.Package) []Dependency {
	kept := c.bundlesOf(selection)
	var missing []Dependency
	for _, r := range requirements(kept) {
		meets, reasons := r.predicate()
		d := Dependency{Requires: r.String(), By: r.by, Message: r.Message, meets: meets}
		switch bestVerdict(kept, meets) {
		case met:
			continue
		case unclear:
			d.Unclear = strings.Join(reasons, ", ")
		case unmet:
			d.Providers = c.providers(meets)
			if len(d.Providers) == 0 && c.anyUnclear(meets) {
				d.Unclear = strings.Join(reasons, ", ")
			}
		}
		missing = append(missing, d)
	}
	return missing
}

func (c *Catalog) anyUnclear(meets predicate) bool {
	return slices.ContainsFunc(c.all(), func(p *Package) bool {
		return slices.ContainsFunc(p.Bundles, func(b Bundle) bool { return meets(&b) == unclear })
	})
}

// bundlesOf are the bundles that a selection names, as far as they are there.
func (c *Catalog) bundlesOf(selection []manifest.Package) []*Bundle {
	var bundles []*Bundle
	seen := map[*Bundle]bool{}
	for _, choice := range selection {
		p := c.known(choice.Name)
		if p == nil {
			continue
		}
		for _, ch := range choice.Channels {
			for _, name := range ch.Bundles {
				if b := p.bundle(name); b != nil && !seen[b] {
					seen[b] = true
					bundles = append(bundles, b)
				}
			}
		}
	}
	return bundles
}

// requirement is a constraint and the bundles that have it.
type requirement struct {
	constraint
	by []string
}

// requirements are what bundles require, each once, sorted.
func requirements(bundles []*Bundle) []requirement {
	all := map[string]requirement{}
	for _, b := range bundles {
		for _, c := range b.requires {
			r, ok := all[c.String()]
			if !ok {
				r.constraint = c
			}
			r.by = append(r.by, b.Name)
			all[c.String()] = r
		}
	}
	var sorted []requirement
	for _, what := range slices.Sorted(maps.Keys(all)) {
		r := all[what]
		slices.Sort(r.by)
		r.by = slices.Compact(r.by)
		sorted = append(sorted, r)
	}
	return sorted
}

// bestVerdict is the best verdict on any of the bundles.
func bestVerdict(bundles []*Bundle, meets predicate) verdict {
	verdict := unmet
	for _, b := range bundles {
		verdict = max(verdict, meets(b))
	}
	return verdict
}

func (c *Catalog) providers(meets predicate) []Provider {
	var all []Provider
	for _, p := range c.all() {
		if found := p.provider(meets); found.Bundle != "" {
			all = append(all, found)
		}
	}
	slices.SortStableFunc(all, func(a, b Provider) int { return compareTrue(a.Head, b.Head) })
	return all
}

// compareTrue puts what is true first.
func compareTrue(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// provider is the best version of the package, or has no Bundle.
func (p *Package) provider(meets predicate) Provider {
	type candidate struct {
		Provider
		*Bundle
		byDefault, head bool
	}
	if len(p.Definitions) != 1 {
		return Provider{}
	}
	var all []candidate
	for _, ch := range p.Channels {
		byDefault := p.Definitions[0].DefaultChannel == ch.Name
		head, _ := ch.head()
		for _, e := range ch.Entries {
			b := p.bundle(e.Name)
			if b == nil || b.Version == nil || meets(b) != met {
				continue
			}
			isHead := e.Name == head
			found := Provider{p.Name, ch.Name, b.Name, b.versionString(), byDefault && isHead}
			all = append(all, candidate{found, b, byDefault, isHead})
		}
	}
	if len(all) == 0 {
		return Provider{}
	}
	return slices.MinFunc(all, func(a, b candidate) int {
		return cmp.Or(compareTrue(a.byDefault, b.byDefault), compareTrue(a.head, b.head), compareBundles(b.Bundle, a.Bundle))
	}).Provider
}
