package e2e

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drayage/test/faults"
	"drayage/test/registry"
)

// halves lists what begun uploads have brought below a registry's folder. The state
// of a hash, some hundred bytes, may stay: distribution writes it after the DELETE.
func halves(t *testing.T, root string) []string {
	t.Helper()
	var left []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "data" && strings.Contains(path, "/_uploads/") {
			left = append(left, path)
		}
		return nil // what goes while we look is what we want
	})
	check(t, err)
	return left
}

// noUploads waits a little: a registry may answer before it has removed all.
func noUploads(t *testing.T, root string) {
	t.Helper()
	var left []string
	for range 100 {
		if left = halves(t, root); len(left) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("the node keeps %d files of uploads: %q", len(left), left)
}

// A push whose uploads are cut leaves no half of a blob on the node.
func TestAPushThatIsCutLeavesNoUploads(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	node := registry.StartT(t, registry.Options{})
	proxy, err := faults.Start(node.Addr(), faults.Rule{Method: "PUT", PathRegexp: "/blobs/", Fault: faults.CutUpload(10)})
	check(t, err)
	defer proxy.Close()
	writeSite(t, dir, proxy.Addr())
	bad(t, 4, "PUT", dir, "import", "push", "--site", "site.yaml", "site.tar")
	noUploads(t, node.Root())
}
