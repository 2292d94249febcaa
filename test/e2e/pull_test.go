package e2e

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// pull reads an image from a registry with another client than ours, all of it,
// and proves it.
func pull(ctx context.Context, addr, place, digest string) error {
	ref, err := name.ParseReference(addr+"/"+place, name.Insecure)
	if err != nil {
		return err
	}
	desc, err := remote.Get(ref, remote.WithContext(ctx))
	if err != nil {
		return err
	}
	if desc.Digest.String() != digest {
		return fmt.Errorf("%s is %s, want %s", place, desc.Digest, digest)
	}
	if !desc.MediaType.IsIndex() {
		img, err := desc.Image()
		if err != nil {
			return err
		}
		return whole(img)
	}
	idx, err := desc.ImageIndex()
	if err != nil {
		return err
	}
	m, err := idx.IndexManifest()
	if err != nil {
		return err
	}
	for _, child := range m.Manifests {
		img, err := idx.Image(child.Digest)
		if err != nil {
			return err
		}
		if err := whole(img); err != nil {
			return fmt.Errorf("%s: %w", child.Digest, err)
		}
	}
	return nil
}

// whole reads an image's config and layers. Attestations have no file system to
// validate, so only what every image has is looked at.
func whole(img v1.Image) error { return validate.Image(img, validate.Fast) }
