package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/cluster"
	"drayage/pkg/manifest"
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
		Flags: []cli.Flag{
			siteFlag, cmdline.RootFlag, cmdline.KeyFlag, cmdline.SkipFlag, cmdline.VolumeDirFlag,
			&cli.StringFlag{Name: "kubeconfig", Usage: "the cluster's kubeconfig in `FILE`; otherwise KUBECONFIG, then ~/.kube/config"},
			&cli.StringFlag{Name: "context", Usage: "the kubeconfig's context `NAME`; otherwise its current one"},
			&cli.BoolFlag{Name: "yes", Usage: "do not ask"},
			&cli.BoolFlag{Name: "dry-run", Usage: "look and try, write nothing"},
			&cli.StringFlag{Name: "stage", Usage: "only the objects of one `STAGE`: nodes, mirrors or catalogs"},
			&cli.BoolFlag{Name: "no-wait", Usage: "return when all is written; the cluster goes on by itself"},
			&cli.DurationFlag{Name: "node-timeout", Value: cluster.DefaultNodeTimeout, Usage: "give up when one node is not done after this `TIME`"},
			&cli.BoolFlag{Name: "force-space", Usage: "go on although a node's disk gets fuller than it should"},
			&cli.BoolFlag{Name: "force-conflicts", Usage: "take fields of these objects over from other managers"},
			cmdline.JSONFlag,
		},
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
	objects, err := applyObjects(c, b.Manifest, s)
	if err != nil {
		return err
	}
	to, err := connect(c)
	if err != nil {
		return err
	}
	u := ui.New(os.Stderr)
	defer u.Close()
	plan, err := to.Prepare(c.Context, objects, cluster.PrepareOptions{
		Version: s.OpenShift, NodeBytes: releaseBytes(b.Manifest, to.Info.Version),
		ForceSpace: c.Bool("force-space"), ForceConflicts: c.Bool("force-conflicts"), Progress: u.Progress(),
	})
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
	if d := c.Duration("node-timeout"); d < time.Minute {
		return nil, cmdline.Usagef("--node-timeout %s: want a minute at least, as in 40m", d)
	}
	if !c.Bool("yes") && !c.Bool("dry-run") && !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, cmdline.Usagef("apply: nobody can be asked here; look with --dry-run, then give --yes")
	}
	return readSite(c)
}

// applyObjects are those that the site's cluster is given, of one stage if
// --stage says so. What is optional is a person's to choose.
func applyObjects(c *cli.Context, m *manifest.Manifest, s *site.Site) ([]cluster.Object, error) {
	server, warnings, err := readServer(s)
	if err != nil {
		return nil, err
	}
	cmdline.Warn(c, warnings)
	rendered, warnings, err := render.All(render.Input{Manifest: m, Site: s, Server: server})
	if err != nil {
		return nil, err
	}
	cmdline.Warn(c, warnings)
	var objects []cluster.Object
	var errs []error
	for _, r := range rendered {
		if stage := render.Stage(c.String("stage")); r.Optional || stage != "" && stage != r.Stage {
			continue
		}
		o, err := cluster.Decode(r.YAML)
		objects, errs = append(objects, o), append(errs, err)
	}
	return objects, errors.Join(errs...)
}

func connect(c *cli.Context) (*cluster.Cluster, error) {
	to, err := cluster.Connect(c.Context, cluster.ConnectOptions{Kubeconfig: c.String("kubeconfig"), Context: c.String("context")})
	var config *cluster.ConfigError
	if errors.Is(err, cluster.ErrNoKubeconfig) || errors.As(err, &config) {
		return nil, &cmdline.UsageError{Err: err}
	}
	return to, clusterError(err)
}

// clusterError keeps nil nil.
func clusterError(err error) error {
	if err == nil {
		return nil
	}
	return &cmdline.ClusterError{Err: err}
}

// releaseBytes is what an update to the largest release that the cluster does
// not have yet will put on every node's disk a second time: at most, because
// what images share is known for the whole bundle only.
func releaseBytes(m *manifest.Manifest, installed string) int64 {
	sums := map[string]int64{}
	for _, i := range m.Images {
		if i.Release != "" && (installed == "" || !strings.HasPrefix(i.Release, installed+"-")) {
			sums[i.Release] += i.Bytes
		}
	}
	var most int64
	for _, n := range sums {
		most = max(most, n)
	}
	var all int64
	for _, b := range m.Blobs {
		all += b.Size
	}
	if m.Delta != nil {
		_, left := m.Delta.LeftOut()
		all += left
	}
	return min(most, all)
}

func applyPlan(c *cli.Context, to *cluster.Cluster, plan *cluster.Plan, u *ui.UI) error {
	result := applyResult{Cluster: to.Info, DryRun: c.Bool("dry-run"), Objects: plan.Changes, Findings: plan.Findings}
	printPlan(c, result)
	if err := plan.Err(); err != nil || result.DryRun {
		return errors.Join(printApply(c, result), clusterError(err))
	}
	if plan.Writes() && !c.Bool("yes") {
		if err := ask(c); err != nil {
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

// ask waits for an answer, or for ^C.
func ask(c *cli.Context) error {
	fmt.Fprint(c.App.ErrWriter, "Apply to this cluster? [y/N] ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n') // no answer is no
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-c.Context.Done():
		fmt.Fprintln(c.App.ErrWriter)
		return c.Context.Err()
	case a := <-answer:
		if a == "y" || a == "yes" {
			return nil
		}
		return errors.New("apply: nothing was written, because the answer was not y")
	}
}
