package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"drayage/pkg/oci"
)

// pruneSQLite makes a pruned image of a SQLite catalog: one layer more, which
// replaces the database. The command stays as it is: there is no cache that
// would no longer match. Of each wanted package everything is kept.
func pruneSQLite(ctx context.Context, c *oci.Content, img *oci.Image, r Request) (*Pruned, error) {
	if err := r.wholePackages(); err != nil {
		return nil, err
	}
	file := strings.Trim(img.Config.Config.Labels[labelDatabase], "/")
	dir, err := os.MkdirTemp("", "drayage-catalog-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "index.db"), filepath.Join(dir, "pruned.db")
	if err := extract(ctx, c, img, file, in); err != nil {
		return nil, err
	}
	d, err := PruneDatabase(ctx, in, out, r.wanted())
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	layer, err := Layer(path.Dir(file), map[string][]byte{path.Base(file): raw}, nil)
	if err != nil {
		return nil, err
	}
	desc, err := c.Append(img, layer, oci.AppendOptions{Labels: r.labels(), Comment: layerComment})
	if err != nil {
		return nil, err
	}
	pruned := &Pruned{Descriptor: desc, Selection: d.Packages, Images: d.Images, Users: d.Users}
	if r.WithDependencies {
		pruned.Warnings = []string{errSQLite.Error() + ": what its packages require is not looked at, and nothing is added"}
	}
	return pruned, nil
}

// wholePackages refuses what only a file-based catalog can be pruned to.
func (r Request) wholePackages() error {
	var errs []error
	for _, p := range r.Packages {
		if len(p.Channels) > 0 || p.MinVersion != "" || p.MaxVersion != "" || p.DefaultChannel != "" {
			errs = append(errs, fmt.Errorf("package %q: %w: whole packages only, no channels and no versions", p.Name, errSQLite))
		}
	}
	return errors.Join(errs...)
}

// extract writes one file of an image to disk: SQLite reads from nothing else.
func extract(ctx context.Context, c *oci.Content, img *oci.Image, file, to string) error {
	found := false
	_, err := c.Files(ctx, img, path.Dir(file), func(name string, r io.Reader) error {
		if name != path.Base(file) {
			return nil
		}
		found = true
		if err := writeBounded(to, r); err != nil {
			return err
		}
		return oci.Stop
	})
	if err == nil && !found {
		err = fmt.Errorf("has no file /%s", file)
	}
	return err
}

func writeBounded(to string, r io.Reader) error {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(r, MaxDatabase+1))
	if err == nil && n > MaxDatabase {
		err = fmt.Errorf("more than %d bytes", int64(MaxDatabase))
	}
	return errors.Join(err, f.Close())
}
