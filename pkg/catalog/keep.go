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
// the deprecations that would point at nothing. A default channel is changed
// where the selection says so. Where the entries that are left would be no
// channel, the skips of the head are extended; see the package comment. Everything
// else stays byte for byte: so an entry that is kept may replace or skip one that
// is not there.
//
// The result depends on the catalog and the selection alone.
//
// A selection that is empty, that names what is not there, what was not read or
// anything twice, or that does not keep the default channel, is an error; all are
// returned, joined. What is kept may still be no valid catalog, when the catalog
// is none: [Catalog.Validate] tells.
func (c *Catalog) Keep(selection []manifest.Package) (*Catalog, error) {
	if len(selection) == 0 {
		return nil, errors.New("selection: names no package")
	}
	kept := &Catalog{Globals: c.Globals}
	var names []string
	f := &findings{}
	for _, choice := range selection {
		names = append(names, choice.Name)
		p := c.keepPackage(f.of("selection: package %q", choice.Name), choice)
		kept.Packages = append(kept.Packages, p)
	}
	for _, name := range repeated(names) {
		f.add("selection: package %q: named more than once", name)
	}
	if len(f.errs) > 0 {
		return nil, errors.Join(f.errs...)
	}
	slices.SortFunc(kept.Packages, func(a, b *Package) int { return strings.Compare(a.Name, b.Name) })
	return kept, nil
}

func (c *Catalog) keepPackage(f *findings, choice manifest.Package) *Package {
	p := c.pkg(choice.Name)
	if p == nil && c.known(choice.Name) != nil {
		f.add("was not read")
		return nil
	}
	if p == nil {
		f.add("not in the catalog")
		return nil
	}
	kept := &Package{Name: p.Name, Others: p.Others}
	p.keepDefinitions(f, kept, choice)
	p.keepChannels(f, kept, choice.Channels)
	p.keepBundles(kept)
	p.keepDeprecations(f, kept)
	return kept
}

func (p *Package) keepDefinitions(f *findings, kept *Package, choice manifest.Package) {
	is := func(c manifest.Channel) bool { return c.Name == choice.DefaultChannel }
	if !slices.ContainsFunc(choice.Channels, is) {
		f.add("default channel %q: is not kept", choice.DefaultChannel)
		return
	}
	for _, d := range p.Definitions {
		if d.DefaultChannel != choice.DefaultChannel {
			raw, err := setMember(d.Raw, "defaultChannel", quote(choice.DefaultChannel))
			if err != nil {
				f.add("%s: %w", d.Schema, err)
			}
			d.Raw, d.DefaultChannel = raw, choice.DefaultChannel
		}
		kept.Definitions = append(kept.Definitions, d)
	}
}

func (p *Package) keepChannels(f *findings, kept *Package, chosen []manifest.Channel) {
	var names []string
	for _, choice := range chosen {
		names = append(names, choice.Name)
		ch := p.keepChannel(f.of("channel %q", choice.Name), choice)
		kept.Channels = append(kept.Channels, ch)
	}
	for _, name := range repeated(names) {
		f.add("channel %q: named more than once", name)
	}
	slices.SortFunc(kept.Channels, func(a, b Channel) int { return strings.Compare(a.Name, b.Name) })
}

func (p *Package) keepChannel(f *findings, choice manifest.Channel) Channel {
	ch := p.channel(choice.Name)
	if ch == nil {
		f.add("not in the package")
		return Channel{}
	}
	if !p.checkBundles(f, ch, choice.Bundles) {
		return Channel{}
	}
	short, err := p.shorten(ch, choice.Bundles)
	if err != nil {
		f.add("%w", err)
		return Channel{}
	}
	want := map[string]bool{}
	for _, name := range choice.Bundles {
		want[name] = true
	}
	raw, _, err := filter(ch.Raw, ch.Entries, func(e Entry) bool { return want[e.Name] })
	if err == nil && len(short.added) > 0 {
		head := slices.IndexFunc(short.Entries, func(e Entry) bool { return e.Name == short.head })
		raw, err = addSkips(raw, head, short.added)
	}
	if err != nil {
		f.add("%w", err)
	}
	short.Raw = raw
	return short.Channel
}

// addSkips adds names to what the entry with that index skips.
func addSkips(channel []byte, entry int, names []string) ([]byte, error) {
	entries, err := valueOf(channel, "entries")
	if err != nil {
		return nil, err
	}
	at := elements(channel[entries.start:entries.end])[entry].shift(entries.start)
	e := channel[at.start:at.end]
	var skips []string
	if old, err := valueOf(e, "skips"); err == nil {
		for _, s := range elements(e[old.start:old.end]) {
			s = s.shift(old.start)
			skips = append(skips, string(e[s.start:s.end]))
		}
	}
	for _, name := range names {
		skips = append(skips, string(quote(name)))
	}
	e, err = setMember(e, "skips", []byte("["+strings.Join(skips, ",")+"]"))
	if err != nil {
		return nil, fmt.Errorf("entry %d: %w", entry+1, err)
	}
	return splice(channel, at, e), nil
}

func (p *Package) checkBundles(f *findings, ch *Channel, chosen []string) (ok bool) {
	before := f.count()
	if len(chosen) == 0 {
		f.add("no bundle of it is kept")
	}
	for _, name := range repeated(chosen) {
		f.add("bundle %q: named more than once", name)
	}
	entries := map[string]bool{}
	for _, e := range ch.Entries {
		entries[e.Name] = true
	}
	for _, name := range chosen {
		switch {
		case !entries[name]:
			f.add("bundle %q: not in the channel", name)
		case p.bundle(name) == nil:
			f.add("bundle %q: the channel names it, and it is not there", name)
		}
	}
	return f.count() == before
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
func (p *Package) keepDeprecations(f *findings, kept *Package) {
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
			f.add("%s: %w", d.Schema, err)
		}
		if len(entries) > 0 || len(d.Entries) == 0 {
			d.Raw, d.Entries = raw, entries
			kept.Deprecations = append(kept.Deprecations, d)
		}
	}
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
