package importer

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/bundle"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// Labels by which a catalog image says what it holds. catalogd looks at the first
// one and takes no image without it.
const (
	filesLabel    = catalogLabel + "configs.v1"
	databaseLabel = catalogLabel + "database.v1"
)

// Databases are the catalogs of a bundle that are SQLite databases and no files,
// by the digest of their image: their label says so. What a catalog's config says
// is not known of a delta that leaves the config out, and unknown has those names.
// The error joins configs that cannot be read; one of content that is not what it
// was is a [bundle.InvalidError].
func Databases(b *bundle.Bundle) (databases map[digest.Digest]bool, unknown []string, err error) {
	databases = map[digest.Digest]bool{}
	var errs []error
	for _, img := range b.Manifest.Images {
		if img.Role != manifest.RoleCatalog {
			continue
		}
		labels, found, err := catalogLabels(b, img)
		switch {
		case err != nil:
			errs = append(errs, b.Damage(err))
		case !found:
			unknown = append(unknown, img.Name)
		case labels[filesLabel] == "" && labels[databaseLabel] != "":
			databases[img.Descriptor.Digest] = true
		}
	}
	return databases, unknown, errors.Join(errs...)
}

// catalogLabels are those of the first image that there is a config of: all
// platforms of a catalog were pruned alike.
func catalogLabels(b *bundle.Bundle, img manifest.Image) (labels map[string]string, found bool, err error) {
	var configs []ocispec.Descriptor
	err = oci.Walk(oci.Root{Descriptor: img.Descriptor, Platforms: img.Platforms}, b.Archive.Manifest, func(l oci.Link) {
		if _, left := b.LeftOut(l.Descriptor.Digest); l.Kind == oci.KindConfig && !left {
			configs = append(configs, l.Descriptor)
		}
	})
	if err != nil || len(configs) == 0 {
		return nil, false, err
	}
	raw, err := b.ReadBlob(configs[0], maxConfig)
	if err != nil {
		return nil, false, err
	}
	var doc struct {
		Config struct{ Labels map[string]string } `json:"config"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, false, fmt.Errorf("%s: config %s: %w", img.Name, configs[0].Digest, err)
	}
	return doc.Config.Labels, true, nil
}
