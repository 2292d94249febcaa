// Package bundle is the file that travels: written on the connected side,
// opened and proven on the far one.
//
// A bundle is one tar in OCI image layout. Its index.json lists every image
// under its full source reference and, last, the packing list (package
// manifest) as an OCI artifact. The digest of index.json is the bundle's root:
// it proves everything else. docs/format.md is the law.
//
//	Begin    then Write: packing list + content -> FILE, root, on demand FILE.sha256
//	Open     FILE -> packing list + blobs by offset; refuses what is not whole in form
//	Verify   FILE -> every finding: wrong, missing and superfluous bytes, and whose they are
//	Thin     packing list - bases -> the packing list of a delta
//	Compare  two bundles or packing lists -> what one has and the other has not
//
// FILE may be volumes, byte ranges of the tar in files of their own
// ([Begin]), and what is written to a pipe, and verified or read from one
// ([Stream], [VerifyStream], [OpenPipe]).
package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// PackingListName is the name under which index.json lists the packing list.
const PackingListName = "drayage/packing-list:v1"

// layout lays a bundle out: the packing list first among the blobs, so that a
// bundle is known by its first megabyte, then all that the packing list lists.
func layout(m *manifest.Manifest) (*oci.Layout, map[digest.Digest][]byte, error) {
	list, err := manifest.Encode(m)
	if err != nil {
		return nil, nil, err
	}
	var more []ocispec.Descriptor
	if m.Delta != nil {
		more = append(more, m.Delta.Documents)
	}
	own, artifact, err := packingList(list, more...)
	if err != nil {
		return nil, nil, err
	}
	images := make([]oci.Named, 0, len(m.Images)+1)
	for _, i := range m.Images {
		images = append(images, oci.Named{Name: i.Name, Descriptor: i.Descriptor})
	}
	images = append(images, oci.Named{Name: PackingListName, Descriptor: artifact})
	parts := []ocispec.Descriptor{artifact, ocispec.DescriptorEmptyJSON, described(manifest.MediaType, list)}
	parts[1].Data = nil
	for _, b := range m.Blobs {
		if _, mine := own[b.Digest]; !mine {
			parts = append(parts, b)
		}
	}
	l, err := oci.NewLayout(images, parts)
	return l, own, err
}

// Size is how large the bundle of a packing list is, in bytes.
func Size(m *manifest.Manifest) (int64, error) {
	l, _, err := layout(m)
	if err != nil {
		return 0, err
	}
	return l.Size, nil
}

// packingList wraps the encoded packing list into an artifact manifest: some
// readers fail on an index whose child is a bare blob. more are blobs that are
// part of it.
func packingList(list []byte, more ...ocispec.Descriptor) (own map[digest.Digest][]byte, artifact ocispec.Descriptor, err error) {
	empty := ocispec.DescriptorEmptyJSON
	raw, err := json.Marshal(ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: manifest.ArtifactType,
		Config:       ocispec.Descriptor{MediaType: empty.MediaType, Digest: empty.Digest, Size: empty.Size},
		Layers:       append([]ocispec.Descriptor{described(manifest.MediaType, list)}, more...),
	})
	if err != nil {
		return nil, artifact, err
	}
	artifact = described(ocispec.MediaTypeImageManifest, raw)
	artifact.ArtifactType = manifest.ArtifactType
	own = map[digest.Digest][]byte{artifact.Digest: raw, empty.Digest: empty.Data, digest.FromBytes(list): list}
	return own, artifact, nil
}

func described(mediaType string, raw []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(raw), Size: int64(len(raw))}
}

// Bundle is an open bundle.
type Bundle struct {
	*oci.Archive
	// Manifest is its packing list.
	Manifest *manifest.Manifest
	// Elsewhere are images of a delta's bases that stand where no image of the
	// delta does, one for each such repository. They say where else to look.
	Elsewhere []manifest.Image
	path      string
	files     *volumes
	newer     bool // a newer program wrote it
}

// Close closes the file, or all volumes.
func (b *Bundle) Close() error { return b.files.Close() }

// Volumes are the names of the bundle's volumes without their folders, nil when
// it is one file.
func (b *Bundle) Volumes() []string { return b.files.names() }

// InvalidError is a bundle that is not what it should be.
type InvalidError struct {
	Path     string
	Findings []oci.Finding
	// Missing says that a volume is not there, and was looked for in every folder
	// that was named.
	Missing bool
	// Cut says that it came through a pipe and ended early, and was right so far.
	Cut bool
	// Newer says that a newer program wrote it ([manifest.NewerError]).
	Newer bool
}

// Error is the first finding, and how many there are.
func (e *InvalidError) Error() string {
	s := e.Path + ": " + e.Findings[0].String()
	if n := len(e.Findings) - 1; n > 0 {
		s += fmt.Sprintf(" (and %d more; verify lists them)", n)
	}
	return s
}

// RootError is a bundle that is another than the one that was meant.
type RootError struct {
	Path      string
	Got, Want digest.Digest
}

// Error names both roots.
func (e *RootError) Error() string {
	return fmt.Sprintf("%s: root is %s, want %s", e.Path, e.Got, e.Want)
}

// Open opens a bundle for reading and checks its form: the tar, index.json, the
// packing list, and that the three agree. Blobs are proven when they are read.
// root is the digest that the bundle must have; empty takes any.
//
// A bundle in volumes is named by its first one, FILE.001, or by FILE when there
// is no such file. The others are looked for beside it and in dirs.
func Open(path string, root digest.Digest, dirs ...string) (*Bundle, error) {
	b, findings, err := open(path, root, dirs)
	if err != nil {
		return nil, err
	}
	if len(findings) > 0 {
		b.Close()
		return nil, &InvalidError{Path: path, Findings: findings, Newer: b.newer}
	}
	return b, nil
}

