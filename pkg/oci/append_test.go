package oci

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// base makes an image of one family of media types with this config.
func base(t *testing.T, manifestType, config string) (*Content, *Image) {
	t.Helper()
	c := NewContent(nil)
	put := func(mediaType, content string) ocispec.Descriptor {
		c.AddBlob([]byte(content))
		return described(mediaType, []byte(content))
	}
	configType, layer := ocispec.MediaTypeImageConfig, ocispec.MediaTypeImageLayerGzip
	if manifestType == dockerManifest {
		configType, layer = dockerConfig, dockerLayer
	}
	raw, _ := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: manifestType,
		Config: put(configType, config), Layers: []ocispec.Descriptor{put(layer, "lower")},
		Annotations: map[string]string{"kept": "yes"},
	})
	img, err := c.ReadImage(t.Context(), put(manifestType, string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return c, img
}

const someConfig = `{"os":"linux","architecture":"arm64","unknown":{"big":12345678901234567890,"html":"<&>"},
 "config":{"Cmd":["old"],"Env":["A=1"],"Labels":{"old":"1","changed":"1"},"Healthcheck":{"Interval":30000000000}},
 "rootfs":{"type":"layers","diff_ids":["sha256:1"]},"history":[{"created_by":"old"}]}`

func TestAppendAddsALayerAndKeepsTheRest(t *testing.T) {
	for _, manifestType := range []string{ocispec.MediaTypeImageManifest, dockerManifest} {
		c, img := base(t, manifestType, someConfig)
		layer := []byte("an uncompressed tar")
		desc, err := c.Append(img, layer, AppendOptions{
			Cmd: []string{"serve"}, Labels: map[string]string{"changed": "2", "new": "3"}, Comment: "mine",
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.ReadImage(t.Context(), desc)
		if err != nil {
			t.Fatal(err)
		}
		if desc.MediaType != manifestType || got.Manifest.MediaType != manifestType || got.Manifest.Annotations["kept"] != "yes" ||
			got.Manifest.Config.MediaType != img.Manifest.Config.MediaType || len(got.Manifest.Layers) != 2 ||
			got.Manifest.Layers[0].Digest != img.Manifest.Layers[0].Digest || got.Manifest.Layers[1].MediaType != img.Manifest.Layers[0].MediaType {
			t.Errorf("%s: manifest %+v", manifestType, got.Manifest)
		}
		want := `{"architecture":"arm64","config":{"Cmd":["serve"],"Env":["A=1"],"Healthcheck":{"Interval":30000000000},"Labels":{"changed":"2","new":"3","old":"1"}},` +
			`"history":[{"created_by":"old"},{"created_by":"mine"}],"os":"linux","rootfs":{"diff_ids":["sha256:1","` + digest.FromBytes(layer).String() + `"],"type":"layers"},` +
			`"unknown":{"big":12345678901234567890,"html":"\u003c\u0026\u003e"}}`
		if string(got.RawConfig) != want {
			t.Errorf("%s: config\n%s\nwant\n%s", manifestType, got.RawConfig, want)
		}
		zipped, err := c.Open(t.Context(), got.Manifest.Layers[1])
		if err != nil {
			t.Fatal(err)
		}
		r, err := gzip.NewReader(zipped)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := io.ReadAll(r); !bytes.Equal(back, layer) || err != nil || r.ModTime.Unix() != 0 || r.Name != "" {
			t.Errorf("layer is %q, %v, %s, %q", back, err, r.ModTime, r.Name)
		}
	}
}

func TestAppendGivesTheSameDigestAndLeavesTheOldImageAlone(t *testing.T) {
	c, img := base(t, ocispec.MediaTypeImageManifest, someConfig)
	o := AppendOptions{Cmd: []string{"x"}, Labels: map[string]string{"a": "1", "b": "2", "c": "3"}}
	before, _ := json.Marshal(img)
	one, err := c.Append(img, []byte("layer"), o)
	if err != nil {
		t.Fatal(err)
	}
	two, err := c.Append(img, []byte("layer"), o)
	if err != nil || one.Digest != two.Digest {
		t.Errorf("%s and %s, %v", one.Digest, two.Digest, err)
	}
	if after, _ := json.Marshal(img); !bytes.Equal(before, after) {
		t.Error("the old image was changed")
	}
}

func TestAppendToConfigsOfAllShapes(t *testing.T) {
	cases := []struct{ name, config, want string }{
		{"the least", `{"rootfs":{"diff_ids":[]}}`, ""},
		{"no run config", `{"config":null,"rootfs":{"diff_ids":[]},"history":null}`, ""},
		{"labels of another shape", `{"config":{"Labels":[]},"rootfs":{"diff_ids":[]}}`, ""},
		{"no rootfs", `{}`, "has no rootfs.diff_ids"},
		{"null", `null`, "has no rootfs.diff_ids"},
		{"a rootfs of another shape", `{"rootfs":[]}`, "has no rootfs.diff_ids"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := appendConfig([]byte(c.config), "sha256:x", AppendOptions{Cmd: []string{"x"}})
			if c.want != "" {
				mustSay(t, err, c.want)
			} else if err != nil || !strings.Contains(string(got), `"diff_ids":["sha256:x"]`) || !strings.Contains(string(got), `"Cmd":["x"]`) {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}

func TestAppendChangesTheEntrypointOnRequest(t *testing.T) {
	const config = `{"config":{"Entrypoint":["/old"]},"rootfs":{"diff_ids":[]}}`
	for _, c := range []struct {
		entrypoint []string
		want       string
	}{
		{nil, `"config":{"Entrypoint":["/old"],"Labels":{}}`},
		{[]string{"/new", "-x"}, `"config":{"Entrypoint":["/new","-x"],"Labels":{}}`},
		{[]string{}, `"config":{"Labels":{}}`},
	} {
		got, err := appendConfig([]byte(config), "sha256:x", AppendOptions{Entrypoint: c.entrypoint})
		if err != nil || !strings.Contains(string(got), c.want) {
			t.Errorf("%q: %s, %v", c.entrypoint, got, err)
		}
	}
}
