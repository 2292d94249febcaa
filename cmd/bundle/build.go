package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/progress"
	"drayage/internal/ui"
	"drayage/pkg/bundle"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
	"drayage/pkg/plan"
)

func buildCommand() *cli.Command {
	return &cli.Command{
		Name:  "build",
		Usage: "write the bundle: each byte fetched once and written once",
		Description: "Plans the image set, or takes a saved plan, and writes the bundle to FILE. The root\n" +
			"that it prints proves the bundle on the far side: write it down and carry it separately.\n\n" +
			"   bundle build -c imageset.yaml --authfile pull-secret.json -o /media/usb/site.bundle.tar\n" +
			"   bundle build -c imageset.yaml --volume-size 4GiB \\\n" +
			"      --volume-dir /media/usb1 --volume-dir /media/usb2 -o site.bundle.tar\n" +
			"   bundle build -c imageset.yaml --base may.bundle.tar -o /media/usb/june.bundle.tar\n" +
			"   bundle build -c imageset.yaml -o - | ssh site import push --site site.yaml -\n\n" +
			"What goes through a pipe begins anew, should it end early.",
		Flags: append(append(sourceFlags(), volumeFlags()...),
			baseFlag(),
			&cli.StringFlag{Name: "plan", Usage: "build what `FILE` pins, in place of -c"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "the bundle's `FILE`, or - for a pipe"},
			&cli.BoolFlag{Name: "to-stdout", Usage: "the same as -o -"},
			&cli.BoolFlag{Name: "checksum", Usage: "write FILE.sha256 too, for hosts with nothing but sha256sum; volumes always have it"},
			&cli.BoolFlag{Name: "zstd", Usage: "compress what goes through the pipe; verify and push find out by themselves"}),
		Action: runBuild,
	}
}

func runBuild(c *cli.Context) error {
	out, err := checkBuildFlags(c)
	if err != nil {
		return err
	}
	if out == "-" {
		return cmdline.Stream(runStream(c))
	}
	split, err := volumeOptions(c)
	if err != nil {
		return err
	}
	bases, err := readBases(c)
	if err != nil {
		return err
	}
	unfinished, err := bundle.Begin(out, split)
	if err != nil {
		return err
	}
	p, written, err := buildBundle(c, unfinished, spoolDir(out, split), bases)
	if err = errors.Join(unfinished.Keeps(err), unfinished.Close()); err != nil {
		return err
	}
	cmdline.Warn(c, p.Warnings)
	cmdline.WarnUnsigned(c, p.Manifest)
	cmdline.WarnOmitted(c, p.Manifest)
	warnPlaces(c, p.Manifest)
	return errors.Join(printWritten(c, written, p.Manifest.Omitted), cmdline.CheckOmitted(p.Manifest))
}

// buildBundle plans, and writes what was planned.
func buildBundle(c *cli.Context, unfinished *bundle.Unfinished, spool string, bases []*bundle.Base) (*plan.Plan, *bundle.Written, error) {
	u := cmdline.UI(c)
	defer u.Close()
	source, err := newSource(c, spool, unfinished.Open)
	if err != nil {
		return nil, nil, err
	}
	defer source.Close()
	p, err := planOrPin(c, source, u.Progress())
	if err != nil {
		return nil, nil, err
	}
	m, open, err := thin(c, p, bases)
	if err != nil {
		return nil, nil, err
	}
	written, err := unfinished.Write(c.Context, m, open, bundle.WriteOptions{
		Jobs: c.Int("jobs"), Progress: u.Progress(), Checksum: c.Bool("checksum"), Owners: p.Owners(),
	})
	return p, written, err
}

