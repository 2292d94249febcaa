package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"drayage/internal/cmdline"
	"drayage/pkg/bundle"
	"drayage/pkg/importer"
	"drayage/pkg/manifest"
	"drayage/pkg/node"
	"drayage/pkg/site"
)

func registryImageCommand() *cli.Command {
	return &cli.Command{
		Name:      "registry-image",
		Usage:     "write the registry's own image out of the bundle, to be laid onto a node",
		ArgsUsage: "FILE",
		Description: "A node's registry is loaded from files on the node. This writes them as a tar to standard\n" +
			"output, and with --receiver the shell script that takes it in on a node:\n\n" +
			"   import registry-image --site site.yaml FILE |\n" +
			"      ssh core@node1 \"sudo sh -c '$(import registry-image --site site.yaml --receiver)'\"\n" +
			"   import registry-image --site site.yaml FILE |\n" +
			"      oc exec -i -n openshift-machine-config-operator POD -c machine-config-daemon -- \\\n" +
			"      chroot /rootfs sh -c \"$(import registry-image --site site.yaml --receiver)\"\n" +
			"   import registry-image --site site.yaml -o /media/usb/image FILE",
		Flags: []cli.Flag{
			siteFlag, cmdline.RootFlag, cmdline.KeyFlag, cmdline.SkipFlag, cmdline.VolumeDirFlag,
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "-", Usage: "a `DIR` that is not there yet, or - for a tar on standard output"},
			&cli.BoolFlag{Name: "receiver", Usage: "print the script for the node, and take no FILE"},
			cmdline.JSONFlag,
		},
		Action: runRegistryImage,
	}
}

// imageResult is what --json prints; docs/json.md describes it.
type imageResult struct {
	Name     string `json:"name"`
	Digest   string `json:"digest"`
	Bytes    int64  `json:"bytes"`
	Folder   string `json:"folder"`
	Receiver string `json:"receiver"`
}

func runRegistryImage(c *cli.Context) error {
	s, err := readSite(c)
	if err != nil {
		return err
	}
	if c.Bool("receiver") {
		if err := cmdline.NoArgs(c); err != nil {
			return err
		}
		_, err := fmt.Fprintln(c.App.Writer, node.Receiver(s))
		return err
	}
	if _, err := cmdline.Arg(c, "FILE"); err != nil {
		return err
	}
	out := c.String("output")
	if err := checkImageOutput(c, out); err != nil {
		return err
	}
	b, err := openBundle(c)
	if err != nil {
		return err
	}
	defer b.Close()
	image, ok, err := node.ChooseImage(b.Manifest, s)
	if err == nil && !ok {
		err = fmt.Errorf("the bundle has no registry image")
	}
	if err != nil {
		return &cmdline.UsageError{Err: err}
	}
	return writeImage(c, s, b, image, out)
}

func checkImageOutput(c *cli.Context, out string) error {
	switch {
	case out == "-" && c.Bool("json"):
		return cmdline.Usagef("registry-image: --json needs -o DIR: standard output is the tar's")
	case out == "-" && isTerminal(c):
		return cmdline.Usagef("registry-image: a tar is not for a terminal: pipe it to a node (--help shows how), or give -o DIR")
	}
	return nil
}

func isTerminal(c *cli.Context) bool {
	f, ok := c.App.Writer.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func writeImage(c *cli.Context, s *site.Site, b *bundle.Bundle, image manifest.Image, out string) error {
	if out == "-" {
		return importer.WriteImage(c.Context, b, image, c.App.Writer)
	}
	if err := importer.UnpackImage(c.Context, b, image, out); err != nil {
		return err
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, imageResult{image.Name, image.Descriptor.Digest.String(), image.Bytes, out, node.Receiver(s)})
	}
	_, err := fmt.Fprintf(c.App.Writer, "%s\n%s@%s\n", out, image.Name, image.Descriptor.Digest)
	return err
}
