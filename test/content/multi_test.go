package content

import (
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestMultiReleaseHasTheShapeOfARealOne(t *testing.T) {
	r, err := MakeMultiRelease(ReleaseOptions{Version: "4.14.3", Size: 1000, Components: []string{"etcd", operatorComponent}}, MultiArches...)
	if err != nil {
		t.Fatal(err)
	}
	if want := ReleaseRepository + ":4.14.3-multi"; r.Image.Ref != want || r.Version != "4.14.3" || len(r.Components) != 2 {
		t.Errorf("%s, %s with %d components", r.Image.Ref, r.Version, len(r.Components))
	}
	documents := map[string]bool{}
	for _, n := range append([]Named{r.Image}, r.Components[0].Named) {
		x := n.Content.(v1.ImageIndex)
		m, err := x.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		var arches []string
		for _, d := range m.Manifests {
			arches = append(arches, d.Platform.Architecture)
			img, err := x.Image(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			if got := configOf(t, img).Architecture; got != d.Platform.Architecture {
				t.Errorf("%s: config for %s", d.Platform, got)
			}
			if n.Ref == r.Image.Ref {
				documents[layerFiles(t, img, -1)["release-manifests/image-references"]] = true
			}
		}
		if !slices.Equal(arches, MultiArches) {
			t.Errorf("%s: %q", n.Ref, arches)
		}
	}
	if len(documents) != 1 || documents[""] {
		t.Errorf("%d documents", len(documents))
	}
}
