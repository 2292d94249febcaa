package importer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"drayage/pkg/bundle"
	"drayage/pkg/site"
)

func check(t *testing.T, b *bundle.Bundle, s *site.Site, deep bool) ([]NodeState, error) {
	t.Helper()
	m := &meter{}
	states, err := Check(t.Context(), b, s, CheckOptions{Client: client(t), Nodes: s.Nodes, Deep: deep, Progress: m.take})
	m.check(t)
	return states, err
}

// filled is a site of nodes that hold a bundle.
func filled(t *testing.T, b *bundle.Bundle, n int) ([]*node, *site.Site) {
	t.Helper()
	var nodes []*node
	for range n {
		nodes = append(nodes, newNode(t))
	}
	s := siteOf(nodes...)
	if _, _, err := push(t, b, s); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		n.changes()
	}
	return nodes, s
}

func TestWholeNodesAreProven(t *testing.T) {
	b := mixed().bundle(t)
	nodes, s := filled(t, b, 3)
	for _, deep := range []bool{false, true} {
		states, err := check(t, b, s, deep)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range nodes {
			want := NodeState{Node: s.Nodes[i].Name, Host: s.Nodes[i].Address, Reachable: true, Whole: true, Images: 8}
			if !reflect.DeepEqual(states[i], want) {
				t.Errorf("got  %+v\nwant %+v", states[i], want)
			}
			if changes := n.changes(); len(changes) > 0 {
				t.Errorf("a check changed %q", changes)
			}
		}
	}
}

