package bundle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// world is a handful of images in memory: what a plan has found.
type world struct {
	blobs  map[digest.Digest][]byte
	images []manifest.Image
}

func newWorld() *world { return &world{blobs: map[digest.Digest][]byte{}} }

func (w *world) put(mediaType string, raw []byte) ocispec.Descriptor {
	d := described(mediaType, raw)
	w.blobs[d.Digest] = raw
	return d
}

// image adds an additional image.
func (w *world) image(name string, layers ...string) ocispec.Descriptor {
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	m.Config = w.put(ocispec.MediaTypeImageConfig, []byte(`{"os":"linux","architecture":"amd64","name":"`+name+`"}`))
	for _, l := range layers {
		m.Layers = append(m.Layers, w.put(ocispec.MediaTypeImageLayerGzip, []byte(l)))
	}
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	d := w.put(m.MediaType, raw)
	w.images = append(w.images, manifest.Image{Name: name, Role: manifest.RoleAdditional, Descriptor: d})
	return d
}

// small is two images that share a layer. Its bundle has 8 blobs of its own.
func small() *world {
	w := newWorld()
	w.image("quay.io/acme/one:v1", "base layer", "one")
	w.image("quay.io/acme/two:v1", "base layer", strings.Repeat("two", 200))
	return w
}

func (w *world) raw(d ocispec.Descriptor) ([]byte, error) {
	if raw, ok := w.blobs[d.Digest]; ok {
		return raw, nil
	}
	return nil, fmt.Errorf("%s: is not in this world", d.Digest)
}

func (w *world) open(_ context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
	raw, err := w.raw(d)
	return io.NopCloser(bytes.NewReader(raw)), err
}

// list is the world's packing list.
func (w *world) list() *manifest.Manifest {
	m := &manifest.Manifest{FormatVersion: manifest.FormatVersion, Images: slices.Clone(w.images)}
	m.Sort()
	var roots []oci.Root
	m.SetFeatures()
	for i := range m.Images {
		root := oci.Root{Descriptor: m.Images[i].Descriptor, Platforms: m.Images[i].Platforms}
		n, err := oci.ImageBytes(root, w.raw)
		if err != nil {
			panic(err)
		}
		m.Images[i].Bytes = n
		roots = append(roots, root)
	}
	parts, err := oci.Parts(roots, w.raw)
	if err != nil {
		panic(err)
	}
	for _, p := range parts {
		m.Blobs = append(m.Blobs, p.Descriptor)
	}
	return m
}

// write writes the world's bundle into a new folder.
func (w *world) write(t *testing.T) *Written {
	t.Helper()
	written, err := writeTo(t.Context(), w.list(), w.open, filepath.Join(t.TempDir(), "site.tar"), WriteOptions{Checksum: true})
	if err != nil {
		t.Fatal(err)
	}
	return written
}

// forgery is a bundle whose parts need not agree. It starts as the true one.
type forgery struct {
	w      *world
	list   []byte // the packing list
	images []oci.Named
	parts  []ocispec.Descriptor // without the packing list's own
}

func (w *world) forgery(t *testing.T) *forgery {
	t.Helper()
	m := w.list()
	raw, err := manifest.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	f := &forgery{w: w, list: raw, parts: m.Blobs}
	for _, i := range m.Images {
		f.images = append(f.images, oci.Named{Name: i.Name, Descriptor: i.Descriptor})
	}
	return f
}

// write writes the forgery and returns its path.
func (f *forgery) write(t *testing.T) string {
	t.Helper()
	own, artifact, err := packingList(f.list)
	if err != nil {
		t.Fatal(err)
	}
	for d, raw := range own {
		f.w.blobs[d] = raw
	}
	empty := ocispec.DescriptorEmptyJSON
	empty.Data = nil
	parts := append([]ocispec.Descriptor{artifact, empty, described(manifest.MediaType, f.list)}, f.parts...)
	return f.w.tar(t, append(f.images, oci.Named{Name: PackingListName, Descriptor: artifact}), parts)
}

// tar writes any images and parts, in the form of a bundle.
func (w *world) tar(t *testing.T, images []oci.Named, parts []ocispec.Descriptor) string {
	t.Helper()
	l, err := oci.NewLayout(images, parts)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "site.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := l.Write(t.Context(), file, w.open, oci.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

// writeTo writes a bundle in one file.
func writeTo(ctx context.Context, m *manifest.Manifest, open OpenFunc, path string, o WriteOptions) (*Written, error) {
	u, err := Begin(path, VolumeOptions{})
	if err != nil {
		return nil, err
	}
	written, err := u.Write(ctx, m, open, o)
	return written, errors.Join(err, u.Close())
}
