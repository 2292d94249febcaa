package manifest

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func delta() *Manifest {
	d := ocispec.Descriptor{MediaType: DocumentsType, Digest: digest.FromString("documents"), Size: 9}
	return &Manifest{
		FormatVersion: FormatVersion, Features: []string{FeatureDelta},
		Images: []Image{{Name: "quay.io/a/b:v1", Role: RoleAdditional, Descriptor: ocispec.Descriptor{Digest: digest.FromString("held"), Size: 5}, Bytes: 10}},
		Delta:  &Delta{Bases: []Base{{Root: digest.FromString("base"), Blobs: 2, Bytes: 5}}, Documents: d},
		Blobs:  []ocispec.Descriptor{d},
	}
}

func TestDeltaIsEncodedAndDecoded(t *testing.T) {
	raw, err := Encode(delta())
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if n, bytes := m.Delta.LeftOut(); n != 2 || bytes != 5 {
		t.Errorf("%d blobs, %d bytes", n, bytes)
	}
}

func TestDeltaThatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*Manifest)
		want  string
	}{
		{"without the feature", func(m *Manifest) { m.Features = nil }, `a delta has the feature "delta"`},
		{"the feature alone", func(m *Manifest) { m.Delta = nil }, `a delta has the feature "delta"`},
		{"no base", func(m *Manifest) { m.Delta.Bases = nil }, "names no base"},
		{"a base twice", func(m *Manifest) { m.Delta.Bases = append(m.Delta.Bases, m.Delta.Bases[0]) }, "listed twice or out of order"},
		{"a base that is no digest", func(m *Manifest) { m.Delta.Bases[0].Root = "x\n" }, `base "x\n": `},
		{"less than nothing", func(m *Manifest) { m.Delta.Bases[0].Bytes = -1 }, "2 blobs of -1 bytes"},
		{"documents that are not there", func(m *Manifest) { m.Blobs = nil }, "are not the first of the blobs"},
		{"documents of another kind", func(m *Manifest) { m.Delta.Documents.MediaType = "x" }, "are not the first of the blobs"},
		{"an image without a digest", func(m *Manifest) { m.Images[0].Descriptor.Digest = "x" }, "is not among the blobs"},
	} {
		m := delta()
		c.spoil(m)
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
