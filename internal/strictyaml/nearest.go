package strictyaml

import (
	"slices"
	"strings"
)

// nearest returns the known name that is so near to the given one that it was
// probably meant, or "". Of equally near ones it is the first in the alphabet.
func nearest(name string, known []string) string {
	const longest = 64 // the distance costs the product of the lengths
	if len(name) > longest {
		return ""
	}
	slices.Sort(known)
	best, bestDistance := "", min(2, len(name)/2)+1
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is Levenshtein's: how many letters to insert, delete or replace to
// make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
