package cluster

import (
	"reflect"
	"testing"
)

// A source with both kinds of mirror sets is one entry on the nodes and two rules:
// taken for one, its mirrors for digests would count as mirrors for tags alone.
func TestMirrorsOfOneSourceForDigestsAndForTags(t *testing.T) {
	registries, err := parseRegistries([]byte(`
[[registry]]
location = "quay.io/a"
blocked = true
[[registry.mirror]]
location = "10.0.0.1:5000/a"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "10.0.0.2:5000/a"
pull-from-mirror = "tag-only"
`))
	if err != nil || len(registries) != 1 {
		t.Fatal(registries, err)
	}
	want := []MirrorRule{
		{Source: "quay.io/a", Mirrors: []string{"10.0.0.1:5000/a"}, Policy: neverContactSource},
		{Source: "quay.io/a", Mirrors: []string{"10.0.0.2:5000/a"}, Policy: neverContactSource, Tags: true},
	}
	if got := registries[0].rules(); !reflect.DeepEqual(got, want) {
		t.Errorf("rules %+v, want %+v", got, want)
	}
}
