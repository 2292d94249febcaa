package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/bundle"
)

func diffCommand() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "say what one bundle has that another has not, and how large a delta would be",
		ArgsUsage: "OLD NEW",
		Description: "Each is a bundle or a saved packing list (bundle plan -o, bundle inspect --save-manifest).\n" +
			"The exit code is 0 whether they differ or not.\n\n" +
			"   bundle diff may.bundle.tar june.bundle.tar",
		Flags:  []cli.Flag{cmdline.VolumeDirFlag, cmdline.JSONFlag},
		Action: runDiff,
	}
}

// diffResult is what --json prints; docs/json.md describes it.
type diffResult struct {
	OldRoot digest.Digest `json:"oldRoot"`
	NewRoot digest.Digest `json:"newRoot"`
	*bundle.Diff
}

func runDiff(c *cli.Context) error {
	args := c.Args().Slice()
	for _, a := range args {
		if strings.HasPrefix(a, "-") {
			return cmdline.Usagef("diff: %s comes after OLD; flags come first", a)
		}
	}
	if len(args) != 2 {
		return cmdline.Usagef("diff: which two? %s diff OLD NEW", c.App.Name)
	}
	var two [2]*bundle.Base
	for i, path := range args {
		var err error
		if two[i], err = readBase(path, cmdline.VolumeDirs(c)...); err != nil {
			return err
		}
	}
	r := diffResult{two[0].Root, two[1].Root, bundle.Compare(two[0], two[1])}
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, r)
	}
	return printDiff(c.App.Writer, r)
}

func printDiff(out io.Writer, r diffResult) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(sign, what, name, size string) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", sign, what, fit(short(name), nameWidth), size)
	}
	for _, name := range r.ReleasesRemoved {
		line("-", "release", name, ofRelease(r.Removed, name))
	}
	for _, name := range r.ReleasesAdded {
		line("+", "release", name, ofRelease(r.Added, name))
	}
	for _, o := range r.OperatorsRemoved {
		line("-", "version of "+o.Package, o.Version, "")
	}
	for _, o := range r.OperatorsAdded {
		line("+", "version of "+o.Package, o.Version, "")
	}
	for _, i := range r.Removed {
		if !slices.Contains(r.ReleasesRemoved, i.Release) {
			line("-", string(i.Role), diffTitle(i), ui.Bytes(i.Bytes))
		}
	}
	for _, i := range r.Added {
		if !slices.Contains(r.ReleasesAdded, i.Release) {
			line("+", string(i.Role), diffTitle(i), ui.Bytes(i.Bytes))
		}
	}
	for _, i := range r.Changed {
		line("~", string(i.Role), diffTitle(i), ui.Bytes(i.Bytes))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d images added, %d removed, %d changed; a delta would carry %d blobs, %s\n",
		len(r.Added), len(r.Removed), len(r.Changed), r.Blobs, ui.Bytes(r.Bytes))
	return err
}

// ofRelease says how many images came or went with a release: they are not
// listed one by one.
func ofRelease(images []bundle.DiffImage, release string) string {
	n := 0
	for _, i := range images {
		if i.Release == release {
			n++
		}
	}
	return fmt.Sprintf("%d images", n)
}

func diffTitle(i bundle.DiffImage) string {
	if i.Component != "" {
		return i.Release + " " + i.Component
	}
	return i.Name
}
