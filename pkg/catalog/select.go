package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"drayage/pkg/manifest"
)

// maxNamed is how many versions a message names.
const maxNamed = 3

// Selection is what to keep of a catalog.
type Selection struct {
	// Packages are sorted by name; what the packing list records, and all that
	// [Catalog.Keep] needs.
	Packages []manifest.Package
	// Warnings are for whoever asked: channels that are left out, versions that
	// are kept only because updates pass through them, and installed versions
	// that can not be updated to what is kept.
	Warnings []string
}

// Select chooses what to keep, by the rules of the package comment. Without
// requests it is all packages that were read; full stands for Full of every one.
//
// A request that does not fit the catalog is an error, and so is a channel
// without exactly one head, unless the request leaves it out; all are returned,
// joined. What is chosen of packages that were not read ([NewLoader]) cannot be
// kept before they are. Packages that consist of documents of other schemas only
// are not selected.
func (c *Catalog) Select(requests []PackageRequest, full bool) (Selection, error) {
	if len(requests) == 0 {
		for _, p := range c.Packages {
			if p.isOperator() {
				requests = append(requests, PackageRequest{Name: p.Name})
			}
		}
	}
	if err := c.checkRequests(requests); err != nil {
		return Selection{}, err
	}
	requests = slices.SortedFunc(slices.Values(requests), func(a, b PackageRequest) int { return strings.Compare(a.Name, b.Name) })
	var s Selection
	var errs []error
	for _, r := range requests {
		f := &findings{}
		s.choose(f.of("package %q", r.Name), c.known(r.Name), r, full || r.Full)
		errs = append(errs, f.errs...)
	}
	if len(errs) > 0 {
		return Selection{}, errors.Join(errs...)
	}
	return s, nil
}

// isOperator says that the package is more than documents of other schemas.
func (p *Package) isOperator() bool {
	return len(p.Definitions)+len(p.Channels)+len(p.Bundles) > 0
}

// choose adds what to keep of one package.
func (s *Selection) choose(f *findings, p *Package, r PackageRequest, full bool) {
	if n := len(p.Definitions); n != 1 {
		f.add("%d documents %s, want 1", n, SchemaPackage)
		return
	}
	choice := manifest.Package{Name: p.Name, DefaultChannel: cmp.Or(r.DefaultChannel, p.Definitions[0].DefaultChannel)}
	wishes := p.wishes(f, r, full)
	var empty []emptyError
	for _, w := range wishes {
		names, err := s.chooseChannel(p, w, full)
		var e emptyError
		switch {
		case errors.As(err, &e):
			empty = append(empty, e)
		case err != nil:
			f.add("channel %q: %w", w.Name, err)
		default:
			choice.Channels = append(choice.Channels, manifest.Channel{Name: w.Name, Bundles: names})
		}
	}
	s.leaveOut(f, p, choice, empty)
	if f.count() == 0 {
		p.checkDefaultChosen(f, choice, r)
	}
	s.Packages = append(s.Packages, choice)
}

// leaveOut judges the channels that have nothing in their range: an error, if it
// is the default channel or if nothing is left, and else a warning.
func (s *Selection) leaveOut(f *findings, p *Package, choice manifest.Package, empty []emptyError) {
	byRange := map[string][]string{}
	for _, e := range empty {
		if e.channel == choice.DefaultChannel {
			f.add("default channel %q: %w%s", e.channel, e, havingSome(choice))
			return
		}
		byRange[e.versions.String()] = append(byRange[e.versions.String()], e.channel)
	}
	for _, e := range empty {
		switch names := byRange[e.versions.String()]; {
		case len(choice.Channels) == 0:
			f.add("channel %q: %w", e.channel, e)
		case len(names) == 1:
			s.warn(p, e.channel, "is left out: %v", e)
		case names[0] == e.channel:
			s.Warnings = append(s.Warnings, fmt.Sprintf("package %q: %d channels are left out, which have no version %s: %s", p.Name, len(names), e.versions, list(names)))
		}
	}
}

