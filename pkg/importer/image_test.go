package importer

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/bundle"
)

// imageWorld has an index of two platforms that share a layer, and another image.
func imageWorld() *world {
	w := newWorld()
	w.add("quay.io/a/other:1", w.content("other"))
	w.add("quay.io/a/registry:3", w.index(w.content("shared", "one"), w.content("shared", "two")))
	return w
}

func TestWriteImageWritesOneImageAndIndexJSONLast(t *testing.T) {
	b := imageWorld().bundle(t)
	image := b.Manifest.Images[1]
	var one, two bytes.Buffer
	if err := WriteImage(t.Context(), b, image, &one); err != nil {
		t.Fatal(err)
	}
	if err := WriteImage(t.Context(), b, image, &two); err != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Errorf("two are not the same: %v", err)
	}
	r := tar.NewReader(&one)
	var names []string
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if hex, blob := strings.CutPrefix(h.Name, "blobs/sha256/"); blob && digest.FromBytes(raw).Encoded() != hex {
			t.Errorf("%s holds %s", h.Name, digest.FromBytes(raw))
		}
		if h.Name == "index.json" && (!bytes.Contains(raw, []byte(image.Descriptor.Digest)) || bytes.Contains(raw, []byte("other"))) {
			t.Errorf("index.json is %s", raw)
		}
		if h.Name == "oci-layout" && string(raw) != `{"imageLayoutVersion":"1.0.0"}` {
			t.Errorf("oci-layout is %s", raw)
		}
	}
	// index, two image manifests, two configs, three layers
	if len(names) != 8+2 || !slices.Equal(names[8:], []string{"oci-layout", "index.json"}) {
		t.Errorf("the tar holds %q", names)
	}
}

func TestUnpackImageIsThereWhenItIsWhole(t *testing.T) {
	b := imageWorld().bundle(t)
	dir := filepath.Join(t.TempDir(), "image")
	if err := os.MkdirAll(dir+".new/rubbish", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := UnpackImage(t.Context(), b, b.Manifest.Images[1], dir+"/"); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(dir + "/blobs/sha256/*")
	if _, indexErr := os.Stat(dir + "/index.json"); err != nil || indexErr != nil || len(found) != 8 {
		t.Errorf("%v, %v, %q", err, indexErr, found)
	}
	if _, err := os.Stat(dir + ".new"); err == nil {
		t.Error("what was beside it is left")
	}
	if err := UnpackImage(t.Context(), b, b.Manifest.Images[1], dir); err == nil || err.Error() != dir+": is there already" {
		t.Errorf("got %v", err)
	}
}

// A damaged byte ends the stream before index.json, and names the blob.
func TestADamagedImageIsNotWrittenOut(t *testing.T) {
	b := imageWorld().bundle(t)
	layer := digest.FromString("two")
	spoil(t, b, layer)
	var out bytes.Buffer
	err := WriteImage(t.Context(), b, b.Manifest.Images[1], &out)
	var invalid *bundle.InvalidError
	if !errors.As(err, &invalid) || !strings.Contains(err.Error(), layer.Encoded()) || bytes.Contains(out.Bytes(), []byte("index.json")) {
		t.Errorf("got %v", err)
	}
	dir := filepath.Join(t.TempDir(), "image")
	if err := UnpackImage(t.Context(), b, b.Manifest.Images[1], dir); !errors.As(err, &invalid) {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(dir + "*"); left != nil {
		t.Errorf("%q is left", left)
	}
}

func TestWriteImageEndsWithItsContext(t *testing.T) {
	b := imageWorld().bundle(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := WriteImage(ctx, b, b.Manifest.Images[1], io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Of a delta an image is written out as long as nothing of it is left out,
// wherever its index lies.
func TestWriteImageOfADelta(t *testing.T) {
	path, old := partlyWorld("linux/amd64").path(t)
	same := partlyWorld("linux/amd64").delta(t, old, path)
	err := WriteImage(t.Context(), same, same.Manifest.Images[0], io.Discard)
	if err == nil || !strings.HasPrefix(err.Error(), "quay.io/acme/multi:v1: this delta leaves out 3 of its blobs, ") {
		t.Errorf("got %v", err)
	}
	w := newWorld()
	of := func(arch string, layers ...string) ocispec.Descriptor {
		d := w.content(layers...)
		d.Platform = &ocispec.Platform{OS: "linux", Architecture: arch}
		return d
	}
	w.add("quay.io/a/registry:3", w.index(of("amd64", "one"), of("arm64", "two")))
	w.images[0].Platforms = []string{"linux/amd64"}
	path, old = w.path(t)
	w.images[0].Platforms = []string{"linux/arm64"}
	b := w.delta(t, old, path)
	if b.Has(b.Manifest.Images[0].Descriptor.Digest) {
		t.Fatal("the index is in the tar")
	}
	var out bytes.Buffer
	if err := WriteImage(t.Context(), b, b.Manifest.Images[0], &out); err != nil {
		t.Error(err)
	}
	index := b.Manifest.Images[0].Descriptor.Digest
	if !bytes.Contains(out.Bytes(), w.blobs[index]) {
		t.Error("its index is not in it")
	}
}
