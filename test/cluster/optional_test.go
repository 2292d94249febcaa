package cluster

import (
	"os"
	"path/filepath"
	"testing"

	"drayage/test/cluster/harness"
)

// What a site may want beside the rest is taken by the real API server too, and
// a second time nothing changes.
func TestOptionalObjectsAreTaken(t *testing.T) {
	s := arrive(t, "4.20", "plainHTTP: true}\npinnedImages: true\nkubeletConfig: {autoSizing: true")
	program(t, s.dir, "import", s.args("render", "-o", "manifests")...)
	files, err := filepath.Glob(filepath.Join(s.dir, "manifests", "optional", "*"))
	if err != nil || len(files) != 3 {
		t.Fatalf("files %v, %v", files, err)
	}
	_, d := client(t, harness.StartT(t, harness.Options{Version: "4.20.0", State: `{"halted": true}`}), "admin")
	kinds := map[string]bool{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		one, err := apply(t, d, string(raw))
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(f), err)
			continue
		}
		kinds[one.GetKind()] = true
		if two, err := apply(t, d, string(raw)); err != nil || two.GetResourceVersion() != one.GetResourceVersion() {
			t.Errorf("%s: applied again: %v: resourceVersion %s, then %s", filepath.Base(f), err, one.GetResourceVersion(), two.GetResourceVersion())
		}
	}
	if !kinds["KubeletConfig"] || !kinds["MachineConfiguration"] || !kinds["PinnedImageSet"] {
		t.Errorf("taken: %v", kinds)
	}
}
