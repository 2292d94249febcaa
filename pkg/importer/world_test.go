package importer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/bundle"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// world is a handful of images in memory.
type world struct {
	blobs  map[digest.Digest][]byte
	images []manifest.Image
}

func newWorld() *world { return &world{blobs: map[digest.Digest][]byte{}} }

func (w *world) put(mediaType string, raw []byte) ocispec.Descriptor {
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	w.blobs[d.Digest] = raw
	return d
}

func (w *world) document(mediaType string, v any) ocispec.Descriptor {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return w.put(mediaType, raw)
}

// content makes an image of these layers.
func (w *world) content(layers ...string) ocispec.Descriptor {
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	m.Config = w.put(ocispec.MediaTypeImageConfig, []byte(`{"os":"linux","layers":"`+strings.Join(layers, " ")+`"}`))
	for _, l := range layers {
		m.Layers = append(m.Layers, w.put(ocispec.MediaTypeImageLayerGzip, []byte(l)))
	}
	return w.document(m.MediaType, m)
}

func (w *world) index(children ...ocispec.Descriptor) ocispec.Descriptor {
	return w.document(ocispec.MediaTypeImageIndex, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: children,
	})
}

// add lists an image as an additional one: quay.io/a/b:v1 goes to a/b:v1.
func (w *world) add(name string, d ocispec.Descriptor) {
	w.images = append(w.images, manifest.Image{Name: name, Role: manifest.RoleAdditional, Descriptor: d})
}

// component lists an image as one of a release: it goes to ocp4/openshift.
func (w *world) component(name string, d ocispec.Descriptor) {
	w.images = append(w.images, manifest.Image{
		Name: "quay.io/release/parts@" + d.Digest.String(), Role: manifest.RoleComponent, Release: "4.9.0-x86_64", Component: name, Descriptor: d,
	})
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

// bundle writes the world's bundle and opens it.
func (w *world) bundle(t *testing.T) *bundle.Bundle {
	t.Helper()
	m := &manifest.Manifest{FormatVersion: manifest.FormatVersion, Images: slices.Clone(w.images)}
	for _, i := range w.images {
		if i.Role == manifest.RoleCatalog {
			m.Catalogs = append(m.Catalogs, manifest.Catalog{Name: i.Name, Source: i.Descriptor.Digest, Platforms: []string{"linux/amd64"}})
		}
	}
	m.Sort()
	var roots []oci.Root
	m.SetFeatures()
	for i := range m.Images {
		root := oci.Root{Descriptor: m.Images[i].Descriptor, Platforms: m.Images[i].Platforms}
		n, err := oci.ImageBytes(root, w.raw)
		if err != nil {
			t.Fatal(err)
		}
		m.Images[i].Bytes = n
		roots = append(roots, root)
	}
	parts, err := oci.Parts(roots, w.raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		m.Blobs = append(m.Blobs, p.Descriptor)
	}
	written, err := writeBundle(t.Context(), m, w.open, filepath.Join(t.TempDir(), "site.tar"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(written.Path, written.Root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// writeBundle writes a bundle in one file.
func writeBundle(ctx context.Context, m *manifest.Manifest, open bundle.OpenFunc, path string) (*bundle.Written, error) {
	u, err := bundle.Begin(path, bundle.VolumeOptions{})
	if err != nil {
		return nil, err
	}
	written, err := u.Write(ctx, m, open, bundle.WriteOptions{})
	return written, errors.Join(err, u.Close())
}
