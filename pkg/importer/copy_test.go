package importer

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/site"
)

// copyTo fills the last node of a site from all others.
func copyTo(t *testing.T, s *site.Site) (CopyResult, error) {
	t.Helper()
	return Copy(t.Context(), s, CopyOptions{Client: client(t), To: s.Nodes[len(s.Nodes)-1], Jobs: 8})
}

// replaced is a site of two filled nodes and an empty one.
func replaced(t *testing.T) ([]*node, *site.Site, *site.Site) {
	t.Helper()
	nodes, _ := filled(t, mixed().bundle(t), 2)
	nodes = append(nodes, newNode(t))
	return nodes, siteOf(nodes...), siteOf(nodes[2])
}

func TestANodeIsFilledFromTheOthers(t *testing.T) {
	b := mixed().bundle(t)
	nodes, s, third := replaced(t)
	result, err := copyTo(t, s)
	if err != nil || !result.Whole || result.Images != 8 || result.Sent != 13 || result.Mounted != 3 || len(result.Warnings) > 0 || !slices.Equal(result.From, []string{"node1", "node2"}) {
		t.Fatalf("%v: %+v", err, result)
	}
	nodes[2].check(t, b)
	if states, err := check(t, b, third, true); err != nil {
		t.Errorf("%v: %+v", err, states)
	}
	kinds := map[string]bool{}
	for _, c := range nodes[2].changes() {
		kind, _, _ := strings.Cut(c, " ")
		if kinds["tag"] && kind != "tag" || kinds["manifest"] && kind == "blob" {
			t.Errorf("%s comes too late", c)
		}
		kinds[kind] = true
	}
	result, err = copyTo(t, s)
	if changes := nodes[2].changes(); err != nil || !result.Whole || result.Sent != 0 || len(changes) > 0 {
		t.Errorf("a second time: %v, %+v, changed %q", err, result, changes)
	}
	for _, n := range nodes[:2] {
		if changes := n.changes(); len(changes) > 0 {
			t.Errorf("a source was changed: %q", changes)
		}
	}
}

// What one node lacks, has damaged, or does not give, another one gives.
func TestAnySourceThatHasItWillDo(t *testing.T) {
	two := digest.FromString("two")
	for name, c := range map[string]struct {
		spoil   func(*node)
		warning string
	}{
		"lacks a blob":   {func(n *node) { delete(n.blobs, "acme/two@"+two.String()) }, ""},
		"damaged a blob": {func(n *node) { n.raw[two] = []byte("twO") }, ""},
		"lacks a tag":    {func(n *node) { delete(n.manifests, "acme/two:v1") }, " lacks 1 names that others have, acme/two:v1 among them"},
		"gives an error": {func(n *node) {
			n.otherwise(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodGet && strings.Contains(r.URL.Path, two.String()) {
					w.WriteHeader(http.StatusForbidden)
					return true
				}
				return false
			})
		}, ""},
		"damaged a manifest": {func(n *node) { n.raw[n.tag("acme/two:v1")] = []byte("{}") }, ""},
		"is empty":           {func(n *node) { clear(n.manifests) }, ": shows no images; left out"},
		"is down":            {func(n *node) { n.server.Close() }, "connection refused; left out"},
	} {
		for i := range 2 {
			t.Run(name, func(t *testing.T) {
				b := mixed().bundle(t)
				nodes, s, third := replaced(t)
				c.spoil(nodes[i])
				result, err := copyTo(t, s)
				if err != nil || !result.Whole {
					t.Fatalf("node%d: %v: %+v", i+1, err, result)
				}
				if states, err := check(t, b, third, true); err != nil {
					t.Errorf("node%d: %v: %+v", i+1, err, states)
				}
				if (c.warning == "") != (len(result.Warnings) == 0) || len(result.Warnings) > 0 && !strings.HasSuffix(result.Warnings[0], c.warning) {
					t.Errorf("warnings %q", result.Warnings)
				}
			})
		}
	}
}

