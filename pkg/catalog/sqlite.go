package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"drayage/pkg/manifest"
)

// Database is what [PruneDatabase] kept of a SQLite catalog.
type Database struct {
	// Packages are sorted by name, as are their channels and the bundles of
	// these. A bundle that a channel only names, to say that it is skipped, is
	// not listed.
	Packages []manifest.Package
	// Images are the operator bundle images and all images related to them, as
	// the catalog names them, sorted, each once.
	Images []string
	// Users names for each of Images the bundles that name it, sorted.
	Users map[string][]string
	// Size is that of the new database, in bytes.
	Size int64
}

// PruneDatabase makes a new database, in the file out, from the one in the file
// in: what a SQLite catalog (OpenShift 4.6 to 4.10) says of the packages that are
// wanted; none means all.
//
// Only whole packages can be kept, as by opm index prune: a channel is stored as
// entries with depths that opm computes from all of its versions, so taking one
// version out would need that computation too. A file-based catalog can be pruned
// to versions, see [Catalog.Keep].
//
// The schema is kept as it is, whatever its version; opm migrates it when it
// serves the catalog. A row that names no package is kept when it belongs to a
// bundle or to a channel entry that is kept, or when nothing says to what it
// belongs. Bundles in no channel go, but for deprecated ones of a package that is
// kept. When all packages are kept, so is every row.
//
// The same in and want give the same bytes. in is opened read-only, as a file
// that nobody changes meanwhile. out must not exist; it is written whole or not
// at all, and has at most about twice the size of in. Triggers and views travel as text
// and are never run.
//
// Packages that are wanted and not there are all told, joined, with the names
// that are near. What is no database, is damaged (all of it is checked, not only
// what is kept), has more than [MaxDatabase] bytes, or lacks a table that every
// catalog has, is an error. So is a reference between rows that pruning breaks.
func PruneDatabase(ctx context.Context, in, out string, want []string) (*Database, error) {
	d, err := pruneDatabase(ctx, in, out, want)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(in), err)
	}
	return d, nil
}

func pruneDatabase(ctx context.Context, in, out string, want []string) (*Database, error) {
	source, err := readDatabaseFile(in)
	if err != nil {
		return nil, err
	}
	temp, err := createBeside(out)
	if err != nil {
		return nil, err
	}
	d, err := fillDatabase(ctx, source, temp, want)
	if err == nil {
		d.Size, err = settle(temp, out)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(temp))
	}
	return d, nil
}

// createBeside makes an empty file in the folder of path, where nothing may
// stand yet.
func createBeside(path string) (string, error) {
	switch _, err := os.Lstat(path); {
	case err == nil:
		return "", &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// settle gives a file that is whole its name, and tells its size.
func settle(temp, path string) (int64, error) {
	f, err := os.OpenFile(temp, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	return info.Size(), os.Rename(temp, path)
}

// fillDatabase makes the new database in an empty file.
func fillDatabase(ctx context.Context, source databaseFile, temp string, want []string) (d *Database, err error) {
	p, err := openPruning(ctx, source, temp)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.readSchema(ctx); err != nil {
		return nil, err
	}
	if err := p.choosePackages(ctx, want); err != nil {
		return nil, err
	}
	if err := p.copyAll(ctx); err != nil {
		return nil, err
	}
	return p.list(ctx)
}
