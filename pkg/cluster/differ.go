package cluster

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// deepest is how far below the object's root a difference is named; below it,
// and inside a list, the whole is.
const deepest = 4

// differences are the paths at which two objects differ, sorted. Values are not
// told: some are secret.
func differences(before, after map[string]any) []string {
	var paths []string
	differ(content(before), content(after), nil, &paths)
	slices.Sort(paths)
	return paths
}

func differ(before, after map[string]any, at []string, paths *[]string) {
	keys := map[string]bool{}
	for k := range before {
		keys[k] = true
	}
	for k := range after {
		keys[k] = true
	}
	for k := range keys {
		a, b := before[k], after[k]
		if reflect.DeepEqual(a, b) {
			continue
		}
		here := append(slices.Clone(at), k)
		am, aok := a.(map[string]any)
		bm, bok := b.(map[string]any)
		if aok && bok && len(here) < deepest {
			differ(am, bm, here, paths)
			continue
		}
		*paths = append(*paths, joinPath(here))
	}
}

// joinPath writes a.b, and a["x.y"] for keys with dots in them.
func joinPath(keys []string) string {
	var b strings.Builder
	for i, k := range keys {
		switch {
		case i > 0 && strings.ContainsAny(k, "./"):
			fmt.Fprintf(&b, "[%q]", k)
		case i > 0:
			b.WriteString("." + k)
		default:
			b.WriteString(k)
		}
	}
	return b.String()
}
