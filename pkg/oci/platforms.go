package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Root is an image and how much of it is meant. An index of which only some
// platforms are meant is sparse: it stays as it is, byte for byte, and names
// images that are not there.
type Root struct {
	// Descriptor points at the image manifest or index.
	Descriptor ocispec.Descriptor
	// Platforms are those that are meant of an index, as os/arch, which stands for
	// every variant, or os/arch/variant. None means all that the index names.
	Platforms []string
}

// Keeps says whether something that an index of the root names, or an index
// within it, belongs to the root. Indexes do: they are looked into. With
// Platforms, what has no platform or one that nobody knows (attestations) does not.
func (r Root) Keeps(l Link) bool {
	switch {
	case len(r.Platforms) == 0 || l.Kind == KindIndex:
		return true
	case l.Kind != KindManifest:
		return false
	}
	return l.Descriptor.Platform != nil && matchesAny(*l.Descriptor.Platform, r.Platforms)
}

// keep leaves out what does not belong to the root. Of an image manifest,
// everything does.
func (r Root) keep(parent string, links []Link) []Link {
	if kind, _ := KindOf(parent); kind != KindIndex {
		return links
	}
	return slices.DeleteFunc(links, func(l Link) bool { return !r.Keeps(l) })
}

// MatchPlatform says whether a platform is one of those that os/arch stands for,
// or the one that os/arch/variant is.
func MatchPlatform(p ocispec.Platform, want string) bool {
	return platformString(p) == want || p.OS+"/"+p.Architecture == want
}

func matchesAny(p ocispec.Platform, platforms []string) bool {
	return slices.ContainsFunc(platforms, func(want string) bool { return MatchPlatform(p, want) })
}

func platformString(p ocispec.Platform) string {
	return strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}

// KnownPlatform says whether an index tells what an image is for: an attestation
// has no platform, or unknown/unknown.
func KnownPlatform(p *ocispec.Platform) bool {
	return p != nil && p.OS != "" && p.Architecture != "" && p.OS != "unknown" && p.Architecture != "unknown"
}

// Match compares a root's platforms with those that its index has: found are
// those of root.Platforms that it has an image for, have are all of the index,
// as it writes them, sorted. An image manifest has none. The error is about
// indexes that cannot be read.
func Match(root Root, manifest ManifestFunc) (found, have []string, err error) {
	var known []ocispec.Platform
	err = leaves(root.Descriptor, manifest, func(l Link) {
		if l.Kind == KindManifest && KnownPlatform(l.Descriptor.Platform) {
			known = append(known, *l.Descriptor.Platform)
			have = append(have, platformString(*l.Descriptor.Platform))
		}
	})
	slices.Sort(have)
	for _, want := range root.Platforms {
		if slices.ContainsFunc(known, func(p ocispec.Platform) bool { return MatchPlatform(p, want) }) {
			found = append(found, want)
		}
	}
	return found, slices.Compact(have), err
}

// CheckPlatforms is an error when an index has no image for one of the root's
// platforms; it says which it has.
func CheckPlatforms(root Root, manifest ManifestFunc) error {
	if len(root.Platforms) == 0 {
		return nil
	}
	found, have, err := Match(root, manifest)
	if err != nil {
		return err
	}
	if len(found) == len(root.Platforms) {
		return nil
	}
	missing := slices.DeleteFunc(slices.Clone(root.Platforms), func(p string) bool { return slices.Contains(found, p) })
	return &PlatformError{root.Descriptor, missing, have}
}

// PlatformError is an index without an image for some platforms.
type PlatformError struct {
	Index         ocispec.Descriptor
	Missing, Have []string
}

// Error names the platforms that are missing and those that are there.
func (e *PlatformError) Error() string {
	have := strings.Join(e.Have, ", ")
	if have == "" {
		have = "none"
	}
	return fmt.Sprintf("%s: has no image for %s, only for %s", e.Index.Digest, strings.Join(e.Missing, ", "), printable(have))
}

// LeftOut lists what an index names, or an index within it, and does not belong
// to the root, in the order in which it is named.
func LeftOut(root Root, manifest ManifestFunc) ([]ocispec.Descriptor, error) {
	var out []ocispec.Descriptor
	kept := map[digest.Digest]bool{}
	err := leaves(root.Descriptor, manifest, func(l Link) {
		if root.Keeps(l) {
			kept[l.Descriptor.Digest] = true
		} else {
			out = append(out, l.Descriptor)
		}
	})
	return slices.DeleteFunc(out, func(d ocispec.Descriptor) bool { return kept[d.Digest] }), err
}

// leaves visits what an index and the indexes within it name, other than indexes.
func leaves(index ocispec.Descriptor, manifest ManifestFunc, visit func(Link)) error {
	if kind, ok := KindOf(index.MediaType); !ok || kind != KindIndex {
		return nil
	}
	w := newWalk(Root{Descriptor: index}, manifest, func(l Link) {
		if l.Kind != KindIndex {
			visit(l)
		}
	})
	w.indexesOnly = true
	w.step(Link{index, KindIndex}, 0)
	return errors.Join(w.errs...)
}

// Index makes an index of images and adds it to the content. mediaType is that
// of an index, OCI's or Docker's; children have a platform each, and stand in the
// order of these. The same arguments give the same digest.
func (c *Content) Index(mediaType string, children []ocispec.Descriptor) (ocispec.Descriptor, error) {
	if kind, _ := KindOf(mediaType); kind != KindIndex {
		return ocispec.Descriptor{}, fmt.Errorf("media type %q is not one of an image index", mediaType)
	}
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: mediaType}
	for _, d := range children {
		if d.Platform == nil {
			return ocispec.Descriptor{}, fmt.Errorf("%s: has no platform, by which an index would tell it from others", d.Digest)
		}
		child := plain(d)
		child.Platform = d.Platform
		index.Manifests = append(index.Manifests, child)
	}
	slices.SortStableFunc(index.Manifests, func(a, b ocispec.Descriptor) int {
		return strings.Compare(platformString(*a.Platform), platformString(*b.Platform))
	})
	raw, err := json.Marshal(index)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	c.AddBlob(raw)
	return described(mediaType, raw), nil
}
