package torture

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"context"
	"errors"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/bundle"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// forge makes bundles whose parts need not agree. It starts as a good one, whose
// digests are the same in every run: nothing in it is compressed.
type forge struct {
	layout, index, list []byte
	artifact            []byte
	blobs               []tarEntry // what the packing list lists
	images              []ocispec.Descriptor
}

// tarEntry is an entry of the tar. Without a header it has that of a bundle.
type tarEntry struct {
	name   string
	body   []byte
	header *tar.Header
	raw    []byte // in place of all that
}

func blobEntry(raw []byte) tarEntry {
	return tarEntry{name: "blobs/sha256/" + digest.FromBytes(raw).Encoded(), body: raw}
}

func described(mediaType string, raw []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
}

// content is what images are made of.
type contents map[digest.Digest][]byte

func (c contents) put(mediaType string, raw []byte) ocispec.Descriptor {
	d := described(mediaType, raw)
	c[d.Digest] = raw
	return d
}

// imageOf is an image of these layers.
func (c contents) imageOf(t *testing.T, layers ...string) ocispec.Descriptor {
	t.Helper()
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	m.Config = c.put(ocispec.MediaTypeImageConfig, []byte(`{"os":"linux","architecture":"amd64"}`))
	for _, l := range layers {
		m.Layers = append(m.Layers, c.put(ocispec.MediaTypeImageLayer, []byte(l)))
	}
	return c.put(m.MediaType, marshal(t, m))
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	check(t, err)
	return raw
}

func (c contents) raw(d ocispec.Descriptor) ([]byte, error) { return c[d.Digest], nil }

func (c contents) open(_ context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(c[d.Digest])), nil
}

// listOf is the packing list of additional images, by name.
func (c contents) listOf(t *testing.T, images map[string]ocispec.Descriptor) *manifest.Manifest {
	t.Helper()
	m := &manifest.Manifest{FormatVersion: manifest.FormatVersion}
	for name, d := range images {
		n, err := oci.ImageBytes(oci.Root{Descriptor: d}, c.raw)
		check(t, err)
		m.Images = append(m.Images, manifest.Image{Name: name, Role: manifest.RoleAdditional, Descriptor: d, Bytes: n})
	}
	m.Sort()
	var roots []oci.Root
	for _, i := range m.Images {
		roots = append(roots, oci.Root{Descriptor: i.Descriptor})
	}
	parts, err := oci.Parts(roots, c.raw)
	check(t, err)
	for _, p := range parts {
		m.Blobs = append(m.Blobs, p.Descriptor)
	}
	return m
}

// packed writes a bundle and returns its path.
func (c contents) packed(t *testing.T, m *manifest.Manifest) string {
	t.Helper()
	w, err := writeBundle(t.Context(), m, c.open, filepath.Join(t.TempDir(), "site.tar"))
	check(t, err)
	return w.Path
}

// forgeOf takes a good bundle apart.
func forgeOf(t *testing.T, path string) *forge {
	t.Helper()
	f := &forge{}
	r := tar.NewReader(bytes.NewReader(read(t, path)))
	for n := 0; ; n++ {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		check(t, err)
		body, err := io.ReadAll(r)
		check(t, err)
		switch n {
		case 0:
			f.layout = body
		case 1:
			f.index = body
		case 2:
			f.artifact = body
		case 3: // {}
		case 4:
			f.list = body
		default:
			f.blobs = append(f.blobs, tarEntry{name: h.Name, body: body})
		}
	}
	var index ocispec.Index
	check(t, json.Unmarshal(f.index, &index))
	f.images = index.Manifests[:len(index.Manifests)-1]
	return f
}

// relist makes artifact and index.json anew for the packing list and the images.
func (f *forge) relist(t *testing.T) {
	t.Helper()
	var artifact ocispec.Manifest
	check(t, json.Unmarshal(f.artifact, &artifact))
	artifact.Layers[0] = described(manifest.MediaType, f.list)
	f.artifact = marshal(t, artifact)
	own := described(ocispec.MediaTypeImageManifest, f.artifact)
	own.ArtifactType = manifest.ArtifactType
	own.Annotations = map[string]string{ocispec.AnnotationRefName: bundle.PackingListName}
	f.reindex(t, append(slices.Clone(f.images), own)...)
}

func (f *forge) reindex(t *testing.T, images ...ocispec.Descriptor) {
	t.Helper()
	raw, err := json.MarshalIndent(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: images,
	}, "", " ")
	check(t, err)
	f.index = raw
}

// entries are those of the tar.
func (f *forge) entries() []tarEntry {
	all := []tarEntry{{name: "oci-layout", body: f.layout}, {name: "index.json", body: f.index},
		blobEntry(f.artifact), blobEntry([]byte("{}")), blobEntry(f.list)}
	return append(all, f.blobs...)
}

// tarOf writes entries.
func tarOf(t *testing.T, entries []tarEntry) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, e := range entries {
		if e.raw != nil {
			out.Write(e.raw)
			continue
		}
		h := e.header
		if h == nil {
			h = &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Mode: 0o644}
		}
		h.Size = int64(len(e.body))
		var one bytes.Buffer
		w := tar.NewWriter(&one)
		check(t, w.WriteHeader(h))
		_, err := w.Write(e.body)
		check(t, err)
		check(t, w.Flush())
		out.Write(one.Bytes())
	}
	out.Write(make([]byte, 2*blockSize))
	return out.Bytes()
}

func (f *forge) tar(t *testing.T) []byte { return tarOf(t, f.entries()) }

// rawHeader is a header with fields as they are, and its sum.
func rawHeader(name string, change func(h []byte)) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644})
	h := b.Bytes()[:blockSize]
	change(h)
	copy(h[148:156], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:156], strings.Repeat("0", 6-len(octal(sum)))+octal(sum)+"\x00 ")
	return h
}

func octal(n int) string {
	s := ""
	for ; n > 0; n /= 8 {
		s = string(rune('0'+n%8)) + s
	}
	return s
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
