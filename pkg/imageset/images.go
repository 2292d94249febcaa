package imageset

import (
	"fmt"
	"regexp"

	"drayage/pkg/manifest"
)

// Image is one image that is asked for by itself.
type Image struct {
	// Name is its reference, with a tag or a digest.
	Name string `yaml:"name"`
	// TargetRepo and TargetTag are the repository, without a host, and the tag
	// under which it stands on the nodes; empty for the usual ones.
	TargetRepo string `yaml:"targetRepo"`
	TargetTag  string `yaml:"targetTag"`
	// Platforms are those that travel of an index; none means all of it.
	Platforms []ImagePlatform `yaml:"platforms"`
}

func (c checker) additional(images []Image) {
	first := map[manifest.Ref]int{}
	places := map[string]int{}
	for i, img := range images {
		path := fmt.Sprintf("mirror.additionalImages[%d]", i)
		c.reference(path+".name", img.Name, first)
		c.imagePlatforms(path+".platforms", img.Platforms)
		c.target(target{path, "targetRepo", img.TargetRepo, img.TargetTag, img.Name}, places)
	}
}

// maxRepository bounds a repository, in bytes, as registries do.
const maxRepository = 255

var repositoryPath = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

var (
	targetRepository = grammar{
		func(s string) bool { return len(s) <= maxRepository && repositoryPath.MatchString(s) },
		"repository without a host: want a-z, 0-9, inner dots, dashes and underscores, and slashes between such parts",
	}
	targetTag = grammar{
		regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`).MatchString,
		"tag: want letters, digits, dots, dashes and underscores, at most 128",
	}
)

// target is where an image shall stand on the nodes.
type target struct {
	path            string // of what has the fields
	repositoryField string // targetRepo
	repository, tag string // either may be empty
	image           string // the reference of what stands there
}

// target checks a target; places holds those that came before it, with their
// lines. Places that nobody names are not looked at: what the usual ones are is
// not known here.
func (c checker) target(t target, places map[string]int) {
	path := t.path + "." + t.repositoryField
	good := c.optional(path, t.repository, targetRepository)
	good = c.optional(t.path+".targetTag", t.tag, targetTag) && good
	if t.tag == "" {
		ref, _ := parseImage(t.image) // an error of it is reported where the image is
		t.tag = ref.Tag
	}
	if !good || t.repository == "" || t.tag == "" {
		return
	}
	place := t.repository + ":" + t.tag
	if line, twice := places[place]; twice {
		c.Wrongf(path, "%s is given twice, first in line %d", place, line)
		return
	}
	places[place] = c.Line(path)
}

// BlockedImage is a kind of images that do not travel, though something else in
// the image set asks for them.
type BlockedImage struct {
	// Name is a regular expression, see [Blocklist].
	Name string `yaml:"name"`
}

// maxPattern bounds a regular expression, in bytes.
const maxPattern = 1024

func (c checker) blocked(images []BlockedImage) {
	first := map[string]int{}
	for i, b := range images {
		path := fmt.Sprintf("mirror.blockedImages[%d].name", i)
		j, twice := first[b.Name]
		switch err := checkPattern(b.Name); {
		case b.Name == "":
			c.Missingf(path, "missing")
		case err != nil:
			c.Wrongf(path, "%w", err)
		case twice:
			c.Wrongf(path, "%.64q, the same as blockedImages[%d]", b.Name, j)
		default:
			first[b.Name] = i
		}
	}
}
