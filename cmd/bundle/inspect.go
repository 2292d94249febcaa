package main

import (
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/bundle"
	"drayage/pkg/manifest"
)

func inspectCommand() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "list what a bundle holds, from its packing list",
		ArgsUsage: "FILE",
		Description: "Reads the front of the file and the headers, not the layers: it is quick, and it\n" +
			"proves nothing about them. `bundle verify` does.\n\n" +
			"   bundle inspect /media/usb/site.bundle.tar\n" +
			"   bundle inspect --save-manifest may.manifest may.bundle.tar   (a base for later)",
		Flags: []cli.Flag{cmdline.VolumeDirFlag, saveFlag, spaceFlag, cmdline.JSONFlag},
		Action: func(c *cli.Context) error {
			path, err := cmdline.Arg(c, "FILE")
			if err != nil {
				return err
			}
			b, err := bundle.Open(path, "", cmdline.VolumeDirs(c)...)
			if err != nil {
				return err
			}
			defer b.Close()
			if err := saveManifest(c, b); err != nil {
				return err
			}
			if c.Bool("space") {
				return printSpace(c, b)
			}
			return printBundle(c, path, b)
		},
	}
}

// inspectResult is what --json prints; docs/json.md describes it.
type inspectResult struct {
	Path        string             `json:"path"`
	Volumes     []string           `json:"volumes,omitempty"`
	Root        digest.Digest      `json:"root"`
	Bytes       int64              `json:"bytes"`
	Images      int                `json:"images"`
	Blobs       int                `json:"blobs"`
	UniqueBytes int64              `json:"uniqueBytes"`
	TotalBytes  int64              `json:"totalBytes"`
	Roles       []roleResult       `json:"roles"`
	Manifest    *manifest.Manifest `json:"manifest"`
}

func printBundle(c *cli.Context, path string, b *bundle.Bundle) error {
	m := b.Manifest
	blobs, bytes := b.Blobs()
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, inspectResult{
			Path: path, Volumes: b.Volumes(), Root: b.Root, Bytes: b.Size(), Images: len(m.Images), Blobs: blobs, UniqueBytes: bytes, TotalBytes: m.TotalBytes(),
			Roles: byRole(m), Manifest: m,
		})
	}
	w := c.App.Writer
	if err := printImages(w, m); err != nil {
		return err
	}
	if m.Delta != nil {
		fmt.Fprintln(c.App.Writer)
		if err := printBases(c, m.Delta.Bases); err != nil {
			return err
		}
	}
	for _, r := range m.Releases() {
		fmt.Fprintf(w, "\nrelease %s: %s\n", r.Release, provenance(m, r.Release))
	}
	printGraph(w, m)
	printCatalogs(w, m)
	printOmitted(w, m)
	_, err := fmt.Fprintf(w, "\n%d images, %d blobs, %s; %s if nothing were shared\nroot %s\n",
		len(m.Images), blobs, ui.Bytes(bytes), ui.Bytes(m.TotalBytes()), b.Root)
	return err
}

// provenance says what the bundle carries to prove a release; inspect does not
// check it.
func provenance(m *manifest.Manifest, release string) string {
	if slices.Contains(m.Unsigned, release) {
		return "NOT PROVEN, its signature was skipped when the bundle was planned"
	}
	n := 0
	for _, s := range m.Signatures {
		if s.Release == release {
			n++
		}
	}
	return fmt.Sprintf("signatures: %d", n)
}
