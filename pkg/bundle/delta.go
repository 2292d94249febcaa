package bundle

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

const (
	// MaxDocuments bounds a delta's documents, unpacked, in bytes. The image
	// manifests of a release have 500 KB.
	MaxDocuments = 64 << 20
	// fillDocuments is how much of that image manifests may take; what is more
	// lies in the tar as ever.
	fillDocuments = MaxDocuments / 4
)

// documents is the blob that makes a delta complete: what is left out, and those
// of the image manifests that the bases hold. They are needed to know what is
// left out for, and as entries of the tar they would take ten times the room.
type documents struct {
	// Manifests are image indexes and image manifests, byte for byte.
	Manifests []string      `json:"manifests"`
	LeftOut   []leftOutList `json:"leftOut"`
	// Elsewhere are images of the bases that stand in other repositories of a node
	// than all images of the delta, one for each such place: what is left out may
	// be there only.
	Elsewhere []manifest.Image `json:"elsewhere,omitempty"`
}

type leftOutList struct {
	Base  digest.Digest        `json:"base"`
	Blobs []ocispec.Descriptor `json:"blobs"`
}

// Thin makes the packing list of a delta: what bases hold is left out of m. The
// documents that come back have to be written as a blob of it. Where no base
// holds anything, m comes back and no documents. The same arguments, the bases in
// any order, give the same bytes.
func Thin(m *manifest.Manifest, raw oci.ManifestFunc, bases []*Base) (*manifest.Manifest, []byte, error) {
	t := &thinning{bases: slices.Clone(bases)}
	slices.SortFunc(t.bases, func(a, b *Base) int { return cmp.Compare(a.Root, b.Root) })
	t.bases = slices.CompactFunc(t.bases, func(a, b *Base) bool { return a.Root == b.Root })
	t.left = make([][]ocispec.Descriptor, len(t.bases))
	for _, d := range m.Blobs {
		if err := t.sort(d, raw); err != nil {
			return nil, nil, err
		}
	}
	if len(t.docs.Manifests) == 0 && len(t.stay) == len(m.Blobs) {
		return m, nil, nil
	}
	return t.manifest(m)
}

// thinning sorts blobs into what stays and what bases hold.
type thinning struct {
	bases []*Base
	left  [][]ocispec.Descriptor // by base
	stay  []ocispec.Descriptor
	docs  documents
	size  int
}

func (t *thinning) sort(d ocispec.Descriptor, raw oci.ManifestFunc) error {
	i := slices.IndexFunc(t.bases, func(b *Base) bool { return b.holds(d) })
	if i < 0 || d.Digest == ocispec.DescriptorEmptyJSON.Digest { // every bundle has {}: see packingList
		t.stay = append(t.stay, d)
		return nil
	}
	if _, ok := oci.KindOf(d.MediaType); !ok {
		t.left[i] = append(t.left[i], d)
		return nil
	}
	text, err := raw(d)
	if err != nil {
		return err
	}
	if !utf8.Valid(text) || t.size+len(text) > fillDocuments {
		t.stay = append(t.stay, d)
		return nil
	}
	t.size += len(text)
	t.docs.Manifests = append(t.docs.Manifests, string(text))
	return nil
}

func (t *thinning) manifest(m *manifest.Manifest) (*manifest.Manifest, []byte, error) {
	delta := &manifest.Delta{}
	for i, b := range t.bases {
		base := manifest.Base{Root: b.Root, Blobs: len(t.left[i])}
		for _, d := range t.left[i] {
			base.Bytes += d.Size
		}
		delta.Bases = append(delta.Bases, base)
		t.docs.LeftOut = append(t.docs.LeftOut, leftOutList{b.Root, t.left[i]})
	}
	t.docs.Elsewhere = t.elsewhere(m)
	packed, err := t.docs.pack()
	if err != nil {
		return nil, nil, err
	}
	delta.Documents = described(manifest.DocumentsType, packed)
	thin := *m
	thin.Delta = delta
	thin.SetFeatures()
	thin.Blobs = append([]ocispec.Descriptor{delta.Documents}, t.stay...)
	return &thin, packed, nil
}

// place is what decides on the repository of an image on a node.
type place struct {
	role                        manifest.Role
	repository, catalog, target string
}

func placeOf(i manifest.Image) place {
	ref, err := manifest.ParseRef(i.Name)
	if err != nil { // the packing list was validated
		return place{}
	}
	return place{i.Role, ref.Repository, i.Catalog, i.TargetRepository}
}

func (t *thinning) elsewhere(m *manifest.Manifest) []manifest.Image {
	seen := map[place]bool{}
	for _, i := range m.Images {
		seen[placeOf(i)] = true
	}
	var images []manifest.Image
	for _, b := range t.bases {
		for _, i := range b.Manifest.Images {
			if p := placeOf(i); i.Role != manifest.RoleSignature && !seen[p] {
				seen[p] = true
				images = append(images, i)
			}
		}
	}
	return images
}

