package release

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// outcome is a selection in short: its versions, its hops ("a>b", "a>b!risks"
// when conditional), and its warnings.
func outcome(s *Selection) (versions, hops string) {
	var v, h []string
	for _, r := range s.Releases {
		v = append(v, r.Version)
	}
	for _, hop := range s.Hops {
		text := hop.From + ">" + hop.To
		if hop.Conditional {
			var names []string
			for _, r := range hop.Risks {
				names = append(names, r.Name)
			}
			text += "!" + strings.Join(names, ",")
		}
		h = append(h, text)
	}
	return strings.Join(v, " "), strings.Join(h, " ")
}

const (
	zVersions = "4.11.9 4.12.0 4.12.1 4.12.2 4.12.3 4.12.4"
	zEdges    = "4.11.9>4.12.1 4.12.0>4.12.1 4.12.0>4.12.2 4.12.1>4.12.3 4.12.1>4.12.4 4.12.2>4.12.3 4.12.2>4.12.4 4.12.3>4.12.4"
)

func TestSelectOfOneChannel(t *testing.T) {
	graphs := map[string]*Graph{"stable-4.12": madeGraph(t, "stable-4.12", zVersions, zEdges)}
	cases := []struct {
		name           string
		request        ChannelRequest
		versions, hops string
	}{
		{"the head without versions", ChannelRequest{}, "4.12.4", ""},
		{"the head as its own path", ChannelRequest{ShortestPath: true}, "4.12.4", ""},
		{"one version", ChannelRequest{MinVersion: "4.12.2", MaxVersion: "4.12.2"}, "4.12.2", ""},
		{"one version as its own path", ChannelRequest{MinVersion: "4.12.2", MaxVersion: "4.12.2", ShortestPath: true}, "4.12.2", ""},
		{"all of a range", ChannelRequest{MinVersion: "4.12.0", MaxVersion: "4.12.3"}, "4.12.0 4.12.1 4.12.2 4.12.3", ""},
		{"all from a version to the head", ChannelRequest{MinVersion: "4.12.2"}, "4.12.2 4.12.3 4.12.4", ""},
		{"all from the first of the channel", ChannelRequest{MaxVersion: "4.12.1"}, "4.11.9 4.12.0 4.12.1", ""},
		{"the whole channel", ChannelRequest{Full: true}, zVersions, ""},
		{"full from a version", ChannelRequest{Full: true, MinVersion: "4.12.3"}, "4.12.3 4.12.4", ""},
		{"full up to a version", ChannelRequest{Full: true, MaxVersion: "4.12.0"}, "4.11.9 4.12.0", ""},
		{"full between versions", ChannelRequest{Full: true, MinVersion: "4.12.1", MaxVersion: "4.12.2"}, "4.12.1 4.12.2", ""},
		{"the shortest path by the highest versions", ChannelRequest{MinVersion: "4.12.0", MaxVersion: "4.12.4", ShortestPath: true}, "4.12.0 4.12.2 4.12.4", "4.12.0>4.12.2 4.12.2>4.12.4"},
		{"a path to the head", ChannelRequest{MinVersion: "4.12.1", ShortestPath: true}, "4.12.1 4.12.4", "4.12.1>4.12.4"},
		{"a path from the first", ChannelRequest{MaxVersion: "4.12.3", ShortestPath: true}, "4.11.9 4.12.1 4.12.3", "4.11.9>4.12.1 4.12.1>4.12.3"},
		{"a path through the whole channel", ChannelRequest{Full: true, ShortestPath: true}, "4.11.9 4.12.1 4.12.4", "4.11.9>4.12.1 4.12.1>4.12.4"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.request.Name = "stable-4.12"
			s, err := Select([]ChannelRequest{c.request}, graphs, SelectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if versions, hops := outcome(s); versions != c.versions || hops != c.hops || len(s.Warnings) != 0 {
				t.Errorf("got  %s with hops %q, %q\nwant %s with hops %q", versions, hops, s.Warnings, c.versions, c.hops)
			}
		})
	}
}

