package release

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

const repo = "quay.io/openshift-release-dev/ocp-v4.0-art-dev"

func byDigest(s string) string { return repo + "@" + digest.FromString(s).String() }

// references is an image-references document with these tags, given as JSON.
func references(version string, tags ...string) []byte {
	return []byte(`{"kind":"ImageStream","apiVersion":"image.openshift.io/v1",
		"metadata":{"name":"` + version + `","creationTimestamp":"2023-01-01T00:00:00Z"},
		"spec":{"lookupPolicy":{"local":false},"tags":[` + strings.Join(tags, ",") + `]}}`)
}

func component(name, image string) string {
	return `{"name":"` + name + `","annotations":{"a":"b"},"from":{"kind":"DockerImage","name":"` + image + `"},"generation":2}`
}

func TestParse(t *testing.T) {
	other := `{"name":"hint","from":{"kind":"ImageStreamTag","name":"cli:latest"}}`
	r, err := Parse(references("4.12.0", component("etcd", byDigest("e")), other, `{"name":"bare","from":null}`, `{"name":"none"}`, component("cli", byDigest("c"))))
	if err != nil {
		t.Fatal(err)
	}
	want := &Release{Version: "4.12.0", Components: []Component{
		{"etcd", manifest.Ref{Repository: repo, Digest: digest.FromString("e")}},
		{"cli", manifest.Ref{Repository: repo, Digest: digest.FromString("c")}},
	}}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got %+v", r)
	}
}

