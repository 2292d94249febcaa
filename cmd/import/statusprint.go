package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/cluster"
	"drayage/pkg/site"
)

// fewMissing of what a node lacks are printed: the rest says no more.
const fewMissing = 3

func printStatus(c *cli.Context, s *site.Site, r statusResult) error {
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, r)
	}
	w := c.App.Writer
	if r.Time != "" {
		fmt.Fprintln(w, r.Time)
	}
	if r.Root != "" {
		fmt.Fprintf(w, "root %s\n", r.Root)
	}
	if err := printNodeStates(w, s, r); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if r.Cluster == nil {
		asked := "not asked"
		if r.refused {
			asked = "not known"
		}
		_, err := fmt.Fprintf(w, "cluster: %s: %s\n", asked, r.NotAsked)
		return err
	}
	return printCluster(w, s, r.Cluster)
}

func printNodeStates(out io.Writer, s *site.Site, r statusResult) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tREGISTRY\tTLS\tIMAGES\tMISSING\tSTATE")
	for _, n := range r.Nodes {
		images, missing, state := "-", "-", "answers"
		if b := n.Bundle; b != nil && b.Reachable {
			images = fmt.Sprintf("%d of %d", b.Images, b.Images+b.MissingImages)
			missing, state = ui.Bytes(b.MissingBytes), "NOT WHOLE"
			if b.Whole {
				state = "whole"
			}
		}
		switch {
		case !n.Reachable || n.Bundle != nil && !n.Bundle.Reachable:
			state = "NOT REACHABLE"
		case n.Error != "" && n.Bundle == nil:
			state = "OUT OF ORDER"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", n.Node, n.Host, tlsText(s, n), images, missing, state)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, n := range r.Nodes {
		if n.Reachable {
			fmt.Fprintf(out, "%s: releases: %s; catalogs: %s\n", n.Node, list(n.Releases), list(n.Catalogs))
		}
		if n.Bundle == nil {
			continue
		}
		for i, line := range n.Bundle.Missing {
			if i == fewMissing {
				fmt.Fprintf(out, "%s: and more; --json names twenty\n", n.Node)
				break
			}
			fmt.Fprintf(out, "%s: %s\n", n.Node, line)
		}
	}
	return nil
}

func tlsText(s *site.Site, n nodeStatus) string {
	switch {
	case s.Registry.PlainHTTP:
		return "none"
	case n.Certificate == "":
		return "-"
	}
	return fmt.Sprintf("%d days", n.daysLeft)
}

func list(names []string) string { return cmp.Or(strings.Join(names, ", "), "none") }

func printCluster(out io.Writer, s *site.Site, st *cluster.Status) error {
	p := st.Pool
	fmt.Fprintf(out, "cluster %s\n  id %s, OpenShift %s\n", st.URL, cmp.Or(st.ID, "unknown"), cmp.Or(st.Version, "unknown"))
	fmt.Fprintf(out, "pool %s: %s, %d of %d nodes up to date, %d ready\n", p.Name, poolText(p), p.UpToDate, p.Machines, p.Ready)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, n := range st.Nodes {
		ready := "ready"
		if !n.Ready {
			ready = "NOT READY"
		}
		state := cmp.Or(n.State, "-")
		if n.Draining {
			state = "draining"
		}
		fmt.Fprintf(w, "node %s\t%s\t%s\t%s\n", n.Name, ready, state, cmp.Or(n.Current, "-"))
	}
	_ = w.Flush() // tables of their own: these have nothing in common
	for _, k := range st.Catalogs {
		fmt.Fprintf(w, "%s %s\t%s\t%s\n", k.Kind, k.Name, cmp.Or(k.State, "-"), shortImage(k.Image))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return printMirrors(out, s, st.Mirrors)
}

func poolText(p cluster.Pool) string {
	switch {
	case p.Degraded:
		return "DEGRADED"
	case p.Paused:
		return "PAUSED"
	case p.Updating || !p.Updated:
		return "updating"
	}
	return "updated"
}
