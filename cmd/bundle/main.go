// Command bundle gathers a release, the registry image and pruned operators
// into one file for removable media. Each verb is one small file here: flags,
// one call, what is printed.
package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
)

func main() {
	os.Exit(cmdline.Main(&cli.App{
		Name:  "bundle",
		Usage: "carry a cluster's images out: one file, one digest that proves it",
		Description: "   bundle list releases --channel stable-4.16                 what there is to ask for\n" +
			"   bundle plan  -c imageset.yaml                              what would travel\n" +
			"   bundle build -c imageset.yaml -o /media/usb/site.bundle.tar\n" +
			"   bundle verify /media/usb/site.bundle.tar                   prove it before it leaves",
		Commands: []*cli.Command{listCommand(), planCommand(), buildCommand(), cmdline.Verify("bundle"), inspectCommand(), diffCommand()},
	}, os.Args))
}
