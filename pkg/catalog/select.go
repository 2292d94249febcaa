package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/blang/semver/v4"

	"drayage/pkg/manifest"
)

// maxNamed is how many versions a warning names.
const maxNamed = 3

// Select chooses what to keep of every package: all of it, or the head of each
// channel, which is what a new installation gets. It returns the selection as
// the packing list records it, and a warning for every channel from which
// installed versions can not be updated to the head in one step. A channel
// without exactly one head is an error; all are returned, joined.
//
// Packages that consist of documents of other schemas only are not selected.
func (c *Catalog) Select(full bool) ([]manifest.Package, []string, error) {
	var selection []manifest.Package
	var warnings []string
	var errs []error
	for _, p := range c.Packages {
		if len(p.Definitions) == 0 && len(p.Channels) == 0 && len(p.Bundles) == 0 {
			continue
		}
		choice, lost, err := p.choose(full)
		if err != nil {
			errs = append(errs, err)
		}
		selection = append(selection, choice)
		warnings = append(warnings, lost...)
	}
	if len(errs) > 0 {
		return nil, nil, errors.Join(errs...)
	}
	return selection, warnings, nil
}

func (p *Package) choose(full bool) (manifest.Package, []string, error) {
	choice := manifest.Package{Name: p.Name}
	var lost []string
	var errs []error
	if n := len(p.Definitions); n == 1 {
		choice.DefaultChannel = p.Definitions[0].DefaultChannel
	} else {
		errs = append(errs, fmt.Errorf("package %q: %d documents %s, want 1", p.Name, n, SchemaPackage))
	}
	for _, ch := range p.Channels {
		head, err := ch.head()
		if err != nil {
			errs = append(errs, fmt.Errorf("package %q: channel %q: %w", p.Name, ch.Name, err))
			continue
		}
		bundles := []string{head}
		if full {
			bundles = ch.names()
		} else if w := p.lostBy(ch, head); w != "" {
			lost = append(lost, w)
		}
		choice.Channels = append(choice.Channels, manifest.Channel{Name: ch.Name, Bundles: bundles})
	}
	return choice, lost, errors.Join(errs...)
}

func (c Channel) names() []string {
	var names []string
	for _, e := range c.Entries {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}

// lostBy is the warning about those entries of a channel that its head does not
// update from directly, when the head alone is kept; empty when there are none.
func (p *Package) lostBy(ch Channel, head string) string {
	at := slices.IndexFunc(ch.Entries, func(e Entry) bool { return e.Name == head })
	kept := ch.Entries[at]
	reached := map[string]bool{head: true, kept.Replaces: true}
	for _, s := range kept.Skips {
		reached[s] = true
	}
	inRange := kept.updateRange()
	var lost []string
	for _, e := range ch.Entries {
		if !reached[e.Name] && !inRange(p.version(e.Name)) {
			lost = append(lost, e.Name)
		}
	}
	if len(lost) == 0 {
		return ""
	}
	p.sortNewest(lost)
	return fmt.Sprintf("package %q: channel %q: no direct update to the kept %s from %d of its %d older versions: %s",
		p.Name, ch.Name, head, len(lost), len(ch.Entries)-1, list(lost))
}

func list(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}

// sortNewest sorts bundle names by version, the newest first, those without one last.
func (p *Package) sortNewest(names []string) {
	version := func(name string) semver.Version {
		if v := p.version(name); v != nil {
			return *v
		}
		return semver.Version{}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(version(b).Compare(version(a)), strings.Compare(a, b))
	})
}

// version is nil when there is no such bundle or it has no version.
func (p *Package) version(bundle string) *semver.Version {
	if b := p.bundle(bundle); b != nil {
		return b.Version
	}
	return nil
}
