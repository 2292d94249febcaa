package catalog

import (
	"slices"
)

// choice is what to keep of a catalog, and what there is to say of it.
type choice struct {
	Selection
	added   []Addition
	missing []Dependency
	unread  []string // packages that have to be read before they can be kept
}

func (r Request) choose(source *Catalog) (choice, error) {
	if r.Selection != nil {
		return choice{Selection: Selection{Packages: r.Selection}}, nil
	}
	var c choice
	requests, full := r.Packages, r.Full
	if r.WithDependencies && len(requests) > 0 {
		var err error
		if requests, c.added, err = source.Closure(requests, full); err != nil {
			return choice{}, err
		}
		full = false // each request says it
	}
	var err error
	if c.Selection, err = source.Select(requests, full); err != nil {
		return choice{}, err
	}
	c.missing = source.Missing(c.Packages)
	c.unread = source.Unread(requests)
	return c, nil
}

// bundles are all bundles, with what they provide and without their documents.
func (c *Catalog) bundles() []*Bundle {
	var all []*Bundle
	for _, p := range c.Packages {
		for _, b := range p.Bundles {
			b.Raw, b.problems = nil, nil
			all = append(all, &b)
		}
	}
	return all
}

// Settle takes from what each pruned catalog is missing what another one of them
// provides: for a cluster, all its catalogs are one. What was remade from a
// Selection misses nothing.
func Settle(all []*Pruned) {
	for i, p := range all {
		var others []*Bundle
		for j, o := range all {
			if i != j {
				others = append(others, o.kept...)
			}
		}
		p.Missing = slices.DeleteFunc(p.Missing, func(d Dependency) bool { return bestVerdict(others, d.meets) == met })
	}
}

// users are the bundles that name an image, sorted, for each of Images that one does.
func (c *Catalog) users() map[string][]string {
	users := map[string][]string{}
	for _, p := range c.Packages {
		for _, b := range p.Bundles {
			for _, image := range documentImages(b.Raw) {
				users[image] = append(users[image], b.Name)
			}
		}
	}
	for image, names := range users {
		users[image] = sortedNames(names)
	}
	return users
}