func TestWhatNodesDisagreeAboutIsNotCopied(t *testing.T) {
	nodes, s, _ := replaced(t)
	nodes[0].manifests["acme/one:v1"] = nodes[0].manifests["acme/multi:v1"]
	one, multi := nodes[1].tag("acme/one:v1"), nodes[0].tag("acme/multi:v1")
	result, err := copyTo(t, s)
	all := (*NodesError)(nil)
	if !errors.As(err, &all) || err.Error() != "acme/one:v1: the nodes disagree: node1 "+multi.String()+", node2 "+one.String() || result.Whole || result.Images != 7 {
		t.Errorf("%v: %+v", err, result)
	}
	if nodes[2].tag("acme/one:v1") != "" || nodes[2].tag("acme/two:v1") == "" {
		t.Error("the others are copied, and this one is not")
	}
}

func TestAnImageThatNoNodeHasWholeIsNotCopied(t *testing.T) {
	nodes, s, _ := replaced(t)
	two := digest.FromString("two")
	for _, n := range nodes[:2] {
		n.raw[two] = []byte("twO")
	}
	result, err := copyTo(t, s)
	if err == nil || result.Whole || !strings.Contains(err.Error(), two.String()) || nodes[2].tag("acme/two:v1") != "" {
		t.Errorf("%v: %+v", err, result)
	}
}

func TestNobodyIsThereToCopyFrom(t *testing.T) {
	nodes, s, _ := replaced(t)
	nodes[0].server.Close()
	result, err := copyTo(t, s)
	if err != nil || !slices.ContainsFunc(result.Warnings, func(w string) bool { return strings.HasPrefix(w, "only node2 says") }) {
		t.Errorf("one is left: %v, %+v", err, result)
	}
	clear(nodes[1].manifests)
	if result, err := copyTo(t, s); err == nil || result.Whole || !strings.Contains(err.Error(), "node3: no other node of the site answers") {
		t.Errorf("%v: %+v", err, result)
	}
}

// A sparse index is copied as it is; the node is asked first whether it takes it.
func TestSparseIndexesAreCopied(t *testing.T) {
	b := partly(t)
	from, to, strict := newNode(t), newNode(t), newNode(t)
	(&lenient{}).on(from)
	if _, _, err := push(t, b, siteOf(from)); err != nil {
		t.Fatal(err)
	}
	(&lenient{}).on(to)
	if result, err := copyTo(t, siteOf(from, to)); err != nil || !result.Whole {
		t.Errorf("%v: %+v", err, result)
	}
	to.otherwise(nil)
	if states, err := check(t, b, siteOf(to), true); err != nil {
		t.Errorf("%v: %+v", err, states)
	}
	down, another := newNode(t), newNode(t) // that one may have the rest
	(&lenient{}).on(another)
	down.server.Close()
	const gap = " among them; copied without those"
	if result, err := copyTo(t, siteOf(from, down, another)); err != nil || len(result.Warnings) != 3 || !strings.HasSuffix(result.Warnings[2], gap) {
		t.Errorf("%v: %+v", err, result)
	}
	var sparse *SparseError
	if _, err := copyTo(t, siteOf(from, strict)); !errors.As(err, &sparse) || len(strict.changes()) > 0 {
		t.Errorf("got %v", err)
	}
}

func TestSignaturesAreCopiedBeforeTheirImages(t *testing.T) {
	w := newWorld()
	d := w.content("base", "signed")
	w.add("quay.io/acme/signed:v1", d)
	sig := w.content(`{"critical":{}}`)
	w.add("quay.io/acme/signed:sha256-"+d.Digest.Encoded()+".sig", sig)
	nodes, _ := filled(t, w.bundle(t), 1)
	to := newNode(t)
	if _, err := copyTo(t, siteOf(nodes[0], to)); err != nil {
		t.Fatal(err)
	}
	var tags []string
	for _, c := range to.changes() {
		if strings.HasPrefix(c, "tag ") {
			tags = append(tags, c)
		}
	}
	if len(tags) != 2 || !strings.HasSuffix(tags[0], ".sig") {
		t.Errorf("tags %q", tags)
	}
}

func TestCancelledCopy(t *testing.T) {
	nodes, s, _ := replaced(t)
	ctx, cancel := context.WithCancel(t.Context())
	nodes[2].otherwise(func(http.ResponseWriter, *http.Request) bool { cancel(); return false })
	result, err := Copy(ctx, s, CopyOptions{Client: client(t), To: s.Nodes[2]})
	if err != context.Canceled || result.Whole {
		t.Errorf("%v: %+v", err, result)
	}
	var none ocispec.Descriptor
	if nodes[2].manifests["acme/one:v1"].Digest != none.Digest {
		t.Error("it went on")
	}
}
