package imageset

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"drayage/internal/strictyaml"
	"drayage/pkg/manifest"
)

// maxReference bounds a reference, in bytes: 255 for host and path, 128 for a
// tag and 71 for a digest come to less.
const maxReference = 512

// check reports everything that is wrong with what the image set says.
func (c *Config) check(d *strictyaml.Document) {
	checkHeader(d, c)
	checkPlatform(d, c.Mirror.Platform)
	checkOperators(d, c.Mirror.Operators)
	checkImages(d, c.Mirror.AdditionalImages)
	p := c.Mirror.Platform
	if p.Release == "" && len(p.Channels) == 0 && len(c.Mirror.Operators) == 0 && len(c.Mirror.AdditionalImages) == 0 {
		d.Missingf("mirror", "asks for nothing: want a platform.release, platform.channels, operators or additionalImages")
	}
}

func checkHeader(d *strictyaml.Document, c *Config) {
	switch {
	case c.APIVersion == "":
		d.Missingf("apiVersion", "missing, want %s", APIVersion)
	case strings.HasPrefix(c.APIVersion, "mirror.openshift.io/v1alpha"):
		d.Wrongf("apiVersion", "%.64q is the format of oc-mirror v1, want %s: convert the file to v2 first", c.APIVersion, APIVersion)
	case c.APIVersion != APIVersion:
		d.Wrongf("apiVersion", "%.64q, want %s", c.APIVersion, APIVersion)
	}
	switch c.Kind {
	case Kind:
	case "":
		d.Missingf("kind", "missing, want %s", Kind)
	default:
		d.Wrongf("kind", "%.64q, want %s", c.Kind, Kind)
	}
}

func checkPlatform(d *strictyaml.Document, p Platform) {
	checkArchitectures(d, p.Architectures)
	if p.Release != "" && len(p.Channels) > 0 {
		d.Wrongf("mirror.platform.channels", "release is given too, want one of the two")
	}
	if p.Release != "" {
		checkRelease(d, p)
	}
	if len(p.Channels) > 1 {
		d.Wrongf("mirror.platform.channels", "not supported yet: %d channels, want one", len(p.Channels))
	}
	for i, ch := range p.Channels {
		checkChannel(d, fmt.Sprintf("mirror.platform.channels[%d]", i), ch)
	}
}

func checkArchitectures(d *strictyaml.Document, archs []string) {
	const path = "mirror.platform.architectures"
	if len(archs) > 1 {
		d.Wrongf(path, "not supported yet: %d architectures, want one, or multi", len(archs))
	}
	for i, a := range archs {
		item := fmt.Sprintf("%s[%d]", path, i)
		if _, ok := tagArchitectures[a]; ok {
			continue
		}
		if goarch, ok := goArchitecture(a); ok {
			d.Wrongf(item, "%q is called %s here", a, goarch)
			continue
		}
		d.Wrongf(item, "%.64q, want amd64, arm64, ppc64le, s390x or multi", a)
	}
}

// checkRelease refuses a release whose tag names another architecture than the
// one that is asked for. A digest, or a tag of one's own, tells nothing.
func checkRelease(d *strictyaml.Document, p Platform) {
	const path = "mirror.platform.release"
	ref, err := parseImage(p.Release)
	if err != nil {
		d.Wrongf(path, "%w", err)
		return
	}
	suffix := ref.Tag[strings.LastIndex(ref.Tag, "-")+1:]
	of, known := goArchitecture(suffix)
	if known && len(p.Architectures) == 1 && p.Architectures[0] != of {
		d.Wrongf(path, "the tag %s is one for %s, but architectures asks for %.64q", ref.Tag, of, p.Architectures[0])
	}
}

// fullVersion is one that the tag of a release can hold.
var fullVersion = regexp.MustCompile(`^(0|[1-9][0-9]{0,4})(\.(0|[1-9][0-9]{0,4})){2}(-[0-9A-Za-z][0-9A-Za-z.-]{0,63})?$`)

func checkChannel(d *strictyaml.Document, path string, ch Channel) {
	if ch.Name == "" {
		d.Missingf(path+".name", "missing")
	}
	if ch.Type != "" && ch.Type != "ocp" {
		d.Wrongf(path+".type", "not supported yet: %.64q, want ocp", ch.Type)
	}
	checkVersion(d, path+".minVersion", ch.MinVersion)
	checkVersion(d, path+".maxVersion", ch.MaxVersion)
	if ch.MinVersion != "" && ch.MaxVersion != "" && ch.MinVersion != ch.MaxVersion {
		d.Wrongf(path+".maxVersion", "not supported yet: a range of versions, want the same as minVersion")
	}
}

func checkVersion(d *strictyaml.Document, path, version string) {
	switch {
	case version == "":
		d.Missingf(path, "missing: a channel without a version is not supported yet: %s", oneVersion)
	case !fullVersion.MatchString(version):
		d.Wrongf(path, "%.64q is no full version like 4.12.0", version)
	}
}

func checkOperators(d *strictyaml.Document, operators []Operator) {
	first := map[manifest.Ref]int{}
	for i, o := range operators {
		path := fmt.Sprintf("mirror.operators[%d]", i)
		checkReference(d, path+".catalog", o.Catalog, first)
		if len(o.Packages) == 0 && !o.Full {
			d.Missingf(path+".packages", "missing: name the packages to keep, or set full: true for the whole catalog")
		}
		checkPackages(d, path, o.Packages)
	}
}

// packageName is narrow enough for a name to stand in a file name or a message.
var packageName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$`)

func checkPackages(d *strictyaml.Document, operator string, packages []Package) {
	seen := map[string]int{}
	for i, p := range packages {
		path := fmt.Sprintf("%s.packages[%d].name", operator, i)
		j, twice := seen[p.Name]
		switch {
		case p.Name == "":
			d.Missingf(path, "missing")
		case !packageName.MatchString(p.Name):
			d.Wrongf(path, "%.64q is no package name: letters, digits and inner dots, dashes and underscores", p.Name)
		case twice:
			d.Wrongf(path, "%.64q, the same as packages[%d]", p.Name, j)
		default:
			seen[p.Name] = i
		}
	}
}

func checkImages(d *strictyaml.Document, images []Image) {
	first := map[manifest.Ref]int{}
	for i, img := range images {
		checkReference(d, fmt.Sprintf("mirror.additionalImages[%d].name", i), img.Name, first)
	}
}

// checkReference checks one reference of a list; first holds those that came
// before it, with their lines.
func checkReference(d *strictyaml.Document, path, s string, first map[manifest.Ref]int) {
	if s == "" {
		d.Missingf(path, "missing")
		return
	}
	ref, err := parseImage(s)
	if err != nil {
		d.Wrongf(path, "%w", err)
		return
	}
	if line, twice := first[ref]; twice {
		d.Wrongf(path, "%s is given twice, first in line %d", ref, line)
		return
	}
	first[ref] = d.Line(path)
}

// parseImage reads the reference of an image in a registry.
func parseImage(s string) (manifest.Ref, error) {
	if len(s) > maxReference {
		return manifest.Ref{}, fmt.Errorf("%d bytes, at most %d make a reference", len(s), maxReference)
	}
	scheme, _, ok := strings.Cut(s, "://")
	switch {
	case ok && scheme == "docker":
		return manifest.Ref{}, errors.New("docker:// is no part of a reference here: leave it out")
	case ok:
		return manifest.Ref{}, fmt.Errorf("%q: the transport %.16q is not supported yet, want an image in a registry", s, scheme)
	}
	return manifest.ParseRef(s)
}
