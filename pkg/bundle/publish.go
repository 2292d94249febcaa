package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"drayage/internal/durable"
	"drayage/pkg/oci"
)

// Volume says what was written of one volume.
type Volume struct {
	Path string `json:"path"`
	// SHA256 is in hex, as FILE.sha256 has it.
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// staged are checksums that wait for their names.
type staged []*durable.Staged

func (s staged) commit() error {
	var errs []error
	for _, one := range s {
		errs = append(errs, one.Commit())
	}
	return errors.Join(errs...)
}

func (s staged) discard() error {
	var errs []error
	for _, one := range s {
		errs = append(errs, one.Discard())
	}
	return errors.Join(errs...)
}

// publish brings the bundle onto the media and under its name or names. Its
// checksums are on the media before, under names of their own, so that a medium
// without room for them does not end with a new bundle and the checksum of an
// old one. Nor does a build that is killed here: those of an old one go before the
// first name is given, and the new ones get theirs in settle, which has to follow.
func (u *Unfinished) publish(sums []string) (staged, error) {
	if err := u.file.Sync(); err != nil {
		return nil, err
	}
	for _, dir := range u.folders() { // what a run left that was killed further down
		if err := durable.Sweep(filepath.Join(dir, filepath.Base(u.path)+".sha256")); err != nil {
			return nil, err
		}
	}
	checks, err := u.stage(sums)
	if noRoom(err) {
		checks, err = u.stageInPlace(sums)
	}
	if err != nil {
		return nil, err
	}
	old, err := u.shelve()
	if err == nil {
		var named int
		if named, err = u.rename(); named > 0 {
			old.drop()
			old = nil
		}
	}
	if err != nil {
		return nil, errors.Join(err, old.putBack(), checks.discard(), u.journal.restore())
	}
	u.holdAgain()
	return checks, nil
}

// stageInPlace stages checksums where the journal takes the room that they need.
// The journal comes back if there is room for both: written in one go it may be
// shorter. Else it is done without.
func (u *Unfinished) stageInPlace(sums []string) (staged, error) {
	if err := u.journal.remove(); err != nil {
		return nil, err
	}
	checks, err := u.stage(sums)
	if err != nil {
		return nil, errors.Join(err, u.journal.restore())
	}
	if err := u.journal.restore(); err != nil && !noRoom(err) {
		return nil, errors.Join(err, checks.discard())
	}
	return checks, nil
}

// markWhole has the journal say that all volumes are whole, before they get their
// names. It is written anew where it has no room for that, or else done without.
func (u *Unfinished) markWhole() error {
	err := u.note(true)
	if noRoom(err) {
		if err = u.journal.remove(); err == nil {
			err = u.journal.restore()
		}
	}
	if noRoom(err) {
		return nil
	}
	return err
}

// stage writes FILE.sha256 into each folder: the lines of what lies there.
func (u *Unfinished) stage(sums []string) (staged, error) {
	if len(sums) == 0 {
		return nil, nil
	}
	lines := map[string]string{}
	for i, f := range u.file.files {
		final := strings.TrimSuffix(f.Name(), partial)
		lines[filepath.Dir(final)] += sums[i] + "  " + filepath.Base(final) + "\n"
	}
	var all staged
	for _, dir := range u.folders() {
		if lines[dir] == "" {
			continue
		}
		s, err := durable.Stage(filepath.Join(dir, filepath.Base(u.path)+".sha256"), []byte(lines[dir]))
		if err != nil {
			return nil, errors.Join(err, all.discard())
		}
		delete(lines, dir) // a folder may be named twice
		all = append(all, s)
	}
	return all, nil
}

// folders are those that the bundle's files may be in.
func (u *Unfinished) folders() []string {
	if u.split.Size == 0 {
		return []string{filepath.Dir(u.path)}
	}
	var dirs []string
	for _, dir := range u.split.Dirs {
		dirs = append(dirs, filepath.Clean(dir))
	}
	return dirs
}

// rename gives the files their names, and says how many have them. Should it be
// cut short, the journal says that all volumes are whole and the next run begins
// with it.
func (u *Unfinished) rename() (named int, err error) {
	if err := u.markWhole(); err != nil {
		return 0, err
	}
	for i, f := range u.file.files {
		if err := os.Rename(f.Name(), strings.TrimSuffix(f.Name(), partial)); err != nil {
			return i, err
		}
	}
	return len(u.file.files), nil
}

// settle ends it: the names are brought onto the media, and only then goes what
// an earlier bundle of this name left, and the checksums get their names. The
// journal of volumes goes last, and not before all that is done: the next run can
// begin with it. Of one file that has its name it is of no use.
func (u *Unfinished) settle(checks staged) error {
	var errs []error
	for _, dir := range u.folders() {
		errs = append(errs, u.syncFolder(dir))
	}
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, checks.discard())
	}
	var err error
	if u.split.Size > 0 {
		err = errors.Join(u.sweep(), u.clear())
	}
	if err = errors.Join(err, checks.commit()); err != nil && u.split.Size > 0 {
		return err
	}
	if u.lost {
		return err
	}
	return errors.Join(err, u.journal.remove())
}

// sweep takes away the volumes of an earlier bundle of this name, and the
// checksums in folders that have no volume any more.
func (u *Unfinished) sweep() error {
	var mine []string
	for _, f := range u.file.files {
		mine = append(mine, strings.TrimSuffix(f.Name(), partial))
	}
	for dir, folder := range u.split.Dirs {
		used := slices.ContainsFunc(mine, func(m string) bool { return filepath.Dir(m) == filepath.Clean(folder) })
		if !used {
			if err := goneFile(filepath.Join(folder, filepath.Base(u.path)+".sha256")); err != nil {
				return err
			}
		}
		for i := range MaxVolumes {
			if path := u.volume(dir, i); !slices.Contains(mine, path) && !u.same(path, mine) {
				if err := goneFile(path); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// same tells whether a path leads to one of our files by another way: two
// folders may be one.
func (u *Unfinished) same(path string, mine []string) bool {
	a, err := os.Lstat(path)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(mine, func(m string) bool {
		b, err := os.Lstat(m)
		return err == nil && os.SameFile(a, b)
	})
}

// goneFile removes a regular file that may not be there, and leaves all else.
func goneFile(path string) error {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return gone(path)
}

// volumesWritten says what was written of each volume, nil for one file.
func (u *Unfinished) volumesWritten(sums []string) []Volume {
	if u.split.Size == 0 {
		return nil
	}
	var all []Volume
	for i, f := range u.file.files {
		begin, end := u.file.span(i)
		all = append(all, Volume{Path: strings.TrimSuffix(f.Name(), partial), SHA256: sums[i], Bytes: end - begin})
	}
	return all
}

// checkSplit refuses volumes that a bundle of this size cannot have.
func checkSplit(size, each int64) error {
	if each == 0 || (size+each-1)/each <= MaxVolumes {
		return nil
	}
	least := (size + MaxVolumes - 1) / MaxVolumes
	return fmt.Errorf("volumes of %d bytes: the bundle has %d bytes and would take more than %d; at least %d bytes each", each, size, MaxVolumes, least)
}

// sumEvery is of how many bytes sums are wanted, 0 if of none.
func (o WriteOptions) sumEvery(split VolumeOptions, l *oci.Layout) int64 {
	if split.Size == 0 && o.Checksum {
		return l.Size
	}
	return split.Size
}
