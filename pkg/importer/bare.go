package importer

import (
	"fmt"
	"maps"
	"slices"
)

// untagged are warnings of repositories that a node lists and for which no node
// that answers shows a tag, one line a node. A registry says the same of a
// repository that it does not have, of one whose push was ended before its tags,
// and of one whose tags are lost: only the list tells that there is something.
func (inv *inventory) untagged() []string {
	tagged := map[string]bool{}
	for s := range inv.tags {
		tagged[s.repo] = true
	}
	var warnings []string
	for i, name := range inv.names {
		bare := slices.DeleteFunc(slices.Sorted(maps.Keys(inv.bare[i])), func(repo string) bool { return tagged[repo] })
		if len(bare) > 0 {
			warnings = append(warnings, fmt.Sprintf("%s lists %d repositories for which no node shows a tag, %s among them; not copied", name, len(bare), bare[0]))
		}
	}
	return warnings
}
