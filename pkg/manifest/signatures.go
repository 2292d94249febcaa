package manifest

import (
	"cmp"
	"fmt"
	"slices"
)

// checkSignatures compares signatures with releases: each release has some, or
// is listed as unsigned; it cannot be forgotten.
func (m *Manifest) checkSignatures() []error {
	var errs []error
	add := func(release, format string, a ...any) {
		errs = append(errs, fmt.Errorf("packing list: release %s: "+format, append([]any{shown(release)}, a...)...))
	}
	count := map[string]int{}
	for _, s := range m.Signatures {
		count[s.Release]++
		if len(s.Data) == 0 || len(s.Data) > MaxSignature {
			add(s.Release, "a signature has %d bytes, want 1 to %d", len(s.Data), MaxSignature)
		}
	}
	releases := map[string]bool{}
	for _, i := range m.Releases() {
		releases[i.Release] = true
		switch unsigned := slices.Contains(m.Unsigned, i.Release); {
		case count[i.Release] == 0 && !unsigned:
			add(i.Release, "has no signature and is not listed as unsigned")
		case count[i.Release] > 0 && unsigned:
			add(i.Release, "has a signature and is listed as unsigned")
		case count[i.Release] > MaxSignatures:
			add(i.Release, "has %d signatures, at most %d are read", count[i.Release], MaxSignatures)
		}
	}
	for _, name := range m.signedOrNot() {
		if !releases[name] {
			add(name, "is spoken of in signatures or unsigned, and does not travel")
		}
	}
	if names := slices.Compact(slices.Clone(m.Unsigned)); len(names) != len(m.Unsigned) {
		errs = append(errs, fmt.Errorf("packing list: an unsigned release is listed twice"))
	}
	if !slices.IsSortedFunc(m.Signatures, func(a, b Signature) int { return cmp.Compare(a.Release, b.Release) }) || !slices.IsSorted(m.Unsigned) {
		errs = append(errs, fmt.Errorf("packing list: signatures or unsigned releases are out of order"))
	}
	return errs
}

// signedOrNot are the releases that signatures and unsigned name, each once.
func (m *Manifest) signedOrNot() []string {
	names := slices.Clone(m.Unsigned)
	for _, s := range m.Signatures {
		names = append(names, s.Release)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
