package main

import (
	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/bundle"
	"drayage/pkg/importer"
	"drayage/pkg/render"
	"drayage/pkg/site"
)

// catalogDatabases are the SQLite catalogs, looked for only where a ClusterCatalog
// would be written of each catalog.
func catalogDatabases(c *cli.Context, b *bundle.Bundle, s *site.Site) (map[digest.Digest]bool, error) {
	if !render.TakesClusterCatalogs(s) {
		return nil, nil
	}
	databases, unknown, err := importer.Databases(b)
	for _, name := range unknown {
		cmdline.Warn(c, []string{name + ": whether it is a SQLite catalog cannot be seen, as this delta leaves its config out; it is taken for one of files"})
	}
	return databases, err
}
