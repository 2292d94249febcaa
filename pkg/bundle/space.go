package bundle

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// Space is what takes the space in a bundle, in bytes. Of a delta it is what
// everything would take that it is about.
type Space struct {
	// Own are blobs that one image alone needs, Shared those of several; images
	// with one digest are one image.
	Own    int64       `json:"own"`
	Shared int64       `json:"shared"`
	Roles  []RoleSpace `json:"roles"` // the largest first
}

// RoleSpace is what the images of a role have: Own is needed by no other role.
type RoleSpace struct {
	Role   manifest.Role `json:"role"`
	Own    int64         `json:"own"`
	Shared int64         `json:"shared"`
	Images []ImageSpace  `json:"images"` // the largest first
}

// ImageSpace is what an image has: Own would go with it, Shared would stay.
type ImageSpace struct {
	Image  manifest.Image `json:"-"`
	Name   string         `json:"name"`
	Own    int64          `json:"own"`
	Shared int64          `json:"shared"`
}

// users are those who need a blob.
type users struct {
	size   int64
	images map[digest.Digest]bool
	roles  map[manifest.Role]bool
}

// Space says what takes the space.
func (b *Bundle) Space() (*Space, error) {
	blobs := map[digest.Digest]*users{}
	parts := make([][]digest.Digest, len(b.Manifest.Images))
	for n, i := range b.Manifest.Images {
		root := oci.Root{Descriptor: i.Descriptor, Platforms: i.Platforms}
		err := oci.Walk(root, b.Archive.Manifest, func(l oci.Link) {
			u := blobs[l.Descriptor.Digest]
			if u == nil {
				u = &users{l.Descriptor.Size, map[digest.Digest]bool{}, map[manifest.Role]bool{}}
				blobs[l.Descriptor.Digest] = u
			}
			u.images[i.Descriptor.Digest], u.roles[i.Role] = true, true
			parts[n] = append(parts[n], l.Descriptor.Digest)
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", i.Name, err)
		}
	}
	s := &Space{}
	for _, u := range blobs {
		add(&s.Own, &s.Shared, u.size, len(u.images) == 1)
	}
	for _, role := range manifest.Roles {
		if r := b.roleSpace(role, blobs, parts); len(r.Images) > 0 {
			s.Roles = append(s.Roles, r)
		}
	}
	slices.SortStableFunc(s.Roles, func(a, b RoleSpace) int { return cmp.Compare(b.Own+b.Shared, a.Own+a.Shared) })
	return s, nil
}

func add(own, shared *int64, size int64, alone bool) {
	if alone {
		*own += size
	} else {
		*shared += size
	}
}

func (b *Bundle) roleSpace(role manifest.Role, blobs map[digest.Digest]*users, parts [][]digest.Digest) RoleSpace {
	r := RoleSpace{Role: role}
	counted := map[digest.Digest]bool{}
	for n, i := range b.Manifest.Images {
		if i.Role != role {
			continue
		}
		image := ImageSpace{Image: i, Name: i.Name}
		for _, d := range parts[n] {
			u := blobs[d]
			add(&image.Own, &image.Shared, u.size, len(u.images) == 1)
			if !counted[d] {
				counted[d] = true
				add(&r.Own, &r.Shared, u.size, len(u.roles) == 1)
			}
		}
		r.Images = append(r.Images, image)
	}
	slices.SortStableFunc(r.Images, func(a, b ImageSpace) int { return cmp.Or(cmp.Compare(b.Own, a.Own), cmp.Compare(b.Shared, a.Shared)) })
	return r
}
