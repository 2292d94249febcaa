package plan

import (
	"slices"
	"strconv"

	"drayage/pkg/catalog"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// need is an image that a catalog names.
type need struct{ catalog, image string }

// leaveOut lists an image as omitted, when the bundle is of use without it, a
// person said to go on, and err is a registry's clear no. Otherwise err stands: of
// an image that a registry which is down may have, nobody should learn too late.
func (p *planner) leaveOut(i manifest.Image, err error) bool {
	reason, ok := oci.Refused(err)
	if !p.KeepGoing || !i.Role.Omittable() || !ok {
		return false
	}
	p.list.Omitted = append(p.list.Omitted, manifest.Omission{
		Name: i.Name, Role: i.Role, Catalog: i.Catalog, Bundles: p.users[need{i.Catalog, i.Name}], Reason: reason,
	})
	return true
}

// leaveOutName is leaveOut for a name in a catalog that is no image reference.
func (p *planner) leaveOutName(cat manifest.Ref, name string, bundles []string) bool {
	if !p.KeepGoing {
		return false
	}
	o := manifest.Omission{
		Name: plainName(name), Role: manifest.RoleOperator, Catalog: cat.String(), Bundles: bundles, Reason: manifest.ReasonNoReference,
	}
	same := func(had manifest.Omission) bool { return had.Name == o.Name && had.Catalog == o.Catalog }
	if !slices.ContainsFunc(p.list.Omitted, same) { // cut or quoted, two names may be one
		p.list.Omitted = append(p.list.Omitted, o)
	}
	return true
}

// plainName is a name as a packing list may hold it, whatever it was.
func plainName(name string) string {
	quoted := strconv.Quote(name)
	if quoted[1:len(quoted)-1] == name && len(name) <= manifest.MaxOmittedName {
		return name
	}
	quoted = strconv.QuoteToASCII(name)
	return quoted[:min(len(quoted), manifest.MaxOmittedName)]
}

// users are, for each image that a pruned catalog names, the kept versions that do.
func users(pruned *catalog.Pruned) map[string][]string {
	kept := map[string]bool{}
	for _, pkg := range pruned.Selection {
		for _, ch := range pkg.Channels {
			for _, name := range ch.Bundles {
				kept[name] = true
			}
		}
	}
	used := map[string][]string{}
	for image, bundles := range pruned.Users {
		for _, name := range bundles {
			if kept[name] {
				used[image] = append(used[image], name)
			}
		}
	}
	return used
}
