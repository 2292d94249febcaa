package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// knownFeatures are the ones that this reader can use. None yet.
var knownFeatures = []string{}

// Encode writes the document. The same Manifest gives the same bytes.
func Encode(m *Manifest) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return nil, fmt.Errorf("packing list: %w", err)
	}
	return b.Bytes(), nil
}

// Decode reads a document and validates it. The format version and the features
// are looked at first, so that a newer bundle is refused by what it needs and
// not by the first key that looks odd.
func Decode(b []byte) (*Manifest, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("packing list: %d bytes, at most %d are read", len(b), MaxSize)
	}
	if err := checkVersion(b); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	m := &Manifest{}
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("packing list: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("packing list: something follows the document")
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}

func checkVersion(b []byte) error {
	var head struct {
		FormatVersion int      `json:"formatVersion"`
		Features      []string `json:"features"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return fmt.Errorf("packing list: %w", err)
	}
	if head.FormatVersion != FormatVersion {
		return fmt.Errorf("packing list: format version %d, this program reads %d", head.FormatVersion, FormatVersion)
	}
	for _, f := range head.Features {
		if !slices.Contains(knownFeatures, f) {
			return fmt.Errorf("packing list: needs the feature %q, which this program does not know", f)
		}
	}
	return nil
}

// Validate checks what every reader relies on and returns all it finds, joined:
// names that parse, known roles, digests that are sha256, sizes that are not
// negative, images in order and each once, every image's descriptor among the
// blobs, no blob twice.
func (m *Manifest) Validate() error {
	var errs []error
	add := func(format string, a ...any) { errs = append(errs, fmt.Errorf("packing list: "+format, a...)) }
	if m.FormatVersion != FormatVersion {
		add("format version %d, want %d", m.FormatVersion, FormatVersion)
	}
	blobs := map[digest.Digest]ocispec.Descriptor{}
	for _, b := range m.Blobs {
		if err := checkDescriptor(b); err != nil {
			add("blob %s: %w", b.Digest, err)
		}
		if _, twice := blobs[b.Digest]; twice {
			add("blob %s: listed twice", b.Digest)
		}
		blobs[b.Digest] = b
	}
	catalogs := map[string]bool{}
	for i, img := range m.Images {
		if err := m.checkImage(i, blobs); err != nil {
			add("image %s: %w", img.Name, err)
		}
		if img.Role == RoleCatalog {
			catalogs[img.Name] = true
		}
	}
	for _, c := range m.Catalogs {
		if !catalogs[c.Name] {
			add("catalog %s: no image of that name", c.Name)
		}
	}
	for _, img := range m.Images {
		if img.Catalog != "" && !catalogs[img.Catalog] {
			add("image %s: names the catalog %s, which is not there", img.Name, img.Catalog)
		}
	}
	return errors.Join(errs...)
}

func (m *Manifest) checkImage(i int, blobs map[digest.Digest]ocispec.Descriptor) error {
	img := m.Images[i]
	ref, err := ParseRef(img.Name)
	switch {
	case err != nil:
		return err
	case ref.String() != img.Name:
		return fmt.Errorf("name is not in full, want %s", ref)
	case !slices.Contains(Roles, img.Role):
		return fmt.Errorf("unknown role %q", img.Role)
	case i > 0 && compareImages(m.Images[i-1], img) == 0:
		return errors.New("listed twice")
	case i > 0 && compareImages(m.Images[i-1], img) > 0:
		return errors.New("out of order")
	case (img.Role == RoleRelease || img.Role == RoleComponent) != (img.Release != ""):
		return errors.New("a release and its components say which release they are, nothing else does")
	case (img.Role == RoleComponent) != (img.Component != ""):
		return errors.New("a component says which it is, nothing else does")
	case (img.Role == RoleOperator) != (img.Catalog != ""):
		return errors.New("an operator image says through which catalog it came, nothing else does")
	}
	return checkImageContent(img, ref, blobs)
}

func checkImageContent(img Image, ref Ref, blobs map[digest.Digest]ocispec.Descriptor) error {
	d := img.Descriptor
	b, ok := blobs[d.Digest]
	switch {
	case !ok:
		return fmt.Errorf("its digest %s is not among the blobs", d.Digest)
	case b.Size != d.Size:
		return fmt.Errorf("its size is %d among the images and %d among the blobs", d.Size, b.Size)
	case ref.Digest != "" && ref.Digest != d.Digest && img.Role != RoleCatalog:
		return fmt.Errorf("name and descriptor differ: %s", d.Digest)
	case img.Bytes < d.Size:
		return fmt.Errorf("%d bytes in all, but its own manifest has %d", img.Bytes, d.Size)
	}
	return nil
}

func checkDescriptor(d ocispec.Descriptor) error {
	if err := d.Digest.Validate(); err != nil {
		return err
	}
	if d.Digest.Algorithm() != digest.SHA256 {
		return fmt.Errorf("digest algorithm %s, want sha256", d.Digest.Algorithm())
	}
	if d.Size < 0 {
		return fmt.Errorf("size %d", d.Size)
	}
	return nil
}
