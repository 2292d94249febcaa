package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/cluster"
)

// applyResult is what --json prints; docs/json.md describes it.
type applyResult struct {
	Cluster  cluster.Info      `json:"cluster"`
	DryRun   bool              `json:"dryRun"`
	Objects  []cluster.Change  `json:"objects"`
	Findings []cluster.Finding `json:"findings"`
}

// printPlan shows a person what would be done to which cluster. Errors are for
// whoever reports them.
func printPlan(c *cli.Context, r applyResult) {
	w := c.App.ErrWriter
	fmt.Fprintf(w, "cluster %s\n  id %s, OpenShift %s\n", r.Cluster.URL, cmp.Or(r.Cluster.ID, "unknown"), cmp.Or(r.Cluster.Version, "unknown"))
	if !r.DryRun {
		printChanges(w, r.Objects, true)
	}
	var warnings []string
	for _, f := range r.Findings {
		if f.Warning {
			warnings = append(warnings, f.String())
		}
	}
	cmdline.Warn(c, warnings)
}

func printApply(c *cli.Context, r applyResult) error {
	if c.Bool("json") {
		if r.Findings == nil {
			r.Findings = []cluster.Finding{}
		}
		return cmdline.PrintJSON(c.App.Writer, r)
	}
	return printChanges(c.App.Writer, r.Objects, r.DryRun)
}

// printChanges says what is to be done, with the fields, or what was done.
func printChanges(out io.Writer, changes []cluster.Change, planned bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, ch := range changes {
		text := string(ch.Result)
		if planned {
			text = planText(ch)
		}
		fmt.Fprintf(w, "%s\t%s\n", ch, text)
	}
	return w.Flush()
}

func planText(ch cluster.Change) string {
	switch {
	case ch.Untried:
		return "create (its namespace is made first; the server could not try it)"
	case ch.Result == cluster.Created:
		return "create"
	case ch.Result == cluster.Changed:
		return "change " + firstFields(ch.Fields)
	}
	return string(ch.Result)
}

func firstFields(fields []string) string {
	const few = 6
	if len(fields) <= few {
		return strings.Join(fields, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(fields[:few], ", "), len(fields)-few)
}