// pack makes zstd of one frame, which the same version of this program repeats
// byte for byte.
func (d *documents) pack() ([]byte, error) {
	raw, err := json.Marshal(d)
	if err == nil && len(raw) > MaxDocuments {
		err = fmt.Errorf("delta: documents of %d bytes, at most %d are read", len(raw), MaxDocuments)
	}
	if err != nil {
		return nil, err
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer w.Close()
	return w.EncodeAll(raw, nil), nil
}

func unpack(packed []byte) (*documents, error) {
	r, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxDocuments+1<<20))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, MaxDocuments+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > MaxDocuments {
		return nil, fmt.Errorf("more than %d bytes", MaxDocuments)
	}
	d := &documents{}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(d); err != nil {
		return nil, err
	}
	return d, nil
}

// complete reads the documents of a delta and checks that what is in the tar,
// what is in the documents and what is left out are together what the images
// consist of, and that nothing is in two of them.
func (b *Bundle) complete() []oci.Finding {
	packed, err := b.ReadBlob(b.Manifest.Delta.Documents, manifest.MaxSize)
	if err != nil {
		return []oci.Finding{{Problem: fmt.Sprintf("delta: documents: %s", err)}}
	}
	docs, err := unpack(packed)
	if err != nil {
		return []oci.Finding{{Entry: blobEntry(b.Manifest.Delta.Documents.Digest), Problem: fmt.Sprintf("delta: documents: %s", err)}}
	}
	c := &completion{b: b, manifests: map[digest.Digest][]byte{}, leftOut: map[digest.Digest]int64{}}
	c.fill(docs)
	b.Elsewhere = docs.Elsewhere
	b.Archive.Complete(c.manifests, c.leftOut)
	c.compare()
	return c.findings
}

func blobEntry(d digest.Digest) string { return "blobs/sha256/" + d.Encoded() }

type completion struct {
	b         *Bundle
	manifests map[digest.Digest][]byte
	leftOut   map[digest.Digest]int64
	findings  []oci.Finding
}

func (c *completion) find(d digest.Digest, problem string) {
	c.findings = append(c.findings, oci.Finding{Entry: blobEntry(d), Problem: problem})
}

// fill takes over what documents hold.
func (c *completion) fill(docs *documents) {
	for _, text := range docs.Manifests {
		d := digest.FromString(text)
		if c.manifests[d] != nil || c.b.Has(d) {
			c.find(d, "is among the documents and elsewhere too")
		}
		c.manifests[d] = []byte(text)
	}
	bases := c.b.Manifest.Delta.Bases
	if len(docs.LeftOut) != len(bases) {
		c.findings = append(c.findings, oci.Finding{Problem: "delta: the packing list names other bases than the documents"})
		return
	}
	for i, l := range docs.LeftOut {
		got := manifest.Base{Root: l.Base, Blobs: len(l.Blobs)}
		for _, d := range l.Blobs {
			c.leave(d)
			got.Bytes += max(0, min(d.Size, oci.MaxBundle))
		}
		if got != bases[i] {
			c.findings = append(c.findings, oci.Finding{Problem: fmt.Sprintf(
				"delta: of base %s the packing list leaves out %d blobs of %d bytes, the documents %d of %d", bases[i].Root, bases[i].Blobs, bases[i].Bytes, got.Blobs, got.Bytes)})
		}
	}
}

func (c *completion) leave(d ocispec.Descriptor) {
	_, twice := c.leftOut[d.Digest]
	switch {
	case d.Digest.Validate() != nil || d.Digest.Algorithm() != digest.SHA256 || d.Size < 0:
		c.findings = append(c.findings, oci.Finding{Problem: fmt.Sprintf("delta: leaves out %.100q, which is no blob", d.Digest)})
		return
	case twice || c.manifests[d.Digest] != nil:
		c.find(d.Digest, "is left out twice")
	case c.b.Has(d.Digest):
		c.find(d.Digest, "is left out and in the bundle")
	}
	c.leftOut[d.Digest] = d.Size
}

// compare walks all images.
func (c *completion) compare() {
	needed := map[digest.Digest]bool{}
	for _, img := range c.b.Images {
		_ = oci.Walk(img.Root(), c.b.Archive.Manifest, func(l oci.Link) { // Verify says what cannot be read
			d := l.Descriptor
			if needed[d.Digest] {
				return
			}
			needed[d.Digest] = true
			size, left := c.leftOut[d.Digest]
			switch {
			case left && size != d.Size:
				c.find(d.Digest, fmt.Sprintf("is left out with %d bytes, an image names it with %d", size, d.Size))
			case !left && c.manifests[d.Digest] == nil && !c.b.Has(d.Digest):
				c.findings = append(c.findings, oci.Finding{Entry: blobEntry(d.Digest), Images: []string{img.Name}, Problem: "is neither in the bundle nor left out"})
			}
		})
	}
	for _, d := range sortedKeys(c.leftOut) {
		if !needed[d] {
			c.find(d, "is left out, and nothing names it")
		}
	}
	for _, d := range sortedKeys(c.manifests) {
		if !needed[d] {
			c.find(d, "is among the documents, and nothing names it")
		}
	}
}