func TestSelectionIsWhatTheGraphSays(t *testing.T) {
	graphs := map[string]*Graph{"fast-4.12": madeGraph(t, "fast-4.12,stable-4.12", "4.12.0", "")}
	s, err := Select([]ChannelRequest{{Name: "fast-4.12"}}, graphs, SelectOptions{})
	want := []Node{{Version: "4.12.0", Payload: payloadOf("4.12.0"), URL: "https://errata/4.12.0", Channels: []string{"fast-4.12", "stable-4.12"}}}
	if err != nil || !reflect.DeepEqual(s.Releases, want) {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestSelectNothing(t *testing.T) {
	s, err := Select(nil, nil, SelectOptions{})
	if err != nil || !reflect.DeepEqual(s, &Selection{}) {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestSelectOverConditionalEdges(t *testing.T) {
	cases := []struct{ name, edges, versions, hops string }{
		{"a longer path without risk is better", "4.12.0>4.12.1 4.12.1>4.12.2 4.12.2>4.12.4 4.12.0>4.12.4!A",
			"4.12.0 4.12.1 4.12.2 4.12.4", "4.12.0>4.12.1 4.12.1>4.12.2 4.12.2>4.12.4"},
		{"as few conditional hops as possible", "4.12.0>4.12.1 4.12.1>4.12.2 4.12.2>4.12.4!A 4.12.0>4.12.3!B 4.12.3>4.12.4!C",
			"4.12.0 4.12.1 4.12.2 4.12.4", "4.12.0>4.12.1 4.12.1>4.12.2 4.12.2>4.12.4!A"},
		{"then the shortest", "4.12.0>4.12.1!A 4.12.1>4.12.2 4.12.2>4.12.4 4.12.0>4.12.4!B", "4.12.0 4.12.4", "4.12.0>4.12.4!B"},
		{"then the highest", "4.12.0>4.12.1 4.12.1>4.12.4!A 4.12.0>4.12.2 4.12.2>4.12.4!B", "4.12.0 4.12.2 4.12.4", "4.12.0>4.12.2 4.12.2>4.12.4!B"},
		{"all risks of an edge", "4.12.0>4.12.4!A,B", "4.12.0 4.12.4", "4.12.0>4.12.4!A,B"},
		{"an edge that is both is conditional", "4.12.0>4.12.4 4.12.0>4.12.4!A", "4.12.0 4.12.4", "4.12.0>4.12.4!A"},
		{"risks from two places, each once", "4.12.0>4.12.4!A,B 4.12.0>4.12.4!B,C", "4.12.0 4.12.4", "4.12.0>4.12.4!A,B,C"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			graphs := map[string]*Graph{"stable-4.12": madeGraph(t, "stable-4.12", zVersions, c.edges)}
			r := ChannelRequest{Name: "stable-4.12", MinVersion: "4.12.0", MaxVersion: "4.12.4", ShortestPath: true}
			s, err := Select([]ChannelRequest{r}, graphs, SelectOptions{Conditional: true})
			if err != nil {
				t.Fatal(err)
			}
			if versions, hops := outcome(s); versions != c.versions || hops != c.hops {
				t.Errorf("got  %s with hops %s\nwant %s with hops %s", versions, hops, c.versions, c.hops)
			}
		})
	}
}

func TestHopsTellTheRisks(t *testing.T) {
	graphs := map[string]*Graph{"c": madeGraph(t, "c", "4.12.0 4.12.1", "4.12.0>4.12.1!A")}
	s, err := Select([]ChannelRequest{{Name: "c", Full: true, ShortestPath: true}}, graphs, SelectOptions{Conditional: true})
	want := []Hop{{From: "4.12.0", To: "4.12.1", Conditional: true, Risks: []Risk{{Name: "A", URL: "https://risk/A", Message: "about A"}}}}
	if err != nil || !reflect.DeepEqual(s.Hops, want) {
		t.Errorf("got %+v, %v", s, err)
	}
}

// threeMinors are graphs as the service has them: each channel also has those
// releases of the minor version before that lead into its own.
func threeMinors(t *testing.T) map[string]*Graph {
	return map[string]*Graph{
		"stable-4.12": madeGraph(t, "stable-4.12", "4.12.0 4.12.5 4.12.6", "4.12.0>4.12.5 4.12.0>4.12.6 4.12.5>4.12.6"),
		"stable-4.13": madeGraph(t, "stable-4.13", "4.12.5 4.12.6 4.13.1 4.13.2", "4.12.5>4.12.6 4.12.5>4.13.1 4.12.5>4.13.2 4.13.1>4.13.2"),
		"stable-4.14": madeGraph(t, "stable-4.14", "4.13.1 4.13.2 4.14.0 4.14.5 4.14.6", "4.13.1>4.14.0 4.13.1>4.14.5 4.13.2>4.14.5 4.14.0>4.14.5 4.14.0>4.14.6 4.14.5>4.14.6"),
		"eus-4.13":    madeGraph(t, "", "", ""),
	}
}

func TestSelectOfSeveralChannels(t *testing.T) {
	across := "4.12.0>4.12.5 4.12.5>4.13.2 4.13.2>4.14.5"
	cases := []struct {
		name           string
		requests       []ChannelRequest
		versions, hops string
	}{
		{"a path from one channel to another",
			[]ChannelRequest{{Name: "stable-4.12", MinVersion: "4.12.0", ShortestPath: true}, {Name: "stable-4.14", MaxVersion: "4.14.5", ShortestPath: true}},
			"4.12.0 4.12.5 4.13.2 4.14.5", across},
		{"in whatever order",
			[]ChannelRequest{{Name: "stable-4.14", MaxVersion: "4.14.5", ShortestPath: true}, {Name: "stable-4.12", MinVersion: "4.12.0", ShortestPath: true}},
			"4.12.0 4.12.5 4.13.2 4.14.5", across},
		{"all of the ranges, and the path",
			[]ChannelRequest{{Name: "stable-4.12", MinVersion: "4.12.0"}, {Name: "stable-4.14", MinVersion: "4.14.0", MaxVersion: "4.14.5"}},
			"4.12.0 4.12.5 4.12.6 4.13.2 4.14.0 4.14.5", across},
		{"the paths within, and the path",
			[]ChannelRequest{{Name: "stable-4.12", MinVersion: "4.12.0", MaxVersion: "4.12.6", ShortestPath: true}, {Name: "stable-4.14", MinVersion: "4.14.0", MaxVersion: "4.14.6", ShortestPath: true}},
			"4.12.0 4.12.5 4.12.6 4.13.2 4.14.0 4.14.5 4.14.6", "4.12.0>4.12.5 4.12.0>4.12.6 4.12.5>4.13.2 4.13.2>4.14.5 4.14.0>4.14.6 4.14.5>4.14.6"},
		{"a path through the rest of a channel",
			[]ChannelRequest{{Name: "stable-4.12", MinVersion: "4.12.5", Full: true, ShortestPath: true}, {Name: "stable-4.13", MaxVersion: "4.13.2", ShortestPath: true}},
			"4.12.5 4.12.6 4.13.2", "4.12.5>4.12.6 4.12.5>4.13.2"},
		{"two versions only",
			[]ChannelRequest{{Name: "stable-4.12", MinVersion: "4.12.5", MaxVersion: "4.12.5"}, {Name: "stable-4.13", MinVersion: "4.13.2", MaxVersion: "4.13.2"}},
			"4.12.5 4.13.2", "4.12.5>4.13.2"},
		{"one version in two channels",
			[]ChannelRequest{{Name: "stable-4.12", MinVersion: "4.12.5", MaxVersion: "4.12.5"}, {Name: "stable-4.13", MinVersion: "4.12.5", MaxVersion: "4.12.5"}},
			"4.12.5", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := Select(c.requests, threeMinors(t), SelectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if versions, hops := outcome(s); versions != c.versions || hops != c.hops || len(s.Warnings) != 0 {
				t.Errorf("got  %s with hops %q, %q\nwant %s with hops %q", versions, hops, s.Warnings, c.versions, c.hops)
			}
		})
	}
}

func TestSelectJoinsWhatGraphsSayOfARelease(t *testing.T) {
	graphs := map[string]*Graph{
		"a": madeGraph(t, "stable-4.12", "4.12.0 4.12.1", "4.12.0>4.12.1"),
		"b": madeGraph(t, "fast-4.12,stable-4.12", "4.12.0 4.12.1", "4.12.0>4.12.1!A"),
	}
	requests := []ChannelRequest{{Name: "a", MinVersion: "4.12.0", MaxVersion: "4.12.0"}, {Name: "b"}}
	s, err := Select(requests, graphs, SelectOptions{Conditional: true})
	if err != nil {
		t.Fatal(err)
	}
	if versions, hops := outcome(s); versions != "4.12.0 4.12.1" || hops != "4.12.0>4.12.1!A" {
		t.Errorf("got %s with hops %s: conditional in one graph is conditional", versions, hops)
	}
	if c := s.Releases[0].Channels; !slices.Equal(c, []string{"fast-4.12", "stable-4.12"}) {
		t.Errorf("got %q", c)
	}
}

func TestSelectWarnsOfHeadsWithoutPath(t *testing.T) {
	s, err := Select([]ChannelRequest{{Name: "stable-4.12"}, {Name: "stable-4.14"}}, threeMinors(t), SelectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const want = "eus-4.13, stable-4.12, stable-4.13, stable-4.14: no upgrade path from 4.12.6 to 4.14.6: 4.12.6 leads to no version before 4.14.6; " +
		"the first version after 4.12.6 that leads to 4.14.6 is 4.13.1; conditional edges would give none"
	versions, hops := outcome(s)
	if versions != "4.12.6 4.14.6" || hops != "" || !slices.Equal(s.Warnings, []string{want}) {
		t.Errorf("got %s with hops %s\n%s", versions, hops, s.Warnings)
	}
}

func TestSelectRefuses(t *testing.T) {
	one := func(r ChannelRequest) []ChannelRequest {
		r.Name = "stable-4.12"
		return []ChannelRequest{r}
	}
	path := func(low, top string) []ChannelRequest {
		return one(ChannelRequest{MinVersion: low, MaxVersion: top, ShortestPath: true})
	}
	graph := func(versions, edges string) map[string]*Graph {
		return map[string]*Graph{"stable-4.12": madeGraph(t, "stable-4.12", versions, edges)}
	}
	two := func(low, top string) []ChannelRequest {
		return []ChannelRequest{{Name: "stable-4.12", MinVersion: low, ShortestPath: true}, {Name: "stable-4.14", MaxVersion: top, ShortestPath: true}}
	}
	without := func(g map[string]*Graph, channel string) map[string]*Graph {
		delete(g, channel)
		return g
	}
	cases := []struct {
		name        string
		requests    []ChannelRequest
		graphs      map[string]*Graph
		conditional bool
		want        string
	}{
		{"a channel without a graph", one(ChannelRequest{}), nil, false, "stable-4.12: no graph was given"},
		{"a channel without releases", one(ChannelRequest{}), graph("", ""), false,
			"stable-4.12: its graph holds no release: there is no such channel, or none for this architecture"},
		{"a channel twice", []ChannelRequest{{Name: "stable-4.12"}, {Name: "stable-4.12"}}, graph(zVersions, ""), false, "stable-4.12: is asked for twice"},
		{"no full version", one(ChannelRequest{MinVersion: "4.12", MaxVersion: "v4.12.9"}), graph(zVersions, ""), false,
			"stable-4.12: minVersion \"4.12\" is no full version like 4.12.0\nstable-4.12: maxVersion \"v4.12.9\" is no full version like 4.12.0"},
		{"a range upside down", one(ChannelRequest{MinVersion: "4.12.3", MaxVersion: "4.12.1"}), graph(zVersions, ""), false,
			"stable-4.12: minVersion 4.12.3 is higher than maxVersion 4.12.1"},
		{"a version between", one(ChannelRequest{MinVersion: "4.12.2"}), graph("4.12.0 4.12.4", ""), false,
			"stable-4.12: minVersion 4.12.2: not in this channel; nearest below is 4.12.0, nearest above is 4.12.4"},
		{"a version above all", one(ChannelRequest{MaxVersion: "4.12.9"}), graph(zVersions, ""), false,
			"stable-4.12: maxVersion 4.12.9: not in this channel; nearest below is 4.12.4, there is none above"},
		{"a version below all", one(ChannelRequest{MinVersion: "4.10.0"}), graph(zVersions, ""), false,
			"stable-4.12: minVersion 4.10.0: not in this channel; there is none below, nearest above is 4.11.9"},
		{"a prerelease of a version that is there", one(ChannelRequest{MinVersion: "4.12.0-rc.1"}), graph("4.11.9 4.12.0", ""), false,
			"stable-4.12: minVersion 4.12.0-rc.1: not in this channel; nearest below is 4.11.9, nearest above is 4.12.0"},
		{"a version of another channel", one(ChannelRequest{MinVersion: "4.12.2"}),
			map[string]*Graph{"stable-4.12": madeGraph(t, "stable-4.12", "4.12.0 4.12.4", ""), "x": madeGraph(t, "candidate-4.12,fast-4.12", "4.12.2", "")}, false,
			"stable-4.12: minVersion 4.12.2: not in this channel; nearest below is 4.12.0, nearest above is 4.12.4; it is in candidate-4.12, fast-4.12"},
		{"a version of a channel that does not name itself", one(ChannelRequest{MinVersion: "4.12.2"}),
			map[string]*Graph{"stable-4.12": madeGraph(t, "", "4.12.0 4.12.4", ""), "fast-4.12": madeGraph(t, "", "4.12.2", "")}, false,
			"stable-4.12: minVersion 4.12.2: not in this channel; nearest below is 4.12.0, nearest above is 4.12.4; it is in fast-4.12"},
		{"a path that breaks off", path("4.12.0", "4.12.4"), graph(zVersions, "4.12.0>4.12.1 4.12.3>4.12.4"), false,
			"stable-4.12: no upgrade path from 4.12.0 to 4.12.4: 4.12.0 leads as far as 4.12.1; the first version after 4.12.0 that leads to 4.12.4 is 4.12.3; conditional edges would give none"},
		{"a start without edges", path("4.12.0", "4.12.4"), graph(zVersions, "4.11.9>4.12.4"), false,
			"stable-4.12: no upgrade path from 4.12.0 to 4.12.4: 4.12.0 leads to no version before 4.12.4; the last version before 4.12.0 that leads to 4.12.4 is 4.11.9; conditional edges would give none"},
		{"an end without edges", path("4.12.0", "4.12.3"), graph(zVersions, "4.12.0>4.12.4 4.12.0>4.12.2"), false,
			"stable-4.12: no upgrade path from 4.12.0 to 4.12.3: 4.12.0 leads as far as 4.12.2; no version leads to 4.12.3; conditional edges would give none"},
		{"a path over a condition", path("4.12.0", "4.12.4"), graph(zVersions, "4.12.0>4.12.1 4.12.1>4.12.4!A"), false,
			"stable-4.12: no upgrade path from 4.12.0 to 4.12.4: 4.12.0 leads as far as 4.12.1; no version leads to 4.12.4; conditional edges would give one: 4.12.0, 4.12.1, 4.12.4"},
		{"a path that no condition gives", path("4.12.0", "4.12.4"), graph(zVersions, "4.12.0>4.12.1!A 4.12.2>4.12.4!B"), true,
			"stable-4.12: no upgrade path from 4.12.0 to 4.12.4, conditional edges included: 4.12.0 leads as far as 4.12.1; the first version after 4.12.0 that leads to 4.12.4 is 4.12.2"},
		{"a missing channel between", two("4.12.0", "4.14.5"), without(without(threeMinors(t), "stable-4.13"), "eus-4.13"), false,
			"stable-4.12, stable-4.14: no upgrade path from 4.12.0 to 4.14.5: 4.12.0 leads as far as 4.12.6; the first version after 4.12.0 that leads to 4.14.5 is 4.13.1; conditional edges would give none; no graph was given for stable-4.13"},
		{"a path that takes too long a way", two("4.12.6", "4.14.5"), without(threeMinors(t), "eus-4.13"), false,
			"stable-4.12, stable-4.13, stable-4.14: no upgrade path from 4.12.6 to 4.14.5: 4.12.6 leads to no version before 4.14.5; the first version after 4.12.6 that leads to 4.14.5 is 4.13.1; conditional edges would give none"},
		{"every request's mistake", two("4.12.1", "4.14.1"), threeMinors(t), false,
			"stable-4.12: minVersion 4.12.1: not in this channel; nearest below is 4.12.0, nearest above is 4.12.5\n" +
				"stable-4.14: maxVersion 4.14.1: not in this channel; nearest below is 4.14.0, nearest above is 4.14.5"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Select(c.requests, c.graphs, SelectOptions{Conditional: c.conditional})
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestSelectRefusesGraphsThatDisagree(t *testing.T) {
	g := madeGraph(t, "b", "4.12.0 4.12.1", "")
	g.nodes[1].Payload = payloadOf("another")
	graphs := map[string]*Graph{"a": madeGraph(t, "a", "4.12.0 4.12.1", ""), "b": g}
	want := "version 4.12.1: is " + payloadOf("4.12.1").String() + " in a and " + payloadOf("another").String() + " in b"
	if _, err := Select([]ChannelRequest{{Name: "a"}}, graphs, SelectOptions{}); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestSelectLeavesTheGraphsAlone(t *testing.T) {
	graphs := map[string]*Graph{"a": madeGraph(t, "x", "4.12.0", ""), "b": madeGraph(t, "y", "4.12.0", "")}
	s, err := Select([]ChannelRequest{{Name: "a"}}, graphs, SelectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Releases[0].Channels[0] = "changed"
	mine, _ := graphs["b"].Node("4.12.0")
	mine.Channels[0] = "changed"
	for name, want := range map[string]string{"a": "x", "b": "y"} {
		if n, _ := graphs[name].Node("4.12.0"); !slices.Equal(n.Channels, []string{want}) {
			t.Errorf("%s: got %q", name, n.Channels)
		}
	}
}

func TestNoPathErrorCanBeLookedInto(t *testing.T) {
	graphs := map[string]*Graph{"c": madeGraph(t, "c", "4.12.0 4.12.1 4.12.2", "4.12.0>4.12.1 4.12.1>4.12.2!A")}
	_, err := Select([]ChannelRequest{{Name: "c", Full: true, ShortestPath: true}}, graphs, SelectOptions{})
	e := (*NoPathError)(nil)
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	want := &NoPathError{Channels: []string{"c"}, From: "4.12.0", To: "4.12.2", Farthest: "4.12.1", Nearest: "4.12.2", WithConditional: []string{"4.12.0", "4.12.1", "4.12.2"}}
	if !reflect.DeepEqual(e, want) {
		t.Errorf("got %+v", e)
	}
}

func TestChannels(t *testing.T) {
	cases := []struct{ names, want string }{
		{"stable-4.12", "stable-4.12"},
		{"stable-4.12 stable-4.13", "stable-4.12 stable-4.13"},
		{"stable-4.12 stable-4.15", "stable-4.12 stable-4.15 stable-4.13 stable-4.14"},
		{"stable-4.15 stable-4.12", "stable-4.15 stable-4.12 stable-4.13 stable-4.14"},
		{"eus-4.12 eus-4.14", "eus-4.12 eus-4.14 eus-4.13"},
		{"fast-4.12 stable-4.14 candidate-4.16", "fast-4.12 stable-4.14 candidate-4.16 fast-4.13 stable-4.15"},
		{"stable-4.12 fast-4.12", "stable-4.12 fast-4.12"},
		{"stable-4.22 stable-5.1", "stable-4.22 stable-5.1"},
		{"stable-4.0 stable-4.60000", "stable-4.0 stable-4.60000"},
		{"stable-4 4.12 -4.14 stable-4.x stable-4.99999 a", "stable-4 4.12 -4.14 stable-4.x stable-4.99999 a"},
		{"", ""},
	}
	for _, c := range cases {
		var requests []ChannelRequest
		for _, name := range strings.Fields(c.names) {
			requests = append(requests, ChannelRequest{Name: name})
		}
		if got := strings.Join(Channels(requests), " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.names, got, c.want)
		}
	}
}

func TestSelectFromTheRealGraph(t *testing.T) {
	g, _ := realGraph(t)
	graphs := map[string]*Graph{"stable-4.9": g}
	cases := []struct {
		name           string
		request        ChannelRequest
		versions, hops string
	}{
		{"the head", ChannelRequest{}, "4.9.7", ""},
		{"the shortest path", ChannelRequest{MinVersion: "4.9.0", MaxVersion: "4.9.7", ShortestPath: true}, "4.9.0 4.9.7", "4.9.0>4.9.7"},
		{"a range", ChannelRequest{MinVersion: "4.9.4", MaxVersion: "4.9.6"}, "4.9.4 4.9.5 4.9.6", ""},
		{"all", ChannelRequest{Full: true}, "4.9.0 4.9.4 4.9.5 4.9.6 4.9.7", ""},
	}
	for _, c := range cases {
		c.request.Name = "stable-4.9"
		s, err := Select([]ChannelRequest{c.request}, graphs, SelectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if versions, hops := outcome(s); versions != c.versions || hops != c.hops {
			t.Errorf("%s: got %s with hops %s", c.name, versions, hops)
		}
	}
}
