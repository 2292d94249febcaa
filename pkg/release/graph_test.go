package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"drayage/pkg/manifest"
)

const graphRepo = "quay.io/openshift-release-dev/ocp-release"

// payloadOf is the payload that made-up graphs have for a version.
func payloadOf(version string) manifest.Ref {
	return manifest.Ref{Repository: graphRepo, Digest: digest.FromString(version)}
}

// graphText is the JSON of a made-up graph. versions and edges are separated by
// spaces: "4.12.0 4.12.1" and "4.12.0>4.12.1". A conditional edge has the names
// of its risks behind it: "4.12.0>4.12.1!A,B". The nodes are put in the reverse
// order, as the service's order means nothing.
func graphText(channel, versions, edges string) []byte {
	list := strings.Fields(versions)
	slices.Reverse(list)
	var nodes []map[string]any
	for _, v := range list {
		nodes = append(nodes, map[string]any{
			"version": v, "payload": payloadOf(v).String(),
			"metadata": map[string]string{"url": "https://errata/" + v, "io.openshift.upgrades.graph.release.channels": channel, "other": "x"},
		})
	}
	plain, conditional := [][2]int{}, []any{}
	for _, e := range strings.Fields(edges) {
		ends, risks, isConditional := strings.Cut(e, "!")
		from, to, _ := strings.Cut(ends, ">")
		if !isConditional {
			plain = append(plain, [2]int{slices.Index(list, from), slices.Index(list, to)})
			continue
		}
		var named []any
		for r := range strings.SplitSeq(risks, ",") {
			named = append(named, map[string]any{"name": r, "url": "https://risk/" + r, "message": "about " + r, "matchingRules": []any{map[string]string{"type": "Always"}}})
		}
		conditional = append(conditional, map[string]any{"edges": []any{map[string]string{"from": from, "to": to}}, "risks": named})
	}
	if nodes == nil {
		nodes = []map[string]any{}
	}
	raw, err := json.Marshal(map[string]any{"version": 1, "nodes": nodes, "edges": plain, "conditionalEdges": conditional})
	if err != nil {
		panic(err)
	}
	return raw
}

