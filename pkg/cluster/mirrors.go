package cluster

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The values of mirrorSourcePolicy.
const (
	neverContactSource    = "NeverContactSource"
	allowContactingSource = "AllowContactingSource"
)

// MirrorRule says where else the images of a source are.
type MirrorRule struct {
	Source  string   `json:"source"`
	Mirrors []string `json:"mirrors"`
	// Policy is AllowContactingSource or NeverContactSource.
	Policy string `json:"policy"`
	// Tags is set for a rule that holds for tags, not for digests.
	Tags bool `json:"tags,omitempty"`
}

// mirrorKinds are the kinds with rules, with the field that holds them.
var mirrorKinds = map[string]string{
	"ImageContentSourcePolicy": "repositoryDigestMirrors",
	"ImageDigestMirrorSet":     "imageDigestMirrors",
	"ImageTagMirrorSet":        "imageTagMirrors",
}

// mirrorRules are those of one object; none when it is of another kind.
func mirrorRules(u *unstructured.Unstructured) []MirrorRule {
	field, ok := mirrorKinds[u.GetKind()]
	if !ok {
		return nil
	}
	list, _, _ := unstructured.NestedSlice(u.Object, "spec", field)
	var rules []MirrorRule
	for _, entry := range list {
		m, ok := entry.(map[string]any)
		if !ok {
			continue
		}
		source, _ := m["source"].(string)
		policy, _ := m["mirrorSourcePolicy"].(string)
		mirrors, _, _ := unstructured.NestedStringSlice(m, "mirrors")
		if policy == "" {
			policy = allowContactingSource
		}
		rules = append(rules, MirrorRule{Source: source, Mirrors: mirrors, Policy: policy, Tags: u.GetKind() == "ImageTagMirrorSet"})
	}
	return rules
}

// markDrains finds our mirror sets that take a source or a mirror away from what
// is there; a node that got a new address does that. have are all that are there.
func markDrains(objects []Object, have []*unstructured.Unstructured) ([]Object, []Finding) {
	marked := slices.Clone(objects)
	var findings []Finding
	for i, o := range marked {
		for _, h := range have {
			if objectID(h.GetKind(), "", h.GetName()) != o.String() {
				continue
			}
			if lost := lostMirrors(mirrorRules(h), mirrorRules(o.unstructured())); len(lost) > 0 {
				marked[i].drains = true
				findings = append(findings, Finding{Object: o.String(), Found: "loses " + some(lost),
					Do: "every node is drained for it, one after the other", Warning: true})
			}
		}
	}
	return marked, findings
}

// lostMirrors are the mirrors that were there and will not be.
func lostMirrors(before, after []MirrorRule) []string {
	var lost []string
	for _, b := range before {
		at := slices.IndexFunc(after, func(a MirrorRule) bool { return a.Source == b.Source })
		for _, m := range b.Mirrors {
			if at < 0 || !slices.Contains(after[at].Mirrors, m) {
				lost = append(lost, m+" of "+b.Source)
			}
		}
	}
	return lost
}

// mergedOrder is the order in which the cluster asks mirrors that several
// objects name for one source: each list keeps its order, ties are broken by
// name, and so are loops.
func mergedOrder(lists [][]string) []string {
	before := map[string][]string{} // a mirror, and those that go before it
	var left []string
	for _, l := range lists {
		for i, m := range l {
			if !slices.Contains(left, m) {
				left = append(left, m)
			}
			if i > 0 {
				before[m] = append(before[m], l[i-1])
			}
		}
	}
	slices.Sort(left)
	var order []string
	for len(left) > 0 {
		at := slices.IndexFunc(left, func(m string) bool {
			return !slices.ContainsFunc(before[m], func(b string) bool { return b != m && slices.Contains(left, b) })
		})
		at = max(at, 0) // a loop
		order = append(order, left[at])
		left = slices.Delete(left, at, at+1)
	}
	return order
}
