package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "find out what an image set may ask for",
		Description: "Asks the update service for releases, and catalogs for operators. Nothing is proven\n" +
			"and nothing is kept.\n\n" +
			"   bundle list releases --version 4.16\n" +
			"   bundle list releases --channel stable-4.16\n" +
			"   bundle list operators registry.redhat.io/redhat/redhat-operator-index:v4.16\n" +
			"   bundle list channels registry.redhat.io/redhat/redhat-operator-index:v4.16 nfd\n" +
			"   bundle list versions registry.redhat.io/redhat/redhat-operator-index:v4.16 nfd",
		Subcommands: []*cli.Command{listReleasesCommand(), listOperatorsCommand(), listChannelsCommand(), listVersionsCommand()},
		Action:      cmdline.Group,
	}
}

// listFlags are the flags of every list, and more.
func listFlags(more ...cli.Flag) []cli.Flag {
	flags := []cli.Flag{&cli.StringFlag{Name: "arch", Value: "amd64", Usage: "the `ARCHITECTURE`: amd64, arm64, ppc64le, s390x; of releases also multi"}}
	flags = append(flags, more...)
	for _, f := range sourceFlags() {
		if slices.Contains([]string{"authfile", "registries-conf", "timeout", "json"}, f.Names()[0]) {
			flags = append(flags, f)
		}
	}
	return flags
}
