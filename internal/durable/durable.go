// Package durable writes small files so that a name never stands for half a
// file: a temporary name, write, sync, rename, sync of the folder.
package durable

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// WriteFile writes a file of mode 0644 in one piece. What stood under the name
// is replaced when the new content is on the medium, and not sooner.
func WriteFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder brings a folder's names onto the medium. Some file systems of
// removable media cannot sync a folder and write it at once: that is no error.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
