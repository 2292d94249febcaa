package imageset

import (
	"fmt"
	"regexp"
	"strings"
)

// Platform asks for an OpenShift release, by Release or by Channels.
type Platform struct {
	// Architectures holds amd64, arm64, ppc64le, s390x and multi, each at most once.
	Architectures []string  `yaml:"architectures"`
	Channels      []Channel `yaml:"channels"`
	// Platforms are those that travel of multi-architecture releases; none means all.
	Platforms []ImagePlatform `yaml:"platforms"`
	// Release is the reference of a release image, with a tag or a digest. There
	// are no Channels then.
	Release string `yaml:"release"`
	// Graph asks for the data of the update service.
	Graph bool `yaml:"graph"`
}

// Channel asks for releases of an update channel. [Config.ReleaseRequests] tells
// what its fields mean together.
type Channel struct {
	// Name is stable-4.12, for example.
	Name string `yaml:"name"`
	// MinVersion and MaxVersion are full versions, 4.12.0, or empty.
	MinVersion string `yaml:"minVersion"`
	MaxVersion string `yaml:"maxVersion"`
	// Type is ocp or empty, which means the same.
	Type string `yaml:"type"`
	// ShortestPath and Full are never both set.
	ShortestPath bool `yaml:"shortestPath"`
	Full         bool `yaml:"full"`
}

// updateChannel is narrow enough for a name to stand in a URL.
var updateChannel = grammar{
	regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`).MatchString,
	"channel name like stable-4.12",
}

func (c checker) platform(p Platform) {
	c.architectures(p.Architectures)
	c.releasePlatforms(p)
	if p.Release != "" && len(p.Channels) > 0 {
		c.Wrongf("mirror.platform.channels", "release is given too, want one of the two")
	}
	if p.Release != "" {
		c.release(p)
	}
	c.channels(p.Channels)
}

func (c checker) architectures(archs []string) {
	const list = "mirror.platform.architectures"
	first := map[string]int{}
	for i, a := range archs {
		path := fmt.Sprintf("%s[%d]", list, i)
		_, known := tagArchitectures[a]
		j, twice := first[a]
		switch goarch, inTag := goArchitecture(a); {
		case twice:
			c.Wrongf(path, "%q, the same as architectures[%d]", a, j)
		case known:
			first[a] = i
		case inTag:
			c.Wrongf(path, "%q is called %s here", a, goarch)
		default:
			c.Wrongf(path, "%.64q, want amd64, arm64, ppc64le, s390x or multi", a)
		}
	}
}

// release refuses a release whose tag names another architecture than the one
// that is asked for. A digest, or a tag of one's own, tells nothing.
func (c checker) release(p Platform) {
	const path = "mirror.platform.release"
	ref, err := parseImage(p.Release)
	if err != nil {
		c.Wrongf(path, "%w", err)
		return
	}
	if len(p.Architectures) > 1 {
		c.Wrongf(path, "is one image, but architectures asks for %d: want one architecture, or channels", len(p.Architectures))
		return
	}
	suffix := ref.Tag[strings.LastIndex(ref.Tag, "-")+1:]
	of, known := goArchitecture(suffix)
	if known && len(p.Architectures) == 1 && p.Architectures[0] != of {
		c.Wrongf(path, "the tag %s is one for %s, but architectures asks for %.64q", ref.Tag, of, p.Architectures[0])
	}
}

func (c checker) channels(channels []Channel) {
	const list = "mirror.platform.channels"
	c.names(list, ".name", updateChannel, each(channels, func(ch Channel) string { return ch.Name }))
	for i, ch := range channels {
		c.channel(fmt.Sprintf("%s[%d]", list, i), ch)
	}
}

func (c checker) channel(path string, ch Channel) {
	reason, refused := c.notYet[okdChannel]
	switch {
	case ch.Type == "" || ch.Type == "ocp":
	case ch.Type != "okd":
		c.Wrongf(path+".type", "%.64q, want ocp", ch.Type)
	case refused:
		c.Wrongf(path+".type", "not supported yet: %q, %s", ch.Type, reason)
	}
	if ch.ShortestPath && ch.Full {
		c.Wrongf(path+".shortestPath", "full is given too, want one of the two")
	}
	c.bounds(path, ch.MinVersion, ch.MaxVersion, releaseVersions)
	if ch.Full {
		c.noBounds(path, ch.MinVersion, ch.MaxVersion, "full: true asks for every version of the channel, want one of the two")
	}
}
