package cluster

import (
	"fmt"
	"slices"
	"strings"
)

// checkMirrorKinds: before 4.13 there are no mirror sets; in 4.13 and 4.14 the
// controller refuses a cluster that has both them and the older policies.
func checkMirrorKinds(s *snapshot, objects []Object) []Finding {
	major, minor, ok := parseVersion(s.info.Version)
	if !ok || major != 4 {
		return nil
	}
	var findings []Finding
	for _, o := range objects {
		older := o.Kind == "ImageContentSourcePolicy"
		switch {
		case mirrorKinds[o.Kind] == "":
		case !older && minor < 13:
			findings = append(findings, Finding{Object: o.String(), Field: "kind", Found: "the cluster is " + s.info.Version + "; the kind exists from 4.13 on",
				Do: "set openshift in the site's file"})
		case minor == 13 || minor == 14:
			findings = append(findings, checkMix(s, o, older)...)
		}
	}
	return findings
}

func checkMix(s *snapshot, o Object, older bool) []Finding {
	var others []string
	for _, m := range s.mirrors {
		if (m.GetKind() == "ImageContentSourcePolicy") != older {
			others = append(others, objectID(m.GetKind(), "", m.GetName()))
		}
	}
	if len(others) == 0 {
		return nil
	}
	return []Finding{{Object: o.String(), Field: "kind", Found: s.info.Version + " refuses it beside " + strings.Join(others, ", "),
		Do: "replace those by one kind first: oc adm migrate icsp"}}
}

// owned is a rule with the object it stands in.
type owned struct {
	MirrorRule
	object string
}

// checkOverlaps compares our rules with those of objects that are not ours.
func checkOverlaps(s *snapshot, objects []Object) []Finding {
	ours, theirs := ourRules(objects), theirRules(s, objects)
	var findings []Finding
	for _, o := range ours {
		same := slices.DeleteFunc(slices.Clone(theirs), func(t owned) bool { return t.Source != o.Source })
		findings = append(findings, checkPolicy(o, same)...)
		findings = append(findings, checkOrder(o, same)...)
		for _, t := range theirs {
			if t.Tags == o.Tags && isBelow(t.Source, o.Source) && len(t.Mirrors) > 0 {
				findings = append(findings, Finding{Object: t.object, Field: t.Source, Found: "is more specific than " + o.Source + " of " + o.object + " and holds alone",
					Do: "remove it, or images below it do not come from this site's nodes", Warning: true})
			}
		}
	}
	return findings
}

func ourRules(objects []Object) []owned {
	var rules []owned
	for _, o := range objects {
		for _, r := range mirrorRules(o.unstructured()) {
			rules = append(rules, owned{r, o.String()})
		}
	}
	return rules
}

func theirRules(s *snapshot, objects []Object) []owned {
	var rules []owned
	for _, m := range s.mirrors {
		id := objectID(m.GetKind(), "", m.GetName())
		if slices.ContainsFunc(objects, func(o Object) bool { return o.String() == id }) {
			continue
		}
		for _, r := range mirrorRules(m) {
			rules = append(rules, owned{r, id})
		}
	}
	return rules
}

// checkPolicy: one source with two policies stops the whole roll-out, and no
// status says so.
func checkPolicy(o owned, same []owned) []Finding {
	var findings []Finding
	for _, t := range same {
		if t.Policy != o.Policy {
			findings = append(findings, Finding{Object: o.object, Field: o.Source, Found: "is " + o.Policy + ", and " + t.Policy + " in " + t.object,
				Do: "make them the same: with both, no configuration is rendered and nothing says why"})
		}
	}
	return findings
}

// checkOrder says whose mirrors would be asked first.
func checkOrder(o owned, same []owned) []Finding {
	same = slices.DeleteFunc(slices.Clone(same), func(t owned) bool { return t.Tags != o.Tags || len(t.Mirrors) == 0 })
	if len(same) == 0 || len(o.Mirrors) == 0 {
		return nil
	}
	lists, names := [][]string{o.Mirrors}, []string{}
	for _, t := range same {
		lists, names = append(lists, t.Mirrors), append(names, t.object)
	}
	order := mergedOrder(lists)
	if len(order) == len(o.Mirrors) && slices.Equal(order, o.Mirrors) {
		return nil // they say the same
	}
	found := fmt.Sprintf("is in %s too; nodes will ask in this order: %s", strings.Join(names, ", "), strings.Join(order, ", "))
	do := "remove the older object if its registry is gone"
	if order[0] != o.Mirrors[0] {
		do += ": it is asked before ours, and one that never answers stops every pull"
	}
	return []Finding{{Object: o.object, Field: o.Source, Found: found, Do: do, Warning: true}}
}

// isBelow tells whether a source lies inside another: quay.io/a/b in quay.io/a.
func isBelow(specific, general string) bool { return strings.HasPrefix(specific, general+"/") }