func madeGraph(t *testing.T, channel, versions, edges string) *Graph {
	t.Helper()
	g, err := ParseGraph(graphText(channel, versions, edges))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestParseGraphSortsByVersion(t *testing.T) {
	g := madeGraph(t, "fast-4.12, stable-4.12,,b\x1b[2Jd", "4.12.10 4.12.9 4.12.0-rc.1 4.12.0 4.11.55", "")
	want := []string{"4.11.55", "4.12.0-rc.1", "4.12.0", "4.12.9", "4.12.10"}
	if got := g.Versions(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	n, ok := g.Node("4.12.9")
	wantNode := Node{Version: "4.12.9", Payload: payloadOf("4.12.9"), URL: "https://errata/4.12.9", Channels: []string{"fast-4.12", "stable-4.12"}}
	if !ok || !reflect.DeepEqual(n, wantNode) {
		t.Errorf("got %+v, %v", n, ok)
	}
	for _, absent := range []string{"4.12.8", "4.12", ""} {
		if n, ok := g.Node(absent); ok {
			t.Errorf("%q: got %+v", absent, n)
		}
	}
}

func TestParseGraphTakesWhatTheServiceMayAdd(t *testing.T) {
	cases := map[string]string{
		"unknown keys":         `{"version":1,"new":{"a":[1]},"nodes":[{"version":"4.9.0","payload":"` + payloadOf("4.9.0").String() + `","more":1}],"edges":[],"conditionalEdges":[]}`,
		"no version":           `{"nodes":[{"version":"4.9.0","payload":"` + payloadOf("4.9.0").String() + `","metadata":null}],"edges":[]}`,
		"edges to itself":      `{"nodes":[{"version":"4.9.0","payload":"` + payloadOf("4.9.0").String() + `"}],"edges":[[0,0],[0, 0]]}`,
		"unknown conditionals": `{"nodes":[{"version":"4.9.0","payload":"` + payloadOf("4.9.0").String() + `"}],"edges":[],"conditionalEdges":[{"edges":[{"from":"4.9.0","to":"4.9.9"},{"from":"4.8.0","to":"4.9.0"},{}],"risks":[]}]}`,
	}
	for name, raw := range cases {
		t.Run(name, func(t *testing.T) {
			g, err := ParseGraph([]byte(raw))
			if err != nil {
				t.Fatal(err)
			}
			if v := g.Versions(); !slices.Equal(v, []string{"4.9.0"}) || len(g.edges[0]) != 0 {
				t.Errorf("got %q with %v", v, g.edges)
			}
		})
	}
}

func TestParseGraphOfNoReleases(t *testing.T) {
	g, err := ParseGraph([]byte(`{"version":1,"nodes":[],"edges":[],"conditionalEdges":[]}`))
	if err != nil || len(g.Versions()) != 0 {
		t.Errorf("got %v, %v", g, err)
	}
}

func TestParseGraphPassesOverDowngrades(t *testing.T) {
	g := madeGraph(t, "c", "4.12.0 4.12.1 4.12.2", "4.12.1>4.12.0 4.12.2>4.12.0!A 4.12.0>4.12.2 4.12.0>4.12.2")
	if len(g.edges[0]) != 1 || len(g.edges[1]) != 0 || len(g.edges[2]) != 0 {
		t.Errorf("got %v", g.edges)
	}
}

func TestParseGraphPassesOverEdgesOfUnknownVersions(t *testing.T) {
	raw := strings.ReplaceAll(string(graphText("c", "4.12.0 4.12.1", "")), `"conditionalEdges":[]`,
		`"conditionalEdges":[{"edges":[{"from":"4.11.0","to":"4.12.1"},{"from":"4.12.0","to":"4.12.2"},{"from":"4.12.2","to":"4.12.0"},{"from":"4.12.1","to":"4.11.0"}],"risks":[]}]`)
	g, err := ParseGraph([]byte(raw))
	if err != nil || len(g.edges[0]) != 0 || len(g.edges[1]) != 0 {
		t.Errorf("got %v, %v", g, err)
	}
}

func TestParseGraphRefuses(t *testing.T) {
	node := func(version, payload string) string {
		return `{"version":"` + version + `","payload":"` + payload + `"}`
	}
	good := node("4.9.0", payloadOf("a").String())
	nodes := func(n ...string) string { return `{"nodes":[` + strings.Join(n, ",") + `],"edges":[]}` }
	many := `{"nodes":[],"edges":[` + strings.TrimSuffix(strings.Repeat("[0,1],", 12), ",") + `]}`
	ten := ""
	for i := range 10 {
		ten += fmt.Sprintf("edges[%d]: want two indexes of the 0 nodes\n", i)
	}
	cases := []struct{ name, document, want string }{
		{"no JSON", "<html>", "invalid character '<' looking for beginning of value"},
		{"nothing", "", "unexpected end of JSON input"},
		{"a cut document", `{"nodes":[`, "unexpected end of JSON input"},
		{"two documents", `{"nodes":[],"edges":[]} {}`, "invalid character '{' after top-level value"},
		{"a list", `[]`, "is no update graph: a JSON array"},
		{"the service's error", `{"kind":"invalid","value":"no"}`, "is no update graph: want nodes and edges"},
		{"no edges", `{"nodes":[]}`, "is no update graph: want nodes and edges"},
		{"null nodes", `{"nodes":null,"edges":[]}`, "is no update graph: want nodes and edges"},
		{"another format", `{"version":2,"nodes":[],"edges":[]}`, "is an update graph of version 2, want 1"},
		{"a version of another type", `{"version":"1","nodes":[],"edges":[]}`, "version: a JSON string, want another type"},
		{"a node of another type", `{"nodes":[{"version":4}],"edges":[]}`, "nodes.version: a JSON number, want another type"},
		{"no full version", nodes(node("4.9", payloadOf("a").String())), `nodes[0]: version "4.9" is no full version like 4.12.0`},
		{"no version", nodes(`{}`), `nodes[0]: version "" is no full version like 4.12.0`},
		{"a version that steers the terminal", nodes(node(`4.9.0\u001b[2J`, payloadOf("a").String())), `nodes[0]: version "4.9.0\x1b[2J" is no full version like 4.12.0`},
		{"an endless version", nodes(node("4.9.0-"+strings.Repeat("a", 200), payloadOf("a").String())), `nodes[0]: version "4.9.0-` + strings.Repeat("a", 58) + `" is no full version like 4.12.0`},
		{"one version twice", nodes(good, node("4.9.1", payloadOf("b").String()), node("4.9.0", payloadOf("c").String())), "nodes[2]: version 4.9.0 is that of nodes[0] too"},
		{"one version in two builds", nodes(good, node("4.9.0+b", payloadOf("c").String())), "nodes[1]: version 4.9.0+b is that of nodes[0] too"},
		{"a payload by tag", nodes(node("4.9.0", graphRepo+":4.9.0-x86_64")), `nodes[0]: version 4.9.0: payload "` + graphRepo + `:4.9.0-x86_64" is not by digest alone`},
		{"a payload with a tag beside the digest", nodes(node("4.9.0", graphRepo+":t@"+digest.FromString("a").String())),
			`nodes[0]: version 4.9.0: payload "` + graphRepo + ":t@" + digest.FromString("a").String() + `" is not by digest alone`},
		{"no payload", nodes(node("4.9.0", "")), `nodes[0]: version 4.9.0: payload "": invalid reference format`},
		{"an endless payload", nodes(node("4.9.0", strings.Repeat("a", 600))), `nodes[0]: version 4.9.0: payload of 600 bytes, at most 512 make a reference`},
		{"an edge to nowhere", `{"nodes":[` + good + `],"edges":[[0,0],[0,1]]}`, "edges[1]: want two indexes of the 1 nodes"},
		{"an edge from nowhere", `{"nodes":[` + good + `],"edges":[[-1,0]]}`, "edges[0]: want two indexes of the 1 nodes"},
		{"an edge with one end", `{"nodes":[` + good + `],"edges":[[0]]}`, "edges[0]: want two indexes of the 1 nodes"},
		{"an edge with three ends", `{"nodes":[` + good + `],"edges":[[0,0,0]]}`, "edges[0]: want two indexes of the 1 nodes"},
		{"an edge between versions", `{"nodes":[` + good + `],"edges":[["4.9.0","4.9.0"]]}`, "edges[0]: want two indexes of the 1 nodes"},
		{"an edge to a fraction", `{"nodes":[` + good + `],"edges":[[0,0.5]]}`, "edges[0]: want two indexes of the 1 nodes"},
		{"an edge that is null", `{"nodes":[` + good + `],"edges":[null]}`, "edges[0]: want two indexes of the 1 nodes"},
		{"an edge as text", `{"nodes":[` + good + `],"edges":["0,0"]}`, "edges[0]: want two indexes of the 1 nodes"},
		{"all that is wrong", `{"nodes":[{},` + good + `],"edges":[[0,2]]}`, "nodes[0]: version \"\" is no full version like 4.12.0\nedges[0]: want two indexes of the 2 nodes"},
		{"more that is wrong than anybody reads", many, ten + "and 2 findings more"},
		{"too many edges", `{"nodes":[],"edges":[` + strings.Repeat("0,", maxEdges) + `0]}`, "4194305 edges, at most 4194304 are read"},
		{"too many bytes", strings.Repeat(" ", maxGraph+1), "more than 67108864 bytes"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ParseGraph([]byte(c.document)); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestRisksAreSafeToPrint(t *testing.T) {
	raw := `{"nodes":[{"version":"4.9.0","payload":"` + payloadOf("a").String() + `"},{"version":"4.9.1","payload":"` + payloadOf("b").String() + `"}],"edges":[],
		"conditionalEdges":[{"edges":[{"from":"4.9.0","to":"4.9.1"}],"risks":[{"name":"A\u001b[2J","url":"https://a\nb","message":"two\n  lines\u202e"}]}]}`
	g, err := ParseGraph([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	want := []Risk{{Name: "A [2J", URL: "https://a b", Message: "two lines"}}
	if got := g.hops([]int{0, 1})[0].Risks; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestReadGraph(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	g, err := ReadGraph(write("good.json", string(graphText("c", "4.9.0", ""))))
	if err != nil || !slices.Equal(g.Versions(), []string{"4.9.0"}) {
		t.Errorf("got %v, %v", g, err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.json"):                   "open " + filepath.Join(dir, "none.json") + ": no such file or directory",
		write("bad.json", "{"):                            filepath.Join(dir, "bad.json") + ": unexpected end of JSON input",
		write("huge.json", strings.Repeat(" ", 64<<20+1)): filepath.Join(dir, "huge.json") + ": more than 67108864 bytes",
	} {
		if _, err := ReadGraph(path); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestGraphArch(t *testing.T) {
	for name, want := range map[string]string{
		"amd64": "amd64", "x86_64": "amd64", "arm64": "arm64", "aarch64": "arm64",
		"ppc64le": "ppc64le", "s390x": "s390x", "multi": "multi", "": "", "x86": "", "AMD64": "",
	} {
		if got, ok := GraphArch(name); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v", name, got, ok)
		}
	}
}

// realGraph is the graph that was put together from real releases of stable-4.9.
func realGraph(t testing.TB) (*Graph, []byte) {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "fixtures", "cincinnati", "stable-4.9-amd64.derived.json")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("shared fixtures are not here: " + path)
	}
	if err != nil {
		t.Fatal(err)
	}
	g, err := ReadGraph(path)
	if err != nil {
		t.Fatal(err)
	}
	return g, raw
}

func TestRealGraph(t *testing.T) {
	g, _ := realGraph(t)
	edges := 0
	for _, e := range g.edges {
		edges += len(e)
	}
	if v := g.Versions(); !slices.Equal(v, []string{"4.9.0", "4.9.4", "4.9.5", "4.9.6", "4.9.7"}) || edges != 10 {
		t.Errorf("got %q with %d edges, want 10", v, edges)
	}
	n, _ := g.Node("4.9.0")
	want := Node{
		Version:  "4.9.0",
		Payload:  manifest.Ref{Repository: graphRepo, Digest: "sha256:d262a12de33125907e0b75a5ea34301dd27c4a6bde8295f6b922411f07623e61"},
		URL:      "https://access.redhat.com/errata/RHSA-2021:3759",
		Channels: []string{"candidate-4.9", "fast-4.9", "stable-4.9"},
	}
	if !reflect.DeepEqual(n, want) {
		t.Errorf("got %+v", n)
	}
}

func FuzzParseGraph(f *testing.F) {
	f.Add([]byte(`{"version":1,"nodes":[],"edges":[],"conditionalEdges":[]}`))
	f.Add(graphText("stable-4.12", "4.12.0 4.12.1 4.12.2 4.12.3", "4.12.0>4.12.1 4.12.1>4.12.3 4.12.0>4.12.2!A,B 4.12.2>4.12.3!A"))
	f.Add([]byte(`{"nodes":[{"version":"4.9.0+a","payload":"a/b@sha256:0"}],"edges":[[0,1],0]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		g, err := ParseGraph(raw)
		if err != nil {
			return
		}
		versions := g.Versions()
		for i, v := range versions {
			if _, ok := g.Node(v); !ok {
				t.Fatalf("%s is not found", v)
			}
			for _, e := range g.edges[i] {
				if e.to <= i || e.to >= len(versions) {
					t.Fatalf("%s leads to %d", v, e.to)
				}
			}
		}
		if len(versions) == 0 {
			return
		}
		r := ChannelRequest{Name: "c", MinVersion: versions[0], ShortestPath: true}
		s, err := Select([]ChannelRequest{r}, map[string]*Graph{"c": g}, SelectOptions{Conditional: true})
		if none := (*NoPathError)(nil); err != nil && !errors.As(err, &none) {
			t.Fatal(err)
		}
		if err == nil && len(s.Hops) != len(s.Releases)-1 {
			t.Fatalf("%d hops between %d releases", len(s.Hops), len(s.Releases))
		}
	})
}
