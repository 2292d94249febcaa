package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/blang/semver/v4"

	"drayage/pkg/manifest"
)

const (
	// maxGraph bounds a graph, in bytes. The largest channels have a few MB.
	maxGraph = 64 << 20
	// maxEdges bounds the edges of a graph, conditional ones included. A channel
	// with 1000 releases, each leading to all later ones, has half a million.
	maxEdges = 4 << 20
	// maxVersion and maxPayload bound what a node says of itself, in bytes.
	maxVersion = 128
	maxPayload = 512
	// maxFindings is how many findings about one graph are reported.
	maxFindings = 10
	// graphVersion is the only version of the format.
	graphVersion = 1
)

// graphDocument is a graph as the update service writes it. Keys that are not
// here are ignored.
type graphDocument struct {
	Version          *int64            `json:"version"`
	Nodes            []nodeDocument    `json:"nodes"`
	Edges            []indexPair       `json:"edges"`
	ConditionalEdges []conditionalEdge `json:"conditionalEdges"`
}

type nodeDocument struct {
	Version  string `json:"version"`
	Payload  string `json:"payload"`
	Metadata struct {
		URL      string `json:"url"`
		Channels string `json:"io.openshift.upgrades.graph.release.channels"`
	} `json:"metadata"`
}

type conditionalEdge struct {
	Edges []struct {
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"edges"`
	Risks []struct {
		Name    string `json:"name"`
		URL     string `json:"url"`
		Message string `json:"message"`
	} `json:"risks"`
}

// indexPair is [from, to]. What is no pair is read as one that is out of range,
// so that it can be reported with its place.
type indexPair struct{ from, to int }

func (p *indexPair) UnmarshalJSON(raw []byte) error {
	*p = indexPair{-1, -1}
	inner := strings.TrimSuffix(strings.TrimPrefix(string(raw), "["), "]")
	from, to, ok := strings.Cut(inner, ",")
	i, errFrom := strconv.Atoi(strings.TrimSpace(from))
	j, errTo := strconv.Atoi(strings.TrimSpace(to))
	if ok && errFrom == nil && errTo == nil {
		*p = indexPair{i, j}
	}
	return nil
}

// ReadGraph reads the graph of one channel and one architecture from a file that
// holds what the update service answered. Errors name the file.
func ReadGraph(path string) (*Graph, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := readGraph(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	g, err := ParseGraph(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return g, nil
}

// readGraph reads one byte more than ParseGraph takes.
func readGraph(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, maxGraph+1))
}

// ParseGraph reads the graph of one channel and one architecture, at most 64 MiB
// of JSON in the update service's format, version 1. A graph may be without
// releases: that is how the service speaks of a channel that it does not know.
// It is an error when two nodes have one version, when a payload is not by digest
// alone, and when an edge leads from or to a node that is not there. Conditional
// edges go by version, and those that name a version without a node are ignored.
// The first ten findings are reported.
func ParseGraph(raw []byte) (*Graph, error) {
	if len(raw) > maxGraph {
		return nil, fmt.Errorf("more than %d bytes", maxGraph)
	}
	var doc graphDocument
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, jsonError(err)
	}
	if doc.Nodes == nil || doc.Edges == nil {
		return nil, errors.New("is no update graph: want nodes and edges")
	}
	if doc.Version != nil && *doc.Version != graphVersion {
		return nil, fmt.Errorf("is an update graph of version %d, want %d", *doc.Version, graphVersion)
	}
	var f findings
	nodes, index := doc.nodes(&f)
	links := doc.links(&f, index)
	if err := f.err(); err != nil {
		return nil, err
	}
	return newGraph(nodes, links), nil
}

// nodes also returns their places by versionKey.
func (doc *graphDocument) nodes(f *findings) ([]node, map[string]int) {
	nodes := make([]node, 0, len(doc.Nodes))
	index := make(map[string]int, len(doc.Nodes))
	for i, d := range doc.Nodes {
		n, err := d.node()
		if err != nil {
			f.addf("nodes[%d]: %w", i, err)
			continue
		}
		key := versionKey(n.version)
		if first, twice := index[key]; twice {
			f.addf("nodes[%d]: version %s is that of nodes[%d] too", i, n.Version, first)
			continue
		}
		index[key] = i
		nodes = append(nodes, n)
	}
	return nodes, index
}

func (d *nodeDocument) node() (node, error) {
	v, err := semver.Parse(d.Version)
	if err != nil || len(d.Version) > maxVersion {
		return node{}, fmt.Errorf("version %.64q is no full version like 4.12.0", d.Version)
	}
	payload, err := d.payload()
	if err != nil {
		return node{}, fmt.Errorf("version %s: payload %w", d.Version, err)
	}
	return node{version: v, Node: Node{
		Version: d.Version, Payload: payload,
		URL: oneLine(d.Metadata.URL), Channels: splitChannels(d.Metadata.Channels),
	}}, nil
}

func (d *nodeDocument) payload() (manifest.Ref, error) {
	if len(d.Payload) > maxPayload {
		return manifest.Ref{}, fmt.Errorf("of %d bytes, at most %d make a reference", len(d.Payload), maxPayload)
	}
	ref, err := manifest.ParseRef(d.Payload)
	if err == nil && (ref.Digest == "" || ref.Tag != "") {
		err = fmt.Errorf("%q is not by digest alone", d.Payload)
	}
	return ref, err
}

// channelName is narrow enough for a name to stand in a query or a message.
var channelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// splitChannels sorts, and leaves out what is no name.
func splitChannels(list string) []string {
	var channels []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); channelName.MatchString(name) {
			channels = append(channels, name)
		}
	}
	slices.Sort(channels)
	return slices.Compact(channels)
}

// links lists the edges, given the places of the nodes in the document.
func (doc *graphDocument) links(f *findings, index map[string]int) []link {
	total := len(doc.Edges)
	for _, c := range doc.ConditionalEdges {
		total += len(c.Edges)
	}
	if total > maxEdges {
		f.addf("%d edges, at most %d are read", total, maxEdges)
		return nil
	}
	links := make([]link, 0, total)
	inside := func(i int) bool { return i >= 0 && i < len(doc.Nodes) }
	for i, e := range doc.Edges {
		if !inside(e.from) || !inside(e.to) {
			f.addf("edges[%d]: want two indexes of the %d nodes", i, len(doc.Nodes))
			continue
		}
		links = append(links, link{from: e.from, to: e.to})
	}
	for _, c := range doc.ConditionalEdges {
		links = c.links(links, index)
	}
	return links
}

func (c *conditionalEdge) links(links []link, index map[string]int) []link {
	risks := make([]Risk, 0, len(c.Risks))
	for _, r := range c.Risks {
		risks = append(risks, Risk{Name: oneLine(r.Name), URL: oneLine(r.URL), Message: oneLine(r.Message)})
	}
	for _, e := range c.Edges {
		from, ok := index[e.From]
		to, known := index[e.To]
		if ok && known {
			links = append(links, link{from, to, condition{risks}})
		}
	}
	return links
}

// findings collects what is wrong, up to a limit: a graph may have a million
// edges, all of them wrong.
type findings struct {
	errs []error
	more int
}

func (f *findings) addf(format string, a ...any) {
	if len(f.errs) == maxFindings {
		f.more++
		return
	}
	f.errs = append(f.errs, fmt.Errorf(format, a...))
}

func (f *findings) err() error {
	if f.more > 0 {
		return errors.Join(append(f.errs, fmt.Errorf("and %d findings more", f.more))...)
	}
	return errors.Join(f.errs...)
}

// jsonError says where the JSON is wrong, in the words of JSON and not of Go.
func jsonError(err error) error {
	if t := (*json.UnmarshalTypeError)(nil); errors.As(err, &t) {
		// The cause names types of this program.
		if t.Field == "" {
			return fmt.Errorf("is no update graph: a JSON %s", t.Value)
		}
		return fmt.Errorf("%s: a JSON %s, want another type", t.Field, t.Value)
	}
	return err
}

// oneLine makes one line of a server's words, and keeps them from steering the
// terminal.
func oneLine(s string) string {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }
	return strings.Join(strings.FieldsFunc(s, unprintable), " ")
}
