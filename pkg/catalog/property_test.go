package catalog

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"drayage/pkg/manifest"
)

// randomVersions are of all forms that catalogs have, each once, in any order.
func randomVersions(r *rand.Rand, n int) []string {
	forms := []string{"%d.%d.%d", "%d.%d.%d-2024%02d%02d", "%d.%d.%d-rc.%d", "%d.%d.%d+%d", "%d.%d.%d-0.%d+%d"}
	var all []string
	for len(all) < n {
		form := forms[r.IntN(len(forms))]
		numbers := []any{r.IntN(2), r.IntN(3), r.IntN(3), 1 + r.IntN(9), 1 + r.IntN(9)}
		v := fmt.Sprintf(form, numbers[:strings.Count(form, "%")]...)
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// randomEntries link versions in any way, or in one of the ways that are usual.
func randomEntries(r *rand.Rand, versions []string) string {
	name := func(i int) string { return "foo.v" + versions[i] }
	var entries []string
	shape := r.IntN(4)
	for i := range versions {
		e := map[string]any{"name": name(i)}
		skips := []string{}
		switch {
		case shape == 0 && i == 0, shape == 1 && r.IntN(3) == 0: // what comes later is skipped
			for j := i + 1; j < len(versions); j++ {
				if shape == 0 || r.IntN(2) == 0 {
					skips = append(skips, name(j))
				}
			}
		case shape == 3:
			for j := range versions {
				if r.IntN(6) == 0 {
					skips = append(skips, name(j))
				}
			}
		}
		switch {
		case shape == 3 && r.IntN(2) == 0:
			e["replaces"] = name(r.IntN(len(versions)))
		case (shape == 1 || shape == 2) && i+1 < len(versions):
			e["replaces"] = name(i + 1)
		case r.IntN(4) == 0:
			e["replaces"] = "foo.v0.0.0"
		}
		for range r.IntN(3) {
			skips = append(skips, fmt.Sprintf("foo.v%d.%d.%d-gone.%d", r.IntN(2), r.IntN(3), r.IntN(3), r.IntN(9)))
		}
		e["skips"] = skips
		if r.IntN(3) == 0 {
			e["skipRange"] = ">=0.0.1 <" + versions[i]
		}
		text, _ := json.Marshal(e)
		entries = append(entries, string(text))
	}
	return strings.Join(entries, ", ")
}

// randomPackage is valid, and has up to three channels.
func randomPackage(t *testing.T, r *rand.Rand) *Catalog {
	for {
		versions := randomVersions(r, 1+r.IntN(7))
		text := operator("foo", randomEntries(r, versions), versions...)
		for _, name := range []string{"beta", "old"} {
			if r.IntN(2) == 0 {
				some := slices.Clone(versions[:1+r.IntN(len(versions))])
				text += channel("foo", name, randomEntries(r, some))
			}
		}
		if c := loadFiles(t, map[string]string{"a": text}); len(c.Validate()) == 0 {
			return c
		}
	}
}

// randomRequest asks for anything, of a package that is in the catalog.
func randomRequest(r *rand.Rand, p *Package) PackageRequest {
	request := PackageRequest{Name: p.Name, Full: r.IntN(8) == 0}
	request.MinVersion, request.MaxVersion = randomRange(r, p)
	if r.IntN(2) == 0 {
		request.MinVersion, request.MaxVersion = "", ""
		for _, ch := range p.Channels {
			if r.IntN(3) > 0 {
				c := ChannelRequest{Name: ch.Name}
				c.MinVersion, c.MaxVersion = randomRange(r, p)
				request.Channels = append(request.Channels, c)
			}
		}
	}
	if r.IntN(4) == 0 {
		request.DefaultChannel = p.Channels[r.IntN(len(p.Channels))].Name
	}
	return request
}

func randomRange(r *rand.Rand, p *Package) (low, high string) {
	bound := func() string {
		v := p.Bundles[r.IntN(len(p.Bundles))].Version
		return []string{"", fmt.Sprint(v.Major), fmt.Sprintf("%d.%d", v.Major, v.Minor), v.FinalizeVersion(), v.String()}[r.IntN(5)]
	}
	return bound(), bound()
}

func TestAnyRequestGivesAValidCatalogOrAnError(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	chosen := 0
	for i := range 1000 {
		c := randomPackage(t, r)
		if tryRequest(t, c, randomRequest(r, c.Packages[0])) {
			chosen++
		}
		if t.Failed() {
			t.Fatalf("catalog %d:\n%s", i, c.Files()["foo/catalog.json"])
		}
	}
	if chosen < 500 {
		t.Errorf("only %d requests were not refused", chosen)
	}
}

func TestAnyRequestOfARealCatalogGivesAValidCatalogOrAnError(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, name := range realCatalogs {
		c := real(t, name)
		chosen := 0
		for range 100 {
			var requests []PackageRequest
			for _, p := range c.Packages {
				if r.IntN(2) == 0 {
					requests = append(requests, randomRequest(r, p))
				}
			}
			if tryRequest(t, c, requests...) {
				chosen++
			}
		}
		if chosen < 10 {
			t.Errorf("%s: only %d requests were not refused", name, chosen)
		}
	}
}

// tryRequest says whether the request was one that can be met.
func tryRequest(t *testing.T, c *Catalog, requests ...PackageRequest) bool {
	t.Helper()
	selection, kept, err := selectAndKeep(t, c, requests, false)
	if err != nil {
		return false
	}
	for _, p := range kept.Packages {
		source := c.pkg(p.Name)
		i := slices.IndexFunc(requests, func(r PackageRequest) bool { return r.Name == p.Name })
		for _, ch := range p.Channels {
			checkLinks(t, source, *source.channel(ch.Name), ch)
			if i >= 0 {
				checkRange(t, source, requests[i], ch, selection.Warnings)
			}
		}
	}
	if t.Failed() {
		t.Errorf("requests %+v", requests)
	}
	return true
}

// checkLinks wants no entry changed but for what the head skips, and of that only
// more: names that are not newer.
func checkLinks(t *testing.T, p *Package, source, kept Channel) {
	t.Helper()
	head, err := kept.head()
	if err != nil {
		t.Error(err)
	}
	for _, e := range kept.Entries {
		old := source.entry(e.Name)
		if old == nil || old.Replaces != e.Replaces || old.SkipRange != e.SkipRange || len(e.Skips) < len(old.Skips) || !slices.Equal(old.Skips, e.Skips[:len(old.Skips)]) {
			t.Errorf("entry %v was %v", e, old)
			continue
		}
		added := e.Skips[len(old.Skips):]
		if len(added) > 0 && e.Name != head {
			t.Errorf("%s is not the head and skips more: %v", e.Name, added)
		}
		for _, name := range added {
			if older, known := p.olderThan(head)(name); kept.entry(name) == nil && (!older || !known) {
				t.Errorf("the head %s skips %s", head, name)
			}
		}
	}
}

// checkRange wants everything that is in the range, and a warning for what is not.
func checkRange(t *testing.T, p *Package, request PackageRequest, kept Channel, warnings []string) {
	t.Helper()
	versions, err := parseRange(request.MinVersion, request.MaxVersion)
	for _, c := range request.Channels {
		if c.Name == kept.Name && c.MinVersion+c.MaxVersion != "" {
			versions, err = parseRange(c.MinVersion, c.MaxVersion)
		}
	}
	if err != nil {
		t.Error(err)
	}
	source := p.channel(kept.Name)
	said := slices.ContainsFunc(warnings, func(w string) bool {
		return strings.HasPrefix(w, fmt.Sprintf("package %q: channel %q: keeps outside", p.Name, kept.Name))
	})
	for _, e := range source.Entries {
		in, there := versions.compare(p.bundle(e.Name)) == 0, kept.entry(e.Name) != nil
		switch {
		case request.Full && !there:
			t.Errorf("full, and %s is gone", e.Name)
		case versions.open():
		case in && !there:
			t.Errorf("%s is in %s and gone", e.Name, versions)
		case !in && there && !said:
			t.Errorf("%s is not in %s and kept, and nothing said so", e.Name, versions)
		}
	}
}

// Whatever versions of a valid catalog are kept, the result is valid or refused,
// and it names the images of these versions and no others.
func TestAnySubsetOfVersionsIsValid(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	refused := 0
	for i := range 1000 {
		c := randomPackage(t, r)
		choice := randomSubset(r, c.Packages[0])
		kept, err := c.Keep([]manifest.Package{choice})
		if err != nil { // entries that skip themselves, or one another
			refused++
			continue
		}
		wantStrings(t, "findings", messages(kept.Validate()))
		want := map[string]bool{}
		for _, ch := range choice.Channels {
			for _, name := range ch.Bundles {
				version := strings.ReplaceAll(strings.TrimPrefix(name, "foo."), "+", "_")
				want["quay.io/foo/bundle:"+version], want["quay.io/foo/operator:"+version] = true, true
			}
		}
		wantStrings(t, "images", kept.Images(), slices.Sorted(maps.Keys(want))...)
		if t.Failed() {
			t.Fatalf("catalog %d, %+v:\n%s", i, choice, c.Files()["foo/catalog.json"])
		}
	}
	if refused > 30 {
		t.Errorf("%d of 1000 subsets are refused", refused)
	}
	t.Logf("%d of 1000 subsets are refused", refused)
}

// randomSubset keeps some channels of a package, and some versions of each.
func randomSubset(r *rand.Rand, p *Package) manifest.Package {
	choice := manifest.Package{Name: p.Name}
	for i, ch := range p.Channels {
		last := i == len(p.Channels)-1
		if r.IntN(3) == 0 && !(last && len(choice.Channels) == 0) {
			continue
		}
		names := ch.names()
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		names = names[:1+r.IntN(len(names))]
		slices.Sort(names)
		choice.Channels = append(choice.Channels, manifest.Channel{Name: ch.Name, Bundles: names})
	}
	choice.DefaultChannel = choice.Channels[r.IntN(len(choice.Channels))].Name
	return choice
}
