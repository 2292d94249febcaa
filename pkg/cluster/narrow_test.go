package cluster

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// set is a mirror set; rules are "source mirror mirror".
func set(name string, rules ...string) string {
	var entries []string
	for _, r := range rules {
		parts := strings.Fields(r)
		entries = append(entries, fmt.Sprintf("{source: %s, mirrors: [%s]}", parts[0], strings.Join(parts[1:], ", ")))
	}
	return fmt.Sprintf("{apiVersion: config.openshift.io/v1, kind: ImageDigestMirrorSet, metadata: {name: %s}, spec: {imageDigestMirrors: [%s]}}", name, strings.Join(entries, ", "))
}

// What is taken along to where nodes drain has nothing that nodes are not sent to
// already, and leaves no source bare.
func TestNarrowedMirrorSets(t *testing.T) {
	for _, c := range []struct {
		name      string
		have      []string
		want      []string
		narrowed  string
		bare, end string
	}{
		{"another address", []string{set("a", "q.io/a l:5000/a n1:5000/a n3:5000/a")}, []string{set("a", "q.io/a l:5000/a n1:5000/a n4:5000/a", "q.io/new l:5000/new")},
			"ImageDigestMirrorSet/a q.io/a [l:5000/a n1:5000/a]", "", "q.io/a [n3:5000/a]"},
		{"more only", []string{set("a", "q.io/a l:5000/a")}, []string{set("a", "q.io/a l:5000/a n1:5000/a")}, "", "", ""},
		{"another order", []string{set("a", "q.io/a l:5000/a n1:5000/a")}, []string{set("a", "q.io/a n1:5000/a l:5000/a")}, "", "", ""},
		{"a source less", []string{set("a", "q.io/a l:5000/a", "q.io/b l:5000/b")}, []string{set("a", "q.io/a l:5000/a")},
			"ImageDigestMirrorSet/a q.io/a [l:5000/a]", "", "q.io/b [l:5000/b]"},
		{"all mirrors are others", []string{set("a", "q.io/a l:5000/a")}, []string{set("a", "q.io/a l:5000/x")}, "", "ImageDigestMirrorSet/a: q.io/a: keeps none of its mirrors", "q.io/a [l:5000/a]"},
		{"a rule above takes its place", []string{set("a", "q.io/a/b l:5000/a")}, []string{set("a", "q.io/a l:5000/a")}, "", "ImageDigestMirrorSet/a: q.io/a/b: keeps none", "q.io/a/b [l:5000/a]"},
		{"another set takes it over", []string{set("a", "q.io/a l:5000/a", "q.io/b l:5000/b")}, []string{set("a", "q.io/a l:5000/a"), set("b", "q.io/b l:5000/b")}, "", "ImageDigestMirrorSet/a: q.io/b: keeps none", ""},
		{"somebody else names it", []string{set("a", "q.io/a l:5000/a n3:5000/a"), set("theirs", "q.io/a n3:5000/a")}, []string{set("a", "q.io/a l:5000/a")},
			"ImageDigestMirrorSet/a q.io/a [l:5000/a]", "", ""},
		{"tags are drained for anyway", []string{itms}, []string{strings.Replace(itms, "localhost:5000/tags", "other:5000/tags", 1)}, "", "", "quay.io/a/tags [localhost:5000/tags]"},
	} {
		var have []*unstructured.Unstructured
		for _, text := range c.have {
			have = append(have, parse(t, text))
		}
		ours := objects(t, c.want...)
		narrowed, findings := narrow(ours, have)
		var got []string
		for _, o := range narrowed {
			got = append(got, o.String())
			for _, r := range mirrorRules(o.unstructured()) {
				got = append(got, r.Source, fmt.Sprint(r.Mirrors))
			}
		}
		if strings.Join(got, " ") != c.narrowed {
			t.Errorf("%s: %q", c.name, got)
		}
		if text := lines(findings); !strings.Contains(text, c.bare) || (text == "") != (c.bare == "") {
			t.Errorf("%s: %s", c.name, text)
		}
		var gone []string
		for _, r := range goneFrom(ours, have) {
			gone = append(gone, r.Source, fmt.Sprint(r.Mirrors))
		}
		if strings.Join(gone, " ") != c.end {
			t.Errorf("%s: gone: %q", c.name, gone)
		}
		if again := mirrorRules(ours[0].unstructured()); fmt.Sprint(again) != fmt.Sprint(mirrorRules(parse(t, c.want[0]))) {
			t.Errorf("%s: the object itself changed: %v", c.name, again)
		}
	}
}

// A mirror that goes away is waited for: the configuration before holds all that
// stays.
func TestLossIsWaitedFor(t *testing.T) {
	w := wanted{gone: []MirrorRule{{Source: "q.io/a", Mirrors: []string{"n3:5000/a"}}}}
	conf := func(mirrors ...string) []byte {
		text := "[[registry]]\nprefix = \"\"\nlocation = \"q.io/a\"\n"
		for _, m := range mirrors {
			text += fmt.Sprintf("[[registry.mirror]]\nlocation = %q\n", m)
		}
		return []byte(text)
	}
	if got := w.missingMirrors(conf("l:5000/a", "n3:5000/a")); len(got) != 1 || got[0] != "the loss of n3:5000/a of q.io/a" {
		t.Errorf("%q", got)
	}
	if got := w.missingMirrors(conf("l:5000/a")); len(got) > 0 {
		t.Errorf("%q", got)
	}
}
