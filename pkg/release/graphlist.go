package release

import (
	"fmt"
	"slices"

	"github.com/blang/semver/v4"
)

// Into lists the upgrades that lead straight to a version, lowest first; none
// when the graph does not have it.
func (g *Graph) Into(version string) []Hop {
	v, err := semver.Parse(version)
	if err != nil {
		return nil
	}
	to, ok := g.find(v)
	if !ok {
		return nil
	}
	var hops []Hop
	for from := range to {
		if slices.ContainsFunc(g.edges[from], func(e edge) bool { return e.to == to }) {
			hops = append(hops, g.hops([]int{from, to})...)
		}
	}
	return hops
}

// ListedChannel is one channel, as the releases of a graph tell of it.
type ListedChannel struct {
	Name string `json:"name"`
	// Releases is how many releases of the graph are in the channel.
	Releases int `json:"releases"`
	// Latest is the highest of them.
	Latest string `json:"latest"`
}

// ChannelList lists the channels that the graph's releases say they are in,
// sorted by name: those of a version, 4.16, or all when it is empty. What is in
// none of this graph's releases is not known here.
func (g *Graph) ChannelList(version string) []ListedChannel {
	byName := map[string]*ListedChannel{}
	var names []string
	for _, n := range g.nodes {
		for _, name := range n.Channels {
			if c, ok := parseChannel(name); version != "" && (!ok || c.version() != version) {
				continue
			}
			if byName[name] == nil {
				byName[name] = &ListedChannel{Name: name}
				names = append(names, name)
			}
			byName[name].Releases++
			byName[name].Latest = n.Version
		}
	}
	slices.Sort(names)
	list := []ListedChannel{}
	for _, name := range names {
		list = append(list, *byName[name])
	}
	return list
}

// ChannelVersion is the version in the name of a channel, 4.16 of stable-4.16, or
// "" when it has none.
func ChannelVersion(channel string) string {
	if c, ok := parseChannel(channel); ok {
		return c.version()
	}
	return ""
}

func (c minorChannel) version() string { return fmt.Sprintf("%d.%d", c.major, c.minor) }

// Near says which releases of the graph are next to a version that it does not
// have, in words; "" when the graph has none, or the version is none.
func (g *Graph) Near(version string) string {
	v, err := semver.Parse(version)
	if err != nil || len(g.nodes) == 0 {
		return ""
	}
	return g.neighbours(v)
}
