package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/durable"
	"drayage/pkg/icsp"
	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
)

// renderedBy is the first line of every file that render writes, and how it
// knows its own files when it writes into the same folder again.
const renderedBy = "# rendered by drayage import render\n"

func renderCommand() *cli.Command {
	return &cli.Command{
		Name:      "render",
		Usage:     "write the objects that tell the cluster where its images are",
		ArgsUsage: "FILE",
		Description: "One YAML file for each object, to be applied in the order of their names. Nothing is\n" +
			"asked of any server, and the same bundle and site give the same bytes.\n\n" +
			"   import render --site site.yaml -o manifests /media/usb/site.bundle.tar\n" +
			"   import render --site site.yaml -o - /media/usb/site.bundle.tar | oc apply -f -",
		Flags: []cli.Flag{
			siteFlag, cmdline.RootFlag, cmdline.KeyFlag, cmdline.SkipFlag,
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "a `DIR`, or - for standard output"},
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
	if out == "" && !c.Bool("json") {
		return cmdline.Usagef("render: where to? %s render --site site.yaml -o DIR FILE (-o - for standard output)", c.App.Name)
	}
	s, err := readSite(c)
	if err != nil {
		return err
	}
	b, err := openBundle(c)
	if err != nil {
		return err
	}
	defer b.Close()
	objects, err := icsp.Render(b.Manifest, s)
	if err != nil {
		return err
	}
	for _, i := range mirror.TagOnly(b.Manifest) {
		cmdline.Warn(c, []string{fmt.Sprintf("%s: mirror rules hold for digests: pods get it only as %s", i.Name, byDigest(i))})
	}
	if _, err := mirror.NewUpdateService(b.Manifest, s); errors.Is(err, mirror.ErrPlainHTTP) {
		cmdline.Warn(c, []string{fmt.Sprintf("update graph: no UpdateService is written: %v", err)})
	}
	return output(c, out, objects)
}

// byDigest is how a pod has to name an image so that the mirror rules hold for it.
func byDigest(i manifest.Image) string {
	ref, err := manifest.ParseRef(i.Name)
	if err != nil { // the packing list was validated
		return i.Name
	}
	return manifest.Ref{Repository: ref.Repository, Digest: i.Descriptor.Digest}.String()
}

func output(c *cli.Context, out string, objects []icsp.Object) error {
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
	for i, o := range objects {
		fmt.Fprintln(c.App.Writer, filepath.Join(out, icsp.FileName(i, len(objects), o)))
	}
	return nil
}

func printObjects(c *cli.Context, objects []icsp.Object) error {
	for _, o := range objects {
		if _, err := fmt.Fprintf(c.App.Writer, "---\n%s", o.YAML); err != nil {
			return err
		}
	}
	return nil
}

// renderedObject is one row of what --json prints; docs/json.md describes it.
type renderedObject struct {
	File      string `json:"file"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	YAML      string `json:"yaml"`
}

func renderResult(objects []icsp.Object) map[string][]renderedObject {
	rows := []renderedObject{}
	for i, o := range objects {
		rows = append(rows, renderedObject{icsp.FileName(i, len(objects), o), o.Kind, o.Namespace, o.Name, string(o.YAML)})
	}
	return map[string][]renderedObject{"objects": rows}
}

// writeFolder writes the files and then removes those that an earlier render
// wrote and this one did not: `oc apply -f DIR` would apply them too. A file of
// somebody else's is never touched.
func writeFolder(c *cli.Context, dir string, objects []icsp.Object) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	mine := map[string]bool{}
	for i, o := range objects {
		name := icsp.FileName(i, len(objects), o)
		mine[name] = true
		content := o.YAML
		if filepath.Ext(name) == ".yaml" { // JSON knows no comments
			content = append([]byte(renderedBy), content...)
		}
		if err := durable.WriteFile(filepath.Join(dir, name), content); err != nil {
			return err
		}
	}
	found, err := filepath.Glob(filepath.Join(dir, "[0-9]*-*"))
	if err != nil {
		return err
	}
	for _, path := range found {
		if mine[filepath.Base(path)] || !rendered(path) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		fmt.Fprintf(c.App.ErrWriter, "%s: removed, an earlier render wrote it\n", path)
	}
	return nil
}

func rendered(path string) bool {
	raw, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	switch filepath.Ext(path) {
	case ".json":
		return icsp.IsSignatures(raw)
	case ".yaml":
		return strings.HasPrefix(string(raw), renderedBy)
	}
	return false
}
