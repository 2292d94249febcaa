package manifest

import (
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// FeatureDelta is that of a bundle which leaves out what an earlier one holds.
	FeatureDelta = "delta"
	// DocumentsType is the media type of the blob that says what a delta leaves
	// out, and that holds the image manifests among it.
	DocumentsType = "application/vnd.drayage.documents.v1+json+zstd"
)

// Delta says that a bundle leaves out blobs, and who holds them.
type Delta struct {
	// Bases are the bundles that hold what is left out, sorted by root.
	Bases []Base `json:"bases"`
	// Documents is the first of the blobs: which blobs are left out, and the image
	// indexes and image manifests among what the bases hold.
	Documents ocispec.Descriptor `json:"documents"`
}

// Base is an earlier bundle that a delta builds on.
type Base struct {
	Root digest.Digest `json:"root"`
	// Blobs and Bytes are what is left out because this base holds it; what
	// several bases hold counts for the first.
	Blobs int   `json:"blobs"`
	Bytes int64 `json:"bytes"`
}

// LeftOut is how many blobs a delta leaves out, and their bytes.
func (d *Delta) LeftOut() (blobs int, bytes int64) {
	for _, b := range d.Bases {
		blobs += b.Blobs
		bytes += b.Bytes
	}
	return blobs, bytes
}

// checkDelta compares the feature with what it is about.
func (m *Manifest) checkDelta() []error {
	if says := slices.Contains(m.Features, FeatureDelta); says != (m.Delta != nil) {
		return []error{fmt.Errorf("packing list: a delta has the feature %q and says what it leaves out, nothing else does", FeatureDelta)}
	}
	if m.Delta == nil {
		return nil
	}
	var errs []error
	if len(m.Delta.Bases) == 0 {
		errs = append(errs, fmt.Errorf("packing list: delta: names no base"))
	}
	for i, b := range m.Delta.Bases {
		switch err := checkDigest(b.Root); {
		case err != nil:
			errs = append(errs, fmt.Errorf("packing list: base %s: %w", shown(b.Root.String()), err))
		case i > 0 && m.Delta.Bases[i-1].Root >= b.Root:
			errs = append(errs, fmt.Errorf("packing list: base %s: listed twice or out of order", b.Root))
		case b.Blobs < 0 || b.Bytes < 0 || b.Bytes > MaxBytes:
			errs = append(errs, fmt.Errorf("packing list: base %s: %d blobs of %d bytes", b.Root, b.Blobs, b.Bytes))
		}
	}
	d := m.Delta.Documents
	if len(m.Blobs) == 0 || m.Blobs[0].Digest != d.Digest || m.Blobs[0].Size != d.Size || d.MediaType != DocumentsType || m.Blobs[0].MediaType != d.MediaType {
		errs = append(errs, fmt.Errorf("packing list: delta: its documents are not the first of the blobs"))
	}
	return errs
}
