package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"drayage/internal/durable"
)

// create makes the partial volumes where they have room, and reserves it.
func (u *Unfinished) create(size int64) error {
	places, err := share(size, u.split.Size, u.split.Dirs)
	if err != nil {
		return err
	}
	if err := u.clear(); err != nil {
		return err
	}
	v := &volumes{each: u.split.Size, size: size}
	u.file = v
	if err := u.replaceable(places); err != nil {
		return err
	}
	for i, place := range places {
		path := u.volume(place, i)
		f, err := os.OpenFile(path+partial, os.O_RDWR|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o644)
		if err != nil {
			return err
		}
		v.files = append(v.files, f)
	}
	return u.reserveVolumes()
}

// replaceable refuses names of volumes that something else has than a file.
func (u *Unfinished) replaceable(places []int) error {
	for i, place := range places {
		path := u.volume(place, i)
		if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("%s: is there and is no regular file", path)
		}
	}
	return nil
}

// reserveVolumes takes the space of all volumes, as far as the file systems can.
func (u *Unfinished) reserveVolumes() error {
	for i, f := range u.file.files {
		begin, end := u.file.span(i)
		if err := reserve(f, f.Name(), end-begin); err != nil {
			return err
		}
	}
	return nil
}

// volume is the path of a volume in a folder.
func (u *Unfinished) volume(dir, i int) string {
	return filepath.Join(u.split.Dirs[dir], VolumeName(filepath.Base(u.path), i+1))
}

// clear takes away partial volumes that no journal speaks of any more, and
// journals that speak of such. Beside a bundle in one file they may be those of a
// build that has other folders too.
func (u *Unfinished) clear() error {
	if u.split.Size == 0 && !u.ofVolumes {
		return nil
	}
	var errs []error
	for dir := range u.split.Dirs {
		for i := range MaxVolumes {
			errs = append(errs, gone(u.volume(dir, i)+partial))
		}
	}
	for _, path := range u.stale {
		errs = append(errs, gone(path))
	}
	return errors.Join(errs...)
}

// note has the journal say where the volumes lie; when they are whole, it is the
// word by which the next run knows them under their own names.
func (u *Unfinished) note(whole bool) error {
	if u.split.Size == 0 {
		return nil
	}
	places := map[int]volumePlace{}
	for i, f := range u.file.files {
		folder, err := filepath.Abs(filepath.Dir(f.Name()))
		if err != nil {
			return err
		}
		p := volumePlace{folder: folder}
		if whole {
			info, err := f.Stat()
			if err != nil {
				return err
			}
			p.changed = info.ModTime().UnixNano()
		}
		places[i] = p
	}
	if err := u.journal.lies(places); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(u.journal.path))
}

// unname takes away the names that volumes have already, since they will be
// written to. Whoever only began, and found that it cannot go on, leaves them.
func (u *Unfinished) unname() error {
	for i, f := range u.file.files {
		path := f.Name()
		if strings.HasSuffix(path, partial) {
			continue
		}
		if err := os.Rename(path, path+partial); err != nil {
			return err
		}
		renamed, err := os.OpenFile(path+partial, os.O_RDWR|unix.O_NOFOLLOW, 0)
		if err != nil {
			return err
		}
		u.file.files[i] = renamed
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}
