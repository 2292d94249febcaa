package mirror

import (
	"fmt"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
)

// attachmentPlaces are the places of a sigstore attachment: a cluster looks for
// it in the repository in which it found the image, so it stands in each one
// that has the image under this source. Those are the repositories of images
// with just this digest, and of indexes, which may have it among their children:
// the packing list does not say. When neither is there, it is every repository
// of the source. The tag is the source's own.
func attachmentPlaces(img manifest.Image, placed []Placement) ([]Placement, error) {
	ref, err := manifest.ParseRef(img.Name)
	if err != nil {
		return nil, err
	}
	signed, ok := ref.Signed()
	if !ok {
		return nil, fmt.Errorf("tag %q is not sha256-<hex>.sig", ref.Tag)
	}
	var holding, all []string
	for _, p := range placed {
		source, err := manifest.ParseRef(p.Image.Name)
		if err != nil || source.Repository != ref.Repository || p.Image.Role.Ours() {
			continue
		}
		all = append(all, p.Repository)
		if p.Image.Descriptor.Digest == signed || isIndex(p.Image.Descriptor) {
			holding = append(holding, p.Repository)
		}
	}
	if len(holding) == 0 {
		holding = all
	}
	if len(holding) == 0 {
		return nil, fmt.Errorf("no image of %s stands on a node", ref.Repository)
	}
	slices.Sort(holding)
	var places []Placement
	for _, repository := range slices.Compact(holding) {
		p := Placement{Image: img, Repository: repository, Tag: ref.Tag}
		places = append(places, p)
	}
	return places, nil
}

// isIndex tells an image index, or Docker's manifest list, from an image
// manifest. What it does not know may be either.
func isIndex(d ocispec.Descriptor) bool {
	return d.MediaType != ocispec.MediaTypeImageManifest && d.MediaType != dockerManifest
}

const dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
