package main

import (
	"strings"
	"testing"

	"drayage/pkg/cluster"
)

func TestMirrorsAreALineThatCanBeRead(t *testing.T) {
	s := statusSite(t)
	var all []string
	for _, h := range s.MirrorHosts() {
		all = append(all, h+"/a/b")
	}
	for name, c := range map[string]struct {
		rule cluster.MirrorRule
		want []string
	}{
		"on all":          {cluster.MirrorRule{Mirrors: all}, []string{"N of N\ta/b"}},
		"one is missing":  {cluster.MirrorRule{Mirrors: all[1:]}, []string{"M of N\ta/b"}},
		"tags":            {cluster.MirrorRule{Mirrors: all, Tags: true}, []string{"N of N\ta/b, by tag"}},
		"no source":       {cluster.MirrorRule{Mirrors: all, Policy: "NeverContactSource"}, []string{"N of N\ta/b, never the source"}},
		"somebody else's": {cluster.MirrorRule{Mirrors: append([]string{"old.example:5000/x"}, all...)}, []string{"N of N\ta/b, also old.example:5000"}},
		"two places":      {cluster.MirrorRule{Mirrors: []string{all[0], s.MirrorHosts()[0] + "/c"}}, []string{"1 of N\ta/b", "1 of N\tc"}},
	} {
		n := len(all)
		want := strings.NewReplacer("M", string(rune('0'+n-1)), "N", string(rune('0'+n))).Replace(strings.Join(c.want, "\n"))
		if got := strings.Join(mirrorPlaces(s, c.rule), "\n"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestShortImage(t *testing.T) {
	for in, want := range map[string]string{
		"a/b@sha256:0123456789abcdef": "a/b@sha256:0123456789ab...",
		"a/b@sha256:0123":             "a/b@sha256:0123",
		"a/b:tag":                     "a/b:tag",
	} {
		if got := shortImage(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
