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

// Architectures are those that are asked for, in the order of the image set; amd64
// alone when none is named. Each is amd64, arm64, ppc64le, s390x or multi, which
// are the names of the update graph too.
func (c *Config) Architectures() []string {
	if a := c.Mirror.Platform.Architectures; len(a) > 0 {
		return a
	}
	return []string{defaultArchitecture}
}

// ReleaseRequest asks for releases of one channel, for one architecture:
//
//	one Version                 that one
//	Full                        every version of the channel; no bounds are given
//	no bounds                   the newest version of the channel
//	bounds                      every version of the channel between them; where
//	                            there is no MinVersion, from the oldest on, and
//	                            where there is no MaxVersion, up to the newest
//	bounds with ShortestPath    those on the shortest path of updates between them
type ReleaseRequest struct {
	Channel      string // stable-4.12
	Architecture string // amd64, arm64, ppc64le, s390x or multi
	MinVersion   string // a full version or empty
	MaxVersion   string // a full version or empty
	ShortestPath bool
	Full         bool
}

// ReleaseRequests is what the image set's channels ask for, in its order and for
// each architecture in turn. There is none for Platform.Release.
func (c *Config) ReleaseRequests() []ReleaseRequest {
	var all []ReleaseRequest
	for _, arch := range c.Architectures() {
		for _, ch := range c.Mirror.Platform.Channels {
			all = append(all, ReleaseRequest{ch.Name, arch, ch.MinVersion, ch.MaxVersion, ch.ShortestPath, ch.Full})
		}
	}
	return all
}

// Version is the one version that the request asks for, and whether it is one.
func (r ReleaseRequest) Version() (version string, one bool) {
	return r.MinVersion, r.MinVersion != "" && r.MinVersion == r.MaxVersion
}

// Image is the tag under which a version is published for the request's
// architecture, <version>-<arch> at quay.io/openshift-release-dev/ocp-release;
// nobody asks here whether it exists. A version that no tag can hold is an error.
func (r ReleaseRequest) Image(version string) (manifest.Ref, error) {
	return manifest.ParseRef(releaseRepository + ":" + version + "-" + tagArchitectures[r.Architecture])
}

// ReleaseRef is the one release that is asked for and whether it is one: the
// Release of the platform or, of the one channel with one version, the
// [ReleaseRequest.Image]. Of an image set that asks for several releases, or for
// such as only the update graph knows, it says no: ReleaseRequests has them.
func (c *Config) ReleaseRef() (manifest.Ref, bool) {
	if s := c.Mirror.Platform.Release; s != "" {
		ref, err := manifest.ParseRef(s)
		return ref, err == nil
	}
	requests := c.ReleaseRequests()
	if len(requests) != 1 {
		return manifest.Ref{}, false
	}
	version, one := requests[0].Version()
	ref, err := requests[0].Image(version)
	return ref, one && err == nil
}
