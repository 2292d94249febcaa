package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// FeatureSparseIndexes says that some index travels without some of the images
// that it names: those of platforms that Image.Platforms does not list.
const FeatureSparseIndexes = "sparse-indexes"

// dockerList is Docker's media type of an index, which the image spec does not name.
const dockerList = "application/vnd.docker.distribution.manifest.list.v2+json"

// platformGrammar is that of os/arch[/variant], as Go and the image spec write them.
var platformGrammar = regexp.MustCompile(`^[a-z0-9]{1,32}/[a-z0-9_]{1,32}(/[a-z0-9._-]{1,32})?$`)

// unknownPlatform is what attestations have in place of a platform.
var unknownPlatform = regexp.MustCompile(`^unknown/|/unknown(/|$)`)

// SetFeatures makes Features name what a reader must know to use the bundle.
func (m *Manifest) SetFeatures() {
	used := map[string]bool{FeatureDelta: m.Delta != nil, FeatureSparseIndexes: m.sparse()}
	var features []string // others may hold the old list
	for _, f := range m.Features {
		if _, judged := used[f]; !judged {
			features = append(features, f)
		}
	}
	for f, is := range used {
		if is {
			features = append(features, f)
		}
	}
	slices.Sort(features)
	m.Features = features
}

func (m *Manifest) sparse() bool {
	return slices.ContainsFunc(m.Images, func(i Image) bool { return len(i.Platforms) > 0 })
}

// checkSparse compares the feature with the images.
func (m *Manifest) checkSparse() []error {
	switch named := slices.Contains(m.Features, FeatureSparseIndexes); {
	case named && !m.sparse():
		return []error{fmt.Errorf("packing list: names the feature %q, and no image has platforms", FeatureSparseIndexes)}
	case !named && m.sparse():
		return []error{fmt.Errorf("packing list: an image has platforms, and the feature %q is not named", FeatureSparseIndexes)}
	}
	return nil
}

func checkImagePlatforms(img Image) error {
	if len(img.Platforms) == 0 {
		return nil
	}
	switch {
	case img.Descriptor.MediaType != ocispec.MediaTypeImageIndex && img.Descriptor.MediaType != dockerList:
		return errors.New("names platforms and is no index")
	case img.Role == RoleCatalog:
		return errors.New("a pruned catalog is made for its platforms and travels whole")
	}
	return checkPlatforms(img.Platforms)
}

// CheckPlatform is an error about what is no os/arch or os/arch/variant.
func CheckPlatform(p string) error {
	if !platformGrammar.MatchString(p) || unknownPlatform.MatchString(p) {
		return fmt.Errorf("%.64q is no platform like linux/amd64", p)
	}
	return nil
}

func checkPlatforms(platforms []string) error {
	for i, p := range platforms {
		if err := CheckPlatform(p); err != nil {
			return err
		}
		switch {
		case i > 0 && platforms[i-1] == p:
			return fmt.Errorf("platform %s is listed twice", p)
		case i > 0 && platforms[i-1] > p:
			return errors.New("platforms are out of order")
		}
	}
	return nil
}
