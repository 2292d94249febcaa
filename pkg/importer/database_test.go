package importer

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
)

// catalog lists an image with labels as a catalog.
func (w *world) catalog(name, labels string) ocispec.Descriptor {
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	m.Config = w.put(ocispec.MediaTypeImageConfig, []byte(`{"os":"linux","config":{"Labels":`+labels+`}}`))
	m.Layers = []ocispec.Descriptor{w.put(ocispec.MediaTypeImageLayerGzip, []byte("layer of "+name))}
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	d := w.put(m.MediaType, raw)
	w.images = append(w.images, manifest.Image{Name: name, Role: manifest.RoleCatalog, Descriptor: d})
	return d
}

func TestDatabasesAreKnownByTheirLabel(t *testing.T) {
	const files, database = `"operators.operatorframework.io.index.configs.v1":"/configs"`, `"operators.operatorframework.io.index.database.v1":"/database/index.db"`
	w := newWorld()
	w.add("quay.io/acme/one:v1", w.content("base", "one"))
	w.catalog("quay.io/acme/files:v1", "{"+files+"}")
	old := w.catalog("quay.io/acme/database:v1", "{"+database+"}")
	w.catalog("quay.io/acme/both:v1", "{"+files+","+database+"}")
	w.catalog("quay.io/acme/neither:v1", "null")
	got, unknown, err := Databases(w.bundle(t))
	if err != nil || len(got) != 1 || !got[old.Digest] || len(unknown) > 0 {
		t.Errorf("got %v, unknown %v, %v", got, unknown, err)
	}
}

// A delta that holds nothing of a catalog cannot say what it is.
func TestDatabasesOfADelta(t *testing.T) {
	w := newWorld()
	w.catalog("quay.io/acme/database:v1", "{}")
	path, base := w.path(t)
	w.add("quay.io/acme/one:v1", w.content("base", "one"))
	got, unknown, err := Databases(w.delta(t, base, path))
	if err != nil || len(got) > 0 || fmt.Sprint(unknown) != "[quay.io/acme/database:v1]" {
		t.Errorf("got %v, unknown %v, %v", got, unknown, err)
	}
}

func TestDatabasesWithAConfigThatIsNone(t *testing.T) {
	w := newWorld()
	w.catalog("quay.io/acme/odd:v1", `"x"`)
	if _, _, err := Databases(w.bundle(t)); err == nil || !strings.Contains(err.Error(), "quay.io/acme/odd:v1: config sha256:") {
		t.Errorf("got %v", err)
	}
}
