package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// MaxBytes bounds what all blobs of a bundle have together, in bytes. It keeps
// sums and offsets far from where 64 bits end.
const MaxBytes = 1 << 50

// Validate checks what every reader relies on and returns all it finds, joined:
// features that are known, names that parse, known roles, releases and
// components that make a tag, digests that are sha256, sizes that are not
// negative and add up to at most [MaxBytes], images in order and each once,
// every image's descriptor among the blobs or, of a delta, maybe elsewhere, no blob twice, a record for every
// catalog image, in the order of their names, one for the update graph, sigstore
// attachments of what travels, platforms of indexes only and the feature that
// names them, and omitted images of which none travels. What is free text can be
// printed.
// An image or a catalog is reported with the first thing that is wrong with it.
func (m *Manifest) Validate() error {
	var errs []error
	add := func(format string, a ...any) { errs = append(errs, fmt.Errorf("packing list: "+format, a...)) }
	if m.FormatVersion != FormatVersion {
		add("format version %d, want %d", m.FormatVersion, FormatVersion)
	}
	if err := checkFeatures(m.Features); err != nil {
		errs = append(errs, err)
	}
	blobs := map[digest.Digest]ocispec.Descriptor{}
	for _, b := range m.Blobs {
		if err := checkDescriptor(b); err != nil {
			add("blob %s: %w", shown(b.Digest.String()), err)
		}
		if _, twice := blobs[b.Digest]; twice {
			add("blob %s: listed twice", shown(b.Digest.String()))
		}
		blobs[b.Digest] = b
	}
	if !m.sizesAddUp() {
		add("the blobs have more than %d bytes", int64(MaxBytes))
	}
	for i, img := range m.Images {
		if err := m.checkImage(i, blobs); err != nil {
			add("image %s: %w", shown(img.Name), err)
		}
	}
	for i, c := range m.Catalogs {
		if err := m.checkCatalog(i); err != nil {
			add("catalog %s: %w", shown(c.Name), err)
		}
	}
	errs = append(errs, m.checkDelta()...)
	errs = append(errs, m.checkSignatures()...)
	errs = append(errs, m.checkAttachments(blobs)...)
	errs = append(errs, m.checkGraph()...)
	errs = append(errs, m.checkSparse()...)
	errs = append(errs, m.checkOmissions()...)
	return errors.Join(append(errs, m.checkCatalogNames()...)...)
}

func (m *Manifest) sizesAddUp() bool {
	left := int64(MaxBytes)
	for _, b := range m.Blobs {
		if left -= max(b.Size, 0); left < 0 {
			return false
		}
	}
	return true
}

// checkCatalogNames compares the names under which catalogs are spoken of: by
// their records, their images, and the operator images that came through them.
func (m *Manifest) checkCatalogNames() []error {
	var errs []error
	images, records := map[string]bool{}, map[string]bool{}
	for _, img := range m.Images {
		images[img.Name] = images[img.Name] || img.Role == RoleCatalog
	}
	for _, c := range m.Catalogs {
		records[c.Name] = true
		if !images[c.Name] {
			errs = append(errs, fmt.Errorf("packing list: catalog %s: no image of that name", shown(c.Name)))
		}
	}
	for _, img := range m.Images {
		switch {
		case img.Role == RoleCatalog && !records[img.Name]:
			errs = append(errs, fmt.Errorf("packing list: image %s: catalogs does not say how it was made", shown(img.Name)))
		case img.Catalog != "" && !images[img.Catalog]:
			errs = append(errs, fmt.Errorf("packing list: image %s: names the catalog %s, which is not there", shown(img.Name), shown(img.Catalog)))
		}
	}
	return errs
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
	case img.Role != RoleAdditional && img.Role != RoleCatalog && (img.TargetRepository != "" || img.TargetTag != ""):
		return errors.New("an additional image or a catalog may say where it stands, nothing else does")
	case img.TargetRepository != "" && !repositoryGrammar.MatchString(img.TargetRepository):
		return fmt.Errorf("its target is %q, which is no repository", img.TargetRepository)
	case img.TargetTag != "" && !tagGrammar.MatchString(img.TargetTag):
		return fmt.Errorf("its target's tag is %q, which is none", img.TargetTag)
	case img.Release != "" && !tagGrammar.MatchString(img.releaseTag()):
		return fmt.Errorf("release and component make the tag %q, which is none", img.releaseTag())
	}
	if err := checkImagePlatforms(img); err != nil {
		return err
	}
	return checkImageContent(img, ref, blobs, m.Delta != nil)
}

// tagGrammar is that of the distribution specification.
var tagGrammar = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// repositoryGrammar is that of the distribution specification.
var repositoryGrammar = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

// releaseTag is what tells the images of a release apart on a node.
func (i Image) releaseTag() string {
	if i.Component == "" {
		return i.Release
	}
	return i.Release + "-" + i.Component
}

func checkImageContent(img Image, ref Ref, blobs map[digest.Digest]ocispec.Descriptor, delta bool) error {
	d := img.Descriptor
	b, ok := blobs[d.Digest]
	if !ok && delta { // package bundle looks for it among the documents
		b, ok = d, checkDescriptor(d) == nil
	}
	switch {
	case !ok:
		return fmt.Errorf("its digest %s is not among the blobs", shown(d.Digest.String()))
	case b.Size != d.Size:
		return fmt.Errorf("its size is %d among the images and %d among the blobs", d.Size, b.Size)
	case ref.Digest != "" && ref.Digest != d.Digest && img.Role != RoleCatalog:
		return fmt.Errorf("name and descriptor differ: %s", shown(d.Digest.String()))
	case img.Bytes < d.Size:
		return fmt.Errorf("%d bytes in all, but its own manifest has %d", img.Bytes, d.Size)
	}
	return nil
}

func (m *Manifest) checkCatalog(i int) error {
	c := m.Catalogs[i]
	if i > 0 {
		switch before := m.Catalogs[i-1].Name; cmp.Compare(before, c.Name) {
		case 0:
			return errors.New("listed twice")
		case 1:
			return errors.New("out of order")
		}
	}
	if err := checkDigest(c.Source); err != nil {
		return fmt.Errorf("source %s: %w", shown(c.Source.String()), err)
	}
	if len(c.Platforms) == 0 {
		return errors.New("names no platform")
	}
	if err := checkPlatforms(c.Platforms); err != nil {
		return err
	}
	var texts []string
	for _, p := range c.Packages {
		texts = append(texts, p.Name, p.DefaultChannel)
		for _, ch := range p.Channels {
			texts = append(append(texts, ch.Name), ch.Bundles...)
		}
	}
	for _, s := range texts {
		if !printable(s) {
			return fmt.Errorf("%q cannot be printed", s)
		}
	}
	return nil
}

func checkDescriptor(d ocispec.Descriptor) error {
	if err := checkDigest(d.Digest); err != nil {
		return err
	}
	if d.Size < 0 {
		return fmt.Errorf("size %d", d.Size)
	}
	return nil
}

func checkDigest(d digest.Digest) error {
	if err := d.Validate(); err != nil {
		return err
	}
	if d.Algorithm() != digest.SHA256 {
		return fmt.Errorf("digest algorithm %s, want sha256", d.Algorithm())
	}
	return nil
}

// shown is what an error says for a name that may be anything: quoted where it
// could steer a terminal, make a second line, or not be seen at all.
func shown(s string) string {
	if s == "" || !printable(s) {
		return strconv.Quote(s)
	}
	return s
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
