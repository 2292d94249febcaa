package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"drayage/pkg/cluster"
	"drayage/pkg/site"
)

// printMirrors has a line for each repository to which a rule in force leads, and
// on how many registries of the site it does. Whole lists are in --json: a line of
// them is too long to be read.
func printMirrors(out io.Writer, s *site.Site, rules []cluster.MirrorRule) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, r := range slices.DeleteFunc(slices.Clone(rules), func(r cluster.MirrorRule) bool { return !ours(s, r.Mirrors) }) {
		if i == 0 {
			fmt.Fprintln(w, "MIRRORS OF\tON\tIN")
		}
		for _, place := range mirrorPlaces(s, r) {
			fmt.Fprintf(w, "%s\t%s\n", r.Source, place)
		}
	}
	return w.Flush()
}

// mirrorPlaces are the repositories of a rule, in its order: how many of the
// site's registries have it, its name, and what is unusual about the rule.
func mirrorPlaces(s *site.Site, r cluster.MirrorRule) []string {
	hosts := s.MirrorHosts()
	var order, others []string
	counts := map[string]int{}
	for _, m := range r.Mirrors {
		host, repo, _ := strings.Cut(m, "/")
		switch {
		case !slices.Contains(hosts, host):
			others = append(others, host)
		case counts[repo] == 0:
			order = append(order, repo)
			counts[repo] = 1
		default:
			counts[repo]++
		}
	}
	more := ""
	if r.Tags {
		more = ", by tag"
	}
	if r.Policy == "NeverContactSource" {
		more += ", never the source"
	}
	if len(others) > 0 {
		more += ", also " + strings.Join(others, " ")
	}
	for i, repo := range order {
		order[i] = fmt.Sprintf("%d of %d\t%s%s", counts[repo], len(hosts), repo, more)
	}
	return order
}

// shortImage cuts a digest to the twelve digits that tell images apart.
func shortImage(ref string) string {
	const digits = 12
	name, hex, ok := strings.Cut(ref, "@sha256:")
	if !ok || len(hex) <= digits {
		return ref
	}
	return name + "@sha256:" + hex[:digits] + "..."
}
