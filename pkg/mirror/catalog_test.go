package mirror

import (
	"slices"
	"strings"
	"testing"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

func catalogs(names ...string) *manifest.Manifest {
	m := &manifest.Manifest{}
	for _, n := range names {
		m.Images = append(m.Images, image(manifest.RoleCatalog, n, digestA))
	}
	return m
}

func TestCatalogIsKnownUnderTheCatalogHost(t *testing.T) {
	got, err := Catalogs(catalogs(redhatIndex), blogSite)
	if err != nil {
		t.Fatal(err)
	}
	c := got[0]
	if c.Name != "redhat-operator-index" || c.Repository != "olm-mirror/redhat-operator-index" ||
		c.Source != "dummyregistry.io:5000/olm-mirror/redhat-operator-index" || c.Image.Name != redhatIndex {
		t.Errorf("got %+v", c)
	}
}

func TestCatalogNames(t *testing.T) {
	long := strings.Repeat("abcdefghi-", 8) // 80 bytes
	for name, c := range map[string]struct {
		sources, want []string
	}{
		"one catalog has its index name": {
			[]string{redhatIndex}, []string{"redhat-operator-index"}},
		"two versions get their tags": {
			[]string{"quay.io/x/index:v4.9", "quay.io/x/index:v4.12", "quay.io/x/other:v4.9"},
			[]string{"index-v4-9", "index-v4-12", "other"}},
		"what is no DNS label becomes one": {
			[]string{"quay.io/x/my.own_index:v1"}, []string{"my-own-index"}},
		"names that become the same label get their tags": {
			[]string{"quay.io/x/my.index:A", "quay.io/x/my-index:b"}, []string{"my-index-a", "my-index-b"}},
		"a long name is cut and does not end in a dash": {
			[]string{"quay.io/x/" + long[:59] + "-abc-d:v1"}, []string{long[:59] + "-abc"}},
		"a long name is cut before its tag": {
			[]string{"quay.io/x/" + long + "x:v4.9", "quay.io/x/" + long + "x:v4.10"},
			[]string{long[:58] + "-v4-9", long[:57] + "-v4-10"}},
		"one image under two sources is one catalog": {
			[]string{"quay.io/x/index:v1", "quay.io/y/index:v1"}, []string{"index", "index"}},
	} {
		t.Run(name, func(t *testing.T) {
			cs, err := Catalogs(catalogs(c.sources...), blogSite)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range cs {
				got = append(got, c.Name)
				if len(c.Name) > 63 {
					t.Errorf("%s: %d bytes", c.Name, len(c.Name))
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestCatalogNamesThatStaySameAreReported(t *testing.T) {
	for name, c := range map[string]struct {
		images []manifest.Image
		want   string
	}{
		"same index name and tag, other image": {
			[]manifest.Image{
				image(manifest.RoleCatalog, "quay.io/x/index:1", digestA),
				image(manifest.RoleCatalog, "quay.io/y/index:1", digestB),
			},
			"catalog name index: two catalogs get it: quay.io/x/index:1 (" + digestA + ") and quay.io/y/index:1 (" + digestB + ")",
		},
		"a tag makes the name of another": {
			catalogs("quay.io/x/index:1", "quay.io/x/index:2", "quay.io/x/index-1:v1").Images,
			"catalog name index-1: two catalogs get it: quay.io/x/index:1 (" + digestA + ") and quay.io/x/index-1:v1 (" + digestA + ")",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Catalogs(&manifest.Manifest{Images: c.images}, blogSite)
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestCatalogNeedsACatalogHost(t *testing.T) {
	s := &site.Site{Repositories: blogRepositories}
	_, err := Rules(catalogs(redhatIndex), s)
	want := "catalog " + redhatIndex + ": the site has no catalogHost, under which the cluster would know it"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
