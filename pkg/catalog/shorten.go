package catalog

import (
	"errors"
	"slices"
	"strings"

	"github.com/blang/semver/v4"
)

// This file shortens channels: it takes entries out and ties up what is left,
// so that what comes out is a channel again. See the package comment for the rule.

// shortened is a channel with some of its entries, and how they hang together.
type shortened struct {
	Channel
	// head is its one head.
	head string
	// added are the names that its head skips and did not skip in the source, sorted.
	added []string
}

// shorten keeps the entries of those names. It is a function of the channel and
// of the names alone: a selection that was recorded gives the same channel again.
func (p *Package) shorten(source *Channel, names []string) (shortened, error) {
	s := shortened{Channel: source.only(names)}
	if len(s.Entries) == len(source.Entries) {
		s.head, _ = source.head() // what is wrong with the source is for Validate
		return s, nil
	}
	var err error
	if s.head, err = p.newHead(source, s.Channel); err != nil {
		return s, err
	}
	loose := s.loose(s.head)
	if len(loose) == 0 {
		return s, nil
	}
	head := s.entry(s.head)
	s.added = without(append(loose, p.skipsBelow(source, s.Channel, s.head)...), head.Skips)
	head.Skips = slices.Concat(head.Skips, s.added)
	return s, nil
}

// without is names that are not among others, sorted, each once.
func without(names, others []string) []string {
	there := map[string]bool{}
	for _, name := range others {
		there[name] = true
	}
	names = slices.DeleteFunc(names, func(name string) bool { return there[name] })
	slices.Sort(names)
	return slices.Compact(names)
}

// newHead is the head of the entries that are left. Of several, it is the one
// that comes first on the way down from the old head, or the one with the
// highest version where none is on that way.
func (p *Package) newHead(source *Channel, left Channel) (string, error) {
	heads := left.heads()
	if len(heads) == 0 {
		return "", errors.New("what is kept has no head: every entry is replaced or skipped by another")
	}
	if len(heads) == 1 {
		return heads[0], nil
	}
	for _, old := range source.heads() {
		chain, _ := source.chain(old)
		for _, name := range chain {
			if slices.Contains(heads, name) {
				return name, nil
			}
		}
	}
	p.sortNewest(heads)
	return heads[0], nil
}

// loose are the entries that make no channel together with the head, because
// what replaced or skipped them is gone.
func (c Channel) loose(head string) []string {
	chain, circle := c.chain(head)
	return append(c.stranded(chain), circle...)
}

// skipsBelow is what the source's head skips, is older than the new head and is
// not there any more: installations of it could be updated, and shall be.
func (p *Package) skipsBelow(source *Channel, left Channel, head string) []string {
	old, err := source.head()
	if err != nil {
		return nil
	}
	below := p.olderThan(head)
	var names []string
	for _, name := range without(slices.Clone(source.entry(old).Skips), left.names()) {
		if older, known := below(name); known && older {
			names = append(names, name)
		}
	}
	return names
}

// olderThan compares versions with that of a bundle: whether one is older, and
// whether this is known.
func (p *Package) olderThan(head string) func(name string) (older, known bool) {
	top := p.versioned(head)
	return func(name string) (bool, bool) {
		b := p.versioned(name)
		if b == nil || top == nil {
			return false, false
		}
		return compareBundles(b, top) < 0, true
	}
}

// versioned is the bundle of that name, or one made from the name alone, or nil
// when its version is not known.
func (p *Package) versioned(name string) *Bundle {
	if b := p.bundle(name); b != nil && b.Version != nil {
		return b
	}
	if v := versionInName(name); v != nil {
		return &Bundle{Document: Document{Name: name}, Version: v}
	}
	return nil
}

// padding is what lies on the way down from the new head to the last entry on it
// that is kept, and is not among kept, which is sorted.
func (p *Package) padding(source *Channel, kept []string) []string {
	head, err := p.newHead(source, source.only(kept))
	if err != nil {
		return nil // shorten says so
	}
	way, _ := source.chain(head)
	last := -1
	for i, name := range way {
		if _, ok := slices.BinarySearch(kept, name); ok {
			last = i
		}
	}
	return without(way[:last+1], kept)
}

// lost are the versions, the newest first, that are known to the source and not
// kept, and from which no update leads to one that is kept; and of how many that
// is. What is newer than the new head needs no update.
func (p *Package) lost(source *Channel, kept shortened) (lost []string, of int) {
	known := p.otherVersions(source, kept)
	direct := map[string]bool{}
	ranges := map[string]func(*semver.Version) bool{}
	for _, e := range kept.Entries {
		direct[e.Replaces] = true
		for _, s := range e.Skips {
			direct[s] = true
		}
		if ranges[e.SkipRange] == nil {
			ranges[e.SkipRange] = e.updateRange()
		}
	}
	for _, name := range known {
		if direct[name] {
			continue
		}
		var v *semver.Version
		if b := p.versioned(name); b != nil {
			v = b.Version
		}
		if !anyRange(ranges, v) {
			lost = append(lost, name)
		}
	}
	p.sortNewest(lost)
	return lost, len(known)
}

func anyRange(ranges map[string]func(*semver.Version) bool, v *semver.Version) bool {
	for _, in := range ranges {
		if in(v) {
			return true
		}
	}
	return false
}

// otherVersions are the names that the source's entries have, replace or skip,
// but for those that are kept and those that are newer than the new head.
func (p *Package) otherVersions(source *Channel, kept shortened) []string {
	var names []string
	for _, e := range source.Entries {
		names = append(append(names, e.Name, e.Replaces), e.Skips...)
	}
	names = without(names, append(kept.names(), ""))
	if old, _ := source.head(); kept.head == old {
		return names
	}
	below := p.olderThan(kept.head)
	return slices.DeleteFunc(names, func(name string) bool {
		older, known := below(name)
		return known && !older
	})
}

// sortNewest sorts names of bundles by version, the newest first, those without one last.
func (p *Package) sortNewest(names []string) {
	bundles := map[string]*Bundle{}
	for _, name := range names {
		bundles[name] = p.versioned(name)
	}
	slices.SortFunc(names, func(a, b string) int {
		va, vb := bundles[a], bundles[b]
		switch {
		case va != nil && vb != nil:
			if c := compareBundles(vb, va); c != 0 {
				return c
			}
		case va != nil:
			return -1
		case vb != nil:
			return 1
		}
		return strings.Compare(a, b)
	})
}
