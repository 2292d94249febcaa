package release

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/blang/semver/v4"
)

// ChannelRequest asks for releases of one channel, as an image set for oc-mirror
// v2 does.
//
//	neither version            the latest release of the channel, its head
//	MinVersion                 all from there up to the head
//	MaxVersion                 all from the first of the channel up to there
//	both                       all from the one up to the other
//	Full                       the same, and all of the channel without versions
//	ShortestPath               of these, only the best path of upgrades
//
// The first release of a channel may be one of an earlier minor version. The
// versions have to be in the channel; prereleases count as all others do.
type ChannelRequest struct {
	// Name is stable-4.12, for example.
	Name string
	// MinVersion and MaxVersion are full versions like 4.12.0, or empty.
	MinVersion, MaxVersion string
	ShortestPath, Full     bool
}

// halfOpen says that a path is asked for and one of its ends is left to us.
func (r ChannelRequest) halfOpen() bool {
	return r.ShortestPath && !r.Full && (r.MinVersion == "") != (r.MaxVersion == "")
}

// Selection is what requests select.
type Selection struct {
	// Releases are in the order of their versions, lowest first, each once.
	Releases []Node
	// Hops are the upgrades of all paths that were looked for, in the order of
	// their versions, each once. Where no path was looked for there is none.
	Hops []Hop
	// Warnings are one line each.
	Warnings []string
}

// SelectOptions belong to Select.
type SelectOptions struct {
	// Conditional lets paths use conditional edges where there is no path without.
	Conditional bool
}

