package main

import (
	"cmp"
	"strconv"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/catalog"
)

func listVersionsCommand() *cli.Command {
	return &cli.Command{
		Name:      "versions",
		Usage:     "list the versions of an operator package, and what each replaces and skips",
		ArgsUsage: "CATALOG PACKAGE",
		Description: "In the order of updates, the lowest first. VERSION is what minVersion and maxVersion of\n" +
			"an image set take.\n\n" +
			"   bundle list versions registry.redhat.io/redhat/redhat-operator-index:v4.16 nfd",
		Flags:  listFlags(catalogFlag, packageFlag, channelFlag),
		Action: runListVersions,
	}
}

func runListVersions(c *cli.Context) error {
	l, p, err := readPackage(c)
	if err != nil {
		return err
	}
	channels := p.Channels
	if name := c.String("channel"); name != "" {
		ch, err := p.Channel(name)
		if err != nil {
			return notListed(l, err)
		}
		channels = []catalog.ListedChannel{*ch}
	}
	return printVersions(c, l, p, channels)
}

// versionsResult is what --json prints; docs/json.md describes it.
type versionsResult struct {
	Catalog        string                  `json:"catalog"`
	Digest         digest.Digest           `json:"digest"`
	Package        string                  `json:"package"`
	DefaultChannel string                  `json:"defaultChannel"`
	Channels       []channelVersionsResult `json:"channels"`
}

type channelVersionsResult struct {
	Name     string                  `json:"name"`
	Head     string                  `json:"head"`
	Versions []catalog.ListedVersion `json:"versions"`
}

func printVersions(c *cli.Context, l *listed, p *catalog.ListedPackage, channels []catalog.ListedChannel) error {
	r := versionsResult{Catalog: l.Ref.String(), Digest: l.Digest, Package: p.Name, DefaultChannel: p.DefaultChannel, Channels: []channelVersionsResult{}}
	var rows [][]string
	for _, ch := range channels {
		head, _ := headOf(ch.Head)
		r.Channels = append(r.Channels, channelVersionsResult{ch.Name, head, ch.Versions})
		for _, v := range ch.Versions {
			rows = append(rows, versionRow(ch.Name, v, head))
		}
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, r)
	}
	return printTable(c.App.Writer, []string{"CHANNEL", "VERSION", "", "REPLACES", "SKIPS", "SKIP RANGE"}, rows)
}

func versionRow(channel string, v catalog.ListedVersion, head string) []string {
	mark, skips := "", ""
	if v.Name == head {
		mark = "head"
	}
	if n := len(v.Skips); n > 0 {
		skips = strconv.Itoa(n)
	}
	return []string{channel, cmp.Or(v.Version, v.Name), mark, cmp.Or(v.ReplacesVersion, v.Replaces), skips, v.SkipRange}
}
