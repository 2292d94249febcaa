package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// ourRegistry is where ours puts the registry image at a node, by the site's
// default for it.
const ourRegistry = "registry:v1"

// held asks every node for every image by its name: after a push of a tool that
// keeps names and digests, all have to be there. It returns all that are not.
func (r runner) held() error {
	var all []error
	for _, addr := range r.addrs() {
		for i, n := range r.set.images {
			at := strings.TrimPrefix(n.Ref, host+"/")
			if r.t.name == our && i == images {
				at = ourRegistry
			}
			all = append(all, holds(r.ctx, addr+"/"+at, n.Digest))
		}
	}
	return errors.Join(all...)
}

// holds asks a node for one image.
func holds(ctx context.Context, image, digest string) error {
	ref, err := name.ParseReference(image, name.Insecure)
	if err != nil {
		return err
	}
	got, err := remote.Head(ref, remote.WithContext(ctx))
	if err != nil {
		return err
	}
	if got.Digest.String() != digest {
		return fmt.Errorf("%s: has %s, want %s", ref, got.Digest, digest)
	}
	return nil
}
