package main

import (
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"drayage/internal/cmdline"
	"drayage/pkg/bundle"
	"drayage/pkg/importer"
	"drayage/pkg/site"
)

// fillFromPipe fills nodes from standard input. Before the first blob the root is
// compared and the releases' signatures are checked, as for a file.
func fillFromPipe(c *cli.Context, s *site.Site, o importer.FillOptions) (*bundle.Bundle, []importer.NodeResult, error) {
	root, err := cmdline.Root(c)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case len(cmdline.VolumeDirs(c)) > 0:
		return nil, nil, cmdline.Usagef("--volume-dir: standard input is no volume; cat joins them: cat site.bundle.tar.??? | %s push ... -", c.App.Name)
	case term.IsTerminal(int(os.Stdin.Fd())):
		return nil, nil, cmdline.Usagef("push: - is for a pipe, and standard input is a terminal")
	case root == "":
		cmdline.Warn(c, []string{"no --root: that this is the bundle that was meant is not proven; compare the root below with the one that bundle build printed"})
	}
	pipe, err := bundle.OpenPipe(cmdline.Stdin(c), root)
	if err != nil {
		return nil, nil, err
	}
	defer pipe.Close()
	if err := cmdline.CheckSignatures(c, "-", pipe.Manifest); err != nil {
		return nil, nil, err
	}
	cmdline.WarnOmittedCount(c, pipe.Manifest)
	results, err := importer.FillPipe(c.Context, pipe, s, o)
	return pipe.Bundle, results, err
}
