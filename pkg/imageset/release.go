package imageset

import "drayage/pkg/manifest"

// releaseRepository is where the releases of every channel are published.
const releaseRepository = "quay.io/openshift-release-dev/ocp-release"

// defaultArchitecture is the one that is meant when the image set names none.
const defaultArchitecture = "amd64"

// tagArchitectures maps an architecture to its name in the tag of a release.
var tagArchitectures = map[string]string{
	"amd64":   "x86_64",
	"arm64":   "aarch64",
	"ppc64le": "ppc64le",
	"s390x":   "s390x",
	"multi":   "multi",
}

// goArchitecture is the reverse of tagArchitectures.
func goArchitecture(inTag string) (arch string, known bool) {
	for arch, tag := range tagArchitectures {
		if tag == inTag {
			return arch, true
		}
	}
	return "", false
}

// Architecture is the one that is asked for, amd64 when none is named: amd64,
// arm64, ppc64le, s390x or multi.
func (c *Config) Architecture() string {
	if a := c.Mirror.Platform.Architectures; len(a) > 0 {
		return a[0]
	}
	return defaultArchitecture
}

// ReleaseRef is the release that is asked for and whether one is. For a channel
// it is the tag under which the version is published, <version>-<arch> at
// quay.io/openshift-release-dev/ocp-release; nobody asks here whether it exists.
// It relies on what Decode checks: of a Config that was made otherwise and does
// not pass these checks, it may say that no release is asked for.
func (c *Config) ReleaseRef() (manifest.Ref, bool) {
	p := c.Mirror.Platform
	s := p.Release
	if s == "" && len(p.Channels) > 0 {
		s = releaseRepository + ":" + p.Channels[0].MinVersion + "-" + tagArchitectures[c.Architecture()]
	}
	ref, err := manifest.ParseRef(s) // of "", an error
	return ref, err == nil
}
