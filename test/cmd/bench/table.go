package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"strings"
	"text/template"
)

//go:embed benchmarks.md.tmpl
var page string

// print writes the result for a person.
func (r *report) print(out io.Writer) {
	fmt.Fprintln(out, r.Tables())
}

// save writes the page of the documentation.
func (r *report) save(path string) error {
	t, err := template.New("page").Parse(page)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, r); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// Tables are those of the page.
func (r *report) Tables() string {
	var b strings.Builder
	b.WriteString(r.conditions())
	for _, step := range []string{stepBuild, stepPush} {
		b.WriteString("\n" + r.table(step))
	}
	b.WriteString("\n" + r.barTable())
	if r.links != nil {
		b.WriteString("\n" + r.linkTable())
	}
	for _, line := range r.absent {
		b.WriteString("\n* " + line)
	}
	return strings.TrimSpace(b.String())
}

func (r *report) conditions() string {
	return fmt.Sprintf("%d cores, %s of memory, Linux %s; load before a step %.1f to %.1f. Nodes: %s. Versions: %s.\n\n"+
		"%d references, %.1f MB unique, %.1f MB summed for each image; %d rounds, medians.\n",
		r.machine.cores, mib(r.machine.memory), r.machine.kernel, r.low, r.high, r.nodeKind(), strings.Join(r.machine.versions, ", "),
		len(r.set.images), mb(r.set.unique), mb(r.set.summed), r.done)
}

func (r *report) nodeKind() string {
	if r.o.nodes == "v2" {
		return "Debian's docker-registry 2.8.2"
	}
	return "CNCF distribution 3.1.2"
}

func mb(n int64) float64 { return float64(n) / megabyte }

// table has a row for each tool that did a step; ours also has its other steps.
func (r *report) table(step string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | wall s | / ours | wall + sync s | CPU s | registries' CPU s | peak MiB | fetched MB | written MB | read MB | staged MB | result MB |\n", step)
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	mine, _ := r.median(our, step)
	for _, t := range r.tools {
		u, ok := r.median(t.name, step)
		if !ok {
			continue
		}
		b.WriteString(row(t.name, fmt.Sprintf("%.2f", ratio(u.wall, mine.wall)), u))
	}
	for _, also := range map[string][]string{stepBuild: {stepSummed, stepVerify}, stepPush: {stepAgain}}[step] {
		u, _ := r.median(our, also)
		b.WriteString(row(our+", "+also, fmt.Sprintf("%.2f", ratio(u.wall, mine.wall)), u))
	}
	return b.String()
}

func row(name, compared string, u usage) string {
	return fmt.Sprintf("| %s | %.2f | %s | %.2f | %.2f | %.2f | %s | %.0f | %.0f | %.0f | %.0f | %.0f |\n", name, u.wall.Seconds(), compared,
		u.synced.Seconds(), u.cpu.Seconds(), u.served.Seconds(), peak(u), mb(u.fetched), mb(u.written), mb(u.read), mb(u.staged), mb(u.result))
}

// peak is said as a bound where bench itself had as much.
func peak(u usage) string {
	if u.peak <= u.base+1<<20 {
		return fmt.Sprintf("< %.0f", float64(u.peak)/(1<<20))
	}
	return fmt.Sprintf("%.0f", float64(u.peak)/(1<<20))
}

func (r *report) barTable() string {
	var b strings.Builder
	b.WriteString("| bar | wanted | measured | |\n|---|---|---|---|\n")
	for _, x := range r.bars() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", x.what, x.want, x.got, x.verdict)
	}
	return b.String()
}

func (r *report) linkTable() string {
	l := r.links
	var b strings.Builder
	fmt.Fprintf(&b, "One connection passes %d MB/s over a link without limit, and %.1f MB/s over one of %d MB/s.\n\n",
		l.passes/megabyte, mb(l.limited), nodeRate/megabyte)
	b.WriteString("| over links | s |\n|---|---|\n")
	for _, x := range []struct {
		what string
		s    float64
	}{
		{fmt.Sprintf("build, source of %d MB/s", sourceRate/megabyte), l.build.Seconds()},
		{"the floor: bytes fetched / rate", l.buildFloor().Seconds()},
		{"push, no link", l.direct.Seconds()},
		{"push, links without limit: what the links themselves cost", l.open.Seconds()},
		{fmt.Sprintf("push, nodes of %d MB/s each", nodeRate/megabyte), l.push.Seconds()},
		{"the floor: bytes sent to a node / rate", l.pushFloor().Seconds()},
		{"push to two such nodes alone", l.pair.Seconds()},
		{"the same two beside one at a tenth", l.together.Seconds()},
		{"that slow node", l.slow.Seconds()},
	} {
		fmt.Fprintf(&b, "| %s | %.2f |\n", x.what, x.s)
	}
	return b.String()
}

// Notes say how each tool is used.
func (r *report) Notes() string {
	var b strings.Builder
	for _, t := range r.tools {
		fmt.Fprintf(&b, "* %s: %s%s.\n", t.name, t.note, r.changed(t))
	}
	return strings.TrimSpace(b.String())
}

// changed says what a tool's push did to digests, if anything.
func (r *report) changed(t tool) string {
	u, _ := r.median(t.name, stepPush)
	if u.changed == 0 {
		return ""
	}
	return fmt.Sprintf("; %d of %d images on the nodes have another digest than at the source", u.changed, nodeCount*len(r.set.images))
}
