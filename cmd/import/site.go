package main

import (
	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/bundle"
	"drayage/pkg/site"
)

var siteFlag = &cli.StringFlag{Name: "site", Usage: "the site's description in `FILE`"}

// readSite reads the site that --site names.
func readSite(c *cli.Context) (*site.Site, error) {
	path := c.String("site")
	if path == "" {
		return nil, cmdline.Usagef("%s: which site? %s %s --site site.yaml ...", c.Command.Name, c.App.Name, c.Command.Name)
	}
	s, err := site.Read(path)
	if err != nil {
		return nil, &cmdline.UsageError{Err: err}
	}
	return s, nil
}

// openBundle opens the one argument, with the root that --root gives, and
// checks the signatures of its releases.
func openBundle(c *cli.Context) (*bundle.Bundle, error) {
	path, err := cmdline.Arg(c, "FILE")
	if err != nil {
		return nil, err
	}
	root, err := cmdline.Root(c)
	if err != nil {
		return nil, err
	}
	b, err := bundle.Open(path, root)
	if err != nil {
		return nil, err
	}
	if err := cmdline.CheckSignatures(c, path, b.Manifest); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}
