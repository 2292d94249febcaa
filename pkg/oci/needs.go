package oci

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxNeeds bounds what is kept of who needs what: names of images, for each blob
// those that need it. Four releases with a hundred operators have 20000. A file of
// 40 MB could make it 3e9: each name in index.json for one index of tiny descriptors.
const maxNeeds = 4 << 20

// need is what the images say of one blob.
type need struct {
	desc   ocispec.Descriptor
	images []string
}

// needs walks images and notes who needs what, each blob's images sorted. What
// cannot be followed is left out: whoever reads the blobs finds it there. When
// whole is false it would be more than maxNeeds names, and ends there.
func needs(images []Named, manifest ManifestFunc) (all map[digest.Digest]*need, whole bool) {
	all, left := map[digest.Digest]*need{}, maxNeeds
	for _, same := range byRoot(images) {
		names := make([]string, len(same))
		for i, img := range same {
			names[i] = img.Name
		}
		_ = Walk(same[0].Root(), manifest, func(l Link) {
			if left -= len(names); left < 0 {
				return
			}
			n := all[l.Descriptor.Digest]
			if n == nil {
				n = &need{desc: plain(l.Descriptor)}
				all[l.Descriptor.Digest] = n
			}
			n.images = append(n.images, names...)
		})
		if left < 0 {
			break
		}
	}
	for _, n := range all {
		slices.Sort(n.images)
		n.images = slices.Compact(n.images)
	}
	return all, left >= 0
}

// byRoot puts images together that are one root under several names, in the
// order of the first of each.
func byRoot(images []Named) [][]Named {
	var all [][]Named
	at := map[string]int{}
	for _, img := range images {
		d := img.Descriptor
		key := fmt.Sprintf("%s\n%s\n%d\n%s", d.Digest, d.MediaType, d.Size, strings.Join(img.Platforms, "\n"))
		i, known := at[key]
		if !known {
			i = len(all)
			at[key] = i
			all = append(all, nil)
		}
		all[i] = append(all[i], img)
	}
	return all
}

// Owners tells for every piece of content the names of the images that need it,
// sorted; of images that would take too much memory, as far as it goes.
func Owners(images []Named, manifest ManifestFunc) map[digest.Digest][]string {
	owners := map[digest.Digest][]string{}
	all, _ := needs(images, manifest)
	for d, n := range all {
		owners[d] = n.images
	}
	return owners
}
