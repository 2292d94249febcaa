// Package durable writes small files so that a name never stands for half a
// file: a temporary name, write, sync, rename, sync of the folder.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// WriteFile writes a file of mode 0644 in one piece. What stood under the name
// is replaced when the new content is on the medium, and not sooner. Only a
// regular file is ever replaced: a device or a folder is an error.
func WriteFile(path string, content []byte) error {
	s, err := Stage(path, content)
	if err != nil {
		return err
	}
	return s.Commit()
}

// WriteSecret writes a file of mode 0600, as WriteFile does.
func WriteSecret(path string, content []byte) error {
	s, err := stage(path, content, 0o600)
	if err != nil {
		return err
	}
	return s.Commit()
}

// Staged is a file that is whole and on the medium, but not yet under its name.
type Staged struct{ temp, path string }

// Stage writes a file of mode 0644 beside the place where it shall stand. Either
// Commit or Discard has to follow.
func Stage(path string, content []byte) (*Staged, error) { return stage(path, content, 0o644) }

func stage(path string, content []byte, mode fs.FileMode) (*Staged, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "write", Path: path, Err: errIrregular}
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, err
	}
	s := &Staged{f.Name(), path}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return nil, errors.Join(err, s.Discard())
	}
	return s, nil
}

var errIrregular = errors.New("is there and is no regular file")

// Commit puts the file under its name.
func (s *Staged) Commit() error {
	if err := os.Rename(s.temp, s.path); err != nil {
		return errors.Join(err, s.Discard())
	}
	return SyncFolder(filepath.Dir(s.path))
}

// Discard takes the file away again.
func (s *Staged) Discard() error { return os.Remove(s.temp) }

// Sweep takes away what a process that was killed between Stage and Commit left
// for a path. Nobody else may be writing that path meanwhile: the caller holds a
// lock that says so.
func Sweep(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		number, left := strings.CutPrefix(e.Name(), "."+filepath.Base(path)+".")
		if left && e.Type().IsRegular() && strings.Trim(number, "0123456789") == "" {
			errs = append(errs, os.Remove(filepath.Join(filepath.Dir(path), e.Name())))
		}
	}
	return errors.Join(errs...)
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
