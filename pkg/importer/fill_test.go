package importer

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"drayage/pkg/bundle"
	"drayage/pkg/site"
)

func fill(t *testing.T, b *bundle.Bundle, s *site.Site, o FillOptions) ([]NodeResult, error) {
	t.Helper()
	o.PushOptions = PushOptions{Client: client(t), Nodes: s.Nodes, Jobs: 8}
	return Fill(t.Context(), b, s, o)
}

func TestAFillIsProven(t *testing.T) {
	b := mixed().bundle(t)
	n := newNode(t)
	for i, want := range []int{57, 31} { // a push and a check; a push that finds all has asked what a check asks
		n.asked = 0
		results, err := fill(t, b, siteOf(n), FillOptions{})
		if err != nil || !results[0].Whole || n.asked != want {
			t.Errorf("%d: %v, %+v, asked %d times, want %d", i+1, err, results, n.asked, want)
		}
	}
	results, err := fill(t, b, siteOf(newNode(t)), FillOptions{NoCheck: true})
	if err != nil || results[0].Whole || results[0].Error != "" {
		t.Errorf("nobody has asked: %v, %+v", err, results)
	}
}

// A node that says it took a blob, and did not: only the check finds it. What a
// push cannot see at all, a deep one does.
func TestAFillThatWasNone(t *testing.T) {
	b := mixed().bundle(t)
	liar, good, down := newNode(t), newNode(t), newNode(t)
	two := digest.FromString("two")
	liar.otherwise(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, two.String()) && liar.tag("acme/two:v1") != "" {
			http.NotFound(w, r)
			return true
		}
		return false
	})
	s := siteOf(liar, good, down)
	down.server.Close()
	results, err := fill(t, b, s, FillOptions{})
	all := (*NodesError)(nil)
	if !errors.As(err, &all) || all.Failed != 2 || all.Of != 3 || len(all.Errs) != 2 {
		t.Fatalf("got %v", err)
	}
	if results[0].Whole || !strings.Contains(results[0].Error, two.String()+" is not there") || !results[1].Whole || results[2].Whole {
		t.Errorf("%+v", results)
	}
	good.raw[two] = []byte("twO")
	s.Nodes = s.Nodes[1:2]
	if results, err := fill(t, b, s, FillOptions{}); err != nil || !results[0].Whole {
		t.Errorf("%v: %+v", err, results)
	}
	if results, err := fill(t, b, s, FillOptions{Deep: true}); err == nil || results[0].Whole || !strings.Contains(results[0].Error, "is damaged") {
		t.Errorf("%v: %+v", err, results)
	}
}
