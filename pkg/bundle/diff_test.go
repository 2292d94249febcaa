package bundle

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"

	"drayage/pkg/manifest"
)

func names(images []DiffImage) []string {
	var all []string
	for _, i := range images {
		all = append(all, i.Name)
	}
	return all
}

func TestCompare(t *testing.T) {
	a, b := base(t, may().write(t).Path), base(t, june().write(t).Path)
	d := Compare(a, b)
	if !slices.Equal(names(d.Added), []string{"quay.io/acme/new:v1"}) || !slices.Equal(names(d.Removed), []string{"quay.io/acme/gone:v1"}) || !slices.Equal(names(d.Changed), []string{"quay.io/acme/two:v1"}) {
		t.Errorf("%+v", d)
	}
	if c := d.Changed[0]; c.Old == c.New || c.Old == "" || c.New == "" || d.Added[0].Old != "" || d.Removed[0].New != "" {
		t.Errorf("%+v", d)
	}
	// Two layers; the config of new; the image manifests of new and two.
	if d.Blobs != 5 || d.Bytes < 30_000 || d.Bytes > 32_000 || d.BytesRemoved < 35_000 {
		t.Errorf("%d blobs, %d bytes, %d removed", d.Blobs, d.Bytes, d.BytesRemoved)
	}
	back := Compare(b, a)
	if !reflect.DeepEqual(names(back.Added), names(d.Removed)) || back.Bytes != d.BytesRemoved {
		t.Errorf("the other way: %+v", back)
	}
	none, err := json.Marshal(Compare(a, a))
	check(t, err)
	if want := `{"added":[],"removed":[],"changed":[],"releasesAdded":[],"releasesRemoved":[],"operatorsAdded":[],"operatorsRemoved":[],"blobs":0,"bytes":0,"bytesRemoved":0}`; string(none) != want {
		t.Errorf("got  %s\nwant %s", none, want)
	}
}

func TestCompareReleasesAndOperators(t *testing.T) {
	list := func(release string, versions ...string) *Base {
		return &Base{Manifest: &manifest.Manifest{
			Images: []manifest.Image{
				{Name: "quay.io/r/r:" + release, Role: manifest.RoleRelease, Release: release},
				{Name: "quay.io/r/p@" + digest.FromString(release).String(), Role: manifest.RoleComponent, Release: release, Component: "etcd"},
			},
			Catalogs: []manifest.Catalog{{Name: "c", Packages: []manifest.Package{{Name: "p", Channels: []manifest.Channel{{Name: "x", Bundles: versions}, {Name: "y", Bundles: versions[:1]}}}}}},
		}}
	}
	d := Compare(list("4.9.0-x86_64", "p.v1", "p.v2"), list("4.10.0-x86_64", "p.v2", "p.v3"))
	if !slices.Equal(d.ReleasesAdded, []string{"4.10.0-x86_64"}) || !slices.Equal(d.ReleasesRemoved, []string{"4.9.0-x86_64"}) ||
		!slices.Equal(d.OperatorsAdded, []DiffOperator{{"c", "p", "p.v3"}}) || !slices.Equal(d.OperatorsRemoved, []DiffOperator{{"c", "p", "p.v1"}}) {
		t.Errorf("%+v", d)
	}
	if len(d.Added) != 2 || len(d.Removed) != 2 || len(d.Changed) != 0 {
		t.Errorf("%+v", d)
	}
}

// Own and shared are all that there is, and the delta of a bundle says the same.
func TestSpace(t *testing.T) {
	w := newWorld()
	w.image("quay.io/acme/one:v1", noise(1, 10_000), noise(2, 500))
	w.image("quay.io/acme/two:v1", noise(1, 10_000), noise(3, 3000))
	same := w.image("quay.io/acme/three:v1", noise(4, 7000))
	w.images = append(w.images, manifest.Image{Name: "quay.io/acme/three:v2", Role: manifest.RoleAdditional, Descriptor: same})
	written := w.write(t)
	b, err := Open(written.Path, "")
	check(t, err)
	defer b.Close()
	s, err := b.Space()
	check(t, err)
	var all int64
	for _, d := range b.Manifest.Blobs {
		all += d.Size
	}
	if s.Own+s.Shared != all || s.Shared != 10_000 {
		t.Errorf("%d and %d, all are %d", s.Own, s.Shared, all)
	}
	var order []string
	for _, i := range s.Roles[0].Images {
		order = append(order, i.Name)
	}
	if want := []string{"quay.io/acme/three:v1", "quay.io/acme/three:v2", "quay.io/acme/two:v1", "quay.io/acme/one:v1"}; !slices.Equal(order, want) || len(s.Roles) != 1 {
		t.Errorf("order %q", order)
	}
	if r := s.Roles[0]; r.Own != all || r.Shared != 0 || r.Images[2].Shared != 10_000 {
		t.Errorf("%+v", r)
	}
	d, err := Open(w.delta(t, base(t, written.Path)).Path, "")
	check(t, err)
	defer d.Close()
	if again, err := d.Space(); err != nil || !reflect.DeepEqual(again, s) {
		t.Errorf("of the delta: %+v, %v", again, err)
	}
}
