package release

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Hop is one upgrade of a path.
type Hop struct {
	From, To string
	// Conditional says that the upgrade is recommended only to clusters that the
	// Risks do not concern.
	Conditional bool
	Risks       []Risk
}

// What a hop costs: a conditional one more than any path without.
const (
	plainHop       = 1
	conditionalHop = 1 << 32
	unreachable    = math.MaxInt64
)

// cost is that of an edge, and whether it may be used.
func (e edge) cost(conditional bool) (int64, bool) {
	if e.condition == nil {
		return plainHop, true
	}
	return conditionalHop, conditional
}

// costsTo tells for each node what the best path to a target costs. Edges lead
// upwards only, so the targets of a node's edges are done before the node.
func (g *Graph) costsTo(target int, conditional bool) []int64 {
	costs := make([]int64, len(g.nodes))
	for i := range costs {
		costs[i] = unreachable
	}
	costs[target] = 0
	for i := target - 1; i >= 0; i-- {
		for _, e := range g.edges[i] {
			cost, usable := e.cost(conditional)
			if usable && costs[e.to] != unreachable {
				costs[i] = min(costs[i], costs[e.to]+cost)
			}
		}
	}
	return costs
}

// path is the best one: the fewest conditional hops, then the fewest hops, then
// from the first hop on the highest versions. It is nil when there is none.
func (g *Graph) path(from, to int, conditional bool) []int {
	costs := g.costsTo(to, conditional)
	if costs[from] == unreachable {
		return nil
	}
	path := []int{from}
	for at := from; at != to; path = append(path, at) {
		for _, e := range slices.Backward(g.edges[at]) {
			cost, usable := e.cost(conditional)
			if usable && costs[e.to]+cost == costs[at] {
				at = e.to
				break
			}
		}
	}
	return path
}

// hops names the upgrades of a path.
func (g *Graph) hops(path []int) []Hop {
	var hops []Hop
	for i := 1; i < len(path); i++ {
		from, to := path[i-1], path[i]
		at := slices.IndexFunc(g.edges[from], func(e edge) bool { return e.to == to })
		e := g.edges[from][at]
		hops = append(hops, Hop{
			From: g.nodes[from].Version, To: g.nodes[to].Version,
			Conditional: e.condition != nil, Risks: e.condition.risks(),
		})
	}
	return hops
}

// risks are all of a condition, each once, in the order of the graphs.
func (c condition) risks() []Risk {
	var risks []Risk
	seen := map[Risk]bool{}
	for _, r := range slices.Concat(c...) {
		if !seen[r] {
			seen[r] = true
			risks = append(risks, r)
		}
	}
	return risks
}

// farthest is the highest node below a limit that a node leads to, or the node
// itself.
func (g *Graph) farthest(from, limit int, conditional bool) int {
	reached := make([]bool, len(g.nodes))
	reached[from] = true
	last := from
	for i := from; i < limit; i++ {
		if !reached[i] {
			continue
		}
		last = i
		for _, e := range g.edges[i] {
			if _, usable := e.cost(conditional); usable {
				reached[e.to] = true
			}
		}
	}
	return last
}

// nearest is the node that leads to a target and is next to a lower one: the
// first after it, or else the last before it. It is the target when none does.
func (g *Graph) nearest(from, target int, conditional bool) int {
	costs := g.costsTo(target, conditional)
	for i := from + 1; i < target; i++ {
		if costs[i] != unreachable {
			return i
		}
	}
	for i := from - 1; i >= 0; i-- {
		if costs[i] != unreachable {
			return i
		}
	}
	return target
}

// NoPathError is a range of versions without a path of upgrades through it. It
// is one line, which reads as
//
//	stable-4.12: no upgrade path from 4.12.0 to 4.12.9: 4.12.0 leads as far as 4.12.5;
//	the first version after 4.12.0 that leads to 4.12.9 is 4.12.7;
//	conditional edges would give one: 4.12.0, 4.12.6, 4.12.9
type NoPathError struct {
	// Channels are those whose graphs were searched.
	Channels []string
	// From and To are the ends of the path.
	From, To string
	// Farthest is the highest version below To that From leads to; From itself
	// when there is none.
	Farthest string
	// Nearest is the version that leads to To and is next to From: the lowest
	// above it, or else the highest below. It is To itself when there is none.
	Nearest string
	// NearestBelow says that Nearest is below From.
	NearestBelow bool
	// Conditional says that conditional edges were searched too.
	Conditional bool
	// WithConditional is the path that conditional edges would give.
	WithConditional []string
	// NotGiven are channels between the searched ones of which no graph was given.
	NotGiven []string
}

// Error is one line.
func (e *NoPathError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: no upgrade path from %s to %s", strings.Join(e.Channels, ", "), e.From, e.To)
	if e.Conditional {
		b.WriteString(", conditional edges included")
	}
	if e.Farthest == e.From {
		fmt.Fprintf(&b, ": %s leads to no version before %s", e.From, e.To)
	} else {
		fmt.Fprintf(&b, ": %s leads as far as %s", e.From, e.Farthest)
	}
	switch {
	case e.Nearest == e.To:
		fmt.Fprintf(&b, "; no version leads to %s", e.To)
	case e.NearestBelow:
		fmt.Fprintf(&b, "; the last version before %s that leads to %s is %s", e.From, e.To, e.Nearest)
	default:
		fmt.Fprintf(&b, "; the first version after %s that leads to %s is %s", e.From, e.To, e.Nearest)
	}
	switch {
	case len(e.WithConditional) > 0:
		b.WriteString("; conditional edges would give one: " + strings.Join(e.WithConditional, ", "))
	case !e.Conditional:
		b.WriteString("; conditional edges would give none")
	}
	if len(e.NotGiven) > 0 {
		b.WriteString("; no graph was given for " + strings.Join(e.NotGiven, ", "))
	}
	return b.String()
}

func (g *Graph) noPath(channels []string, from, to int, conditional bool) *NoPathError {
	near := g.nearest(from, to, conditional)
	e := &NoPathError{
		Channels: channels, Conditional: conditional,
		From: g.nodes[from].Version, To: g.nodes[to].Version,
		Farthest: g.nodes[g.farthest(from, to, conditional)].Version,
		Nearest:  g.nodes[near].Version, NearestBelow: near < from,
	}
	for _, i := range g.path(from, to, true) {
		e.WithConditional = append(e.WithConditional, g.nodes[i].Version)
	}
	return e
}
