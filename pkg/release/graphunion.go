package release

import (
	"maps"
	"slices"
)

// union makes one graph of those of several channels. A version that two of
// them know by different payloads is a finding.
func union(graphs map[string]*Graph) (*Graph, error) {
	var (
		nodes []node
		links []link
		f     findings
		index = map[string]int{}    // by versionKey
		where = map[string]string{} // the channel that a version was first found in
	)
	for _, channel := range slices.Sorted(maps.Keys(graphs)) {
		g := graphs[channel]
		if g == nil {
			continue
		}
		place := make([]int, len(g.nodes))
		for i, n := range g.nodes {
			key := versionKey(n.version)
			at, known := index[key]
			if !known {
				at = len(nodes)
				index[key], where[key] = at, channel
				nodes = append(nodes, n)
			}
			place[i] = at
			if old := &nodes[at]; old.Payload != n.Payload {
				f.addf("version %s: is %s in %s and %s in %s", n.Version, old.Payload, where[key], n.Payload, channel)
			} else {
				old.merge(n)
			}
		}
		for from, edges := range g.edges {
			for _, e := range edges {
				links = append(links, link{place[from], place[e.to], e.condition})
			}
		}
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return newGraph(nodes, links), nil
}

// merge adds what another graph says of the same release. Nothing is shared with
// either graph.
func (n *node) merge(other node) {
	if n.URL == "" {
		n.URL = other.URL
	}
	channels := slices.Concat(n.Channels, other.Channels)
	slices.Sort(channels)
	n.Channels = slices.Compact(channels)
}
