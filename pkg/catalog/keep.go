package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"drayage/pkg/manifest"
)

// Keep is the catalog with exactly the packages, channels and bundles that a
// selection names, and with all documents that belong to no package. The
// channels' other entries are taken out, the bundles that no channel keeps, and
// the deprecations that would point at nothing. Everything else stays byte for
// byte: so an entry that is kept may replace or skip one that is not there.
//
// A selection that is empty, that names what is not there or names it twice, or
// that does not keep the default channel, is an error; all are returned, joined.
// What is kept may still be no valid catalog: [Catalog.Validate] tells.
func (c *Catalog) Keep(selection []manifest.Package) (*Catalog, error) {
	if len(selection) == 0 {
		return nil, errors.New("selection: names no package")
	}
	kept := &Catalog{Globals: c.Globals}
	var names []string
	var errs []error
	for _, choice := range selection {
		names = append(names, choice.Name)
		p, err := c.keepPackage(choice)
		if err != nil {
			errs = append(errs, fmt.Errorf("selection: package %q: %w", choice.Name, err))
		}
		kept.Packages = append(kept.Packages, p)
	}
	for _, name := range repeated(names) {
		errs = append(errs, fmt.Errorf("selection: package %q: named more than once", name))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	slices.SortFunc(kept.Packages, func(a, b *Package) int { return strings.Compare(a.Name, b.Name) })
	return kept, nil
}

func (c *Catalog) keepPackage(choice manifest.Package) (*Package, error) {
	p := c.pkg(choice.Name)
	if p == nil {
		return nil, errors.New("not in the catalog")
	}
	kept := &Package{Name: p.Name, Definitions: p.Definitions, Others: p.Others}
	errs := []error{p.checkDefaultKept(choice), p.keepChannels(kept, choice.Channels)}
	p.keepBundles(kept)
	errs = append(errs, p.keepDeprecations(kept))
	return kept, errors.Join(errs...)
}

func (p *Package) checkDefaultKept(choice manifest.Package) error {
	for _, d := range p.Definitions {
		if d.DefaultChannel != choice.DefaultChannel {
			return fmt.Errorf("default channel %q: it is %q in the catalog", choice.DefaultChannel, d.DefaultChannel)
		}
	}
	is := func(c manifest.Channel) bool { return c.Name == choice.DefaultChannel }
	if !slices.ContainsFunc(choice.Channels, is) {
		return fmt.Errorf("default channel %q: is not kept", choice.DefaultChannel)
	}
	return nil
}

func (p *Package) keepChannels(kept *Package, chosen []manifest.Channel) error {
	var names []string
	var errs []error
	for _, choice := range chosen {
		names = append(names, choice.Name)
		ch, err := p.keepChannel(choice)
		if err != nil {
			errs = append(errs, fmt.Errorf("channel %q: %w", choice.Name, err))
		}
		kept.Channels = append(kept.Channels, ch)
	}
	for _, name := range repeated(names) {
		errs = append(errs, fmt.Errorf("channel %q: named more than once", name))
	}
	slices.SortFunc(kept.Channels, func(a, b Channel) int { return strings.Compare(a.Name, b.Name) })
	return errors.Join(errs...)
}

func (p *Package) keepChannel(choice manifest.Channel) (Channel, error) {
	ch := p.channel(choice.Name)
	if ch == nil {
		return Channel{}, errors.New("not in the package")
	}
	if err := p.checkBundles(ch, choice.Bundles); err != nil {
		return Channel{}, err
	}
	want := map[string]bool{}
	for _, name := range choice.Bundles {
		want[name] = true
	}
	raw, entries, err := filter(ch.Raw, ch.Entries, func(e Entry) bool { return want[e.Name] })
	d := ch.Document
	d.Raw = raw
	return Channel{d, entries}, err
}

func (p *Package) checkBundles(ch *Channel, chosen []string) error {
	var errs []error
	if len(chosen) == 0 {
		errs = append(errs, errors.New("no bundle of it is kept"))
	}
	for _, name := range repeated(chosen) {
		errs = append(errs, fmt.Errorf("bundle %q: named more than once", name))
	}
	entries := map[string]bool{}
	for _, e := range ch.Entries {
		entries[e.Name] = true
	}
	for _, name := range chosen {
		switch {
		case !entries[name]:
			errs = append(errs, fmt.Errorf("bundle %q: not in the channel", name))
		case p.bundle(name) == nil:
			errs = append(errs, fmt.Errorf("bundle %q: the channel names it, and it is not there", name))
		}
	}
	return errors.Join(errs...)
}

// keepBundles gives kept the bundles that its channels name.
func (p *Package) keepBundles(kept *Package) {
	named := map[string]bool{}
	for _, ch := range kept.Channels {
		for _, e := range ch.Entries {
			named[e.Name] = true
		}
	}
	for _, b := range p.Bundles {
		if named[b.Name] {
			kept.Bundles = append(kept.Bundles, b)
		}
	}
}

// keepDeprecations gives kept what p says of things that kept still has. A
// document with nothing left to say is left out.
func (p *Package) keepDeprecations(kept *Package) error {
	stays := func(d Deprecation) bool {
		switch d.Reference.Schema {
		case SchemaChannel:
			return kept.channel(d.Reference.Name) != nil
		case SchemaBundle:
			return kept.bundle(d.Reference.Name) != nil
		}
		return true
	}
	for _, d := range p.Deprecations {
		raw, entries, err := filter(d.Raw, d.Entries, stays)
		if err != nil {
			return err
		}
		if len(entries) > 0 || len(d.Entries) == 0 {
			d.Raw, d.Entries = raw, entries
			kept.Deprecations = append(kept.Deprecations, d)
		}
	}
	return nil
}

// filter leaves out entries of the document raw, and the same of the list that
// was decoded from it. Where nothing is left out, raw is the same.
func filter[T any](raw []byte, entries []T, keep func(T) bool) ([]byte, []T, error) {
	var kept []T
	marks := make([]bool, len(entries))
	for i, e := range entries {
		if marks[i] = keep(e); marks[i] {
			kept = append(kept, e)
		}
	}
	if len(kept) == len(entries) {
		return raw, entries, nil
	}
	raw, err := keepElements(raw, "entries", marks)
	return raw, kept, err
}
