package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/importer"
	"drayage/pkg/oci"
	"drayage/pkg/site"
)

func repairCommand() *cli.Command {
	return &cli.Command{
		Name:      "repair",
		Usage:     "fill a node that was replaced, from the bundle or from the other nodes, and prove it",
		ArgsUsage: "[FILE]",
		Description: "With FILE it is push for one node. Without it, --from-nodes copies all that the other\n" +
			"nodes hold under names, from node to node; what they disagree about is named and left\n" +
			"out. The same command again goes on where it was ended.\n\n" +
			"   import repair --site site.yaml --node node2 --root sha256:9f86d08... /media/usb/site.bundle.tar\n" +
			"   import repair --site site.yaml --node node2 --from-nodes",
		Flags: []cli.Flag{
			siteFlag, cmdline.RootFlag, cmdline.KeyFlag, cmdline.SkipFlag, cmdline.VolumeDirFlag,
			&cli.StringFlag{Name: "node", Usage: "the node `NAME` that is to be filled"},
			&cli.BoolFlag{Name: "from-nodes", Usage: "without the bundle: copy from the other nodes"},
			&cli.StringFlag{Name: "authfile", Usage: "credentials of the nodes' registries in `FILE`, in place of the site's"},
			&cli.IntFlag{Name: "jobs", Value: 4, Usage: "how many `N` requests one node gets at a time"},
			&cli.DurationFlag{Name: "timeout", Value: oci.DefaultTimeout, Usage: "give up on a node that is silent for this `TIME`"},
			&cli.BoolFlag{Name: "deep", Usage: "read everything back from the node and hash it"},
			cmdline.ProgressFlag, cmdline.JSONFlag,
		},
		Action: runRepair,
	}
}

// repairResult is what --json prints; docs/json.md describes it.
type repairResult struct {
	Root     digest.Digest         `json:"root,omitempty"`
	From     []string              `json:"from"`
	Warnings []string              `json:"warnings"`
	Nodes    []importer.NodeResult `json:"nodes"`
}

func runRepair(c *cli.Context) error {
	s, node, client, err := repairTarget(c)
	if err != nil {
		return err
	}
	if !c.Bool("from-nodes") {
		return repairFromBundle(c, s, node, client)
	}
	u := cmdline.UI(c)
	copied, err := importer.Copy(c.Context, s, importer.CopyOptions{
		Client: client, To: node, Jobs: c.Int("jobs"), Deep: c.Bool("deep"), Progress: u.Progress(),
	})
	u.Close()
	cmdline.Warn(c, copied.Warnings)
	return errors.Join(printRepair(c, repairResult{From: copied.From, Warnings: copied.Warnings, Nodes: []importer.NodeResult{copied.NodeResult}}), err)
}

// repairTarget reads everything about the site before anything is asked.
func repairTarget(c *cli.Context) (*site.Site, site.Node, *oci.Client, error) {
	var none site.Node
	if err := repairArgs(c); err != nil {
		return nil, none, nil, err
	}
	s, err := readSite(c)
	if err != nil {
		return nil, none, nil, err
	}
	nodes, err := s.Select([]string{c.String("node")})
	if err != nil {
		return nil, none, nil, &cmdline.UsageError{Err: err}
	}
	if c.Bool("from-nodes") && len(s.Nodes) < 2 {
		return nil, none, nil, cmdline.Usagef("--from-nodes: the site has no other node")
	}
	if err := cmdline.CheckLimits(c); err != nil {
		return nil, none, nil, err
	}
	client, err := nodeClient(c, s)
	if err != nil {
		return nil, none, nil, err
	}
	cmdline.Warn(c, certificateWarnings(s))
	return s, nodes[0], client, nil
}

func repairArgs(c *cli.Context) error {
	if c.Bool("from-nodes") {
		if c.Args().Present() {
			return cmdline.Usagef("repair: a bundle and --from-nodes: one of them, the bundle is the better one")
		}
	} else if !c.Args().Present() {
		return cmdline.Usagef("repair: from where? the bundle's FILE, or --from-nodes")
	} else if _, err := cmdline.Arg(c, "FILE"); err != nil {
		return err
	}
	if c.String("node") == "" {
		return cmdline.Usagef("repair: which node? %s repair --site site.yaml --node node2 ...", c.App.Name)
	}
	return nil
}

func repairFromBundle(c *cli.Context, s *site.Site, node site.Node, client *oci.Client) error {
	b, err := openBundle(c)
	if err != nil {
		return err
	}
	defer b.Close()
	u := cmdline.UI(c)
	results, err := importer.Fill(c.Context, b, s, importer.FillOptions{
		PushOptions: importer.PushOptions{Client: client, Nodes: []site.Node{node}, Jobs: c.Int("jobs"), Progress: u.Progress()},
		Deep:        c.Bool("deep"),
	})
	u.Close()
	if results == nil {
		return err
	}
	return errors.Join(printRepair(c, repairResult{Root: b.Root, From: []string{}, Warnings: []string{}, Nodes: results}), err)
}

func printRepair(c *cli.Context, r repairResult) error {
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, r)
	}
	if err := printNodes(c.App.Writer, r.Nodes); err != nil {
		return err
	}
	source := "from the bundle, root " + r.Root.String()
	if r.Root == "" {
		source = "from " + strings.Join(r.From, ", ")
	}
	if len(r.From) == 0 && r.Root == "" {
		source = "from nowhere"
	}
	_, err := fmt.Fprintln(c.App.Writer, source)
	return err
}
