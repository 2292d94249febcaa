package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"drayage/test/content"
	"drayage/test/registry"
)

// updates is a source with the releases 4.9.0 to 4.9.3 of a channel, and its
// update graph: 4.9.0 leads to 4.9.1, both lead to 4.9.2 and, at a risk, 4.9.1
// to 4.9.3.
func updates(t *testing.T) (dir string, graph []byte) {
	t.Helper()
	src := registry.StartT(t, registry.Options{})
	reg, err := content.MakeRegistryImage(1<<16, false)
	if err != nil {
		t.Fatal(err)
	}
	images := []content.Named{reg}
	var nodes []map[string]any
	for _, version := range []string{"4.9.0", "4.9.1", "4.9.2", "4.9.3"} {
		r, err := content.MakeRelease(content.ReleaseOptions{Version: version, Size: 1 << 18, Components: []string{"cluster-version-operator", "etcd"}})
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, r.Images()...)
		nodes = append(nodes, map[string]any{"version": version, "payload": r.Image.ByDigest(), "metadata": map[string]string{}})
	}
	if err := content.Push(t.Context(), src.Addr(), content.PushOptions{}, images...); err != nil {
		t.Fatal(err)
	}
	graph, err = json.Marshal(map[string]any{"version": 1, "nodes": nodes, "edges": [][2]int{{0, 1}, {0, 2}, {1, 2}},
		"conditionalEdges": []any{map[string]any{
			"edges": []any{map[string]string{"from": "4.9.1", "to": "4.9.3"}},
			"risks": []any{map[string]any{"url": "https://example.com/risk", "name": "MadeUp", "message": "it may snow", "matchingRules": []any{map[string]string{"type": "Always"}}}},
		}}})
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	write(t, dir, "registries.conf", string(content.RegistriesConf(src.Addr())))
	write(t, dir, "graph.json", string(graph))
	return dir, graph
}

func imageSet(t *testing.T, dir, channel string) {
	t.Helper()
	write(t, dir, "imageset.yaml", "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  platform:\n    channels:\n    - {name: stable-4.9, "+channel+"}\n")
}

func TestChannels(t *testing.T) {
	dir, graph := updates(t)
	cases := []struct {
		name, channel string
		more          []string
		releases      string
		printed       string
	}{
		{"shortest path", "minVersion: 4.9.0, maxVersion: 4.9.2, shortestPath: true", nil, "4.9.0 4.9.2", "upgrade 4.9.0 -> 4.9.2\n"},
		{"a range", "minVersion: 4.9.0, maxVersion: 4.9.1", nil, "4.9.0 4.9.1", ""},
		{"the head", "type: ocp", nil, "4.9.3", ""},
		{"all", "full: true", nil, "4.9.0 4.9.1 4.9.2 4.9.3", ""},
		{"at a risk", "minVersion: 4.9.0, maxVersion: 4.9.3, shortestPath: true", []string{"--conditional-edges"}, "4.9.0 4.9.1 4.9.3",
			"upgrade 4.9.1 -> 4.9.3\n  risk MadeUp: it may snow (https://example.com/risk)\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			imageSet(t, dir, c.channel)
			args := append([]string{"build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "--graph", "graph.json", "-o", "site.tar"}, c.more...)
			good(t, dir, "bundle", args...)
			var got []string
			for _, r := range packingList(t, dir).Releases() {
				got = append(got, strings.TrimSuffix(r.Release, "-x86_64"))
			}
			if strings.Join(got, " ") != c.releases {
				t.Errorf("releases %v, want %s", got, c.releases)
			}
			args = append([]string{"plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "--graph", "graph.json"}, c.more...)
			if out := good(t, dir, "bundle", args...); !strings.Contains(out, c.printed) {
				t.Errorf("printed:\n%s\nwant %q", out, c.printed)
			}
		})
	}
	t.Run("no path", func(t *testing.T) {
		imageSet(t, dir, "minVersion: 4.9.0, maxVersion: 4.9.3, shortestPath: true")
		bad(t, 5, "no upgrade path from 4.9.0 to 4.9.3", dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--graph", "graph.json")
	})
	t.Run("a version that is not there", func(t *testing.T) {
		imageSet(t, dir, "minVersion: 4.9.7, maxVersion: 4.9.9")
		bad(t, 5, "4.9.3", dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--graph", "graph.json")
	})
	t.Run("one version that is not in a saved graph", func(t *testing.T) {
		imageSet(t, dir, "minVersion: 4.9.7, maxVersion: 4.9.7")
		bad(t, 5, "maxVersion 4.9.7: not in this channel; nearest below is 4.9.3", dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--graph", "graph.json")
	})
	t.Run("a saved graph of another channel", func(t *testing.T) {
		imageSet(t, dir, "type: ocp")
		other := strings.ReplaceAll(string(graph), `"metadata":{}`, `"metadata":{"io.openshift.upgrades.graph.release.channels":"fast-4.9,stable-4.10"}`)
		write(t, dir, "other.json", other)
		bad(t, 5, "bundle: stable-4.9: its graph is of other channels: fast-4.9, stable-4.10", dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--graph", "other.json")
	})
	t.Run("from an update service", func(t *testing.T) { fromService(t, dir, graph) })
}

func fromService(t *testing.T, dir string, graph []byte) {
	asked := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RawQuery
		w.Write(graph)
	}))
	defer s.Close()
	imageSet(t, dir, "minVersion: 4.9.0, maxVersion: 4.9.2, shortestPath: true")
	out := good(t, dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "--graph-url", s.URL+"/graph")
	if !strings.Contains(out, "upgrade 4.9.0 -> 4.9.2\n") || asked != "arch=amd64&channel=stable-4.9" {
		t.Errorf("asked %q, printed:\n%s", asked, out)
	}
	s.Close()
	bad(t, 5, "graph stable-4.9 amd64: ", dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--graph-url", s.URL+"/graph")
}
