package content

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestReleaseHasTheShapeOfARealOne(t *testing.T) {
	r, err := MakeRelease(ReleaseOptions{Version: "4.10.3", Arch: "arm64", Size: 1000,
		Components: []string{"etcd", operatorComponent, "cli"}, Manifests: []File{{Path: "0000_50_a.yaml", Content: []byte("a: b\n")}}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "quay.io/openshift-release-dev/ocp-release:4.10.3-aarch64"; r.Image.Ref != want {
		t.Errorf("%s, want %s", r.Image.Ref, want)
	}
	img := r.Image.Content.(v1.Image)
	c := configOf(t, img)
	operator := r.Components[1]
	if c.Architecture != "arm64" || c.Config.Labels["io.openshift.release"] != "4.10.3" ||
		c.Config.Labels["io.openshift.release.base-image-digest"] != operator.Digest {
		t.Errorf("architecture %s, labels %v", c.Architecture, c.Config.Labels)
	}
	files := layerFiles(t, img, -1)
	var refs references
	if err := json.Unmarshal([]byte(files["release-manifests/image-references"]), &refs); err != nil {
		t.Fatal(err)
	}
	if refs.Kind != "ImageStream" || refs.APIVersion != "image.openshift.io/v1" || refs.Metadata.Name != "4.10.3" {
		t.Errorf("%+v", refs)
	}
	for i, want := range []string{"cli", operatorComponent, "etcd"} {
		tag, made := refs.Spec.Tags[i], r.Components[i]
		if tag.Name != want || made.Name != want || tag.From.Name != made.Ref || made.Ref != ComponentRepository+"@"+made.Digest {
			t.Errorf("component %d: %s is %s, made %s as %s", i, tag.Name, tag.From.Name, made.Name, made.Ref)
		}
	}
	var metadata struct{ Kind, Version string }
	if err := json.Unmarshal([]byte(files["release-manifests/release-metadata"]), &metadata); err != nil ||
		metadata.Kind != "cincinnati-metadata-v0" || metadata.Version != "4.10.3" {
		t.Errorf("release-metadata: %+v, %v", metadata, err)
	}
	if files["release-manifests/0000_50_a.yaml"] != "a: b\n" {
		t.Errorf("the manifest is missing: %v", files)
	}
}

func TestComponentsShareLayers(t *testing.T) {
	r, err := MakeRelease(ReleaseOptions{Size: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	layers, images := map[v1.Hash]bool{}, 0
	for _, c := range r.Components {
		m, err := c.Content.(v1.Image).Manifest()
		if err != nil {
			t.Fatal(err)
		}
		images++
		for _, l := range m.Layers {
			layers[l.Digest] = true
		}
	}
	if want := 1 + groups + images; len(layers) != want {
		t.Errorf("%d layers, want %d: a base, %d groups, an own one each", len(layers), want, groups)
	}
}

func TestReferencesAreKeptButForTheirDigests(t *testing.T) {
	a, b := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	document := `{"kind": "ImageStream", "apiVersion": "image.openshift.io/v1", "metadata": {"name": "4.99.1"},
 "odd":   1e3, "spec": {"tags": [
  {"name": "one", "from": {"kind": "DockerImage", "name": "quay.io/a/b@` + a + `"}},
  {"name": "same", "from": {"kind": "DockerImage", "name": "example.com/c@` + a + `"}},
  {"name": "none", "from": {"kind": "ImageStreamTag", "name": "x:y"}},
  {"name": "nil"},
  {"name": "two", "from": {"kind": "DockerImage", "name": "quay.io/a/b@` + b + `"}}]}}`
	r, err := MakeRelease(ReleaseOptions{References: []byte(document), Size: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Components) != 3 || r.Components[0].Digest != r.Components[1].Digest || r.Components[0].Digest == r.Components[2].Digest {
		t.Fatalf("%+v", r.Components)
	}
	if got := r.Components[1].Ref; got != "example.com/c@"+r.Components[0].Digest {
		t.Errorf("the second is %s", got)
	}
	want := strings.ReplaceAll(strings.ReplaceAll(document, a, r.Components[0].Digest), b, r.Components[2].Digest)
	if got := layerFiles(t, r.Image.Content.(v1.Image), -1)["release-manifests/image-references"]; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestReferencesThatMakeNoReleaseAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ document, version, want string }{
		"no JSON":         {"{", "", "image-references: unexpected end"},
		"no version":      {"{}", "", "no version"},
		"another version": {`{"metadata":{"name":"4.1.0"}}`, "4.2.0", "version 4.1.0, want 4.2.0"},
		"a tag": {`{"metadata":{"name":"4.1.0"},"spec":{"tags":[{"name":"x","from":{"kind":"DockerImage","name":"a/b:c"}}]}}`, "",
			`x: "a/b:c" has no digest`},
	} {
		_, err := MakeRelease(ReleaseOptions{References: []byte(c.document), Version: c.version})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

func TestTheReal4120Payload(t *testing.T) {
	dir := filepath.Join(fixtures(t), "release-4.12.0", "release-manifests")
	document, err := os.ReadFile(filepath.Join(dir, "image-references"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := MakeRelease(ReleaseOptions{References: document, Size: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Components) != 183 || len(r.Images()) != 184 || r.Image.Ref != ReleaseRepository+":4.12.0-x86_64" {
		t.Errorf("%s: %d components, %d images", r.Image.Ref, len(r.Components), len(r.Images()))
	}
}
