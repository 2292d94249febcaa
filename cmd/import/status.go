package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/bundle"
	"drayage/pkg/cluster"
	"drayage/pkg/importer"
	"drayage/pkg/oci"
	"drayage/pkg/site"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:      "status",
		Usage:     "say how the nodes and the cluster are, and change nothing",
		ArgsUsage: "[FILE]",
		Description: "With FILE every node is asked for all that the bundle holds; without it only which\n" +
			"releases and catalogs it shows. The cluster is asked when a kubeconfig names one.\n" +
			"The exit code is 4 when a node is not whole or does not answer, and 8 when\n" +
			"something is wrong with the cluster.\n\n" +
			"   import status --site site.yaml --root sha256:9f86d08... /media/usb/site.bundle.tar\n" +
			"   import status --site site.yaml --kubeconfig auth/kubeconfig --json /media/usb/site.bundle.tar > evidence.json",
		Flags: []cli.Flag{
			siteFlag, cmdline.RootFlag, cmdline.KeyFlag, cmdline.SkipFlag, cmdline.VolumeDirFlag,
			&cli.StringFlag{Name: "kubeconfig", Usage: "the cluster's kubeconfig in `FILE`; otherwise KUBECONFIG, then ~/.kube/config"},
			&cli.StringFlag{Name: "context", Usage: "the kubeconfig's context `NAME`; otherwise its current one"},
			&cli.StringFlag{Name: "authfile", Usage: "credentials of the nodes' registries in `FILE`, in place of the site's"},
			&cli.IntFlag{Name: "jobs", Value: 8, Usage: "how many `N` requests one node gets at a time"},
			&cli.DurationFlag{Name: "timeout", Value: 15 * time.Second, Usage: "give up on a node that is silent for this `TIME`"},
			&cli.BoolFlag{Name: "deep", Usage: "read everything back from the nodes and hash it; wants FILE"},
			&cli.BoolFlag{Name: "time", Usage: "say when it was, in UTC"},
			cmdline.ProgressFlag, cmdline.JSONFlag,
		},
		Action: runStatus,
	}
}

// statusResult is what --json prints; docs/json.md describes it.
type statusResult struct {
	Program   string        `json:"program"`
	Time      string        `json:"time,omitempty"`
	Root      digest.Digest `json:"root,omitempty"`
	OpenShift string        `json:"openshift"`
	Nodes     []nodeStatus  `json:"nodes"`
	// Cluster is nil when it was not asked, or did not answer.
	Cluster  *cluster.Status `json:"cluster"`
	NotAsked string          `json:"clusterNotAsked,omitempty"`
	Findings []string        `json:"findings"`

	// refused says that a cluster was named and told nothing.
	refused bool
}

// nodeStatus is what a node shows, and how it is measured by the bundle.
type nodeStatus struct {
	importer.NodeContent
	Certificate string              `json:"certificateUntil,omitempty"`
	Bundle      *importer.NodeState `json:"bundle,omitempty"`

	daysLeft int
}

func runStatus(c *cli.Context) error {
	s, client, err := statusTargets(c)
	if err != nil {
		return err
	}
	var b *bundle.Bundle
	if c.Args().Present() {
		if b, err = openBundle(c); err != nil {
			return err
		}
		defer b.Close()
	}
	r := statusResult{Program: c.App.Version, OpenShift: s.OpenShift, Findings: []string{}}
	if c.Bool("time") {
		r.Time = time.Now().UTC().Format(time.RFC3339)
	}
	u := cmdline.UI(c)
	defer u.Close()
	nodes := r.askNodes(c, s, b, client, u)
	if c.Context.Err() != nil {
		return c.Context.Err()
	}
	ofCluster := r.askCluster(c, s, b, u)
	if c.Context.Err() != nil {
		return c.Context.Err()
	}
	u.Close()
	return errors.Join(printStatus(c, s, r), nodes, ofCluster)
}