// checkBuildFlags finds out before anything is fetched whether the bundle can
// be written where it should go.
func checkBuildFlags(c *cli.Context) (out string, err error) {
	if err := cmdline.NoArgs(c); err != nil {
		return "", err
	}
	if err := checkSourceFlags(c); err != nil {
		return "", err
	}
	out = c.String("output")
	if c.Bool("to-stdout") {
		if out != "" && out != "-" {
			return "", cmdline.Usagef("build: -o %s and --to-stdout: one of them", out)
		}
		out = "-"
	}
	switch {
	case out == "":
		return "", cmdline.Usagef("build: where to? bundle build -c imageset.yaml -o /media/usb/site.bundle.tar")
	case (c.String("config") == "") == (c.String("plan") == ""):
		return "", cmdline.Usagef("build: give either an image set (-c) or a saved plan (--plan)")
	case c.IsSet("plan") && ignoredWithPlan(c) != "":
		return "", cmdline.Usagef("build: --%s goes with -c: a saved plan (--plan) says all that itself", ignoredWithPlan(c))
	}
	if out == "-" {
		return out, checkStream(c)
	}
	if c.Bool("zstd") {
		return "", cmdline.Usagef("build: --zstd is for a pipe (-o -): a file is read by offset, so that any blob is found without what is before it, and its layers are compressed already")
	}
	if c.IsSet("volume-dir") { // out is a name in those, see checkVolumeFolders
		return out, nil
	}
	if info, err := os.Stat(filepath.Dir(out)); err != nil {
		return "", &cmdline.UsageError{Err: err}
	} else if !info.IsDir() {
		return "", cmdline.Usagef("%s: is no folder", filepath.Dir(out))
	}
	for _, path := range files(c, out) {
		if err := replaceable(path); err != nil {
			return "", err
		}
	}
	return out, writable(filepath.Dir(out))
}

// replaceable tells whether a bundle can take a name. It would take that of a link,
// and what the link leads to would stay as it is.
func replaceable(path string) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil || info.Mode().IsRegular():
		return nil
	case info.Mode()&fs.ModeSymlink != 0:
		return cmdline.Usagef("%s: is a symbolic link; give the file that it leads to", path)
	}
	return cmdline.Usagef("%s: is there and is no regular file", path)
}

// files are those that a build in one file writes.
func files(c *cli.Context, out string) []string {
	if c.Bool("checksum") {
		return []string{out, out + ".sha256"}
	}
	return []string{out}
}

// ignoredWithPlan names a flag that says what a saved plan has settled.
func ignoredWithPlan(c *cli.Context) string {
	for _, name := range []string{
		"registry-image", "graph", "graph-url", "graph-base-image", "conditional-edges", "with-dependencies", "keep-going",
		"signature-store", "skip-sigstore",
	} {
		if c.IsSet(name) {
			return name
		}
	}
	return ""
}

// writable finds out whether a file can be made in a folder, by making one.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".drayage-*")
	if err != nil {
		if cause := (*os.PathError)(nil); errors.As(err, &cause) {
			err = cause.Err
		}
		return fmt.Errorf("%s: cannot be written to: %w", dir, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func planOrPin(c *cli.Context, source *oci.Source, p progress.Func) (*plan.Plan, error) {
	o, err := planOptions(c, p)
	if err != nil {
		return nil, err
	}
	if path := c.String("plan"); path != "" {
		m, err := readPlan(path)
		if err != nil {
			return nil, err
		}
		return asked(plan.Pin(c.Context, m, source, o))
	}
	cfg, err := readConfig(c)
	if err != nil {
		return nil, err
	}
	return asked(plan.Make(c.Context, cfg, source, o))
}

// buildResult is what --json prints; docs/json.md describes it.
type buildResult struct {
	*bundle.Written
	// Omitted are the images that were asked for and do not travel.
	Omitted []manifest.Omission `json:"omitted,omitempty"`
}

func printWritten(c *cli.Context, w *bundle.Written, omitted []manifest.Omission) error {
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, buildResult{w, omitted})
	}
	if err := errors.Join(printVolumes(c, w), printBases(c, w.Bases)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.App.Writer, "%s: %d images, %d blobs, %s\nroot %s\n", w.Path, w.Images, w.Blobs, ui.Bytes(w.Bytes), w.Root)
	return err
}
