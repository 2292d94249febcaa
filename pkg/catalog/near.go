package catalog

import (
	"cmp"
	"slices"
	"strings"
)

// maxNear is how many names are offered for a misspelt one.
const maxNear = 3

// near picks the names that somebody who wrote name may have meant, best first:
// those that differ in few letters, and those that contain it or are contained.
func near(name string, names []string) []string {
	type scored struct {
		name     string
		distance int
	}
	var found []scored
	for _, n := range names {
		if d, ok := distance(strings.ToLower(name), n); ok {
			found = append(found, scored{n, d})
		}
	}
	slices.SortFunc(found, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	found = slices.Compact(found)
	var best []string
	for _, f := range found[:min(len(found), maxNear)] {
		best = append(best, f.name)
	}
	return best
}

// distance is how far apart two names are, if that is near: when one contains the
// other, or they differ in one letter of four, and at least in one.
func distance(a, b string) (int, bool) {
	limit := max(1, len(a)/4)
	apart := max(len(a)-len(b), len(b)-len(a))
	if len(a) >= 3 && len(b) >= 3 && (strings.Contains(a, b) || strings.Contains(b, a)) {
		return apart, true
	}
	if apart > limit {
		return 0, false
	}
	d := editDistance(a, b)
	return d, d <= limit
}

// editDistance counts the letters to insert, to delete and to replace, and the
// neighbours to swap, that make one name of the other.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			d := last[j]
			if a[i] != b[j] {
				d++
			}
			d = min(d, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			row[j+1] = d
		}
	}
	return row[len(b)]
}
