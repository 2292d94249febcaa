package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/oci"
)

// sparseWork is what has to be known of a bundle's sparse indexes to ask a
// registry whether it takes such.
type sparseWork struct {
	indexes []manifestWork // by digest, each repository and digest once
	// leftOut are images that do not travel, one for each platform.
	leftOut []ocispec.Descriptor
}

// maxLeftOut bounds the platforms that one question is about. Images have a
// dozen; an index of made-up ones need not be believed.
const maxLeftOut = 256

// note adds an index if some of what it names does not travel.
func (s *sparseWork) note(repo string, root oci.Root, raw []byte, manifest oci.ManifestFunc) error {
	if len(root.Platforms) == 0 {
		return nil
	}
	out, err := oci.LeftOut(root, manifest)
	if err != nil || len(out) == 0 {
		return err
	}
	m := manifestWork{repo: repo, ref: root.Descriptor.Digest.String(), desc: root.Descriptor, raw: raw}
	if !slices.ContainsFunc(s.indexes, func(o manifestWork) bool { return o.repo == m.repo && o.ref == m.ref }) {
		s.indexes = append(s.indexes, m)
	}
	for _, d := range out {
		known := slices.ContainsFunc(s.leftOut, func(o ocispec.Descriptor) bool { return samePlatform(o.Platform, d.Platform) })
		if !known && len(s.leftOut) < maxLeftOut {
			s.leftOut = append(s.leftOut, d)
		}
	}
	return nil
}

// samePlatform looks at what a registry may be told to look at.
func samePlatform(a, b *ocispec.Platform) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.OS == b.OS && a.Architecture == b.Architecture && a.Variant == b.Variant
}

// question is an index that names, for each platform that is left out, an image
// that is nowhere.
func (s *sparseWork) question(mediaType string) ocispec.Index {
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: mediaType}
	for i, out := range s.leftOut {
		nowhere := fmt.Sprintf("drayage asks whether an index may name what is not there, %d", i)
		d := ocispec.Descriptor{MediaType: out.MediaType, Digest: digest.FromString(nowhere), Size: int64(len(nowhere))}
		if p := out.Platform; p != nil {
			d.Platform = &ocispec.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}
		}
		index.Manifests = append(index.Manifests, d)
	}
	return index
}

// probe asks a node whether it takes sparse indexes, before anything is sent. A
// node that has all of them already has answered.
func (p *pusher) probe(ctx context.Context, s sparseWork) error {
	asked := map[string]bool{}
	for _, m := range s.indexes {
		if asked[m.desc.MediaType] {
			continue
		}
		have, err := p.client.ManifestDigest(ctx, p.in(m.repo), m.ref)
		if err != nil {
			return err
		}
		if have == m.desc.Digest {
			continue
		}
		asked[m.desc.MediaType] = true
		if err := p.ask(ctx, m.repo, s.question(m.desc.MediaType)); err != nil {
			return err
		}
	}
	return nil
}

// ask puts an index under its digest, without a tag, and takes it away again,
// where the registry lets us; those that we set up do not. What stays is garbage
// of a few hundred bytes.
func (p *pusher) ask(ctx context.Context, repo string, index ocispec.Index) error {
	raw, err := json.Marshal(index)
	if err != nil {
		return err
	}
	ref := digest.FromBytes(raw).String()
	if err := p.client.PutManifest(ctx, p.in(repo), ref, index.MediaType, raw); err != nil {
		if refusal(err) {
			return &SparseError{err}
		}
		return err
	}
	_ = p.client.DeleteManifest(ctx, p.in(repo), ref) // a courtesy, see above
	return ctx.Err()
}

// refusal tells a registry that does not want this manifest from one that is
// out of order, or does not let us in.
func refusal(err error) bool {
	e := (*oci.HTTPError)(nil)
	if !errors.As(err, &e) || e.Method != http.MethodPut {
		return false
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return e.Status/100 == 4
}

// SparseError is a registry that does not take an index before all that it
// names. Nothing was sent to it.
type SparseError struct{ Err error }

// Error says so, and what the registry said.
func (e *SparseError) Error() string {
	return "refuses indexes of which some platforms are missing, and the bundle has such: " + e.Err.Error()
}

// Unwrap returns the registry's answer.
func (e *SparseError) Unwrap() error { return e.Err }
