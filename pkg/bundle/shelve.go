package bundle

import (
	"errors"
	"os"
	"path/filepath"

	"drayage/internal/durable"
)

// shelved are the checksums of an earlier bundle, under names that the next build
// sweeps: beside the new one they would say that it is damaged.
type shelved []string

// shelfName is one of those that durable.Sweep takes for a path.
func shelfName(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".0")
}

// shelve puts the checksums aside in each folder where a file is to have its name,
// and has that on the medium. Where none is, the earlier bundle's stand until its
// volumes go.
func (u *Unfinished) shelve() (s shelved, err error) {
	for _, f := range u.file.files {
		dir := filepath.Dir(f.Name())
		path := filepath.Join(dir, filepath.Base(u.path)+".sha256")
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if err := os.Rename(path, shelfName(path)); err != nil {
			return s, err
		}
		s = append(s, path)
		if err := durable.SyncFolder(dir); err != nil {
			return s, err
		}
	}
	return s, nil
}

// putBack is for a build that has replaced nothing.
func (s shelved) putBack() error {
	var errs []error
	for _, path := range s {
		errs = append(errs, os.Rename(shelfName(path), path))
	}
	return errors.Join(errs...)
}

// drop takes the checksums away, since what they are about is there no more.
func (s shelved) drop() {
	for _, path := range s {
		_ = os.Remove(shelfName(path))
	}
}
