package bundle

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// holdFolders takes hold of FILE.partial in each other folder that volumes may
// go to. A build that shares but one folder with this one would take away or
// replace the volumes there.
func (u *Unfinished) holdFolders() error {
	for _, dir := range u.distinct()[1:] {
		f, err := hold(filepath.Join(dir, filepath.Base(u.path)))
		if noRoom(err) { // nobody can make a volume there
			continue
		}
		if err != nil {
			return err
		}
		u.others = append(u.others, f)
	}
	return nil
}

// distinct are the folders without those that are named twice, that of the path first.
func (u *Unfinished) distinct() []string {
	dirs := []string{filepath.Dir(u.path)}
	for _, dir := range u.split.Dirs {
		if !slices.ContainsFunc(dirs, func(d string) bool { return sameFolder(d, dir) }) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// noRoom tells whether a medium, or a quota of it, is full.
func noRoom(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// sameFolder tells whether two paths lead to one folder.
func sameFolder(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// errHeld is a name that another build has.
var errHeld = errors.New("another build is writing it")

// holdAgain takes hold of FILE.partial once more, when the one that was held has
// become FILE: until all is settled, the journal and what is staged are of this
// build. Should another build have been faster, all that is its own now.
func (u *Unfinished) holdAgain() {
	if u.split.Size > 0 { // the lock has its name still
		return
	}
	f, err := hold(u.path)
	switch {
	case err == nil:
		u.others = append(u.others, f)
	case errors.Is(err, errHeld):
		u.lost = true
	default: // nobody can be kept away, so nothing is left that another one could have
		_ = u.journal.remove()
	}
}

// letGo gives locks back. Their files go if nothing is in them: one may be what
// a build in one file left.
func letGo(locks ...*os.File) error {
	var errs []error
	for _, f := range locks {
		if info, err := f.Stat(); err == nil && info.Size() == 0 {
			errs = append(errs, gone(f.Name()))
		}
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
