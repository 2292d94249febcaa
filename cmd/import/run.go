package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/bundle"
	"drayage/pkg/cluster"
	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// registryTime is how long the registries may take to come up on the nodes.
const registryTime = 10 * time.Minute

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "the whole way on site: prove the file, set the registries up, fill and check them, tell the cluster",
		ArgsUsage: "FILE",
		Description: "Asks once, then takes each step and says what it did, or that there was nothing to do. It may\n" +
			"be ended at any time: the same command again goes on. The cluster is pointed at nodes that\n" +
			"are whole, and at no others. Before the first run the registry's image is brought to each\n" +
			"node; import registry-image, and docs/node.md, say how.\n\n" +
			"   import run --site site.yaml --kubeconfig auth/kubeconfig --image-is-there /media/usb/site.bundle.tar",
		Flags: append([]cli.Flag{
			siteFlag, cmdline.RootFlag, cmdline.KeyFlag, cmdline.SkipFlag, cmdline.VolumeDirFlag,
			&cli.BoolFlag{Name: "no-verify", Usage: "do not read the whole file first"},
			&cli.BoolFlag{Name: "image-is-there", Usage: "the registry's image lies on every node, and has to be asked for no more"},
			&cli.BoolFlag{Name: "allow-degraded", Usage: "point the cluster at nodes of which some are not whole, and go on without a node that is not ready when nothing would change on nodes"},
			&cli.DurationFlag{Name: "registry-timeout", Value: registryTime, Usage: "how much `TIME` the nodes' registries have to come up"},
			&cli.StringFlag{Name: "authfile", Usage: "credentials of the nodes' registries in `FILE`, in place of the site's"},
			&cli.IntFlag{Name: "jobs", Value: 4, Usage: "how many `N` requests one node gets at a time"},
			&cli.DurationFlag{Name: "timeout", Value: oci.DefaultTimeout, Usage: "give up on a node that is silent for this `TIME`"},
			cmdline.ProgressFlag, cmdline.JSONFlag,
		}, clusterFlags...),
		Action: runRun,
	}
}

// onSite is what the steps of a run work with.
type onSite struct {
	c       *cli.Context
	path    string
	site    *site.Site
	client  *oci.Client
	bundle  *bundle.Bundle
	objects []siteObject
	to      *cluster.Cluster
	result  runResult
	// lacking is how many bytes each node will get, until it got them.
	lacking map[string]int64
}

func runRun(c *cli.Context) error {
	r, err := arrive(c)
	if err != nil {
		return err
	}
	b, err := openBundle(c)
	if err != nil {
		return err
	}
	defer b.Close()
	r.bundle = b
	if r.objects, err = siteObjects(c, b, r.site); err != nil {
		return err
	}
	if r.to, err = connect(c); err != nil {
		return err
	}
	r.result = runResult{Cluster: r.to.Info, Root: b.Root, Bytes: b.Size(), Findings: []cluster.Finding{}, Steps: []runStep{}}
	err = r.begin()
	if err == nil {
		err = r.steps()
	}
	return errors.Join(r.print(), err)
}

// arrive reads all that a person wrote before anything is opened.
func arrive(c *cli.Context) (*onSite, error) {
	path, err := cmdline.Arg(c, "FILE")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkNodeTimeout(c), cmdline.CheckLimits(c)); err != nil {
		return nil, err
	}
	if d := c.Duration("registry-timeout"); d < time.Second {
		return nil, cmdline.Usagef("--registry-timeout %s: want a second at least, as in 10m", d)
	}
	if nobodyToAsk(c) {
		return nil, cmdline.Usagef("run: nobody can be asked here; look with import apply --dry-run, then give --yes")
	}
	s, err := readSite(c)
	if err != nil {
		return nil, err
	}
	client, err := nodeClient(c, s)
	return &onSite{c: c, path: path, site: s, client: client}, err
}

// begin looks at the cluster, has it try every object, shows what will be done,
// and asks. Nothing is written.
func (r *onSite) begin() error {
	u := cmdline.UI(r.c)
	defer u.Close()
	if err := r.survey(); err != nil {
		return err
	}
	plan, err := r.to.Prepare(r.c.Context, ofStage(r.objects, ""), r.prepareOptions(u))
	if err != nil {
		return clusterError(err)
	}
	u.Close()
	r.result.Findings = append(r.result.Findings, plan.Findings...)
	r.show(plan)
	if err := plan.Err(); err != nil {
		return clusterError(err)
	}
	if err := r.imageThere(plan); err != nil {
		return err
	}
	if r.c.Bool("yes") {
		return nil
	}
	return ask(r.c, "Bring this bundle to this cluster?")
}

func (r *onSite) show(plan *cluster.Plan) {
	printPlan(r.c, applyResult{Cluster: r.to.Info, Objects: plan.Changes, Findings: plan.Findings})
	w := r.c.App.ErrWriter
	for _, n := range r.site.Nodes {
		fmt.Fprintf(w, "node %s, registry %s\n", n.Name, n.Host(r.site.Registry))
	}
	fmt.Fprintf(w, "bundle %s, %s\n  root %s\n", r.path, ui.Bytes(r.bundle.Size()), r.bundle.Root)
}

// imageThere stops before a MachineConfig starts a registry whose image may not
// be on the nodes: that cannot be seen from outside. A MachineConfig that is
// there already was asked about when it came.
func (r *onSite) imageThere(plan *cluster.Plan) error {
	if r.c.Bool("image-is-there") {
		return nil
	}
	for _, ch := range plan.Changes {
		if ch.Kind == "MachineConfig" && ch.Result != cluster.Unchanged {
			return cmdline.Usagef("%s: the registry that it starts needs its image on every node before, and nobody can see that from here;\n"+
				"bring it there: import registry-image --site %s %s | ssh core@NODE \"sudo sh -c '$(import registry-image --site %s --receiver)'\" (docs/node.md has more ways);\n"+
				"then run the same command with --image-is-there", ch, r.c.String("site"), r.path, r.c.String("site"))
		}
	}
	return nil
}
