package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/opencontainers/go-digest"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
)

// width is how many columns a listing takes, unless a single name is longer.
const width = 120

// printImages prints a row for each image. The name comes last: names are long,
// and what stands behind a column of them is out of sight.
func printImages(w io.Writer, m *manifest.Manifest) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ROLE\tDIGEST\tSIZE\tIMAGE")
	for _, i := range m.Images {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", i.Role, i.Descriptor.Digest.Encoded()[:12], ui.Bytes(i.Bytes), title(i))
	}
	return t.Flush()
}

// title is what a person calls an image. A digest that the row shows already is
// left out.
func title(i manifest.Image) string {
	name := strings.TrimSuffix(short(i.Name), shortDigest(i.Descriptor.Digest))
	if i.Role == manifest.RoleComponent {
		name = i.Release + " " + i.Component
	}
	if len(i.Platforms) > 0 {
		name += " (" + strings.Join(i.Platforms, ", ") + " only)"
	}
	return name
}

// short is a reference with the first digits of its digest.
func short(name string) string {
	if at := strings.IndexByte(name, '@'); at >= 0 {
		return name[:at] + shortDigest(digest.Digest(name[at+1:]))
	}
	return name
}

func shortDigest(d digest.Digest) string {
	const most = len("@sha256:") + 12
	s := "@" + d.String()
	return s[:min(len(s), most)]
}

func printGraph(w io.Writer, m *manifest.Manifest) {
	if g := m.Graph; g != nil {
		fmt.Fprintf(w, "\nupdate graph %s, on %s %s for %s\n", shortDigest(g.Data)[1:], short(g.Base), shortDigest(g.BaseDigest)[1:], strings.Join(g.Platforms, ", "))
	}
}

func printCatalogs(w io.Writer, m *manifest.Manifest) {
	for _, cat := range m.Catalogs {
		fmt.Fprintf(w, "\ncatalog %s, pruned from %s for %s:\n", short(cat.Name), shortDigest(cat.Source)[1:], strings.Join(cat.Platforms, ", "))
		if place := target(m, cat.Name); place != "" {
			fmt.Fprintf(w, "  stands at %s\n", place)
		}
		for _, p := range cat.Packages {
			for _, ch := range p.Channels {
				head := fmt.Sprintf("  %s, channel %s: %d versions,", p.Name, ch.Name, len(ch.Bundles))
				fmt.Fprintln(w, wrap(head, ch.Bundles))
			}
		}
	}
}

// target is where the image set wants a catalog to stand, empty when it says
// nothing.
func target(m *manifest.Manifest, catalog string) string {
	for _, i := range m.Images {
		if i.Role != manifest.RoleCatalog || i.Name != catalog || i.TargetRepository+i.TargetTag == "" {
			continue
		}
		ref, err := manifest.ParseRef(i.Name)
		if err != nil { // the packing list was validated
			return ""
		}
		repository := cmp.Or(i.TargetRepository, "the usual repository")
		return repository + ":" + cmp.Or(i.TargetTag, mirror.Tag(ref))
	}
	return ""
}

func printOmitted(w io.Writer, m *manifest.Manifest) {
	if len(m.Omitted) == 0 {
		return
	}
	fmt.Fprintln(w, "\nleft out, though it was asked for:")
	for _, o := range m.Omitted {
		fmt.Fprintf(w, "  %s (%s): %s\n", short(o.Name), o.Role, o.Reason)
		if users := cmdline.OmittedUsers(m, o); users != nil {
			fmt.Fprintln(w, wrap("    will not install or run:", users))
		}
	}
}

// wrap puts words behind a head, and what does not fit into further lines.
func wrap(head string, words []string) string {
	indent := "\n" + strings.Repeat(" ", len(head)-len(strings.TrimLeft(head, " "))+2)
	var b strings.Builder
	b.WriteString(head)
	column := len(head)
	for _, word := range words {
		if column+1+len(word) > width {
			b.WriteString(indent + word)
			column = len(indent) - 1 + len(word)
			continue
		}
		b.WriteString(" " + word)
		column += 1 + len(word)
	}
	return b.String()
}
