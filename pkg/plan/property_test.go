package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/site"
)

// madeCatalog is the documents of a catalog at random, and the images that each
// of its bundles names.
func madeCatalog(t *testing.T, r *rand.Rand, images []string) (text string, named map[string][]string) {
	t.Helper()
	var b strings.Builder
	write := func(doc map[string]any) {
		raw, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(raw, '\n'))
	}
	named = map[string][]string{}
	some := func() string { return images[r.IntN(len(images))] }
	for p := range 3 {
		pkg := fmt.Sprintf("tool-%d", p)
		var entries []any
		for v := range 1 + r.IntN(4) {
			version := fmt.Sprintf("1.%d.0", v)
			name := pkg + ".v" + version
			entry := map[string]any{"name": name}
			if v > 0 {
				entry["replaces"] = fmt.Sprintf("%s.v1.%d.0", pkg, v-1)
			}
			entries = append(entries, entry)
			image := some()
			named[name] = []string{image}
			related := []any{}
			for range r.IntN(4) {
				other := some()
				named[name] = append(named[name], other)
				related = append(related, map[string]string{"name": "x", "image": other})
			}
			write(map[string]any{"schema": "olm.bundle", "package": pkg, "name": name, "image": image, "relatedImages": related,
				"properties": []any{map[string]any{"type": "olm.package", "value": map[string]string{"packageName": pkg, "version": version}}}})
		}
		write(map[string]any{"schema": "olm.package", "name": pkg, "defaultChannel": "stable"})
		write(map[string]any{"schema": "olm.channel", "package": pkg, "name": "stable", "entries": entries})
	}
	return b.String(), named
}

// randomWish is what an image set may ask of madeCatalog.
func randomWish(r *rand.Rand) string {
	if r.IntN(5) == 0 {
		return "full: true"
	}
	var packages []string
	for p := range 1 + r.IntN(3) {
		more := []string{"", ", minVersion: 1.0.0", ", maxVersion: '1.0'", ", channels: [{name: stable}]"}[r.IntN(4)]
		packages = append(packages, fmt.Sprintf("{name: tool-%d%s}", p, more))
	}
	return "packages: [" + strings.Join(packages, ", ") + "]"
}

// Every image that a kept version names is in the packing list, and no other
// operator's image is; and every source in it has a mirror rule.
func TestEveryImageOfAKeptVersionIsPlanned(t *testing.T) {
	u := stocked(t)
	var images []string
	for i := range 8 {
		repo := fmt.Sprintf("acme/made-%d", i%5)
		d := u.image(repo, "", base(t), []byte(fmt.Sprint("made ", i)))
		images = append(images, u.host+"/"+repo+"@"+d.Digest.String())
	}
	labels := ocispec.ImageConfig{Labels: map[string]string{"operators.operatorframework.io.index.configs.v1": "/configs"}}
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 40 {
		text, named := madeCatalog(t, r, images)
		u.configured("made/index", fmt.Sprint("v", i), ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}, Config: labels},
			base(t), layer(t, "configs/catalog.json", text))
		wish := randomWish(r)
		p := u.make(fmt.Sprintf("apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  operators:\n  - catalog: HOST/made/index:v%d\n    %s\n", i, wish))
		want := map[string]bool{}
		for _, pkg := range p.Manifest.Catalogs[0].Packages {
			for _, ch := range pkg.Channels {
				for _, bundle := range ch.Bundles {
					for _, name := range named[bundle] {
						want[name] = true
					}
				}
			}
		}
		var got []string
		for _, img := range p.Manifest.Images {
			if img.Role == manifest.RoleOperator {
				got = append(got, img.Name)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, slices.Sorted(maps.Keys(want))) || len(got) == 0 {
			t.Fatalf("%s\n%s\nplanned %q, named %q", wish, text, got, slices.Sorted(maps.Keys(want)))
		}
		everySourceHasARule(t, p.Manifest)
	}
}

func everySourceHasARule(t *testing.T, m *manifest.Manifest) {
	t.Helper()
	groups, err := mirror.Rules(m, &site.Site{Repositories: site.DefaultRepositories(), CatalogHost: "catalogs.example:5000"})
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]bool{}
	for _, g := range groups {
		for _, rule := range g.Rules {
			sources[rule.Source] = true
		}
	}
	for _, img := range m.Images {
		ref, err := manifest.ParseRef(img.Name)
		if err != nil {
			t.Fatal(err)
		}
		if img.Role != manifest.RoleCatalog && !sources[ref.Repository] {
			t.Errorf("%s has no mirror rule", img.Name)
		}
	}
}
