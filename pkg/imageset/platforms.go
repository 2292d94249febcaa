package imageset

import (
	"fmt"
	"regexp"
	"slices"
)

// ImagePlatform is one that of an image for several platforms shall travel.
type ImagePlatform struct {
	// OS is linux, for example.
	OS string `yaml:"os"`
	// Architecture is amd64, for example; it stands for all its variants.
	Architecture string `yaml:"architecture"`
}

// String is os/arch.
func (p ImagePlatform) String() string { return p.OS + "/" + p.Architecture }

// PlatformNames are platforms as os/arch, sorted; none when all shall travel.
func PlatformNames(platforms []ImagePlatform) []string {
	names := each(platforms, ImagePlatform.String)
	slices.Sort(names)
	return names
}

// platformPart is a system or an architecture, as Go names it.
var platformPart = regexp.MustCompile(`^[a-z0-9]{1,32}$`)

func (c checker) imagePlatforms(list string, platforms []ImagePlatform) {
	first := map[ImagePlatform]int{}
	for i, p := range platforms {
		path := fmt.Sprintf("%s[%d]", list, i)
		good := c.platformPart(path+".os", p.OS, "system like linux")
		if !c.platformPart(path+".architecture", p.Architecture, "architecture like amd64") || !good {
			continue
		}
		if j, twice := first[p]; twice {
			c.Wrongf(path, "%s, the same as platforms[%d]", p, j)
			continue
		}
		first[p] = i
	}
}

func (c checker) platformPart(path, s, want string) bool {
	_, ours := tagArchitectures[s]
	arch, inTag := goArchitecture(s)
	switch {
	case s == "":
		c.Missingf(path, "missing")
	case inTag && !ours:
		c.Wrongf(path, "%q is called %s here", s, arch)
	case !platformPart.MatchString(s) || s == "unknown" || s == "multi":
		c.Wrongf(path, "%.64q is no %s", s, want)
	default:
		return true
	}
	return false
}

// releasePlatforms chooses among the images of a multi-architecture release, so
// there has to be one; of a release by its reference that is found out later.
func (c checker) releasePlatforms(p Platform) {
	const list = "mirror.platform.platforms"
	c.imagePlatforms(list, p.Platforms)
	asked := len(p.Architectures) > 0 || p.Release == ""
	if len(p.Platforms) > 0 && asked && !slices.Contains(p.Architectures, "multi") {
		c.Wrongf(list, "chooses among the images of a multi-architecture release: want architectures: [multi], or no platforms")
	}
}
