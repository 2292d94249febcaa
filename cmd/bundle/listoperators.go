package main

import (
	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
)

func listOperatorsCommand() *cli.Command {
	return &cli.Command{
		Name:      "operators",
		Usage:     "list the packages of a catalog, each with what a new installation gets",
		ArgsUsage: "CATALOG",
		Description: "With --package the channels of that package are listed, with --channel its versions:\n" +
			"the same as `bundle list channels` and `bundle list versions`.\n\n" +
			"   bundle list operators registry.redhat.io/redhat/redhat-operator-index:v4.16",
		Flags:  listFlags(catalogFlag, packageFlag, channelFlag),
		Action: runListOperators,
	}
}

var channelFlag = &cli.StringFlag{Name: "channel", Usage: "only this `CHANNEL`"}

func runListOperators(c *cli.Context) error {
	switch {
	case c.String("package") != "" && c.String("channel") != "":
		return runListVersions(c)
	case c.String("package") != "":
		return runListChannels(c)
	case c.String("channel") != "":
		return cmdline.Usagef("list operators: --channel is of a package: give --package too")
	}
	args, err := cmdline.Args(c, "CATALOG")
	if err != nil {
		return err
	}
	l, err := readCatalog(c, args[0])
	if err != nil {
		return err
	}
	return printOperators(c, l)
}

// operatorsResult is what --json prints; docs/json.md describes it.
type operatorsResult struct {
	Catalog  string           `json:"catalog"`
	Digest   digest.Digest    `json:"digest"`
	Packages []operatorResult `json:"packages"`
}

type operatorResult struct {
	Name           string   `json:"name"`
	DisplayName    string   `json:"displayName,omitempty"`
	DefaultChannel string   `json:"defaultChannel"`
	Head           string   `json:"head"`
	Version        string   `json:"version"`
	Channels       []string `json:"channels"`
}

func printOperators(c *cli.Context, l *listed) error {
	r := operatorsResult{Catalog: l.Ref.String(), Digest: l.Digest, Packages: []operatorResult{}}
	var rows [][]string
	for i := range l.Packages {
		p := &l.Packages[i]
		o := operatorResult{Name: p.Name, DisplayName: p.DisplayName, DefaultChannel: p.DefaultChannel, Channels: []string{}}
		o.Head, o.Version = headOf(p.Head())
		for _, ch := range p.Channels {
			o.Channels = append(o.Channels, ch.Name)
		}
		r.Packages = append(r.Packages, o)
		rows = append(rows, []string{o.Name, o.DefaultChannel, o.Version, o.DisplayName})
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, r)
	}
	return printTable(c.App.Writer, []string{"PACKAGE", "DEFAULT CHANNEL", "VERSION", "DISPLAY NAME"}, rows)
}