// Each thing that may be wrong with a node, and that the others stay whole.
func TestWhatIsNotThereIsNamed(t *testing.T) {
	base, two := digest.FromString("base"), digest.FromString("two")
	for name, c := range map[string]struct {
		spoil func(*node)
		deep  bool
		want  NodeState
		named string
	}{
		"a blob in one repository": {
			spoil: func(n *node) { delete(n.blobs, "acme/two@"+base.String()) },
			want:  NodeState{Images: 7, MissingImages: 1, MissingBlobs: 1},
			named: "acme/two@" + base.String() + " is not there, needed by acme/two:v1",
		},
		"a blob everywhere": {
			spoil: func(n *node) {
				for _, repo := range []string{"acme/multi", "acme/one", "acme/two", "ocp4/openshift"} {
					delete(n.blobs, repo+"@"+base.String())
				}
			},
			want:  NodeState{MissingImages: 8, MissingBlobs: 4, MissingBytes: 4},
			named: "ocp4/openshift@" + base.String() + " is not there, needed by ocp4/openshift:4.9.0-x86_64-cli and 4 more",
		},
		"a blob that was cut": {
			spoil: func(n *node) { n.blobs["acme/two@"+two.String()] = 2 },
			want:  NodeState{Images: 7, MissingImages: 1, MissingBlobs: 1, MissingBytes: 3, Damaged: []digest.Digest{two}},
			named: "acme/two@" + two.String() + " has 2 bytes, want 3, needed by acme/two:v1",
		},
		"a byte that is another one": {
			spoil: func(n *node) { n.raw[two] = []byte("twO") },
			deep:  true,
			want:  NodeState{Images: 7, MissingImages: 1, MissingBlobs: 1, MissingBytes: 3, Damaged: []digest.Digest{two}},
			named: "acme/two@" + two.String() + " is damaged: content is " + digest.FromString("twO").String() + ", needed by acme/two:v1",
		},
		"a tag": {
			spoil: func(n *node) { delete(n.manifests, "acme/one:v1") },
			want:  NodeState{Images: 7, MissingImages: 1},
			named: "acme/one:v1 is not there",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := mixed().bundle(t)
			nodes, s := filled(t, b, 2)
			c.spoil(nodes[1])
			if states, err := check(t, b, s, false); (err == nil) != c.deep {
				t.Errorf("%v, %+v", err, states)
			}
			states, err := check(t, b, s, c.deep)
			all, one := (*NodesError)(nil), (*StateError)(nil)
			if !errors.As(err, &all) || all.Failed != 1 || all.Of != 2 || !errors.As(err, &one) || one.State.Node != "node2" {
				t.Fatalf("got %v", err)
			}
			got := states[1]
			if !slices.Contains(got.Missing, c.named) || got.Error == "" || "node2: "+got.Error != err.Error() {
				t.Errorf("%v: want %s in\n%s", err, c.named, strings.Join(got.Missing, "\n"))
			}
			got.Missing, got.Error = nil, ""
			c.want.Node, c.want.Host, c.want.Reachable = "node2", s.Nodes[1].Address, true
			if !reflect.DeepEqual(got, c.want) || !states[0].Whole {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestManifestsOfANode(t *testing.T) {
	b := mixed().bundle(t)
	nodes, s := filled(t, b, 1)
	n := nodes[0]
	one, two := n.tag("acme/one:v1"), n.tag("acme/two:v1")
	child := described(n.raw[n.tag("acme/multi:v1")]).Digest
	for key := range n.manifests { // one of the index's children
		if strings.HasPrefix(key, "acme/multi@") && !strings.HasSuffix(key, child.String()) {
			delete(n.manifests, key)
			break
		}
	}
	n.manifests["acme/one:v1"] = n.manifests["acme/two:v1"]
	cut := n.manifests["acme/two@"+two.String()]
	cut.Size--
	n.manifests["acme/two@"+two.String()] = cut
	states, err := check(t, b, s, false)
	if err == nil || states[0].MissingImages != 3 || states[0].MissingBlobs != 0 || !slices.Equal(states[0].Damaged, []digest.Digest{two}) {
		t.Fatalf("%v: %+v", err, states[0])
	}
	text := strings.Join(states[0].Missing, "\n")
	for _, want := range []string{
		fmt.Sprintf("acme/one:v1 is %s, want %s", two, one),
		fmt.Sprintf("acme/two@%s has %d bytes, want %d, needed by acme/two:v1", two, cut.Size, cut.Size+1),
		"is not there, needed by acme/multi:v1",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %s in\n%s", want, text)
		}
	}
	n.raw[one] = []byte("{}")
	if states, _ := check(t, b, s, true); !slices.Contains(states[0].Damaged, one) {
		t.Errorf("a manifest with another content: %+v", states[0])
	}
}

func TestNodeThatIsDownIsNotReachable(t *testing.T) {
	b := mixed().bundle(t)
	nodes, s := filled(t, b, 3)
	nodes[0].server.Close()
	states, err := check(t, b, s, false)
	if err == nil || !strings.HasPrefix(err.Error(), "node1: "+s.Nodes[0].Address+": GET /v2/: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	if got := states[0]; got.Reachable || got.Whole || got.Images != 0 || got.MissingImages != 8 || len(got.Missing) > 0 {
		t.Errorf("%+v", got)
	}
	if !states[1].Whole || !states[2].Whole {
		t.Errorf("%+v", states)
	}
}

// A node that answers nonsense is asked a few times, and all it said is told.
func TestNodeThatIsOutOfOrder(t *testing.T) {
	b := mixed().bundle(t)
	nodes, s := filled(t, b, 2)
	for status, wantAll := range map[int]bool{http.StatusForbidden: true, http.StatusTeapot: false} {
		nodes[1].otherwise(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/v2/" || !wantAll && !strings.Contains(r.URL.Path, digest.FromString("two").String()) {
				return false
			}
			w.WriteHeader(status)
			return true
		})
		states, err := check(t, b, s, false)
		got := states[1]
		if err == nil || !got.Reachable || got.Whole || !states[0].Whole || !strings.Contains(got.Error, fmt.Sprint(status)) {
			t.Errorf("%d: %v: %+v", status, err, got)
		}
		if images := map[bool]int{true: 0, false: 7}[wantAll]; got.Images != images || got.MissingImages != 8-images || len(got.Missing) > maxNamed {
			t.Errorf("%d: %+v", status, got)
		}
	}
}

func TestManyThingsAreNotAllNamed(t *testing.T) {
	w := newWorld()
	for i := range 40 {
		w.add(fmt.Sprintf("quay.io/acme/app%d:v1", i), w.content(fmt.Sprint(i)))
	}
	b := w.bundle(t)
	states, err := check(t, b, siteOf(newNode(t)), true)
	if err == nil || states[0].MissingImages != 40 || states[0].MissingBlobs != 80 || len(states[0].Missing) != maxNamed {
		t.Errorf("%v: %+v", err, states[0])
	}
}

func TestCancelledCheck(t *testing.T) {
	b := mixed().bundle(t)
	nodes, s := filled(t, b, 1)
	ctx, cancel := context.WithCancel(t.Context())
	nodes[0].otherwise(func(_ http.ResponseWriter, r *http.Request) bool {
		cancel()
		<-r.Context().Done()
		return true
	})
	begun := time.Now()
	states, err := Check(ctx, b, s, CheckOptions{Client: client(t), Nodes: s.Nodes})
	if err != context.Canceled || states[0].Whole || states[0].Error != "cancelled" || time.Since(begun) > 10*time.Second {
		t.Errorf("%v: %+v", err, states)
	}
}

// Sparse indexes are whole when what travels is there.
func TestSparseIndexIsWhole(t *testing.T) {
	b, n, l := partly(t), newNode(t), &lenient{}
	l.on(n)
	s := siteOf(n)
	if _, _, err := push(t, b, s); err != nil {
		t.Fatal(err)
	}
	states, err := check(t, b, s, false)
	if err != nil || states[0].Images != 2 {
		t.Errorf("%v: %+v", err, states)
	}
}

// What a check costs: no more questions than there are spots.
func TestEachSpotIsAskedForOnce(t *testing.T) {
	b := mixed().bundle(t)
	nodes, s := filled(t, b, 1)
	nodes[0].asked = 0
	if _, err := check(t, b, s, false); err != nil {
		t.Fatal(err)
	}
	// 8 tags, 5 images by digest and 2 of the index, and 16 blobs.
	if nodes[0].asked != 31 {
		t.Errorf("asked %d times", nodes[0].asked)
	}
}
