package manifest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// MaxAttachment bounds all that one sigstore attachment consists of, in bytes.
// A signature has some 300 bytes and its certificates some 10 KiB; an image that
// was signed again and again has a few dozen of them.
const MaxAttachment = 16 << 20

const (
	attachmentPrefix = "sha256-"
	attachmentSuffix = ".sig"
)

// Attachment is the reference under which a repository holds the sigstore
// signatures of one of its images, as cosign names it:
// quay.io/a/b:sha256-<hex>.sig. It wants a sha256 digest.
func Attachment(repository string, signed digest.Digest) Ref {
	return Ref{Repository: repository, Tag: attachmentPrefix + signed.Encoded() + attachmentSuffix}
}

// Signed is the digest that an attachment's tag names. ok is false for a
// reference that is none, or that has a digest of its own.
func (r Ref) Signed() (signed digest.Digest, ok bool) {
	hex, prefix := strings.CutPrefix(r.Tag, attachmentPrefix)
	hex, suffix := strings.CutSuffix(hex, attachmentSuffix)
	if !prefix || !suffix || r.Digest != "" {
		return "", false
	}
	signed = digest.NewDigestFromEncoded(digest.SHA256, hex)
	return signed, signed.Validate() == nil
}

// AttachmentError is a sigstore attachment that cannot travel, or of which the
// source does not say whether it is there.
type AttachmentError struct {
	// Image is what a person calls the image that it is about.
	Image string
	Err   error
}

// Error names the image and the cause.
func (e *AttachmentError) Error() string {
	return e.Image + ": sigstore attachment: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *AttachmentError) Unwrap() error { return e.Err }

// checkAttachments compares attachments with what they are about.
func (m *Manifest) checkAttachments(blobs map[digest.Digest]ocispec.Descriptor) []error {
	repositories := map[string]bool{}
	for _, img := range m.Images {
		if ref, err := ParseRef(img.Name); err == nil && img.Role != RoleSignature && !img.Role.Ours() {
			repositories[ref.Repository] = true
		}
	}
	var errs []error
	for _, img := range m.Images {
		if img.Role != RoleSignature {
			continue
		}
		if err := checkAttachment(img, repositories, blobs, m.Delta != nil); err != nil {
			errs = append(errs, fmt.Errorf("packing list: image %s: %w", shown(img.Name), err))
		}
	}
	return errs
}

func checkAttachment(img Image, repositories map[string]bool, blobs map[digest.Digest]ocispec.Descriptor, delta bool) error {
	ref, err := ParseRef(img.Name)
	if err != nil {
		return nil // said already
	}
	signed, ok := ref.Signed()
	_, there := blobs[signed]
	switch {
	case !ok:
		return errors.New("a sigstore attachment has a tag sha256-<hex>.sig and no digest")
	case !there && !delta:
		return fmt.Errorf("is about %s, which is not among the blobs", signed)
	case !repositories[ref.Repository]:
		return fmt.Errorf("no image of %s travels", ref.Repository)
	case img.Bytes > MaxAttachment:
		return fmt.Errorf("%d bytes, a sigstore attachment has at most %d", img.Bytes, MaxAttachment)
	}
	return CheckAttachmentType(img.Descriptor.MediaType)
}

// CheckAttachmentType refuses what no cluster reads as a sigstore attachment:
// an index, and Docker's kind of image manifest.
func CheckAttachmentType(mediaType string) error {
	if mediaType != ocispec.MediaTypeImageManifest {
		return fmt.Errorf("media type %q, want %s", mediaType, ocispec.MediaTypeImageManifest)
	}
	return nil
}
