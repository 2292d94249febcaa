package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/oci"
)

// List reads what there is to choose from in a catalog image, file-based or
// SQLite, whose manifests are in c. name is only for errors, image the image
// manifest for one platform. All layers are fetched, since any of them may have
// a file of the catalog; what is remembered is bounded by [MaxSketches]. A
// catalog that is not valid is listed as far as it can be read.
func List(ctx context.Context, c *oci.Content, name string, image ocispec.Descriptor) (*Listing, error) {
	l, err := readListing(ctx, c, image)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

func readListing(ctx context.Context, c *oci.Content, image ocispec.Descriptor) (*Listing, error) {
	img, err := c.ReadImage(ctx, image)
	if err != nil {
		return nil, err
	}
	folder, err := configsFolder(img)
	if errors.Is(err, errSQLite) {
		return listSQLite(ctx, c, img)
	}
	if err != nil {
		return nil, err
	}
	l := newLister()
	paths, err := c.Files(ctx, img, folder, func(name string, r io.Reader) error { return l.Add(name, r) })
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("has no files in /%s", folder)
	}
	found, err := l.Catalog()
	if err != nil {
		return nil, err
	}
	return found.listing(), nil
}

func listSQLite(ctx context.Context, c *oci.Content, img *oci.Image) (*Listing, error) {
	dir, err := os.MkdirTemp("", "drayage-catalog-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	in := filepath.Join(dir, "index.db")
	if err := extract(ctx, c, img, strings.Trim(img.Config.Config.Labels[labelDatabase], "/"), in); err != nil {
		return nil, err
	}
	return listDatabase(ctx, in, filepath.Join(dir, "empty.db"))
}
