package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/durable"
	"drayage/internal/ui"
	"drayage/pkg/bundle"
	"drayage/pkg/manifest"
	"drayage/pkg/plan"
)

func planCommand() *cli.Command {
	return &cli.Command{
		Name:  "plan",
		Usage: "say what would travel, without fetching it",
		Description: "Asks registries what the image set stands for and prints images by role and bytes.\n" +
			"A plan that is saved with -o pins every digest: `bundle build --plan` builds just that.\n\n" +
			"   bundle plan -c imageset.yaml -o plan.json",
		Flags: append(sourceFlags(),
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "save the plan to `FILE`"}),
		Action: runPlan,
	}
}

func runPlan(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	if c.String("config") == "" {
		return cmdline.Usagef("plan: which image set? bundle plan -c imageset.yaml")
	}
	if err := checkSourceFlags(c); err != nil {
		return err
	}
	if out := c.String("output"); out != "" {
		if err := writable(filepath.Dir(out)); err != nil {
			return err
		}
	}
	p, err := makePlan(c)
	if err != nil {
		return err
	}
	cmdline.Warn(c, p.Warnings)
	cmdline.WarnUnsigned(c, p.Manifest)
	cmdline.WarnOmitted(c, p.Manifest)
	warnPlaces(c, p.Manifest)
	if out := c.String("output"); out != "" {
		raw, err := manifest.Encode(p.Manifest)
		if err != nil {
			return err
		}
		if err := durable.WriteFile(out, raw); err != nil {
			return err
		}
	}
	return errors.Join(printPlan(c, p), cmdline.CheckOmitted(p.Manifest))
}

func makePlan(c *cli.Context) (*plan.Plan, error) {
	cfg, err := readConfig(c)
	if err != nil {
		return nil, err
	}
	source, err := newSource(c, "", nil)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	u := cmdline.UI(c)
	defer u.Close()
	o, err := planOptions(c, u.Progress())
	if err != nil {
		return nil, err
	}
	return asked(plan.Make(c.Context, cfg, source, o))
}

// asked says of an error that it is about what was asked for.
func asked(p *plan.Plan, err error) (*plan.Plan, error) {
	if err != nil {
		return nil, &cmdline.SourceError{Err: err}
	}
	return p, nil
}

// planResult is what --json prints; docs/json.md describes it.
type planResult struct {
	Roles       []roleResult       `json:"roles"`
	Images      int                `json:"images"`
	Blobs       int                `json:"blobs"`
	UniqueBytes int64              `json:"uniqueBytes"`
	TotalBytes  int64              `json:"totalBytes"`
	BundleBytes int64              `json:"bundleBytes"`
	Upgrades    []hopResult        `json:"upgrades"`
	Added       []string           `json:"added"`
	Warnings    []string           `json:"warnings"`
	Manifest    *manifest.Manifest `json:"manifest"`
}

type roleResult struct {
	Role   manifest.Role `json:"role"`
	Images int           `json:"images"`
	Bytes  int64         `json:"bytes"`
}

// hopResult is one upgrade on the way from the lowest release to the highest.
type hopResult struct {
	From  string       `json:"from"`
	To    string       `json:"to"`
	Risks []riskResult `json:"risks,omitempty"`
}

// riskResult is why an update is not recommended to all clusters.
type riskResult struct {
	Name    string `json:"name"`
	URL     string `json:"url"`
	Message string `json:"message"`
}

func upgrades(p *plan.Plan) []hopResult {
	hops := []hopResult{}
	for _, h := range p.Hops {
		hop := hopResult{From: h.From, To: h.To}
		for _, r := range h.Risks {
			hop.Risks = append(hop.Risks, riskResult{r.Name, r.URL, r.Message})
		}
		hops = append(hops, hop)
	}
	return hops
}

// printUpgrades prints the way a cluster takes, and what Red Hat says against it.
func printUpgrades(c *cli.Context, hops []hopResult) {
	for _, h := range hops {
		fmt.Fprintf(c.App.Writer, "upgrade %s -> %s\n", h.From, h.To)
		for _, r := range h.Risks {
			fmt.Fprintf(c.App.Writer, "  risk %s: %s (%s)\n", r.Name, r.Message, r.URL)
		}
	}
}

func printPlan(c *cli.Context, p *plan.Plan) error {
	m := p.Manifest
	size, err := bundle.Size(m)
	if err != nil {
		return err
	}
	blobs, bytes, err := bundle.Blobs(m)
	if err != nil {
		return err
	}
	r := planResult{
		Roles: byRole(m), Images: len(m.Images), Blobs: blobs, UniqueBytes: bytes,
		TotalBytes: m.TotalBytes(), BundleBytes: size, Upgrades: upgrades(p), Added: append([]string{}, p.Added...), Warnings: append([]string{}, p.Warnings...), Manifest: m,
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, r)
	}
	printUpgrades(c, r.Upgrades)
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "role\timages\tbytes\t")
	for _, role := range r.Roles {
		fmt.Fprintf(w, "%s\t%d\t%s\t\n", role.Role, role.Images, ui.Bytes(role.Bytes))
	}
	fmt.Fprintf(w, "all\t%d\t%s\t\n", r.Images, ui.Bytes(r.TotalBytes))
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "unique: %s in %d blobs; the bundle will have %d bytes\n", ui.Bytes(r.UniqueBytes), r.Blobs, r.BundleBytes)
	return err
}

// byRole sums up images by role, in the order of the roles. Bytes are those of
// each image by itself: what roles share is counted in each.
func byRole(m *manifest.Manifest) []roleResult {
	var rows []roleResult
	for _, role := range manifest.Roles {
		row := roleResult{Role: role}
		for _, i := range m.Images {
			if i.Role == role {
				row.Images++
				row.Bytes += i.Bytes
			}
		}
		if row.Images > 0 {
			rows = append(rows, row)
		}
	}
	return rows
}
