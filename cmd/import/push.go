package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/bundle"
	"drayage/pkg/importer"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
	"drayage/pkg/site"
)

func pushCommand() *cli.Command {
	return &cli.Command{
		Name:      "push",
		Usage:     "fill the registries of all nodes at once, straight from the file",
		ArgsUsage: "FILE",
		Description: "What a node has already is not sent again. A node that is down does not stop the\n" +
			"others: the exit code is 4, and the same command again finishes the rest. In the end\n" +
			"every node is asked for all of it: only then it is whole. Without --root nothing says that\n" +
			"FILE is the bundle that was meant.\n\n" +
			"   import push --site site.yaml --root sha256:9f86d08... /media/usb/site.bundle.tar\n" +
			"   bundle build -c imageset.yaml -o - | ssh site import push --site site.yaml -\n\n" +
			"FILE may be -: standard input is read once, for all nodes. There the slowest node sets the\n" +
			"pace, until the others have waited --timeout for it; then it falls out, and may come back.\n" +
			"The same pipe again brings what it lacks.",
		Flags: []cli.Flag{
			siteFlag, cmdline.RootFlag, cmdline.KeyFlag, cmdline.SkipFlag, cmdline.VolumeDirFlag,
			&cli.StringSliceFlag{Name: "node", Usage: "only the node `NAME`; may be given several times"},
			&cli.StringFlag{Name: "authfile", Usage: "credentials of the nodes' registries in `FILE`, in place of the site's"},
			&cli.IntFlag{Name: "jobs", Value: 4, Usage: "how many `N` requests one node gets at a time"},
			&cli.DurationFlag{Name: "timeout", Value: oci.DefaultTimeout, Usage: "give up on a node that is silent for this `TIME`"},
			&cli.BoolFlag{Name: "deep", Usage: "read everything back from the nodes and hash it"},
			&cli.BoolFlag{Name: "no-check", Usage: "do not ask the nodes whether all is there in the end"},
			cmdline.ProgressFlag, cmdline.JSONFlag,
		},
		Action: runPush,
	}
}

func runPush(c *cli.Context) error {
	if c.Bool("deep") && c.Bool("no-check") {
		return cmdline.Usagef("--deep, --no-check: one says to read everything back, the other to ask for nothing")
	}
	s, nodes, client, err := pushTargets(c)
	if err != nil {
		return err
	}
	u := cmdline.UI(c)
	defer u.Close()
	o := importer.FillOptions{
		PushOptions: importer.PushOptions{
			Client: client, Nodes: nodes, Jobs: c.Int("jobs"), Progress: u.Progress(), Patience: c.Duration("timeout"),
		},
		NoCheck: c.Bool("no-check"), Deep: c.Bool("deep"),
	}
	b, results, err := fill(c, s, o)
	u.Close()
	if results == nil {
		return err
	}
	return errors.Join(printPush(c, b, results), err)
}

// fill fills nodes from the file that is named, or from standard input.
func fill(c *cli.Context, s *site.Site, o importer.FillOptions) (*bundle.Bundle, []importer.NodeResult, error) {
	if c.Args().First() == "-" {
		return fillFromPipe(c, s, o)
	}
	b, err := openBundle(c)
	if err != nil {
		return nil, nil, err
	}
	defer b.Close()
	results, err := importer.Fill(c.Context, b, s, o)
	return b, results, err
}

// pushTargets reads everything about the site before the bundle is opened.
func pushTargets(c *cli.Context) (*site.Site, []site.Node, *oci.Client, error) {
	if _, err := cmdline.Arg(c, "FILE"); err != nil {
		return nil, nil, nil, err
	}
	s, err := readSite(c)
	if err != nil {
		return nil, nil, nil, err
	}
	nodes, err := s.Select(c.StringSlice("node"))
	if err != nil {
		return nil, nil, nil, &cmdline.UsageError{Err: err}
	}
	if err := cmdline.CheckLimits(c); err != nil {
		return nil, nil, nil, err
	}
	client, err := nodeClient(c, s)
	if err != nil {
		return nil, nil, nil, err
	}
	cmdline.Warn(c, certificateWarnings(s))
	return s, nodes, client, nil
}

// pushResult is what --json prints; docs/json.md describes it.
type pushResult struct {
	Root  digest.Digest         `json:"root"`
	Nodes []importer.NodeResult `json:"nodes"`
	// Omitted are the images that were asked for and do not travel.
	Omitted []manifest.Omission `json:"omitted,omitempty"`
}

func printPush(c *cli.Context, b *bundle.Bundle, results []importer.NodeResult) error {
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, pushResult{b.Root, results, b.Manifest.Omitted})
	}
	if err := printNodes(c.App.Writer, results); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.App.Writer, "root %s\n", b.Root)
	return err
}

// printNodes is the table of nodes that were filled.
func printNodes(out io.Writer, results []importer.NodeResult) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tREGISTRY\tIMAGES\tSENT\tSECONDS\tSTATE")
	for _, r := range results {
		state := "whole"
		switch {
		case r.Error != "":
			state = "NOT WHOLE"
		case !r.Whole:
			state = "filled, not checked"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%.1f\t%s\n", r.Node, r.Host, r.Images, ui.Bytes(r.BytesSent), r.Seconds, state)
	}
	return w.Flush()
}
