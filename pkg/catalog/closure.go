package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Closure is requests and, added to them, the packages that these depend on and
// so on, until [Catalog.Missing] finds nothing that another package could
// provide. Full of every request stands in the result for full, which is not meant
// for what is added: [Catalog.Select] is to be called with the result alone.
//
// A package is added with one channel and one version: the head of its default
// channel when that provides what is missing, and otherwise the version that
// [Provider] says. Of several packages, it is the first of those that
// [Dependency] lists. Dependencies are met one after the other, those first that
// no head of a default channel meets. A package that is asked for already stays as
// it was asked for. So the result depends on the catalog and the requests alone.
//
// What is added was not read, mostly: see [Catalog.Unread]. Without requests
// there is nothing to add. Additions are in the order of their packages. The
// errors are those of Select.
func (c *Catalog) Closure(requests []PackageRequest, full bool) ([]PackageRequest, []Addition, error) {
	asked := slices.Clone(requests)
	for i := range asked {
		asked[i].Full = asked[i].Full || full
	}
	if len(asked) == 0 {
		return nil, nil, nil
	}
	added := additions{}
	for {
		all := append(slices.Clip(asked), c.requestsFor(added)...)
		selection, err := c.Select(all, false)
		if err != nil {
			return nil, nil, err
		}
		if !added.addOne(asked, c.Missing(selection.Packages)) {
			return all, added.list(), nil
		}
	}
}

// Unread names the packages of requests that are in the catalog but were not
// wanted of its [Loader]. To keep them, the catalog has to be read once more.
func (c *Catalog) Unread(requests []PackageRequest) []string {
	var names []string
	for _, r := range requests {
		if c.pkg(r.Name) == nil && c.known(r.Name) != nil {
			names = append(names, r.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Addition is a version that a closure added, and what for.
type Addition struct {
	Provider
	// For is what was required: Provider is one of those that it lists.
	For Dependency
}

// String is one line for people.
func (a Addition) String() string {
	return fmt.Sprintf("package %s: added, %s of channel %s: %s", shown(a.Package), shown(a.Bundle), shown(a.Channel), a.For.claim())
}

// additions are the versions that were added, by package.
type additions map[string][]Addition

func (a additions) has(p Provider) bool {
	return slices.ContainsFunc(a[p.Package], func(had Addition) bool { return had.Provider == p })
}

// list are the additions by package, in the order in which they were made.
func (a additions) list() []Addition {
	var all []Addition
	for _, name := range slices.Sorted(maps.Keys(a)) {
		all = append(all, a[name]...)
	}
	return all
}

// addOne adds a provider for the first dependency that one can be added for. What
// no head provides comes first: the version that is forced may provide more.
func (a additions) addOne(asked []PackageRequest, missing []Dependency) bool {
	forced := func(d Dependency) bool { return len(d.Providers) > 0 && !d.Providers[0].Head }
	slices.SortStableFunc(missing, func(a, b Dependency) int { return compareTrue(forced(a), forced(b)) })
	for _, d := range missing {
		for _, p := range d.Providers {
			isAsked := slices.ContainsFunc(asked, func(r PackageRequest) bool { return r.Name == p.Package })
			if !isAsked && !a.has(p) {
				a[p.Package] = append(a[p.Package], Addition{p, d})
				return true
			}
		}
	}
	return false
}

func (c *Catalog) requestsFor(added additions) []PackageRequest {
	var requests []PackageRequest
	for _, name := range slices.Sorted(maps.Keys(added)) {
		requests = append(requests, c.known(name).requestFor(added[name]))
	}
	return requests
}

// requestFor asks for versions of one package: in each of their channels for the
// head, or for all from the lowest to the highest.
func (p *Package) requestFor(versions []Addition) PackageRequest {
	r := PackageRequest{Name: p.Name}
	channels := map[string][]Provider{}
	for _, v := range versions {
		channels[v.Channel] = append(channels[v.Channel], v.Provider)
	}
	for _, name := range slices.Sorted(maps.Keys(channels)) {
		c := ChannelRequest{Name: name}
		if of := channels[name]; len(of) > 1 || !of[0].Head {
			byVersion := func(a, b Provider) int {
				return cmp.Or(compareBundles(p.bundle(a.Bundle), p.bundle(b.Bundle)), strings.Compare(a.Bundle, b.Bundle))
			}
			c.MinVersion, c.MaxVersion = slices.MinFunc(of, byVersion).Version, slices.MaxFunc(of, byVersion).Version
		}
		r.Channels = append(r.Channels, c)
	}
	if _, ok := channels[p.Definitions[0].DefaultChannel]; !ok {
		r.DefaultChannel = r.Channels[0].Name
	}
	return r
}