// havingSome names the channels that are kept when the default cannot be.
func havingSome(choice manifest.Package) string {
	var names []string
	for _, ch := range choice.Channels {
		names = append(names, ch.Name)
	}
	if len(names) == 0 {
		return ""
	}
	return "; kept, and could be the default, are: " + list(names)
}

func (p *Package) checkDefaultChosen(f *findings, choice manifest.Package, r PackageRequest) {
	var names []string
	for _, ch := range choice.Channels {
		names = append(names, ch.Name)
	}
	switch name := choice.DefaultChannel; {
	case slices.Contains(names, name):
	case p.channel(name) == nil:
		f.add("default channel %q: not in the package%s", name, p.hintChannels(name))
	case r.DefaultChannel == "":
		f.add("default channel %q: is not kept; name another with defaultChannel: %s", name, listAll(names))
	default:
		f.add("default channel %q: is not among the channels that are kept: %s", name, listAll(names))
	}
}

func (s *Selection) warn(p *Package, channel, format string, a ...any) {
	s.Warnings = append(s.Warnings, fmt.Sprintf("package %q: channel %q: ", p.Name, channel)+fmt.Sprintf(format, a...))
}

// chooseChannel is the names of the entries to keep, sorted.
func (s *Selection) chooseChannel(p *Package, w wish, full bool) ([]string, error) {
	head, err := w.head()
	if err != nil {
		return nil, err
	}
	names := []string{head}
	if full {
		return w.names(), nil
	}
	if !w.versions.open() {
		if err := w.checkChain(head); err != nil {
			return nil, err
		}
		if names, err = p.inRange(w); err != nil {
			return nil, err
		}
		padding := p.padding(w.Channel, names)
		if len(padding) > 0 {
			s.warn(p, w.Name, "keeps outside of the versions %s, since updates pass through: %s", w.versions, list(padding))
		}
		names = append(names, padding...)
		slices.Sort(names)
	}
	kept, err := p.shorten(w.Channel, names)
	if err != nil {
		return nil, err
	}
	s.warnLost(p, w.Channel, kept)
	return names, nil
}

func (s *Selection) warnLost(p *Package, source *Channel, kept shortened) {
	lost, of := p.lost(source, kept)
	if len(lost) == 0 {
		return
	}
	to := "any that is kept"
	if len(kept.Entries) == 1 {
		to = "the kept " + kept.head
	}
	s.warn(p, source.Name, "no direct update to %s from %d of its %d older versions: %s", to, len(lost), of, list(lost))
}

// inRange are the names of the entries whose versions are in the range, sorted.
func (p *Package) inRange(w wish) ([]string, error) {
	var names []string
	e := emptyError{channel: w.Name, versions: w.versions}
	for _, name := range w.names() {
		b := p.bundle(name)
		if b == nil || b.Version == nil {
			return nil, fmt.Errorf("entry %q: has no version that could be compared", name)
		}
		switch c := w.versions.compare(b); {
		case c == 0:
			names = append(names, name)
		case c < 0 && (e.below == nil || compareBundles(b, e.below) > 0):
			e.below = b
		case c > 0 && (e.above == nil || compareBundles(b, e.above) < 0):
			e.above = b
		}
	}
	if len(names) == 0 {
		return nil, e
	}
	return names, nil
}

// emptyError says that a channel has no version in a range, and what is nearest.
type emptyError struct {
	channel      string
	versions     versionRange
	below, above *Bundle
}

func (e emptyError) Error() string {
	var near []string
	if e.below != nil {
		near = append(near, e.below.versionString()+" below")
	}
	if e.above != nil {
		near = append(near, e.above.versionString()+" above")
	}
	return fmt.Sprintf("has no version %s; nearest: %s", e.versions, strings.Join(near, ", "))
}

// list names a few of many.
func list(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", listAll(names[:maxNamed]), more)
	}
	return listAll(names)
}

func listAll(names []string) string {
	var all []string
	for _, name := range names {
		all = append(all, shown(name))
	}
	return strings.Join(all, ", ")
}