// statusTargets reads all that a person wrote before anything is asked.
func statusTargets(c *cli.Context) (*site.Site, *oci.Client, error) {
	if c.Args().Present() {
		if _, err := cmdline.Arg(c, "FILE"); err != nil {
			return nil, nil, err
		}
	} else if c.Bool("deep") || c.String("root") != "" {
		return nil, nil, cmdline.Usagef("status: --deep and --root are about a bundle: which FILE?")
	}
	s, err := readSite(c)
	if err != nil {
		return nil, nil, err
	}
	if err := cmdline.CheckLimits(c); err != nil {
		return nil, nil, err
	}
	client, err := nodeClient(c, s)
	return s, client, err
}

// askNodes asks all nodes. With a bundle the error is about that: it says more.
func (r *statusResult) askNodes(c *cli.Context, s *site.Site, b *bundle.Bundle, client *oci.Client, u *ui.UI) error {
	contents, err := importer.Survey(c.Context, s, importer.SurveyOptions{Client: client, Nodes: s.Nodes, Jobs: c.Int("jobs")})
	for _, content := range contents {
		r.Nodes = append(r.Nodes, nodeStatus{NodeContent: content})
	}
	for i := range r.Nodes {
		r.Nodes[i].certificate(c.Context, s, c.Duration("timeout"))
	}
	if b == nil || c.Context.Err() != nil {
		return err
	}
	r.Root = b.Root
	states, checked := importer.Check(c.Context, b, s, importer.CheckOptions{
		Client: client, Nodes: s.Nodes, Jobs: c.Int("jobs"), Deep: c.Bool("deep"), Progress: u.Progress(),
	})
	for i := range states {
		r.Nodes[i].Bundle = &states[i]
	}
	if checked == nil { // whole, and the survey has found something else
		return err
	}
	return checked
}

// certificate asks a node that answers how long its certificate is good for.
func (n *nodeStatus) certificate(ctx context.Context, s *site.Site, timeout time.Duration) {
	if s.Registry.PlainHTTP || !n.Reachable {
		return
	}
	end, err := oci.CertificateEnd(ctx, n.Host, timeout)
	if err != nil {
		return // it has just shown one, or none
	}
	n.Certificate = end.UTC().Format(time.DateOnly)
	n.daysLeft = int(time.Until(end).Hours() / 24)
}

// askCluster asks the cluster if there is one to ask. That nobody named one is no
// fault; one that was named and does not answer is.
func (r *statusResult) askCluster(c *cli.Context, s *site.Site, b *bundle.Bundle, u *ui.UI) error {
	to, err := connect(c)
	if errors.Is(err, cluster.ErrNoKubeconfig) && c.String("kubeconfig") == "" && c.String("context") == "" {
		r.NotAsked = err.Error()
		return nil
	}
	if err == nil {
		var st *cluster.Status
		if st, err = to.Status(c.Context, u.Progress()); err == nil {
			r.Cluster = st
			err = r.judge(s, b, st)
		}
		err = clusterError(err)
	}
	if err != nil && r.Cluster == nil {
		r.NotAsked, r.refused = err.Error(), true
	}
	return err
}

// judge notes what is not well with the cluster.
func (r *statusResult) judge(s *site.Site, b *bundle.Bundle, st *cluster.Status) error {
	r.Findings = append(r.Findings, versionFindings(s, st)...)
	r.Findings = append(r.Findings, poolFindings(st)...)
	r.Findings = append(r.Findings, catalogFindings(s, st)...)
	r.Findings = append(r.Findings, deafFindings(s, st)...)
	if b != nil {
		missing, err := mirrorFindings(s, b.Manifest, st)
		if err != nil {
			return err
		}
		databases, _, err := importer.Databases(b)
		if err != nil {
			return err
		}
		catalogs, err := bundleCatalogFindings(s, b.Manifest, databases, st)
		if err != nil {
			return err
		}
		r.Findings = append(append(r.Findings, missing...), catalogs...)
	}
	var errs []error
	for _, f := range r.Findings {
		errs = append(errs, errors.New(f))
	}
	return errors.Join(errs...)
}

// ours says whether one of a rule's mirrors is a node of the site.
func ours(s *site.Site, mirrors []string) bool {
	return slices.ContainsFunc(mirrors, func(m string) bool { return slices.Contains(s.MirrorHosts(), hostOf(m)) })
}