func TestParseRefuses(t *testing.T) {
	good := component("etcd", byDigest("e"))
	cases := []struct {
		name     string
		document []byte
		want     string
	}{
		{"no JSON", []byte("<html>"), "invalid character '<' looking for beginning of value"},
		{"nothing", nil, "unexpected end of JSON input"},
		{"another kind", []byte(`{"kind":"List","apiVersion":"v1"}`), `is kind "List" of "v1", want ImageStream of image.openshift.io/v1`},
		{"another version of the kind", []byte(`{"kind":"ImageStream","apiVersion":"v1"}`), `is kind "ImageStream" of "v1", want ImageStream of image.openshift.io/v1`},
		{"a tag", references("4.12.0", component("etcd", repo+":latest")), `component etcd: "` + repo + `:latest" is not by digest alone`},
		{"a tag beside the digest", references("4.12.0", component("etcd", repo+":v1@"+digest.FromString("e").String())),
			`component etcd: "` + repo + ":v1@" + digest.FromString("e").String() + `" is not by digest alone`},
		{"neither", references("4.12.0", component("etcd", repo)), `component etcd: "` + repo + `": has neither a tag nor a digest`},
		{"no reference", references("4.12.0", component("etcd", "")), `component etcd: "": invalid reference format`},
		{"twice", references("4.12.0", good, component("etcd", byDigest("f"))), "component etcd: named twice"},
		{"no name", references("4.12.0", component("", byDigest("e"))), `component name ""`},
		{"a name that is no tag", references("4.12.0", component("a/b", byDigest("e"))), `component name "a/b"`},
		{"a name that steers the terminal", references("4.12.0", component(`\u001b[2J`, byDigest("e"))), `component name "\x1b[2J"`},
		{"no components", references("4.12.0"), "names no component"},
		{"hints only", references("4.12.0", `{"name":"hint","from":{"kind":"ImageStreamTag","name":"cli:latest"}}`), "names no component"},
		{"no version", references("", good), `version ""`},
		{"a version with a path", references("../4.12.0", good), `version "../4.12.0"`},
		{"a version that is no tag", references("4.12.0+1", good), `version "4.12.0+1"`},
		{"a version of two lines", references(`4.12.0\n`, good), `version "4.12.0\n"`},
		{"all that is wrong", references("", component("etcd", repo+":1"), component("a b", byDigest("e"))),
			"version \"\"\ncomponent etcd: \"" + repo + ":1\" is not by digest alone\ncomponent name \"a b\""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Parse(c.document); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// layer is a tar with these files, given as path and content in turn.
func layer(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// image puts an image of these layers, lowest first, into memory.
func image(t *testing.T, arch string, layers ...[]byte) (*oci.Content, ocispec.Descriptor) {
	t.Helper()
	c := oci.NewContent(nil)
	return c, imageIn(t, c, arch, layers...)
}

func imageIn(t *testing.T, c *oci.Content, arch string, layers ...[]byte) ocispec.Descriptor {
	t.Helper()
	add := func(mediaType string, raw []byte) ocispec.Descriptor {
		return ocispec.Descriptor{MediaType: mediaType, Digest: c.AddBlob(raw), Size: int64(len(raw))}
	}
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	m.Config = add(ocispec.MediaTypeImageConfig, []byte(`{"os":"linux","architecture":"`+arch+`"}`))
	for _, l := range layers {
		m.Layers = append(m.Layers, add(ocispec.MediaTypeImageLayer, l))
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return add(m.MediaType, raw)
}

func TestReadTakesTheTopmostReferences(t *testing.T) {
	old := layer(t, "release-manifests/image-references", string(references("4.11.0", component("old", byDigest("o")))))
	top := layer(t, "release-manifests/0000_50_cli.yaml", "kind: X", "release-manifests/image-references", string(references("4.12.0", component("etcd", byDigest("e")))))
	for goarch, tag := range map[string]string{"amd64": "x86_64", "arm64": "aarch64", "ppc64le": "ppc64le", "s390x": "s390x"} {
		c, desc := image(t, goarch, old, top)
		r, err := Read(t.Context(), c, "release:1", oci.Root{Descriptor: desc})
		if err != nil {
			t.Fatal(err)
		}
		if r.Name() != "4.12.0-"+tag || r.Architecture != tag || len(r.Components) != 1 || r.Components[0].Name != "etcd" {
			t.Errorf("%s: got %s: %+v", goarch, r.Name(), r)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	whole := layer(t, "release-manifests/image-references", string(references("4.12.0", component("etcd", byDigest("e")))))
	cases := []struct {
		name, arch string
		layers     [][]byte
		want       string
	}{
		{"an image that is no release", "amd64", [][]byte{layer(t, "usr/bin/tool", "x", "manifests/image-references", "x")},
			"release:1: is no release image: no layer has release-manifests/image-references"},
		{"an image without layers", "amd64", nil,
			"release:1: is no release image: no layer has release-manifests/image-references"},
		{"references that are none", "amd64", [][]byte{layer(t, "release-manifests/image-references", "{}")},
			`release:1: release-manifests/image-references: is kind "" of "", want ImageStream of image.openshift.io/v1`},
		{"empty references", "amd64", [][]byte{layer(t, "release-manifests/image-references", "")},
			"release:1: release-manifests/image-references: unexpected end of JSON input"},
		{"references without end", "amd64", [][]byte{layer(t, "release-manifests/image-references", strings.Repeat(" ", maxReferences+1))}, "more than 16777216 bytes"},
		{"no architecture", "", [][]byte{whole}, `release:1: its config names the architecture ""`},
		{"an architecture that is several", "multi", [][]byte{whole}, `release:1: its config names the architecture "multi"`},
		{"an architecture that is no tag", "x/y", [][]byte{whole}, `release:1: its config names the architecture "x/y"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			content, desc := image(t, c.arch, c.layers...)
			_, err := Read(t.Context(), content, "release:1", oci.Root{Descriptor: desc})
			if err == nil || !strings.HasPrefix(err.Error(), "release:1: ") || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestParseRealRelease(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "fixtures", "release-4.12.0", "release-manifests", "image-references")
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("shared fixtures are not here: " + path)
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if r.Version != "4.12.0" || len(r.Components) != 183 {
		t.Errorf("version %s with %d components, want 4.12.0 with 183", r.Version, len(r.Components))
	}
	for _, c := range r.Components {
		if c.Ref.Repository != repo || c.Ref.Digest == "" {
			t.Errorf("%s: %s", c.Name, c.Ref)
		}
	}
}
