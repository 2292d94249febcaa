package release

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestIntoListsTheUpgradesToAVersion(t *testing.T) {
	g := madeGraph(t, "stable-4.12", "4.12.0 4.12.1 4.12.2 4.12.3", "4.12.0>4.12.3 4.12.1>4.12.3!A 4.12.2>4.12.3 4.12.0>4.12.1")
	var got []string
	for _, h := range g.Into("4.12.3") {
		got = append(got, fmt.Sprintf("%s>%s %v %d", h.From, h.To, h.Conditional, len(h.Risks)))
	}
	if want := "4.12.0>4.12.3 false 0, 4.12.1>4.12.3 true 1, 4.12.2>4.12.3 false 0"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %s", got, want)
	}
	for _, none := range []string{"4.12.0", "4.12.9", "x"} {
		if hops := g.Into(none); hops != nil {
			t.Errorf("%s: %v", none, hops)
		}
	}
}

// inChannels is a graph whose releases are in channels: "4.12.0 a,b; 4.12.1 a".
func inChannels(t *testing.T, text string) *Graph {
	t.Helper()
	var doc struct {
		Version int              `json:"version"`
		Nodes   []map[string]any `json:"nodes"`
		Edges   [][2]int         `json:"edges"`
	}
	doc.Version, doc.Edges = 1, [][2]int{}
	for line := range strings.SplitSeq(text, "; ") {
		version, channels, _ := strings.Cut(line, " ")
		doc.Nodes = append(doc.Nodes, map[string]any{"version": version, "payload": payloadOf(version).String(),
			"metadata": map[string]string{"io.openshift.upgrades.graph.release.channels": channels}})
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	g, err := ParseGraph(raw)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestChannelListIsWhatReleasesSay(t *testing.T) {
	g := inChannels(t, "4.15.9 stable-4.15,stable-4.16,candidate-4.16; 4.16.0 candidate-4.16,stable-4.16,eus-4.18,odd; 4.16.1 candidate-4.16")
	for version, want := range map[string][]ListedChannel{
		"4.16": {{"candidate-4.16", 3, "4.16.1"}, {"stable-4.16", 2, "4.16.0"}},
		"4.18": {{"eus-4.18", 1, "4.16.0"}},
		"4.17": {},
		"": {{"candidate-4.16", 3, "4.16.1"}, {"eus-4.18", 1, "4.16.0"}, {"odd", 1, "4.16.0"},
			{"stable-4.15", 1, "4.15.9"}, {"stable-4.16", 2, "4.16.0"}},
	} {
		if got := g.ChannelList(version); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v, want %v", version, got, want)
		}
	}
}

func TestChannelVersion(t *testing.T) {
	for channel, want := range map[string]string{"stable-4.16": "4.16", "eus-4.0": "4.0", "stable": "", "stable-4": "", "-4.16": ""} {
		if got := ChannelVersion(channel); got != want {
			t.Errorf("%s: got %q, want %q", channel, got, want)
		}
	}
}

func TestNear(t *testing.T) {
	g := inChannels(t, "4.16.0 a; 4.16.5 a")
	if got, want := g.Near("4.16.2"), "nearest below is 4.16.0, nearest above is 4.16.5"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := g.Near("x"); got != "" {
		t.Errorf("got %q", got)
	}
	empty, err := ParseGraph([]byte(`{"nodes": [], "edges": []}`))
	if err != nil || empty.Near("4.16.2") != "" {
		t.Error(err)
	}
}

// The real graph of stable-4.9: five releases, each of which can be updated to
// all later ones.
func TestListOfTheRealGraph(t *testing.T) {
	g, _ := realGraph(t)
	want := []ListedChannel{{"candidate-4.9", 5, "4.9.7"}, {"fast-4.9", 5, "4.9.7"}, {"stable-4.9", 5, "4.9.7"}}
	if got := g.ChannelList(""); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for i, version := range g.Versions() {
		if got := len(g.Into(version)); got != i {
			t.Errorf("%s: %d upgrades lead to it, want %d", version, got, i)
		}
	}
}