// Select selects the releases that all requests together ask for. The graphs are
// those of one architecture, by the names of their channels: at least those of
// the requests, better all that Channels names.
//
// A path has as few conditional hops as possible (none, unless they are asked
// for), then as few hops as possible; of equally good ones it is the one with the
// highest versions, from its first hop on.
//
// A request is answered from the graph of its channel alone. When there are
// several requests, a path from the lowest version selected to the highest is
// added, over the edges of all graphs, so that a cluster can go from one channel
// to the next. Of these requests, one for a ShortestPath with one version alone
// stands for that version only: the path that is added is the one to or from it.
// Where that path does not exist, it is an error if a request has ShortestPath,
// and otherwise a warning.
//
// Errors say what is near: for a version that is not there its neighbours and
// the channels that have it, for a path that is not there a [NoPathError]. All
// requests' errors are reported.
func Select(requests []ChannelRequest, graphs map[string]*Graph, o SelectOptions) (*Selection, error) {
	if len(requests) == 0 {
		return &Selection{}, nil
	}
	if err := checkNames(requests); err != nil {
		return nil, err
	}
	all, err := union(graphs)
	if err != nil {
		return nil, err
	}
	s := &selector{
		requests: requests, graphs: graphs, o: o, all: all,
		low: len(all.nodes), nodes: map[int]bool{}, hops: map[[2]string]Hop{},
	}
	var errs []error
	for _, r := range requests {
		errs = append(errs, s.request(r))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(requests) > 1 {
		if err := s.across(); err != nil {
			return nil, err
		}
	}
	return s.selection(), nil
}

func checkNames(requests []ChannelRequest) error {
	var errs []error
	seen := map[string]bool{}
	for _, r := range requests {
		if seen[r.Name] {
			errs = append(errs, fmt.Errorf("%s: is asked for twice", r.Name))
		}
		seen[r.Name] = true
	}
	return errors.Join(errs...)
}

// selector collects what is selected.
type selector struct {
	requests []ChannelRequest
	graphs   map[string]*Graph
	o        SelectOptions

	all      *Graph       // the union of graphs
	nodes    map[int]bool // of all
	low, top int          // the lowest and the highest that requests name, of all
	hops     map[[2]string]Hop
	warnings []string
}

func (s *selector) request(r ChannelRequest) error {
	g := s.graphs[r.Name]
	if g == nil {
		return fmt.Errorf("%s: no graph was given", r.Name)
	}
	if len(g.nodes) == 0 {
		return fmt.Errorf("%s: its graph holds no release: there is no such channel, or none for this architecture", r.Name)
	}
	low, top, err := s.bounds(g, r)
	if err != nil {
		return err
	}
	s.widen(g, low, top)
	if !r.ShortestPath {
		for i := low; i <= top; i++ {
			s.take(g, i)
		}
		return nil
	}
	path := g.path(low, top, s.o.Conditional)
	if path == nil {
		return g.noPath([]string{r.Name}, low, top, s.o.Conditional)
	}
	s.takePath(g, path)
	return nil
}

// bounds are the first and the last release that a request is about.
func (s *selector) bounds(g *Graph, r ChannelRequest) (low, top int, err error) {
	low, lowErr := s.bound(g, r.Name, "minVersion", r.MinVersion)
	top, topErr := s.bound(g, r.Name, "maxVersion", r.MaxVersion)
	if err := errors.Join(lowErr, topErr); err != nil {
		return 0, 0, err
	}
	if r.MinVersion == "" && (r.MaxVersion != "" || r.Full) {
		low = 0
	} else if r.MinVersion == "" {
		low = len(g.nodes) - 1
	}
	if r.MaxVersion == "" {
		top = len(g.nodes) - 1
	}
	if len(s.requests) > 1 && r.halfOpen() {
		if r.MinVersion != "" {
			top = low
		} else {
			low = top
		}
	}
	if low > top {
		return 0, 0, fmt.Errorf("%s: minVersion %s is higher than maxVersion %s", r.Name, r.MinVersion, r.MaxVersion)
	}
	return low, top, nil
}

// bound finds a version in the graph of a channel.
func (s *selector) bound(g *Graph, channel, field, version string) (int, error) {
	if version == "" {
		return 0, nil
	}
	v, err := semver.Parse(version)
	if err != nil {
		return 0, fmt.Errorf("%s: %s %.64q is no full version like 4.12.0", channel, field, version)
	}
	i, ok := g.find(v)
	if !ok {
		return 0, fmt.Errorf("%s: %s %s: not in this channel; %s%s", channel, field, version, g.neighbours(v), s.elsewhere(v))
	}
	return i, nil
}

// neighbours says what is near a version that is not there.
func (g *Graph) neighbours(v semver.Version) string {
	above, _ := slices.BinarySearchFunc(g.nodes, v, func(n node, v semver.Version) int { return n.version.Compare(v) })
	switch above {
	case 0:
		return "there is none below, nearest above is " + g.nodes[above].Version
	case len(g.nodes):
		return "nearest below is " + g.nodes[above-1].Version + ", there is none above"
	}
	return "nearest below is " + g.nodes[above-1].Version + ", nearest above is " + g.nodes[above].Version
}

// elsewhere says which channels a version is in, if that is known.
func (s *selector) elsewhere(v semver.Version) string {
	i, ok := s.all.find(v)
	if !ok {
		return ""
	}
	channels := s.all.nodes[i].Channels
	if len(channels) == 0 {
		for _, name := range slices.Sorted(maps.Keys(s.graphs)) {
			if g := s.graphs[name]; g != nil {
				if _, ok := g.find(v); ok {
					channels = append(channels, name)
				}
			}
		}
	}
	return "; it is in " + strings.Join(channels, ", ")
}

// take selects a node of a graph.
func (s *selector) take(g *Graph, i int) { s.nodes[s.place(g, i)] = true }

// place is where the union has a node of a graph.
func (s *selector) place(g *Graph, i int) int {
	at, _ := s.all.find(g.nodes[i].version) // the union has all
	return at
}

// widen notes the lowest and the highest that was asked for.
func (s *selector) widen(g *Graph, low, top int) {
	s.low, s.top = min(s.low, s.place(g, low)), max(s.top, s.place(g, top))
}

func (s *selector) takePath(g *Graph, path []int) {
	for _, i := range path {
		s.take(g, i)
	}
	for _, h := range g.hops(path) {
		s.hops[[2]string{h.From, h.To}] = h
	}
}

// across adds the path that goes from one channel to the next.
func (s *selector) across() error {
	path := s.all.path(s.low, s.top, s.o.Conditional)
	if path != nil {
		s.takePath(s.all, path)
		return nil
	}
	var searched []string
	for name, g := range s.graphs {
		if g != nil {
			searched = append(searched, name)
		}
	}
	slices.Sort(searched)
	err := s.all.noPath(searched, s.low, s.top, s.o.Conditional)
	for _, name := range Channels(s.requests) {
		if s.graphs[name] == nil {
			err.NotGiven = append(err.NotGiven, name)
		}
	}
	if slices.ContainsFunc(s.requests, func(r ChannelRequest) bool { return r.ShortestPath }) {
		return err
	}
	s.warnings = append(s.warnings, err.Error())
	return nil
}

func (s *selector) selection() *Selection {
	found := &Selection{Warnings: s.warnings}
	for _, i := range slices.Sorted(maps.Keys(s.nodes)) {
		found.Releases = append(found.Releases, s.all.nodes[i].Node)
	}
	for _, h := range s.hops {
		found.Hops = append(found.Hops, h)
	}
	slices.SortFunc(found.Hops, func(a, b Hop) int {
		if a.From != b.From {
			return s.compare(a.From, b.From)
		}
		return s.compare(a.To, b.To)
	})
	return found
}

// compare compares versions of the union.
func (s *selector) compare(a, b string) int {
	return semver.MustParse(a).Compare(semver.MustParse(b))
}
