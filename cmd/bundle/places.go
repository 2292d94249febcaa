package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/site"
)

// warnPlaces says on this side of the gap, where it can still be mended, that
// two images would stand in one place on a node, or two catalogs get one name. A
// site may name its repositories otherwise, so it is no error here.
func warnPlaces(c *cli.Context, m *manifest.Manifest) {
	usual := &site.Site{Repositories: site.DefaultRepositories(), CatalogHost: "catalogs.invalid"}
	_, err := mirror.Placements(m, usual.Repositories)
	if err == nil {
		_, err = mirror.Catalogs(m, usual)
	}
	if err == nil {
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		cmdline.Warn(c, []string{line})
	}
}
