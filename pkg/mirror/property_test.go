package mirror

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"

	"drayage/pkg/manifest"
)

// randomManifest has images of all roles, in repositories of which several share
// one, and some images with two roles.
func randomManifest(r *rand.Rand) *manifest.Manifest {
	catalogs := []string{"registry.redhat.io/redhat/redhat-operator-index:v4.9", "registry.redhat.io/redhat/certified-operator-index:v4.9"}
	catalogs = catalogs[:r.IntN(3)]
	m := &manifest.Manifest{}
	for _, name := range catalogs {
		m.Images = append(m.Images, image(manifest.RoleCatalog, name, digest.FromString(name)))
	}
	repositories := []string{"quay.io/a/b", "quay.io/a/b/c", "registry.redhat.io/x/y", "localhost:5000/z", ocpArt, ocpRelease}
	for i := range r.IntN(12) {
		d := digest.FromString(fmt.Sprint(r.IntN(8)))
		name := repositories[r.IntN(len(repositories))] + "@" + d.String()
		switch role := r.IntN(5); {
		case role == 0:
			m.Images = append(m.Images, release(name, fmt.Sprintf("4.9.%d-x86_64", i)))
		case role == 1:
			m.Images = append(m.Images, component(name, "4.9.0-x86_64", fmt.Sprint("part", i)))
		case role == 2 && len(catalogs) > 0:
			m.Images = append(m.Images, operator(name, catalogs[r.IntN(len(catalogs))]))
		case role == 3:
			m.Images = append(m.Images, image(manifest.RoleRegistry, name, d))
		default:
			m.Images = append(m.Images, image(manifest.RoleAdditional, name, d))
		}
	}
	return m
}

// Every source has a rule, one, that leads to each place where its images stand;
// and no rule leads anywhere else.
func TestEverySourceHasARule(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		m := randomManifest(r)
		groups, err := Rules(m, blogSite)
		if err != nil {
			t.Fatal(err)
		}
		places, err := Placements(m, blogRepositories)
		if err != nil {
			t.Fatal(err)
		}
		rules := map[string][]string{}
		stands := map[string]bool{}
		for _, g := range groups {
			for _, rule := range g.Rules {
				if rules[rule.Source] != nil {
					t.Errorf("%s has two rules", rule.Source)
				}
				rules[rule.Source] = rule.Repositories
			}
		}
		for _, p := range places {
			stands[p.Repository] = true
			if source := sourceOf(t, p); !slices.Contains(rules[source], p.Repository) {
				t.Errorf("%s stands at %s, the rule for %s leads to %q", p.Image.Name, p.Repository, source, rules[source])
			}
		}
		for source, repositories := range rules {
			for _, repository := range repositories {
				if !stands[repository] {
					t.Errorf("the rule for %s leads to %s, where nothing stands", source, repository)
				}
			}
		}
		if t.Failed() {
			t.Fatalf("%+v\n%s", m.Images, show(groups))
		}
	}
}

// sourceOf is the repository under which the cluster asks for an image.
func sourceOf(t *testing.T, p Placement) string {
	t.Helper()
	if p.Image.Role == manifest.RoleCatalog {
		return blogSite.CatalogHost + "/" + p.Repository
	}
	ref, err := manifest.ParseRef(p.Image.Name)
	if err != nil {
		t.Fatal(err)
	}
	return ref.Repository
}
