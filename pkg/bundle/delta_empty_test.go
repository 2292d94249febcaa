package bundle

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
)

// Every bundle has {} for its packing list, so a delta has it too when images of
// its own and of the base have it.
func TestDeltaOfWhatHasTheEmptyConfig(t *testing.T) {
	artifact := func(layer string) *world {
		w := newWorld()
		empty := ocispec.DescriptorEmptyJSON
		config := w.put(empty.MediaType, empty.Data)
		raw, err := json.Marshal(ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
			ArtifactType: "application/vnd.acme.chart", Config: config, Layers: []ocispec.Descriptor{w.put("application/gzip", []byte(layer))}})
		check(t, err)
		d := w.put(ocispec.MediaTypeImageManifest, raw)
		w.images = append(w.images, manifest.Image{Name: "quay.io/acme/chart:v1", Role: manifest.RoleAdditional, Descriptor: d})
		w.image("quay.io/acme/one:v1", noise(1, 9000))
		return w
	}
	old := artifact("may").write(t)
	m, docs, err := Thin(artifact("june").list(), artifact("june").raw, []*Base{base(t, old.Path)})
	check(t, err)
	w := artifact("june")
	w.put(manifest.DocumentsType, docs)
	written, err := writeTo(t.Context(), m, w.open, filepath.Join(t.TempDir(), "delta.tar"), WriteOptions{})
	check(t, err)
	report, err := Verify(t.Context(), written.Path, written.Root, nil)
	if err != nil || len(report.Findings) > 0 || written.Bases[0].Blobs != 2 {
		t.Errorf("%+v, %+v, %v", written, report, err)
	}
}
