package manifest

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// sparse is whole with an additional image that is an index, of which one
// platform travels.
func sparse(platforms ...string) *Manifest {
	m := whole()
	m.Images[5].Descriptor.MediaType = ocispec.MediaTypeImageIndex
	m.Images[5].Platforms = platforms
	m.SetFeatures()
	return m
}

func TestPlatformsOfAnIndex(t *testing.T) {
	const extra = "packing list: image quay.io/acme/extra:v1: "
	with := func(platforms ...string) *Manifest { return sparse(platforms...) }
	change := func(change func(*Manifest)) *Manifest {
		m := with("linux/amd64")
		change(m)
		return m
	}
	for name, c := range map[string]struct {
		m    *Manifest
		want string
	}{
		"one":                 {with("linux/amd64"), ""},
		"several":             {with("linux/amd64", "linux/arm/v7", "linux/arm64", "windows/amd64"), ""},
		"of Docker":           {change(func(m *Manifest) { m.Images[5].Descriptor.MediaType = dockerList }), ""},
		"duplicates":          {with("linux/amd64", "linux/amd64"), extra + "platform linux/amd64 is listed twice"},
		"unsorted":            {with("linux/arm64", "linux/amd64"), extra + "platforms are out of order"},
		"no architecture":     {with("linux"), extra + `"linux" is no platform like linux/amd64`},
		"empty":               {with(""), extra + `"" is no platform like linux/amd64`},
		"too many parts":      {with("linux/arm/v7/x"), extra + `"linux/arm/v7/x" is no platform like linux/amd64`},
		"steers the terminal": {with("linux/\x1b[2J"), extra + `"linux/\x1b[2J" is no platform like linux/amd64`},
		"two lines":           {with("linux/amd64\n"), extra + `"linux/amd64\n" is no platform like linux/amd64`},
		"endless":             {with("linux/" + strings.Repeat("a", 99)), extra + `"linux/` + strings.Repeat("a", 58) + `" is no platform like linux/amd64`},
		"attestations":        {with("unknown/unknown"), extra + `"unknown/unknown" is no platform like linux/amd64`},
		"a plain image": {change(func(m *Manifest) { m.Images[5].Descriptor.MediaType = ocispec.MediaTypeImageManifest }),
			extra + "names platforms and is no index"},
		"no media type": {change(func(m *Manifest) { m.Images[5].Descriptor.MediaType = "" }), extra + "names platforms and is no index"},
		"a catalog": {change(func(m *Manifest) {
			m.Images[3].Descriptor.MediaType, m.Images[3].Platforms = dockerList, []string{"linux/amd64"}
		}), "packing list: image " + catalogName + ": a pruned catalog is made for its platforms and travels whole"},
		"without the feature": {change(func(m *Manifest) { m.Features = nil }),
			`packing list: an image has platforms, and the feature "sparse-indexes" is not named`},
		"the feature without any": {change(func(m *Manifest) { m.Images[5].Platforms = nil }),
			`packing list: names the feature "sparse-indexes", and no image has platforms`},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := c.m.Validate(); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestPlatformsOfACatalog(t *testing.T) {
	const catalog = "packing list: catalog " + catalogName + ": "
	for want, platforms := range map[string][]string{
		"":                                     {"linux/amd64", "linux/arm64"},
		catalog + "platforms are out of order": {"linux/arm64", "linux/amd64"},
		catalog + "platform linux/amd64 is listed twice":    {"linux/amd64", "linux/amd64"},
		catalog + `"amd64" is no platform like linux/amd64`: {"amd64"},
	} {
		m := whole()
		m.Catalogs[0].Platforms = platforms
		got := ""
		if err := m.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", platforms, got, want)
		}
	}
}

func TestFeaturesFollowTheImages(t *testing.T) {
	m := sparse("linux/amd64")
	if m.SetFeatures(); !slices.Equal(m.Features, []string{FeatureSparseIndexes}) {
		t.Errorf("features %q", m.Features)
	}
	raw := encode(t, m)
	again, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, m) {
		t.Errorf("decoded: %+v", again)
	}
	m.Images[5].Platforms = nil
	if m.SetFeatures(); m.Features != nil {
		t.Errorf("without platforms, features %q", m.Features)
	}
}
