package mirror

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

// TagRules are the rules for images that pods ask for by tag ([TagOnly]), sorted
// by source. A rule changes the repository and not the tag, so an image that
// stands on the nodes under another tag has none: it comes back in left. The
// error joins names that do not parse.
func TagRules(m *manifest.Manifest, r site.Repositories) (rules []Rule, left []manifest.Image, err error) {
	var errs []error
	at := map[string]int{}
	for _, img := range TagOnly(m) {
		p, err := place(img, r)
		if err != nil {
			errs = append(errs, fmt.Errorf("image %s: %w", img.Name, err))
			continue
		}
		ref, _ := manifest.ParseRef(img.Name) // place has parsed it
		if p.Tag != cmp.Or(ref.Tag, "latest") {
			left = append(left, img)
			continue
		}
		i, known := at[ref.Repository]
		if !known {
			i, at[ref.Repository] = len(rules), len(rules)
			rules = append(rules, Rule{Source: ref.Repository})
		}
		if !slices.Contains(rules[i].Repositories, p.Repository) {
			rules[i].Repositories = append(rules[i].Repositories, p.Repository)
		}
	}
	slices.SortFunc(rules, func(a, b Rule) int { return cmp.Compare(a.Source, b.Source) })
	return rules, left, errors.Join(errs...)
}
