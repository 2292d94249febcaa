package release

import (
	"cmp"
	"slices"

	"github.com/blang/semver/v4"

	"drayage/pkg/manifest"
)

// Graph is the update graph of one channel for one architecture: the releases
// of the channel, and which of them can be upgraded to which. An upgrade leads to
// a higher version; what a graph says of others is passed over. It is not changed
// once it is made, and may be used by many goroutines.
type Graph struct {
	nodes     []node         // lowest version first
	byVersion map[string]int // by versionKey
	edges     [][]edge       // out of each node, lowest target first, each target once
}

// Node is one release of an update graph.
type Node struct {
	// Version is 4.12.0, for example.
	Version string
	// Payload is the release image, by digest and without a tag.
	Payload manifest.Ref
	// URL is where the errata of the release are; empty when the graph has none.
	// It can be printed safely.
	URL string
	// Channels are those that the release is in, sorted, as the graph says;
	// none when it does not.
	Channels []string
}

// Risk is why an upgrade is recommended under a condition only. Its texts are
// the server's, each one line that can be printed safely.
type Risk struct {
	Name, URL, Message string
}

type node struct {
	Node
	version semver.Version
}

// edge is an upgrade. One that is conditional has a condition.
type edge struct {
	to        int
	condition condition
}

// condition is lists of risks, one of each place that calls an upgrade
// conditional. It has at least one list, which may be empty.
type condition [][]Risk

// link is an edge before its nodes have their places.
type link struct {
	from, to  int
	condition condition
}

// newGraph puts nodes, whose versions differ, into their order.
func newGraph(nodes []node, links []link) *Graph {
	order := make([]int, len(nodes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return nodes[a].version.Compare(nodes[b].version) })
	g := &Graph{
		nodes:     make([]node, len(nodes)),
		byVersion: make(map[string]int, len(nodes)),
		edges:     make([][]edge, len(nodes)),
	}
	place := make([]int, len(nodes))
	for i, old := range order {
		place[old], g.nodes[i] = i, nodes[old]
		g.byVersion[versionKey(nodes[old].version)] = i
	}
	for _, l := range links {
		if from, to := place[l.from], place[l.to]; from < to {
			g.edges[from] = append(g.edges[from], edge{to, l.condition})
		}
	}
	for i := range g.edges {
		g.edges[i] = mergeEdges(g.edges[i])
	}
	return g
}

// mergeEdges sorts edges and makes one of those to the same target. What is
// conditional anywhere is conditional: clusters see it so too.
func mergeEdges(edges []edge) []edge {
	slices.SortStableFunc(edges, func(a, b edge) int { return cmp.Compare(a.to, b.to) })
	merged := edges[:0]
	for _, e := range edges {
		last := len(merged) - 1
		if last < 0 || merged[last].to != e.to {
			merged = append(merged, edge{e.to, slices.Clip(e.condition)})
			continue
		}
		merged[last].condition = append(merged[last].condition, e.condition...)
	}
	return merged
}

// versionKey is what two spellings of one version have in common: build
// metadata does not count.
func versionKey(v semver.Version) string {
	v.Build = nil
	return v.String()
}

// Versions lists the versions of the graph, lowest first.
func (g *Graph) Versions() []string {
	versions := make([]string, len(g.nodes))
	for i, n := range g.nodes {
		versions[i] = n.Version
	}
	return versions
}

// Node is the release of this version, and whether the graph has it.
func (g *Graph) Node(version string) (Node, bool) {
	v, err := semver.Parse(version)
	if err != nil {
		return Node{}, false
	}
	i, ok := g.find(v)
	if !ok {
		return Node{}, false
	}
	n := g.nodes[i].Node
	n.Channels = slices.Clone(n.Channels)
	return n, true
}

func (g *Graph) find(v semver.Version) (int, bool) {
	i, ok := g.byVersion[versionKey(v)]
	return i, ok
}

// GraphArch is the name that update graphs have for an architecture, given that
// name or the one in a release's tag: amd64 for x86_64, arm64 for aarch64, and
// ppc64le, s390x and multi as they are. It says whether there are releases for it.
func GraphArch(arch string) (string, bool) {
	for _, known := range []string{"amd64", "arm64", "ppc64le", "s390x", "multi"} {
		if arch == known || arch == TagArchitecture(known) {
			return known, true
		}
	}
	return "", false
}
