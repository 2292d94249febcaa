package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/access"
	"drayage/pkg/node"
	"drayage/pkg/render"
	"drayage/pkg/site"
)

// renderedBy is the first line of every file that render writes, and how it
// knows its own files when it writes into the same folder again.
const renderedBy = "# rendered by drayage import render\n"

func renderCommand() *cli.Command {
	return &cli.Command{
		Name:      "render",
		Usage:     "write the objects that set registries up and tell the cluster where images are",
		ArgsUsage: "FILE",
		Description: "One file for each object, to be applied in the order of their names, and in a folder\n" +
			"optional/ those that a site may want. Nothing is asked of any server, and the same bundle\n" +
			"and site give the same bytes. Between the stages something else has to be done.\n" +
			"Before the first the registry's image has to be on the nodes: see import registry-image.\n\n" +
			"   import render --site site.yaml --root sha256:9f86d08... -o manifests /media/usb/site.bundle.tar\n" +
			"   import render --site site.yaml --stage nodes    -o - FILE | oc apply -f -\n" +
			"   import push   --site site.yaml FILE\n" +
			"   import render --site site.yaml --stage mirrors  -o - FILE | oc apply -f -\n" +
			"   import render --site site.yaml --stage catalogs -o - FILE | oc apply -f -\n\n" +
			"With TLS the MachineConfig holds the registries' key: its file can be read by its owner only,\n" +
			"and what goes to standard output is yours to guard.",
		Flags: []cli.Flag{
			siteFlag, cmdline.RootFlag, cmdline.KeyFlag, cmdline.SkipFlag, cmdline.VolumeDirFlag,
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "a `DIR`, or - for standard output"},
			&cli.StringFlag{Name: "stage", Usage: "only the objects of one `STAGE`: nodes, mirrors or catalogs; not with -o DIR"},
			cmdline.JSONFlag,
		},
		Action: runRender,
	}
}

func runRender(c *cli.Context) error {
	if _, err := cmdline.Arg(c, "FILE"); err != nil {
		return err
	}
	out := c.String("output")
	if err := checkOutput(c, out); err != nil {
		return err
	}
	s, err := readSite(c)
	if err != nil {
		return err
	}
	server, warnings, err := readServer(s)
	if err != nil {
		return err
	}
	if s.Registry.Auth.User != "" { // it is in no file
		warnings = append(warnings, "registry.auth: nodes pull only when the cluster's pull secret has the registries' password, which `import apply` puts there: see docs/site.md")
	}
	cmdline.Warn(c, warnings)
	b, err := openBundle(c)
	if err != nil {
		return err
	}
	defer b.Close()
	if _, _, err := node.ChooseImage(b.Manifest, s); s.Registry.Managed && err != nil {
		return &cmdline.UsageError{Err: err}
	}
	databases, err := catalogDatabases(c, b, s)
	if err != nil {
		return err
	}
	in := render.Input{Manifest: b.Manifest, Site: s, Server: server, Databases: databases}
	objects, warnings, err := render.All(in)
	if err != nil {
		return err
	}
	if off, _ := render.DefaultCatalogs(in); len(off) > 0 {
		warnings = append(warnings, "the ClusterCatalogs that the cluster comes with are in no file: `import apply` switches them off, or you: see docs/site.md")
	}
	cmdline.Warn(c, warnings)
	if stage := render.Stage(c.String("stage")); stage != "" {
		objects = slices.DeleteFunc(objects, func(o render.Object) bool { return o.Stage != stage || o.Optional })
	}
	return output(c, out, objects)
}

func checkOutput(c *cli.Context, out string) error {
	stage := c.String("stage")
	switch {
	case out == "" && !c.Bool("json"):
		return cmdline.Usagef("render: where to? %s render --site site.yaml -o DIR FILE (-o - for standard output)", c.App.Name)
	case stage != "" && !slices.Contains(render.Stages, render.Stage(stage)):
		return cmdline.Usagef("render: --stage %q: there are nodes, mirrors, catalogs", stage)
	case stage != "" && out != "" && out != "-":
		return cmdline.Usagef("render: --stage %s: a folder holds all stages; use -o -", stage)
	}
	return nil
}

// readServer reads the files that the site names. Registries that somebody else
// set up prove themselves: of those only what a client needs is read.
func readServer(s *site.Site) (access.Server, []string, error) {
	if !s.Registry.Managed {
		client, err := readClient(s)
		return access.Server{Client: client}, nil, err
	}
	server, err := access.ReadServer(s)
	if err != nil {
		return server, nil, &cmdline.UsageError{Err: err}
	}
	var warnings []string
	var errs []error
	for _, err := range server.Check(s, time.Now()) {
		if errors.Is(err, access.ErrSoon) {
			warnings = append(warnings, err.Error())
		} else {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return server, nil, &cmdline.UsageError{Err: errors.Join(errs...)}
	}
	return server, warnings, nil
}

func output(c *cli.Context, out string, objects []render.Object) error {
	if out != "" && out != "-" {
		if err := writeFolder(c, out, objects); err != nil {
			return err
		}
	}
	switch {
	case c.Bool("json"):
		return cmdline.PrintJSON(c.App.Writer, renderResult(objects))
	case out == "-":
		return printObjects(c, objects)
	}
	for _, o := range objects {
		fmt.Fprintln(c.App.Writer, filepath.Join(out, filepath.FromSlash(o.File)))
	}
	return nil
}

func printObjects(c *cli.Context, objects []render.Object) error {
	for _, o := range objects {
		if o.Optional {
			continue
		}
		if _, err := fmt.Fprintf(c.App.Writer, "---\n%s%s", note(o), o.YAML); err != nil {
			return err
		}
	}
	return nil
}

// note is an object's note as a comment. Signatures have none: their bytes are
// given.
func note(o render.Object) string {
	if o.Note == "" {
		return ""
	}
	return "# " + o.Note + "\n"
}

// renderedObject is one row of what --json prints; docs/json.md describes it.
type renderedObject struct {
	File      string       `json:"file"`
	Stage     render.Stage `json:"stage"`
	Optional  bool         `json:"optional"`
	Merge     bool         `json:"merge"`
	Secret    bool         `json:"secret"`
	Note      string       `json:"note,omitempty"`
	Kind      string       `json:"kind"`
	Namespace string       `json:"namespace,omitempty"`
	Name      string       `json:"name"`
	YAML      string       `json:"yaml"`
}

func renderResult(objects []render.Object) map[string][]renderedObject {
	rows := []renderedObject{}
	for _, o := range objects {
		rows = append(rows, renderedObject{
			o.File, o.Stage, o.Optional, o.Merge, o.Secret, o.Note, o.Kind, o.Namespace, o.Name, string(o.YAML),
		})
	}
	return map[string][]renderedObject{"objects": rows}
}
