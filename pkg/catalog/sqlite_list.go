package catalog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"drayage/pkg/manifest"
)

// list reads from the new database what is in it.
func (p *pruning) list(ctx context.Context) (*Database, error) {
	packages, err := p.listPackages(ctx)
	if err != nil {
		return nil, err
	}
	if len(packages) != p.kept {
		return nil, fmt.Errorf("table %q: %d packages are there, want %d: their names are no plain text", tablePackage, len(packages), p.kept)
	}
	users, err := p.listImages(ctx)
	if err != nil {
		return nil, err
	}
	return &Database{Packages: packages, Images: slices.Sorted(maps.Keys(users)), Users: users}, nil
}

func (p *pruning) listPackages(ctx context.Context) ([]manifest.Package, error) {
	packages := map[string]*manifest.Package{}
	err := p.rows(ctx, "SELECT name, default_channel FROM main.package", func(row []string) error {
		packages[row[0]] = &manifest.Package{Name: row[0], DefaultChannel: row[1]}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("table %q: %w", tablePackage, err)
	}
	bundles, err := p.listBundles(ctx)
	if err != nil {
		return nil, fmt.Errorf("table %q: %w", tableChannelEntry, err)
	}
	err = p.rows(ctx, "SELECT package_name, name FROM main.channel", func(row []string) error {
		if pkg := packages[row[0]]; pkg != nil {
			pkg.Channels = append(pkg.Channels, manifest.Channel{Name: row[1], Bundles: bundles[[2]string{row[0], row[1]}]})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("table %q: %w", tableChannel, err)
	}
	return sortedPackages(packages), nil
}

// listBundles are the bundles of each channel, by package and channel, sorted.
func (p *pruning) listBundles(ctx context.Context) (map[[2]string][]string, error) {
	bundles := map[[2]string][]string{}
	err := p.rows(ctx, `SELECT DISTINCT package_name, channel_name, operatorbundle_name FROM main.channel_entry
		WHERE operatorbundle_name IN (SELECT name FROM main.operatorbundle)`, func(row []string) error {
		channel := [2]string{row[0], row[1]}
		bundles[channel] = append(bundles[channel], row[2])
		return nil
	})
	for _, names := range bundles {
		slices.Sort(names)
	}
	return bundles, err
}

func sortedPackages(packages map[string]*manifest.Package) []manifest.Package {
	var sorted []manifest.Package
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		pkg := *packages[name]
		slices.SortFunc(pkg.Channels, func(a, b manifest.Channel) int { return cmp.Compare(a.Name, b.Name) })
		sorted = append(sorted, pkg)
	}
	return sorted
}

// listImages are all images that the new database names, with the bundles that do.
func (p *pruning) listImages(ctx context.Context) (map[string][]string, error) {
	query := "SELECT image, operatorbundle_name FROM main.related_image"
	if p.table(tableBundle).has("bundlepath") { // from version 2 of the schema
		query += " UNION SELECT bundlepath, name FROM main.operatorbundle"
	}
	users := map[string][]string{}
	err := p.rows(ctx, query, func(row []string) error {
		if row[0] != "" {
			users[row[0]] = append(users[row[0]], row[1])
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("table %q: %w", tableRelatedImage, err)
	}
	for image, names := range users {
		users[image] = sortedNames(names)
	}
	return users, nil
}

// sortedNames are names, each once, without the empty one.
func sortedNames(names []string) []string {
	names = slices.DeleteFunc(names, func(s string) bool { return s == "" })
	slices.Sort(names)
	return slices.Compact(names)
}