func (b *Bundle) byName() map[string]oci.Entry {
	have := map[string]oci.Entry{}
	for _, e := range b.Entries() {
		have[e.Name] = e
	}
	return have
}

// Damage turns an error that befell the bundle's own content into an
// [InvalidError] that names the blob and the images that need it, and returns
// any other error as it is.
func (b *Bundle) Damage(err error) error {
	var content *oci.ContentError
	var tape *oci.TapeError
	if errors.As(err, &tape) {
		return &InvalidError{Path: b.path, Findings: []oci.Finding{tape.Finding}, Cut: tape.Cut}
	}
	if !errors.As(err, &content) {
		return err
	}
	return &InvalidError{Path: b.path, Findings: b.located([]oci.Finding{{
		Entry:   blobEntry(content.Want.Digest),
		Images:  oci.Owners(b.Images, b.Archive.Manifest)[content.Want.Digest],
		Problem: content.Problem(),
	}})}
}

// open returns a bundle as far as it can be read, and what is wrong with its
// form. Manifest is nil when the packing list cannot be read.
func open(path string, root digest.Digest, dirs []string) (*Bundle, []oci.Finding, error) {
	files, err := gather(path, root, dirs)
	if err != nil {
		return nil, nil, err
	}
	b, findings, err := read(path, files, root)
	if err != nil {
		files.Close()
		return nil, nil, notTheFirst(path, err)
	}
	return b, b.located(findings), nil
}

func read(path string, files *volumes, root digest.Digest) (*Bundle, []oci.Finding, error) {
	a, findings := oci.OpenArchive(files, files.size)
	if a == nil {
		return nil, nil, &InvalidError{Path: path, Findings: findings}
	}
	if root != "" && a.Root != root {
		return nil, nil, &RootError{path, a.Root, root}
	}
	b := &Bundle{Archive: a, path: path, files: files}
	var err error
	b.Manifest, err = b.packingList()
	if err != nil {
		b.newer = errors.As(err, new(*manifest.NewerError))
		return b, append(findings, perLine(err)...), nil
	}
	b.Images = withPlatforms(b.Images, b.Manifest.Images)
	findings = append(findings, b.disagreements()...)
	if b.Manifest.Delta != nil {
		findings = append(findings, b.complete()...)
	}
	return b, findings, nil
}

// perLine makes a finding of each line of an error: a packing list can be wrong
// in many ways at once.
func perLine(err error) []oci.Finding {
	var findings []oci.Finding
	for line := range strings.SplitSeq(err.Error(), "\n") {
		findings = append(findings, oci.Finding{Problem: line})
	}
	return findings
}

// packingList reads the packing list out of its artifact.
func (b *Bundle) packingList() (*manifest.Manifest, error) {
	i := slices.IndexFunc(b.Images, func(n oci.Named) bool { return n.Descriptor.ArtifactType == manifest.ArtifactType })
	if i < 0 {
		return nil, errors.New("packing list: index.json names none")
	}
	if kind := b.Images[i].Descriptor.MediaType; kind != ocispec.MediaTypeImageManifest {
		return nil, fmt.Errorf("packing list: index.json says that it is of media type %q, want %q", kind, ocispec.MediaTypeImageManifest)
	}
	raw, err := b.Archive.Manifest(b.Images[i].Descriptor)
	if err != nil && !errors.As(err, new(*oci.ContentError)) { // nothing is wrong with what is there
		return nil, fmt.Errorf("packing list: as index.json names it: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("packing list: %w", err)
	}
	links, err := oci.Links(b.Images[i].Descriptor.MediaType, raw)
	if err != nil {
		return nil, fmt.Errorf("packing list: %w", err)
	}
	if len(links) < 2 || links[1].Descriptor.MediaType != manifest.MediaType {
		return nil, fmt.Errorf("packing list: its artifact %s does not hold one", b.Images[i].Descriptor.Digest)
	}
	list, err := b.ReadBlob(links[1].Descriptor, manifest.MaxSize)
	if err != nil {
		return nil, fmt.Errorf("packing list: %w", err)
	}
	return manifest.Decode(list)
}

// disagreements compares the tar with the one layout that its packing list
// gives: the same images and the same blobs, in the same places.
func (b *Bundle) disagreements() []oci.Finding {
	l, _, err := layout(b.Manifest)
	if err != nil {
		return perLine(err)
	}
	var findings []oci.Finding
	if l.Root != b.Root {
		findings = append(findings, oci.Finding{Entry: "index.json", Problem: "does not list what the packing list lists"})
	}
	have := b.byName()
	for _, e := range l.Blobs {
		switch got, ok := have[e.Name]; {
		case !ok:
			findings = append(findings, oci.Finding{Entry: e.Name, Problem: "is not in the bundle"})
		case got != e:
			findings = append(findings, oci.Finding{Entry: e.Name,
				Problem: fmt.Sprintf("lies at %d with %d bytes, the packing list puts it at %d with %d", got.Offset, got.Size, e.Offset, e.Size)})
		}
		delete(have, e.Name)
	}
	for _, e := range b.Entries()[notBlobs:] {
		if _, extra := have[e.Name]; extra {
			findings = append(findings, oci.Finding{Entry: e.Name, Problem: "the packing list does not list it"})
			delete(have, e.Name)
		}
	}
	return findings
}
