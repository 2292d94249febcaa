package main

import (
	"strconv"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/catalog"
)

func listChannelsCommand() *cli.Command {
	return &cli.Command{
		Name:      "channels",
		Usage:     "list the channels of an operator package, each with its head",
		ArgsUsage: "CATALOG PACKAGE",
		Description: "The channels of releases are listed by `bundle list releases --version 4.16`.\n\n" +
			"   bundle list channels registry.redhat.io/redhat/redhat-operator-index:v4.16 nfd",
		Flags:  listFlags(catalogFlag, packageFlag),
		Action: runListChannels,
	}
}

func runListChannels(c *cli.Context) error {
	l, p, err := readPackage(c)
	if err != nil {
		return err
	}
	return printChannels(c, l, p)
}

// channelsResult is what --json prints; docs/json.md describes it.
type channelsResult struct {
	Catalog        string          `json:"catalog"`
	Digest         digest.Digest   `json:"digest"`
	Package        string          `json:"package"`
	DisplayName    string          `json:"displayName,omitempty"`
	DefaultChannel string          `json:"defaultChannel"`
	Channels       []channelResult `json:"channels"`
}

type channelResult struct {
	Name     string `json:"name"`
	Head     string `json:"head"`
	Version  string `json:"version"`
	Versions int    `json:"versions"`
}

func printChannels(c *cli.Context, l *listed, p *catalog.ListedPackage) error {
	r := channelsResult{
		Catalog: l.Ref.String(), Digest: l.Digest, Package: p.Name, DisplayName: p.DisplayName,
		DefaultChannel: p.DefaultChannel, Channels: []channelResult{},
	}
	var rows [][]string
	for _, ch := range p.Channels {
		one := channelResult{Name: ch.Name, Versions: len(ch.Versions)}
		one.Head, one.Version = headOf(ch.Head)
		r.Channels = append(r.Channels, one)
		mark := ""
		if ch.Name == p.DefaultChannel {
			mark = "default"
		}
		rows = append(rows, []string{one.Name, mark, strconv.Itoa(one.Versions), one.Version, one.Head})
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, r)
	}
	return printTable(c.App.Writer, []string{"CHANNEL", "", "VERSIONS", "HEAD", "ITS NAME"}, rows)
}
