package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/access"
	"drayage/pkg/bundle"
	"drayage/pkg/oci"
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

// readClient reads what it takes to talk to the site's registries.
func readClient(s *site.Site) (access.Client, error) {
	client, err := access.ReadClient(s)
	if err != nil {
		return client, &cmdline.UsageError{Err: err}
	}
	return client, nil
}

// nodeClient makes a client for the site's registries: they prove themselves by
// the site's CA alone. Credentials that a person names with --authfile count
// before those of the site.
func nodeClient(c *cli.Context, s *site.Site) (*oci.Client, error) {
	known, err := readClient(s)
	if err != nil {
		return nil, err
	}
	at := oci.HostAccess{CA: known.CA, User: known.User, Password: known.Password}
	if c.String("authfile") != "" {
		at.User, at.Password = "", ""
	}
	hosts := map[string]oci.HostAccess{}
	for _, n := range s.Nodes {
		hosts[n.Host(s.Registry)] = at
	}
	client, err := oci.NewClient(oci.ClientOptions{AuthFile: c.String("authfile"), Timeout: c.Duration("timeout"), Hosts: hosts})
	if err != nil {
		return nil, &cmdline.UsageError{Err: err}
	}
	return client, nil
}

// certificateWarnings says what is wrong with the certificate that the site
// names. The nodes may run with another one by now: they show it themselves.
func certificateWarnings(s *site.Site) []string {
	if s.Registry.PlainHTTP || !s.Registry.Managed {
		return nil
	}
	server, err := access.ReadServer(s)
	if err != nil {
		return nil // the registries run somewhere else with these files
	}
	var warnings []string
	for _, err := range server.Check(s, time.Now()) {
		warnings = append(warnings, err.Error())
	}
	return warnings
}

// openBundle opens the one argument, with the root that --root gives, and
// checks the signatures of its releases.
func openBundle(c *cli.Context) (*bundle.Bundle, error) {
	path, err := cmdline.Arg(c, "FILE")
	if err != nil {
		return nil, err
	}
	if path == "-" {
		return nil, cmdline.Usagef("%s: reads a bundle by offset, in a file; only verify and push (--node NAME for one node) read standard input", c.Command.Name)
	}
	root, err := cmdline.Root(c)
	if err != nil {
		return nil, err
	}
	b, err := bundle.Open(path, root, cmdline.VolumeDirs(c)...)
	if err != nil {
		return nil, err
	}
	if err := cmdline.CheckSignatures(c, path, b.Manifest); err != nil {
		b.Close()
		return nil, err
	}
	cmdline.WarnOmittedCount(c, b.Manifest)
	return b, nil
}
