package manifest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

// withGraph is a whole packing list with an update graph too.
func withGraph() *Manifest {
	m := whole()
	image := blob("graph")
	m.Graph = &UpdateGraph{
		Base: "registry.access.redhat.com/ubi9/ubi:latest", BaseDigest: digest.FromString("base"), Platforms: []string{"linux/amd64"},
		Data: digest.FromString("data"),
	}
	m.Images = append(m.Images, Image{Name: m.Graph.Name(), Role: RoleGraph, Descriptor: image, Bytes: 100})
	m.Blobs = append(m.Blobs, image)
	m.Sort()
	return m
}

func TestUpdateGraphTravels(t *testing.T) {
	m, err := Decode(encode(t, withGraph()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m, withGraph()) {
		t.Errorf("decoded: %+v", m)
	}
	image, there := m.GraphImage()
	if want := "drayage.invalid/graph-data:3a6eb0790f39"; !there || image.Name != want {
		t.Errorf("its image is %q, want %q", image.Name, want)
	}
	if m.Images[3].Role != RoleGraph || m.Images[2].Role != RoleComponent || m.Images[4].Role != RoleCatalog {
		t.Errorf("it stands between %s and %s", m.Images[2].Role, m.Images[4].Role)
	}
	if _, there := whole().GraphImage(); there {
		t.Error("there is one in a packing list without")
	}
}

func TestValidateComparesTheUpdateGraphWithItsRecord(t *testing.T) {
	const image = "packing list: image drayage.invalid/graph-data:3a6eb0790f39: "
	for name, c := range map[string]struct {
		spoil func(*Manifest)
		want  string
	}{
		"nothing":   {func(*Manifest) {}, ""},
		"no record": {func(m *Manifest) { m.Graph = nil }, image + "graph does not say how it was made"},
		"no image":  {func(m *Manifest) { m.Images = append(m.Images[:3], m.Images[4:]...) }, "packing list: graph: no image with this role"},
		"another name": {func(m *Manifest) { m.Images[3].Name = "quay.io/a/b:1" },
			"packing list: image quay.io/a/b:1: the update graph is called drayage.invalid/graph-data:3a6eb0790f39"},
		"two of them": {func(m *Manifest) {
			more := m.Images[3]
			more.Name = "drayage.invalid/graph-data:z"
			m.Images = append(m.Images, more)
			m.Sort()
		}, "packing list: image drayage.invalid/graph-data:z: the update graph is called drayage.invalid/graph-data:3a6eb0790f39"},
		"a release of its own": {func(m *Manifest) { m.Images[3].Release = "4.9.0-x86_64" },
			image + "a release and its components say which release they are, nothing else does"},
		"a place of its own": {func(m *Manifest) { m.Images[3].TargetTag = "x" },
			image + "an additional image or a catalog may say where it stands, nothing else does"},
		"base that is none":        {func(m *Manifest) { m.Graph.Base = "a b\x1b" }, `packing list: graph: "a b\x1b": invalid reference format`},
		"base that is not in full": {func(m *Manifest) { m.Graph.Base = "ubi9:latest" }, "packing list: graph: base ubi9:latest: name is not in full, want docker.io/library/ubi9:latest"},
		"digest of the base":       {func(m *Manifest) { m.Graph.BaseDigest = "sha256:1\n" }, `packing list: graph: base digest "sha256:1\n": invalid checksum digest length`},
		"base by another digest": {func(m *Manifest) { m.Graph.Base = "quay.io/a/b@" + digest.FromString("x").String() },
			"packing list: graph: base and its digest differ"},
		"digest of the data": {func(m *Manifest) { m.Graph.Data = "latest" }, "packing list: graph: data latest: invalid checksum digest format"},
		"no platform":        {func(m *Manifest) { m.Graph.Platforms = nil }, `packing list: graph: is for no platform`},
		"platform":           {func(m *Manifest) { m.Graph.Platforms = []string{"\a"} }, `packing list: graph: "\a" is no platform like linux/amd64`},
	} {
		t.Run(name, func(t *testing.T) {
			m := withGraph()
			c.spoil(m)
			got := ""
			if err := m.Validate(); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func TestUnknownKeyOfTheUpdateGraphIsRefused(t *testing.T) {
	raw := strings.Replace(string(encode(t, withGraph())), `"graph": {`, `"graph": {"colour": "red",`, 1)
	if _, err := Decode([]byte(raw)); err == nil || err.Error() != `packing list: json: unknown field "colour"` {
		t.Error(err)
	}
}
