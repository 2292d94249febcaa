package mirror

import (
	"testing"

	"drayage/pkg/manifest"
)

// targeted is a catalog that the image set wants somewhere else.
func targeted(name, repository, tag string) manifest.Image {
	img := image(manifest.RoleCatalog, name, digestA)
	img.TargetRepository, img.TargetTag = repository, tag
	return img
}

func TestACatalogStandsAndIsCalledAsTheImageSetSays(t *testing.T) {
	for name, c := range map[string]struct {
		images []manifest.Image
		want   []string // place, name and source of each
	}{
		"repository": {
			[]manifest.Image{targeted(redhatIndex, "site/my_index", "")},
			[]string{"site/my_index:v4.9 my-index dummyregistry.io:5000/site/my_index"}},
		"tag": {
			[]manifest.Image{targeted(redhatIndex, "", "june")},
			[]string{"olm-mirror/redhat-operator-index:june redhat-operator-index dummyregistry.io:5000/olm-mirror/redhat-operator-index"}},
		"two of one index": {
			[]manifest.Image{targeted(redhatIndex, "site/storage", ""), targeted(redhatIndex+"@"+digestB, "site/network", "")},
			[]string{"site/storage:v4.9 storage dummyregistry.io:5000/site/storage", "site/network:v4.9 network dummyregistry.io:5000/site/network"}},
		"two in one repository get their tags": {
			[]manifest.Image{targeted(redhatIndex, "site/index", "a"), targeted("quay.io/x/index:v1", "site/index", "b")},
			[]string{"site/index:a index-a dummyregistry.io:5000/site/index", "site/index:b index-b dummyregistry.io:5000/site/index"}},
		"another index gets the name of this one": {
			[]manifest.Image{targeted(redhatIndex, "site/index", ""), image(manifest.RoleCatalog, "quay.io/x/index:v1", digestB)},
			[]string{"site/index:v4.9 index-v4-9 dummyregistry.io:5000/site/index", "olm-mirror/index:v1 index-v1 dummyregistry.io:5000/olm-mirror/index"}},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := Catalogs(&manifest.Manifest{Images: c.images}, blogSite)
			if err != nil || len(all) != len(c.want) {
				t.Fatalf("%v, %v", all, err)
			}
			for i, cat := range all {
				p, err := place(cat.Image, blogSite.Repositories)
				if err != nil {
					t.Fatal(err)
				}
				if got := p.name() + " " + cat.Name + " " + cat.Source; got != c.want[i] || cat.Repository != p.Repository {
					t.Errorf("got  %s\nwant %s", got, c.want[i])
				}
			}
		})
	}
}

// The cluster is told where a catalog stands that the image set puts elsewhere.
func TestTheRuleOfACatalogLeadsToItsTarget(t *testing.T) {
	m := &manifest.Manifest{Images: []manifest.Image{targeted(redhatIndex, "site/my-index", "v1")}}
	groups, err := Rules(m, blogSite)
	if err != nil || len(groups) != 1 || groups[0].Concern != ConcernCatalog {
		t.Fatalf("%+v, %v", groups, err)
	}
	if r := groups[0].Rules[0]; r.Source != "dummyregistry.io:5000/site/my-index" || len(r.Repositories) != 1 || r.Repositories[0] != "site/my-index" {
		t.Errorf("got %+v", r)
	}
}
