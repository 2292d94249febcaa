package bundle

import (
	"context"
	"errors"

	"github.com/opencontainers/go-digest"

	"drayage/internal/progress"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// Report is the result of a verification.
type Report struct {
	Path string `json:"path"`
	// Volumes are the names of the volumes, if it is in volumes.
	Volumes []string      `json:"volumes,omitempty"`
	Root    digest.Digest `json:"root"`
	// RootChecked says that the root was compared with one that was given.
	RootChecked bool `json:"rootChecked"`
	// Images and Blobs count what the packing list lists, 0 when it cannot be
	// read, and what the tar holds.
	Images   int           `json:"images"`
	Blobs    int           `json:"blobs"`
	Bytes    int64         `json:"bytes"`
	Findings []oci.Finding `json:"findings"`
	// Signatures counts the releases' signatures in the packing list, and
	// Unsigned names the releases without. Verify does not judge them: it knows
	// no keys.
	Signatures int      `json:"signatures"`
	Unsigned   []string `json:"unsigned,omitempty"`
	// Omitted are the images that were asked for and do not travel.
	Omitted []manifest.Omission `json:"omitted,omitempty"`
	// Missing and Newer are those of [InvalidError].
	Missing bool `json:"-"`
	Newer   bool `json:"-"`
	// Manifest is the packing list, nil when it cannot be read.
	Manifest *manifest.Manifest `json:"-"`
}

// Verify proves a whole bundle: its form, each blob's size and sha256, that
// every reference leads somewhere and that nothing is there that nothing names.
// What is wrong with the bundle is in the report, whose Root is empty when the
// file is no bundle at all; an error means that it could not be judged: not
// read, or another bundle than was meant ([RootError]). dirs are where volumes
// are looked for, as in [Open].
func Verify(ctx context.Context, path string, root digest.Digest, p progress.Func, dirs ...string) (*Report, error) {
	b, findings, err := open(path, root, dirs)
	if invalid := (*InvalidError)(nil); errors.As(err, &invalid) {
		return &Report{Path: path, Findings: invalid.Findings, Missing: invalid.Missing}, nil
	}
	if err != nil {
		return nil, err
	}
	defer b.Close()
	p.Phase("verify", b.Archive.BlobBytes())
	content, err := b.Archive.Verify(ctx, p)
	if err != nil {
		return nil, err
	}
	if b.Manifest == nil {
		content = b.there(content)
	}
	r := &Report{
		Path: path, Volumes: b.Volumes(), Root: b.Root, RootChecked: root != "", Bytes: b.Size(),
		Findings: merge(findings, b.located(content)), Newer: b.newer,
	}
	if r.Manifest = b.Manifest; r.Manifest != nil {
		r.Signatures, r.Unsigned, r.Omitted = len(b.Manifest.Signatures), b.Manifest.Unsigned, b.Manifest.Omitted
		r.Images = len(b.Manifest.Images)
	}
	r.Blobs, _ = b.Blobs()
	return r, nil
}

// merge puts what is wrong with the form before what is wrong with the content,
// and leaves out of the former what the latter says too, and says better: it
// knows the images.
func merge(form, content []oci.Finding) []oci.Finding {
	known := map[string]bool{}
	for _, f := range content {
		known[f.Entry] = true
	}
	all := []oci.Finding{}
	for _, f := range form {
		if f.Entry == "" || !known[f.Entry] {
			all = append(all, f)
		}
	}
	return append(all, content...)
}
