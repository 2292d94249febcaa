package plan

import (
	"fmt"
	"slices"

	"drayage/pkg/imageset"
	"drayage/pkg/manifest"
)

// block leaves out the images that the image set blocks, and says so: whatever
// names them will not find them on site. The releases themselves, the registry,
// the update graph and the catalogs stay; an image set that does not want them
// leaves them out.
func (p *planner) block(list imageset.Blocklist) {
	p.list.Images = slices.DeleteFunc(p.list.Images, func(i manifest.Image) bool {
		switch i.Role {
		case manifest.RoleRegistry, manifest.RoleRelease, manifest.RoleGraph, manifest.RoleCatalog:
			return false
		}
		names := []string{i.Name}
		if i.Component != "" { // as it is called in the name on a node
			names = append(names, i.Release+"-"+i.Component)
		}
		expression, blocked := list.Match(names...)
		if blocked {
			p.warnings = append(p.warnings, fmt.Sprintf("%s%s does not travel: blocked by %q", label(i), i.Name, expression))
		}
		return blocked
	})
	p.list.Omitted = slices.DeleteFunc(p.list.Omitted, func(o manifest.Omission) bool {
		_, blocked := list.Match(o.Name) // nobody wants it
		return blocked
	})
}

// label is what an image is to the release that names it.
func label(i manifest.Image) string {
	if i.Component == "" {
		return ""
	}
	return i.Component + " of " + i.Release + ", "
}
