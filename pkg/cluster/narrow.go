package cluster

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"drayage/internal/progress"
)

// Narrowed are those of the mirror sets that take a source or a mirror away from
// what is there, each without what is new in it: what they leave are places to
// which the cluster sends its nodes already. Losing a mirror drains every node
// and adding one drains none, so that who applies these together with all else
// that drains, and the sets themselves after the nodes were filled, drains once.
//
// A set that would leave one of its sources without any mirror in between is not
// among them: a finding, a warning, names it.
func (c *Cluster) Narrowed(ctx context.Context, objects []Object, p progress.Func) ([]Object, []Finding, error) {
	var s *snapshot
	err := c.persist(ctx, p, func(ctx context.Context) error {
		s = &snapshot{} // what may not be read is Prepare's to say
		return c.lookAtMirrors(ctx, s)
	})
	if err != nil {
		return nil, nil, err
	}
	narrowed, findings := narrow(objects, s.mirrors)
	return narrowed, findings, nil
}

func narrow(objects []Object, have []*unstructured.Unstructured) (narrowed []Object, findings []Finding) {
	marked, _ := markDrains(objects, have)
	for _, o := range marked {
		if !o.drains || o.stageOfKind() != stageMirrors {
			continue
		}
		at := slices.IndexFunc(have, func(h *unstructured.Unstructured) bool { return objectID(h.GetKind(), "", h.GetName()) == o.String() })
		before := mirrorRules(have[at])
		if source := bared(o, before, objects); source != "" {
			findings = append(findings, Finding{Object: o.String(), Field: source, Found: "keeps none of its mirrors",
				Do: "nodes are drained for it after they are filled; when others of these objects drain nodes too, that is a second time", Warning: true})
			continue
		}
		narrowed = append(narrowed, o.without(before))
	}
	return narrowed, findings
}

// stageOfKind is the stage of an object that drains no node.
func (o Object) stageOfKind() stage { return kinds[o.Kind].stage }

// bared is a source that has mirrors now and will have others, but would have
// none in between; empty when there is none.
func bared(o Object, before []MirrorRule, all []Object) string {
	after := mirrorRules(o.unstructured())
	for _, b := range before {
		if len(b.Mirrors) == 0 {
			continue
		}
		if at := slices.IndexFunc(after, func(a MirrorRule) bool { return a.Source == b.Source }); at >= 0 {
			if len(common(after[at].Mirrors, b.Mirrors)) == 0 {
				return b.Source
			}
			continue
		}
		// Another rule will stand for it: one above it, or one in another object.
		for _, r := range ourRules(all) {
			if r.Source == b.Source || isBelow(b.Source, r.Source) {
				return b.Source
			}
		}
	}
	return ""
}

// common are the members of a that are in b too, in a's order.
func common(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(m string) bool { return !slices.Contains(b, m) })
}

// without is a copy of a mirror set without sources and mirrors that before does
// not have.
func (o Object) without(before []MirrorRule) Object {
	u := o.unstructured()
	field := mirrorKinds[o.Kind]
	var kept []any
	for _, entry := range entries(u.Object, "spec", field) {
		source, _ := entry["source"].(string)
		at := slices.IndexFunc(before, func(b MirrorRule) bool { return b.Source == source })
		if at < 0 {
			continue
		}
		mirrors, _, _ := unstructured.NestedStringSlice(entry, "mirrors")
		entry["mirrors"] = anySlice(common(mirrors, before[at].Mirrors))
		kept = append(kept, entry)
	}
	spec, _, _ := unstructured.NestedMap(u.Object, "spec")
	if kept == nil {
		kept = []any{}
	}
	spec[field] = kept
	u.Object["spec"] = spec
	o.content = u.Object
	return o
}

func anySlice(list []string) []any {
	all := make([]any, 0, len(list))
	for _, s := range list {
		all = append(all, s)
	}
	return all
}

// goneFrom are the mirrors that the objects take away and that nothing names for
// their source any more: no configuration that is rendered from now on has them.
func goneFrom(objects []Object, have []*unstructured.Unstructured) []MirrorRule {
	var after []owned
	after = append(after, ourRules(objects)...)
	after = append(after, theirRules(&snapshot{mirrors: have}, objects)...)
	var gone []MirrorRule
	for _, h := range have {
		if !slices.ContainsFunc(objects, func(o Object) bool { return o.String() == objectID(h.GetKind(), "", h.GetName()) }) {
			continue
		}
		for _, r := range mirrorRules(h) {
			r.Mirrors = slices.DeleteFunc(slices.Clone(r.Mirrors), func(m string) bool {
				return slices.ContainsFunc(after, func(a owned) bool { return a.Source == r.Source && slices.Contains(a.Mirrors, m) })
			})
			if len(r.Mirrors) > 0 {
				gone = append(gone, r)
			}
		}
	}
	return gone
}

// names is the first of a rule's mirrors that the registry has; empty when it has
// none of them.
func (r registry) names(rule MirrorRule) string {
	if r.source() != rule.Source {
		return ""
	}
	for _, m := range r.Mirror {
		if slices.Contains(rule.Mirrors, m.Location) {
			return m.Location
		}
	}
	return ""
}
