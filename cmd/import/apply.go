package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/cluster"
	"drayage/pkg/render"
	"drayage/pkg/site"
)

func applyCommand() *cli.Command {
	return &cli.Command{
		Name:      "apply",
		Usage:     "tell the cluster where its images are, and wait until it knows",
		ArgsUsage: "FILE",
		Description: "Looks at the cluster, has its API server try every object, shows what would change,\n" +
			"and asks. Then it applies the objects in an order in which nodes drain at most once,\n" +
			"and watches every node. Push first: the nodes must hold the images. The same command\n" +
			"again goes on where it was ended.\n\n" +
			"   import apply --site site.yaml --dry-run /media/usb/site.bundle.tar\n" +
			"   import apply --site site.yaml --kubeconfig auth/kubeconfig /media/usb/site.bundle.tar",
		Flags: append([]cli.Flag{
			siteFlag, cmdline.RootFlag, cmdline.KeyFlag, cmdline.SkipFlag, cmdline.VolumeDirFlag,
			&cli.BoolFlag{Name: "dry-run", Usage: "look and try, write nothing"},
			&cli.StringFlag{Name: "stage", Usage: "only the objects of one `STAGE`: nodes, mirrors or catalogs"},
			&cli.BoolFlag{Name: "allow-degraded", Usage: "go on although a node is not ready, when nothing would change on nodes"},
			&cli.BoolFlag{Name: "no-wait", Usage: "return when all is written; the cluster goes on by itself"},
			cmdline.ProgressFlag, cmdline.JSONFlag,
		}, clusterFlags...),
		Action: runApply,
	}
}

func runApply(c *cli.Context) error {
	s, err := applySite(c)
	if err != nil {
		return err
	}
	b, err := openBundle(c)
	if err != nil {
		return err
	}
	defer b.Close()
	objects, err := siteObjects(c, b, s)
	if err != nil {
		return err
	}
	to, err := connect(c)
	if err != nil {
		return err
	}
	u := cmdline.UI(c)
	defer u.Close()
	plan, err := to.Prepare(c.Context, ofStage(objects, render.Stage(c.String("stage"))), prepareOptions(c, to, s, b, u))
	if err != nil {
		return clusterError(err)
	}
	return applyPlan(c, to, plan, u)
}

// applySite reads all that a person wrote before anything is opened.
func applySite(c *cli.Context) (*site.Site, error) {
	if _, err := cmdline.Arg(c, "FILE"); err != nil {
		return nil, err
	}
	if stage := c.String("stage"); stage != "" && !slices.Contains(render.Stages, render.Stage(stage)) {
		return nil, cmdline.Usagef("apply: --stage %q: there are nodes, mirrors, catalogs", stage)
	}
	if err := checkNodeTimeout(c); err != nil {
		return nil, err
	}
	if !c.Bool("dry-run") && nobodyToAsk(c) {
		return nil, cmdline.Usagef("apply: nobody can be asked here; look with --dry-run, then give --yes")
	}
	return readSite(c)
}

func applyPlan(c *cli.Context, to *cluster.Cluster, plan *cluster.Plan, u *ui.UI) error {
	result := applyResult{Cluster: to.Info, DryRun: c.Bool("dry-run"), Objects: plan.Changes, Findings: plan.Findings}
	printPlan(c, result)
	if err := plan.Err(); err != nil || result.DryRun {
		return errors.Join(printApply(c, result), clusterError(err))
	}
	if plan.Writes() && !c.Bool("yes") {
		if err := ask(c, "Apply to this cluster?"); err != nil {
			return err
		}
	}
	done, err := to.Apply(c.Context, plan, cluster.ApplyOptions{
		NoWait: c.Bool("no-wait"), NodeTimeout: c.Duration("node-timeout"), Progress: u.Progress(),
	})
	u.Close()
	result.Objects = append([]cluster.Change{}, done...)
	var findings *cluster.FindingsError
	if errors.Is(err, context.Canceled) && errors.As(err, &findings) { // what follows says only that it was cancelled
		fmt.Fprintf(c.App.ErrWriter, "%s: %v\n", c.App.Name, findings)
	}
	return errors.Join(printApply(c, result), clusterError(err))
}
