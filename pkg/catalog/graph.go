package catalog

import (
	"fmt"
	"maps"
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
// entry that is not skipped, and none twice. It ends where an entry replaces one
// that is skipped, or one that is not there.
func (c Channel) checkChain(head string) error {
	replaces, skipped := map[string]string{}, map[string]bool{}
	for _, e := range c.Entries {
		replaces[e.Name] = e.Replaces
		for _, s := range e.Skips {
			skipped[s] = true
		}
	}
	met := map[string]bool{}
	chain := []string{}
	for name, ok := head, true; ok; _, ok = replaces[name] {
		met[name] = true
		chain = append(chain, name)
		if name = replaces[name]; skipped[name] {
			break
		}
		if met[name] {
			circle := append(chain[slices.Index(chain, name):], name)
			return fmt.Errorf("replaces in a circle: %s", strings.Join(circle, " -> "))
		}
	}
	for name := range replaces {
		if met[name] || skipped[name] {
			delete(replaces, name)
		}
	}
	if len(replaces) > 0 {
		stranded := slices.Sorted(maps.Keys(replaces))
		return fmt.Errorf("its head %s does not lead to %s", head, strings.Join(stranded, ", "))
	}
	return nil
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
