package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Listing is what there is to choose from in a catalog: all packages, channels
// and versions, and none of the documents.
type Listing struct {
	// Packages are sorted by name.
	Packages []ListedPackage
}

// ListedPackage is one operator package.
type ListedPackage struct {
	Name string
	// DisplayName is what people call the operator, by the head of the default
	// channel; empty when the catalog does not say it in a few words.
	DisplayName    string
	DefaultChannel string
	// Channels are sorted by name.
	Channels []ListedChannel
}

// ListedChannel is one channel of a package.
type ListedChannel struct {
	Name string
	// Head is the version that a new installation gets; nil when the channel has
	// not exactly one, which is wrong.
	Head *ListedVersion
	// Versions are in the order of updates: lowest first.
	Versions []ListedVersion
}

// ListedVersion is one version in a channel, and what it updates.
type ListedVersion struct {
	// Name is that of its bundle.
	Name string `json:"name"`
	// Version is empty when the catalog tells none.
	Version string `json:"version"`
	// Replaces and Skips are names of bundles, which need not be in the catalog.
	Replaces string `json:"replaces,omitempty"`
	// ReplacesVersion is the version of what it replaces, as far as the catalog
	// or the name tells it.
	ReplacesVersion string   `json:"replacesVersion,omitempty"`
	Skips           []string `json:"skips,omitempty"`
	SkipRange       string   `json:"skipRange,omitempty"`
}

// Package is the package of that name. The error names those that are near.
func (l *Listing) Package(name string) (*ListedPackage, error) {
	var names []string
	for i := range l.Packages {
		if l.Packages[i].Name == name {
			return &l.Packages[i], nil
		}
		names = append(names, l.Packages[i].Name)
	}
	return nil, fmt.Errorf("package %q: not in the catalog%s", name, hint(name, names))
}

// Channel is the channel of that name. The error names those that are near, or
// the few that there are.
func (p *ListedPackage) Channel(name string) (*ListedChannel, error) {
	var names []string
	for i := range p.Channels {
		if p.Channels[i].Name == name {
			return &p.Channels[i], nil
		}
		names = append(names, p.Channels[i].Name)
	}
	return nil, fmt.Errorf("package %q: channel %q: not in the package%s", p.Name, name, hintAmong(name, names))
}

// Head is the head of the default channel, or nil.
func (p *ListedPackage) Head() *ListedVersion {
	for _, ch := range p.Channels {
		if ch.Name == p.DefaultChannel {
			return ch.Head
		}
	}
	return nil
}

// newLister makes a Loader that wants no package, and so remembers of each what
// a Listing needs.
func newLister() *Loader {
	l := NewLoader(nil)
	l.want, l.others.names = map[string]bool{}, true
	return l
}

// listing lists the packages of a catalog that was read by a lister. What is no
// operator is left out.
func (c *Catalog) listing() *Listing {
	l := &Listing{Packages: []ListedPackage{}}
	for _, p := range c.all() {
		if p.isOperator() {
			l.Packages = append(l.Packages, p.listed())
		}
	}
	return l
}

func (p *Package) listed() ListedPackage {
	l := ListedPackage{Name: p.Name, Channels: []ListedChannel{}}
	if len(p.Definitions) > 0 {
		l.DefaultChannel = p.Definitions[0].DefaultChannel
	}
	for _, ch := range p.Channels {
		l.Channels = append(l.Channels, p.listChannel(ch))
		head := l.Channels[len(l.Channels)-1].Head
		if head == nil || ch.Name != l.DefaultChannel {
			continue
		}
		if b := p.bundle(head.Name); b != nil {
			l.DisplayName = b.displayName
		}
	}
	return l
}

func (p *Package) listChannel(ch Channel) ListedChannel {
	l := ListedChannel{Name: ch.Name, Versions: []ListedVersion{}}
	entries := slices.Clone(ch.Entries)
	slices.SortStableFunc(entries, func(a, b Entry) int { return p.compareEntries(a.Name, b.Name) })
	for _, e := range entries {
		l.Versions = append(l.Versions, ListedVersion{
			Name: e.Name, Version: p.versionOf(e.Name), Replaces: e.Replaces, ReplacesVersion: p.versionOf(e.Replaces),
			Skips: e.Skips, SkipRange: e.SkipRange,
		})
	}
	if head, err := ch.head(); err == nil {
		i := slices.IndexFunc(l.Versions, func(v ListedVersion) bool { return v.Name == head })
		l.Head = &l.Versions[i]
	}
	return l
}

// compareEntries orders by version; those that have none come last.
func (p *Package) compareEntries(a, b string) int {
	x, y := p.bundle(a), p.bundle(b)
	switch hasX, hasY := x != nil && x.Version != nil, y != nil && y.Version != nil; {
	case hasX && hasY:
		return cmp.Or(compareBundles(x, y), strings.Compare(a, b))
	case hasX:
		return -1
	case hasY:
		return 1
	}
	return strings.Compare(a, b)
}

// versionOf is the version of a bundle, or else the one that its name ends in.
func (p *Package) versionOf(name string) string {
	if b := p.bundle(name); b != nil && b.Version != nil {
		return b.versionString()
	}
	if v := versionInName(name); v != nil {
		return v.String()
	}
	return ""
}
