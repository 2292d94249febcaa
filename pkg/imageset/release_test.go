package imageset

import (
	"fmt"
	"reflect"
	"testing"
)

func TestReleaseRequests(t *testing.T) {
	c := &Config{Mirror: Mirror{Platform: Platform{
		Architectures: []string{"arm64", "amd64"},
		Channels: []Channel{
			{Name: "stable-4.12", MinVersion: "4.12.30", ShortestPath: true},
			{Name: "eus-4.14", Full: true},
		},
	}}}
	want := []ReleaseRequest{
		{Channel: "stable-4.12", Architecture: "arm64", MinVersion: "4.12.30", ShortestPath: true},
		{Channel: "eus-4.14", Architecture: "arm64", Full: true},
		{Channel: "stable-4.12", Architecture: "amd64", MinVersion: "4.12.30", ShortestPath: true},
		{Channel: "eus-4.14", Architecture: "amd64", Full: true},
	}
	if got := c.ReleaseRequests(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := (&Config{Mirror: Mirror{Platform: Platform{Release: "a:1"}}}).ReleaseRequests(); got != nil {
		t.Errorf("of a release image: %+v", got)
	}
}

func TestRequestForOneVersion(t *testing.T) {
	for _, c := range []struct {
		lo, hi string
		want   bool
	}{
		{"4.12.0", "4.12.0", true},
		{"4.12.0", "4.12.1", false},
		{"4.12.0", "", false},
		{"", "4.12.0", false},
		{"", "", false},
	} {
		v, one := ReleaseRequest{MinVersion: c.lo, MaxVersion: c.hi}.Version()
		if one != c.want || one && v != c.lo {
			t.Errorf("%q to %q: %q, %t", c.lo, c.hi, v, one)
		}
	}
}

func TestRequestedImage(t *testing.T) {
	r := ReleaseRequest{Architecture: "arm64"}
	ref, err := r.Image("4.14.3")
	if want := "quay.io/openshift-release-dev/ocp-release:4.14.3-aarch64"; err != nil || ref.String() != want {
		t.Errorf("%s, %v; want %s", ref, err, want)
	}
	_, err = r.Image("4.14.3 ")
	if want := `"quay.io/openshift-release-dev/ocp-release:4.14.3 -aarch64": invalid reference format`; fmt.Sprint(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A release that only the update graph knows is not one that ReleaseRef knows.
func TestNoReleaseRefOfSeveralReleases(t *testing.T) {
	one := Channel{Name: "a", MinVersion: "4.12.0", MaxVersion: "4.12.0"}
	for name, p := range map[string]Platform{
		"two channels":      {Channels: []Channel{one, {Name: "b", MinVersion: "4.12.0", MaxVersion: "4.12.0"}}},
		"two architectures": {Channels: []Channel{one}, Architectures: []string{"amd64", "arm64"}},
		"a range":           {Channels: []Channel{{Name: "a", MinVersion: "4.12.0", MaxVersion: "4.12.1"}}},
		"from a version on": {Channels: []Channel{{Name: "a", MinVersion: "4.12.0"}}},
		"a whole channel":   {Channels: []Channel{{Name: "a", Full: true}}},
	} {
		if ref, ok := (&Config{Mirror: Mirror{Platform: p}}).ReleaseRef(); ok {
			t.Errorf("%s: %s", name, ref)
		}
	}
}
