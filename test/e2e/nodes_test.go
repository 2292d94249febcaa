package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"drayage/pkg/importer"
	"drayage/test/faults"
	"drayage/test/registry"
)

// Nodes that are full, hang or are gone are no business of the one that is well,
// and when they are well again they are sent only what they lack.
func TestBadNodesHoldNobodyUp(t *testing.T) {
	dir := largeWorld(t)
	disk := smallDisk(t, "12m")
	full := registry.StartT(t, registry.Options{Root: filepath.Join(disk, "store")})
	behind := registry.StartT(t, registry.Options{})
	hanging, err := faults.Start(behind.Addr(), faults.Rule{Method: "PUT", PathRegexp: "/blobs/", Nth: 5, Fault: faults.Hang()})
	check(t, err)
	defer hanging.Close()
	gone := registry.StartT(t, registry.Options{})
	check(t, gone.Stop())
	well := registry.StartT(t, registry.Options{})
	writeSite(t, dir, full.Addr(), hanging.Addr(), gone.Addr(), well.Addr())
	r := call(t, dir, "import", "push", "--site", "site.yaml", "--json", "--timeout", "4s", "site.tar")
	if r.code != 4 {
		t.Fatalf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	first := pushed(t, r.out)
	if !first[3].Whole || first[0].Whole || first[1].Whole || first[2].Whole {
		t.Errorf("whole is the last one alone:\n%s", r.out)
	}
	for i, want := range []string{"500 UNKNOWN", "no byte for 4s", "connection refused"} { // distribution does not say that its disk is full
		if !strings.Contains(first[i].Error, want) {
			t.Errorf("%s: %s, want %q", first[i].Node, first[i].Error, want)
		}
	}
	check(t, hanging.SetRules())
	check(t, gone.Restart(t.Context()))
	grow(t, disk, "64m")
	second := pushed(t, good(t, dir, "import", "push", "--site", "site.yaml", "--json", "--deep", "site.tar"))
	for i, n := range second {
		if !n.Whole || n.Present == 0 && i != 2 || i == 3 && n.Sent > 0 {
			t.Errorf("%s: %+v, before %+v", n.Node, n, first[i])
		}
		if first[i].Sent > 0 && n.Sent+first[i].Sent > first[3].Sent+4 { // four are under way at once
			t.Errorf("%s was sent %d blobs and %d more, the well one %d", n.Node, first[i].Sent, n.Sent, first[3].Sent)
		}
	}
	for _, addr := range []string{full.Addr(), hanging.Addr(), gone.Addr()} {
		pullAll(t, dir, addr)
	}
}

func pushed(t *testing.T, out string) []importer.NodeResult {
	t.Helper()
	var doc struct{ Nodes []importer.NodeResult }
	if err := json.Unmarshal([]byte(out), &doc); err != nil || len(doc.Nodes) == 0 {
		t.Fatalf("%v:\n%s", err, out)
	}
	return doc.Nodes
}
