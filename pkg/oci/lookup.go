package oci

import (
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Lookup is Resolve for a tag that may well not be there. It costs one HEAD at
// each place that does not have it, and nothing is tried again then. found is
// false when the last place, which is the registry itself unless it is blocked,
// says that it has no such tag: what went wrong with a mirror before is settled
// by that. A mirror for digests only is not asked.
func (s *Source) Lookup(ctx context.Context, ref string) (desc ocispec.Descriptor, raw []byte, found bool, err error) {
	places, err := s.places(ref)
	if err != nil {
		return desc, nil, false, err
	}
	var errs []error
	there := false
	for _, p := range places {
		desc, raw, there, err = s.lookupAt(ctx, p)
		if ctx.Err() != nil {
			return desc, nil, false, ctx.Err()
		}
		if there {
			return desc, raw, true, nil
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	if err != nil {
		return ocispec.Descriptor{}, nil, false, fmt.Errorf("%s: %w", ref, joinLine(errs))
	}
	return ocispec.Descriptor{}, nil, false, nil
}

// lookupAt asks one place: whether it has the tag, and then for the manifest, by
// the digest that it named.
func (s *Source) lookupAt(ctx context.Context, p place) (ocispec.Descriptor, []byte, bool, error) {
	d, err := s.client.ManifestDigest(ctx, p.Repository, p.ref)
	if err != nil || d == "" {
		return ocispec.Descriptor{}, nil, false, err
	}
	if d.Algorithm() != digest.SHA256 {
		return ocispec.Descriptor{}, nil, false, fmt.Errorf("%s: digest algorithm %s, want sha256", p.Host, d.Algorithm())
	}
	desc, raw, err := s.client.Manifest(ctx, p.Repository, d.String())
	if err != nil {
		return desc, nil, false, err
	}
	if desc.MediaType, err = manifestType(desc.MediaType, raw); err != nil {
		return desc, nil, false, fmt.Errorf("%s: %w", p.Host, err)
	}
	return desc, raw, true, nil
}

// Lookup asks the source for a tag that may well not be there, and keeps its
// manifest if it is; see [Source.Lookup].
func (c *Content) Lookup(ctx context.Context, ref string) (desc ocispec.Descriptor, found bool, err error) {
	desc, raw, found, err := c.source.Lookup(ctx, ref)
	if found {
		c.AddBlob(raw)
	}
	return desc, found, err
}
