package oci

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Names in a bundle, in the order in which they lie in the tar.
const (
	layoutName = ocispec.ImageLayoutFile
	indexName  = ocispec.ImageIndexFile
	blobPrefix = ocispec.ImageBlobsDir + "/sha256/"
)

const (
	block = 512
	// trailer is the end of a tar: two blocks of zeros.
	trailer = 2 * block
	// MaxIndex bounds a bundle's index.json, in bytes. An entry takes some 350.
	MaxIndex = 32 << 20
	// MaxEntries bounds the entries of a bundle.
	MaxEntries = 1 << 20
	// MaxBundle bounds a bundle, in bytes. No sum of sizes below it overflows.
	MaxBundle = 1 << 50
)

var layoutContent = []byte(`{"imageLayoutVersion":"` + ocispec.ImageLayoutVersion + `"}`)

// Named is an image under the name by which a bundle lists it.
type Named struct {
	Name       string
	Descriptor ocispec.Descriptor
	// Platforms are those that travel of an index; none means that it travels
	// whole. index.json does not say it; the packing list does.
	Platforms []string
}

// Root is the image without its name.
func (n Named) Root() Root { return Root{n.Descriptor, n.Platforms} }

// Entry is one file of the tar.
type Entry struct {
	Name string
	Size int64
	// Header is the offset of the entry's header, Offset that of its content.
	Header, Offset int64
}

// end is the offset after the entry's content and padding.
func (e Entry) end() int64 { return e.Offset + (e.Size+block-1)/block*block }

// Layout is where everything lies in a bundle's tar, known before the first
// blob is fetched.
type Layout struct {
	// Root is the digest of index.json, the one that proves all others.
	Root  digest.Digest
	Index []byte
	// Blobs are the entries of the blobs, in tar order; Parts are their descriptors.
	Blobs []Entry
	Parts []ocispec.Descriptor
	// Size is the size of the whole tar in bytes.
	Size int64
}

// NewLayout lays out a bundle: the images that index.json names and all parts
// in their order. The same arguments give the same bytes.
func NewLayout(images []Named, parts []ocispec.Descriptor) (*Layout, error) {
	index, err := encodeIndex(images)
	if err != nil {
		return nil, err
	}
	l := &Layout{Root: digest.FromBytes(index), Index: index, Parts: parts}
	at := entryAt(entryAt(0, layoutName, int64(len(layoutContent))).end(), indexName, int64(len(index))).end()
	for _, p := range parts {
		if p.Size < 0 || p.Size > MaxBundle-at {
			return nil, fmt.Errorf("%s: %d bytes at offset %d, a bundle has at most %d", p.Digest, p.Size, at, int64(MaxBundle))
		}
		e := entryAt(at, blobName(p.Digest), p.Size)
		l.Blobs = append(l.Blobs, e)
		at = e.end()
	}
	l.Size = at + trailer
	return l, nil
}

func entryAt(at int64, name string, size int64) Entry {
	return Entry{Name: name, Size: size, Header: at, Offset: at + int64(len(header(name, size)))}
}

func blobName(d digest.Digest) string { return blobPrefix + d.Encoded() }

// header is the one header that an entry has in a bundle: a regular file, mode
// 0644, everything else zero. Above 8 GiB it takes a PAX record.
func header(name string, size int64) []byte {
	var b bytes.Buffer
	// It cannot fail: the name is short and of ASCII, the size not negative.
	if err := tar.NewWriter(&b).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644}); err != nil {
		panic(fmt.Sprintf("tar header for %q: %v", name, err))
	}
	return b.Bytes()
}

func encodeIndex(images []Named) ([]byte, error) {
	index := ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{},
	}
	seen := map[string]digest.Digest{}
	for _, i := range images {
		if d, ok := seen[i.Name]; ok {
			if d != i.Descriptor.Digest {
				return nil, fmt.Errorf("%s: stands for both %s and %s", i.Name, d, i.Descriptor.Digest)
			}
			continue
		}
		seen[i.Name] = i.Descriptor.Digest
		d := plain(i.Descriptor)
		d.ArtifactType = i.Descriptor.ArtifactType
		d.Annotations = map[string]string{ocispec.AnnotationRefName: i.Name}
		index.Manifests = append(index.Manifests, d)
	}
	raw, err := json.MarshalIndent(index, "", " ")
	if err == nil && len(raw) > MaxIndex {
		err = fmt.Errorf("index.json: %d bytes, at most %d are read", len(raw), MaxIndex)
	}
	return raw, err
}

// decodeIndex reads index.json. The images come back with an error too when it
// is only the form that is wrong.
func decodeIndex(raw []byte) ([]Named, error) {
	var index ocispec.Index
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, err
	}
	if index.SchemaVersion != 2 {
		return nil, fmt.Errorf("schema version %d, want 2", index.SchemaVersion)
	}
	var images []Named
	for i, d := range index.Manifests {
		if err := checkDescriptor(d); err != nil {
			return nil, fmt.Errorf("manifests[%d]: %w", i, err)
		}
		name := d.Annotations[ocispec.AnnotationRefName]
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, fmt.Errorf("manifests[%d]: has no usable name", i)
		}
		p := plain(d)
		p.ArtifactType = d.ArtifactType
		images = append(images, Named{Name: name, Descriptor: p})
	}
	// Without a root to compare with, this finds a changed byte that changes no meaning.
	if again, err := encodeIndex(images); err != nil || !bytes.Equal(again, raw) {
		return images, errors.New("is not as a bundle's writer makes it")
	}
	return images, nil
}
