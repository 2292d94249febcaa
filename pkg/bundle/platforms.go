package bundle

import (
	"slices"

	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// withPlatforms says of the images that index.json lists what the packing list
// says: which platforms of an index travel. What is listed there more than once
// stands in index.json once, and then all travels that any of them wants.
func withPlatforms(images []oci.Named, listed []manifest.Image) []oci.Named {
	whole := map[string]bool{}
	platforms := map[string][]string{}
	for _, i := range listed {
		whole[i.Name] = whole[i.Name] || len(i.Platforms) == 0
		platforms[i.Name] = append(platforms[i.Name], i.Platforms...)
	}
	images = slices.Clone(images)
	for n, i := range images {
		if !whole[i.Name] {
			slices.Sort(platforms[i.Name])
			images[n].Platforms = slices.Compact(platforms[i.Name])
		}
	}
	return images
}

// there leaves out findings about what the tar does not have: without a packing
// list nobody knows which platforms of an index it should have.
func (b *Bundle) there(findings []oci.Finding) []oci.Finding {
	have := b.byName()
	return slices.DeleteFunc(findings, func(f oci.Finding) bool {
		_, ok := have[f.Entry]
		return f.Entry != "" && !ok
	})
}
