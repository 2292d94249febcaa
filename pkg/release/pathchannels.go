package release

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxBetween bounds how many minor versions apart two channels may be for those
// between to be named.
const maxBetween = 32

// minorChannel is a channel's name taken apart: stable-4.12.
type minorChannel struct {
	prefix       string
	major, minor int
}

func parseChannel(name string) (minorChannel, bool) {
	dash := strings.LastIndex(name, "-")
	major, minor, ok := strings.Cut(name[dash+1:], ".")
	x, errX := strconv.ParseUint(major, 10, 16)
	y, errY := strconv.ParseUint(minor, 10, 16)
	if dash < 1 || !ok || errX != nil || errY != nil {
		return minorChannel{}, false
	}
	return minorChannel{name[:dash], int(x), int(y)}, true
}

// Channels names the channels whose graphs requests need: their own, in their
// order, then those of the minor versions between, lowest first, with the prefix
// of the channel below: stable-4.13 for stable-4.12 and stable-4.14. One of the
// latter need not exist (eus-4.13 does not), and then its graph is empty. Across
// major versions none are named.
func Channels(requests []ChannelRequest) []string {
	var names []string
	var channels []minorChannel
	for _, r := range requests {
		names = append(names, r.Name)
		if c, ok := parseChannel(r.Name); ok {
			channels = append(channels, c)
		}
	}
	slices.SortStableFunc(channels, func(a, b minorChannel) int {
		return cmp.Or(cmp.Compare(a.major, b.major), cmp.Compare(a.minor, b.minor))
	})
	for i := 1; i < len(channels); i++ {
		below, above := channels[i-1], channels[i]
		if below.major != above.major || above.minor-below.minor > maxBetween {
			continue
		}
		for minor := below.minor + 1; minor < above.minor; minor++ {
			names = append(names, fmt.Sprintf("%s-%d.%d", below.prefix, below.major, minor))
		}
	}
	return uniq(names)
}

// uniq leaves out what was there before.
func uniq(names []string) []string {
	var kept []string
	for _, n := range names {
		if !slices.Contains(kept, n) {
			kept = append(kept, n)
		}
	}
	return kept
}
