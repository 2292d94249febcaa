package main

import (
	"github.com/urfave/cli/v2"

	"drayage/internal/durable"
	"drayage/pkg/bundle"
	"drayage/pkg/manifest"
)

var saveFlag = &cli.StringFlag{Name: "save-manifest", Usage: "save the packing list to `FILE`: a base for later deltas, and a plan"}

// saveManifest saves the packing list, that of a delta as if it left nothing out.
func saveManifest(c *cli.Context, b *bundle.Bundle) error {
	path := c.String("save-manifest")
	if path == "" {
		return nil
	}
	m, err := b.Whole()
	if err != nil {
		return err
	}
	raw, err := manifest.Encode(m)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, raw)
}
