package main

import (
	"context"
	"errors"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// ourRegistry is where ours puts the registry image at a node, by the site's
// default for it.
const ourRegistry = "registry:v1"

// held asks every node for every image by its name: after a push of a tool that
// keeps names all have to be there. It returns how many have another digest than
// at the source, and all that a node does not have.
func (r runner) held() (changed int, err error) {
	var all []error
	for _, addr := range r.addrs() {
		for i, n := range r.set.images {
			at := strings.TrimPrefix(n.Ref, host+"/")
			if r.t.name == our && i == images {
				at = ourRegistry
			}
			same, err := holds(r.ctx, addr+"/"+at, n.Digest)
			all = append(all, err)
			if err == nil && !same {
				changed++
			}
		}
	}
	return changed, errors.Join(all...)
}

// holds asks a node for an image, and tells whether its digest is this one.
func holds(ctx context.Context, image, digest string) (same bool, err error) {
	ref, err := name.ParseReference(image, name.Insecure)
	if err != nil {
		return false, err
	}
	got, err := remote.Head(ref, remote.WithContext(ctx))
	if err != nil {
		return false, err
	}
	return got.Digest.String() == digest, nil
}
