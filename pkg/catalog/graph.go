package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/blang/semver/v4"
)

// heads are the entries that no entry replaces or skips, sorted. The head of a
// channel is what a new installation gets; a channel has to have one.
func (c Channel) heads() []string {
	passed := map[string]bool{}
	for _, e := range c.Entries {
		passed[e.Replaces] = true
		for _, s := range e.Skips {
			passed[s] = true
		}
	}
	var heads []string
	for _, e := range c.Entries {
		if !passed[e.Name] {
			heads = append(heads, e.Name)
		}
	}
	slices.Sort(heads)
	return slices.Compact(heads)
}

// head is the one head, or an error that says what is there instead.
func (c Channel) head() (string, error) {
	switch heads := c.heads(); {
	case len(c.Entries) == 0:
		return "", fmt.Errorf("has no entries")
	case len(heads) == 0:
		return "", fmt.Errorf("has no head: every entry is replaced or skipped by another")
	case len(heads) > 1:
		return "", fmt.Errorf("has %d heads: %s", len(heads), strings.Join(heads, ", "))
	default:
		return heads[0], nil
	}
}

// checkChain walks from the head along "replaces". The walk has to meet every
// entry that is not skipped, and none twice.
func (c Channel) checkChain(head string) error {
	chain, circle := c.chain(head)
	if circle != nil {
		return fmt.Errorf("replaces in a circle: %s", strings.Join(append(circle, circle[0]), " -> "))
	}
	if stranded := c.stranded(chain); len(stranded) > 0 {
		return fmt.Errorf("its head %s does not lead to %s", head, strings.Join(stranded, ", "))
	}
	return nil
}

// chain is the names of the entries that a walk along "replaces" meets. It ends
// where an entry replaces one that is skipped, or one that is not there. Where
// it would go on in a circle, it ends too, and the second result is the circle.
func (c Channel) chain(from string) (chain, circle []string) {
	replaces, skipped := map[string]string{}, c.skipped()
	for _, e := range c.Entries {
		replaces[e.Name] = e.Replaces
	}
	met := map[string]int{}
	for name := from; ; {
		met[name] = len(chain)
		chain = append(chain, name)
		name = replaces[name]
		if _, ok := replaces[name]; !ok || skipped[name] {
			return chain, nil
		}
		if at, ok := met[name]; ok {
			return chain, slices.Clone(chain[at:])
		}
	}
}

// skipped are the names that any entry skips.
func (c Channel) skipped() map[string]bool {
	skipped := map[string]bool{}
	for _, e := range c.Entries {
		for _, s := range e.Skips {
			skipped[s] = true
		}
	}
	return skipped
}

// stranded are the entries that are neither on the chain nor skipped, sorted.
func (c Channel) stranded(chain []string) []string {
	reached := c.skipped()
	for _, name := range chain {
		reached[name] = true
	}
	var stranded []string
	for _, e := range c.Entries {
		if !reached[e.Name] {
			stranded = append(stranded, e.Name)
		}
	}
	slices.Sort(stranded)
	return slices.Compact(stranded)
}

// names are the names of the entries, sorted.
func (c Channel) names() []string {
	var names []string
	for _, e := range c.Entries {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}

// entry is the entry of that name, or nil.
func (c Channel) entry(name string) *Entry {
	for i := range c.Entries {
		if c.Entries[i].Name == name {
			return &c.Entries[i]
		}
	}
	return nil
}

// only is the channel with those of its entries whose names are wanted.
func (c Channel) only(names []string) Channel {
	want := map[string]bool{}
	for _, name := range names {
		want[name] = true
	}
	c.Entries = slices.DeleteFunc(slices.Clone(c.Entries), func(e Entry) bool { return !want[e.Name] })
	return c
}

// updateRange says which versions lie in skipRange; none when it is empty or
// cannot be read.
func (e Entry) updateRange() func(*semver.Version) bool {
	in, err := semver.ParseRange(e.SkipRange)
	if e.SkipRange == "" || err != nil {
		return func(*semver.Version) bool { return false }
	}
	return func(v *semver.Version) bool { return v != nil && in(*v) }
}
