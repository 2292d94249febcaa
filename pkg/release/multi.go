package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/oci"
)

// MultiArchitecture is what tags and update graphs call a release for several
// architectures.
const MultiArchitecture = "multi"

// maxDifferences bounds what is said about how the images of one release differ.
const maxDifferences = 10

// readMulti reads the images of an index and compares what they say.
func readMulti(ctx context.Context, c *oci.Content, name string, root oci.Root) (*Release, error) {
	if err := oci.CheckPlatforms(root, c.Manifest); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	children, err := multiImages(c, root.Descriptor)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var first *Release
	for _, d := range children {
		if !root.Keeps(oci.Link{Descriptor: d, Kind: oci.KindManifest}) {
			continue
		}
		r, err := readImage(ctx, c, name+": its image for "+platformOf(d), d)
		if err != nil {
			return nil, err
		}
		if r.Platforms[0] != platformOf(d) {
			return nil, fmt.Errorf("%s: its image for %s is one for %s", name, platformOf(d), r.Platforms[0])
		}
		if first == nil {
			first = r
			continue
		}
		if err := sameRelease(name, first, r); err != nil {
			return nil, err
		}
		first.Platforms = append(first.Platforms, r.Platforms[0])
	}
	slices.Sort(first.Platforms)
	first.Architecture = MultiArchitecture
	return first, nil
}

// multiImages are the images of a release's index. There are several, each for
// Linux and an architecture that there are releases for.
func multiImages(c *oci.Content, index ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	raw, err := c.Manifest(index)
	if err != nil {
		return nil, err
	}
	links, err := oci.Links(index.MediaType, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", index.Digest, err)
	}
	var images []ocispec.Descriptor
	seen := map[string]bool{}
	for _, l := range links {
		d := l.Descriptor
		if d.Platform != nil && !oci.KnownPlatform(d.Platform) {
			continue // an attestation
		}
		if err := multiImage(l); err != nil {
			return nil, fmt.Errorf("is no multi-architecture release: %w", err)
		}
		if seen[platformOf(d)] {
			return nil, fmt.Errorf("is no multi-architecture release: it has two images for %s", platformOf(d))
		}
		seen[platformOf(d)] = true
		images = append(images, d)
	}
	if len(images) < 2 {
		return nil, fmt.Errorf("is no multi-architecture release: it is an index of %d image (%s), want several",
			len(images), strings.Join(slices.Sorted(maps.Keys(seen)), ", "))
	}
	return images, nil
}

func multiImage(l oci.Link) error {
	p := l.Descriptor.Platform
	switch {
	case l.Kind != oci.KindManifest:
		return fmt.Errorf("%s in it is no image manifest", l.Descriptor.Digest)
	case p == nil:
		return fmt.Errorf("its image %s has no platform", l.Descriptor.Digest)
	}
	arch, known := GraphArch(p.Architecture)
	if p.OS != "linux" || !known || arch != p.Architecture || arch == MultiArchitecture {
		return fmt.Errorf("it has an image for %.64q, want linux on amd64, arm64, ppc64le and s390x", p.OS+"/"+p.Architecture)
	}
	return nil
}

func platformOf(d ocispec.Descriptor) string { return d.Platform.OS + "/" + d.Platform.Architecture }

// sameRelease is an error that names what differs between two images of one release.
func sameRelease(name string, a, b *Release) error {
	var errs []error
	differ := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: its images for %s and %s differ: "+format, append([]any{name, a.Platforms[0], b.Platforms[0]}, args...)...))
	}
	if a.Version != b.Version {
		differ("version %s and %s", a.Version, b.Version)
	}
	x, y := a.byName(), b.byName()
	for _, c := range slices.Sorted(maps.Keys(x)) {
		switch other, there := y[c]; {
		case !there:
			differ("%s is in the first one only", c)
		case other != x[c]:
			differ("%s is %s and %s", c, x[c], other)
		}
	}
	for _, c := range slices.Sorted(maps.Keys(y)) {
		if _, there := x[c]; !there {
			differ("%s is in the second one only", c)
		}
	}
	if n := len(errs) - maxDifferences; n > 0 {
		errs = append(errs[:maxDifferences], fmt.Errorf("%s: and in %d more ways", name, n))
	}
	return errors.Join(errs...)
}

// byName are the references of the components, as text.
func (r *Release) byName() map[string]string {
	all := map[string]string{}
	for _, c := range r.Components {
		all[c.Name] = c.Ref.String()
	}
	return all
}
