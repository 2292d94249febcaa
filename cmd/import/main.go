// Command import brings a bundle to a site: it proves the file, fills the
// nodes' registries from it, and renders and applies the objects that tell the
// cluster where its images are. Each verb is one small file here.
package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
)

func main() {
	os.Exit(cmdline.Main(&cli.App{
		Name:  "import",
		Usage: "bring a bundle to a site: prove it, fill every node from it, tell the cluster",
		Description: "   import run    --site site.yaml --root sha256:9f86d08... /media/usb/site.bundle.tar\n" +
			"goes the whole way. Its parts:\n\n" +
			"   import verify --root sha256:9f86d08... /media/usb/site.bundle.tar\n" +
			"   import push   --site site.yaml --root sha256:9f86d08... /media/usb/site.bundle.tar\n" +
			"   import render --site site.yaml --root sha256:9f86d08... -o manifests /media/usb/site.bundle.tar\n" +
			"   import apply  --site site.yaml --root sha256:9f86d08... /media/usb/site.bundle.tar",
		Commands: []*cli.Command{
			cmdline.Verify("import"), tlsCommand(), htpasswdCommand(), registryImageCommand(),
			pushCommand(), renderCommand(), applyCommand(), runCommand(), serveCommand(), statusCommand(), repairCommand(),
		},
	}, os.Args))
}
