package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// PackageRequest is what somebody wants of one operator package. The name alone
// asks for the head of every channel.
//
// Versions are written as 4, 4.17, 4.17.0, 4.17.0-202412170235 or 4.17.0+5, in at
// most 256 characters; the package comment says what each takes in.
type PackageRequest struct {
	Name string
	// Channels are the only ones to keep; none means all.
	Channels []ChannelRequest
	// MinVersion and MaxVersion bound the versions of every channel; empty is
	// open. They exclude those of a channel, and Full.
	MinVersion, MaxVersion string
	// DefaultChannel becomes the default channel; empty leaves it as it is.
	DefaultChannel string
	// Full keeps every version.
	Full bool
}

// ChannelRequest is what somebody wants of one channel: its head, or the versions
// from MinVersion to MaxVersion, either of which may be empty.
type ChannelRequest struct {
	Name                   string
	MinVersion, MaxVersion string
}

// wish is a request for one channel, as it was understood.
type wish struct {
	*Channel
	versions versionRange
}

// wishes are the channels of the package that a request speaks of, by name.
func (p *Package) wishes(f *findings, r PackageRequest, full bool) []wish {
	overall, err := parseRange(r.MinVersion, r.MaxVersion)
	if err != nil {
		f.add("%w", err)
	}
	if full && !overall.open() {
		f.add("all versions are asked for, and those %s too: want one of them", overall)
	}
	if len(r.Channels) == 0 {
		var all []wish
		for i := range p.Channels {
			all = append(all, wish{&p.Channels[i], overall})
		}
		return all
	}
	return p.namedChannels(f, r, overall, full)
}

func (p *Package) namedChannels(f *findings, r PackageRequest, overall versionRange, full bool) []wish {
	var all []wish
	var names []string
	for _, c := range r.Channels {
		names = append(names, c.Name)
		g := f.of("channel %q", c.Name)
		own, err := parseRange(c.MinVersion, c.MaxVersion)
		switch {
		case err != nil:
			g.add("%w", err)
		case full && !own.open():
			g.add("all versions are asked for, and those %s too: want one of them", own)
		case !own.open() && !overall.open():
			g.add("versions %s are asked for, and %s for the whole package: want one of them", own, overall)
		case own.open():
			own = overall
		}
		ch := p.channel(c.Name)
		if ch == nil {
			g.add("not in the package%s", p.hintChannels(c.Name))
			continue
		}
		all = append(all, wish{ch, own})
	}
	for _, name := range repeated(names) {
		f.add("channel %q: named more than once", name)
	}
	slices.SortFunc(all, func(a, b wish) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (p *Package) channelNames() []string {
	var names []string
	for _, ch := range p.Channels {
		names = append(names, ch.Name)
	}
	return names
}

// hintChannels offers the channels that are near, or the few that there are.
func (p *Package) hintChannels(name string) string {
	return hintAmong(name, p.channelNames())
}

// hintAmong offers the names that are near, or the few that there are.
func hintAmong(name string, names []string) string {
	if found := near(name, names); len(found) > 0 || len(names) > maxNamed || len(names) == 0 {
		return hint(name, names)
	}
	return "; there are: " + list(names)
}

// checkRequests finds packages that are named twice or are not in the catalog.
func (c *Catalog) checkRequests(requests []PackageRequest) error {
	var errs []error
	var names, known []string
	for _, p := range c.all() {
		if p.isOperator() {
			known = append(known, p.Name)
		}
	}
	for _, r := range requests {
		names = append(names, r.Name)
		if p := c.known(r.Name); p == nil || !p.isOperator() {
			errs = append(errs, fmt.Errorf("package %q: not in the catalog%s", r.Name, hint(r.Name, known)))
		}
	}
	for _, name := range repeated(names) {
		errs = append(errs, fmt.Errorf("package %q: named more than once", name))
	}
	return errors.Join(errs...)
}
