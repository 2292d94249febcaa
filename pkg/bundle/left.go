package bundle

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// LeftError is work of an earlier run that is not all in the folders that were
// given, or not alone there. Whoever began would throw it away, so nothing is
// begun. It counts as a file that is not there.
type LeftError struct {
	// Path is a journal, or where there is none a partial volume.
	Path string
	// Problem is what is in the way.
	Problem string
	// Remove are a shell's words for the files here that belong to the work.
	Remove []string
}

// Error names the file and what is in the way.
func (e *LeftError) Error() string { return e.Path + ": " + e.Problem }

// Unwrap makes it a file that is not there.
func (e *LeftError) Unwrap() error {
	return &fs.PathError{Op: "open", Path: e.Path, Err: fs.ErrNotExist}
}

// find looks for what an earlier run left, in each folder, and opens it. Folders
// may be given in another order than last time. It is an error when work worth
// keeping would be lost.
func (u *Unfinished) find() error {
	told, err := u.findJournal()
	if err != nil {
		return err
	}
	if !told {
		if err := u.orphans(); err != nil {
			return err
		}
	}
	u.ofVolumes = u.journal.each > 0 || u.journal.voids || told && u.journal.root == ""
	file, missing := u.kept()
	if file == nil && u.journal.each > 0 && u.journal.bytes() >= worthKeeping {
		return u.lacks(missing)
	}
	if u.file = file; file == nil {
		u.journal = emptyJournal(u.journal.path)
	} else {
		file.forget()
	}
	return nil
}

// findJournal reads the journal that tells of the most, wherever it is, and says
// whether there is any that may tell of volumes. That of a build in one file counts
// in its own folder only, since the others are not asked for that file; another
// build in one file takes no volumes away then.
func (u *Unfinished) findJournal() (told bool, err error) {
	var worth []string
	for i, dir := range u.distinct() {
		path := filepath.Join(dir, filepath.Base(u.path)+journaled)
		j := readJournal(path)
		if i == 0 {
			u.journal = j
		}
		if _, err := os.Lstat(path); err != nil || (i > 0 && j.root != "" && j.each == 0) {
			continue
		}
		told = told || j.each > 0 || j.root == "" || u.split.Size == 0
		if j.bytes() >= worthKeeping {
			worth = append(worth, path)
		}
		if i > 0 && j.root != "" && (u.journal.root == "" || j.bytes() > u.journal.bytes()) {
			u.journal, j = j, u.journal
		}
		if j != u.journal {
			u.stale = append(u.stale, j.path)
		}
	}
	if len(worth) > 1 {
		return told, u.left(worth[0], fmt.Sprintf("an earlier run left work, and another one that %s tells of", worth[1]))
	}
	return told, nil
}

// lacks says which volume of what an earlier run left is not here.
func (u *Unfinished) lacks(i int) error {
	j := u.journal
	problem := fmt.Sprintf("%d of %d bytes are there from an earlier run, but its volume %d of %d is not in %s",
		j.bytes(), j.size, i+1, (j.size+j.each-1)/j.each, strings.Join(u.split.Dirs, ", "))
	if p, known := j.places[i]; known {
		problem += fmt.Sprintf(" (it was in %s)", p.folder)
	}
	return u.left(j.path, problem)
}

// orphans refuses partial volumes of which no journal here tells.
func (u *Unfinished) orphans() error {
	var size int64
	var first string
	for _, dir := range u.distinct() {
		for i := range MaxVolumes {
			path := VolumeName(filepath.Join(dir, filepath.Base(u.path)), i+1) + partial
			if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
				size += info.Size()
				if first == "" {
					first = path
				}
			}
		}
	}
	if size < worthKeeping {
		return nil
	}
	return u.left(first, fmt.Sprintf("is left from an earlier run, but %s%s is not in %s", filepath.Base(u.path), journaled, strings.Join(u.split.Dirs, ", ")))
}

// shellWord is a path as a shell takes it for one word.
func shellWord(path string) string {
	if !strings.ContainsFunc(path, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/._-+,:@%", r))
	}) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// left is the error for work that would be lost.
func (u *Unfinished) left(path, problem string) error {
	e := &LeftError{Path: path, Problem: problem}
	name := filepath.Base(u.path)
	for _, dir := range u.distinct() {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(entries, func(f fs.DirEntry) bool { // more than the lock
			return strings.HasPrefix(f.Name(), name+".") && strings.Contains(f.Name(), partial) && f.Name() != name+partial
		}) {
			e.Remove = append(e.Remove, shellWord(filepath.Join(dir, name))+".*partial*")
		}
	}
	return e
}

// kept opens what the journal speaks of: nil when that is not there, whole and
// of the right size. Of volumes it says then which one is missing.
func (u *Unfinished) kept() (v *volumes, missing int) {
	j := u.journal
	if j.size == 0 {
		return nil, 0
	}
	if j.each == 0 {
		if info, err := u.lock.Stat(); err != nil || info.Size() != j.size {
			return nil, 0
		}
		return single(u.lock, j.size), 0
	}
	v = &volumes{each: j.each, size: j.size}
	for i := range int((j.size + j.each - 1) / j.each) {
		begin, end := v.span(i)
		f := u.findVolume(i, end-begin)
		if f == nil {
			v.Close()
			return nil, i
		}
		v.files = append(v.files, f)
	}
	return v, 0
}

// findVolume opens a volume that an earlier run wrote, nil when it is not there. When
// the bundle was being given its names, the volume may have its own already.
func (u *Unfinished) findVolume(i int, size int64) *os.File {
	if p := u.journal.places[i]; p.changed != 0 {
		for dir, folder := range u.split.Dirs {
			if f := openSized(u.volume(dir, i), size); f != nil && sameFolder(folder, p.folder) && unchanged(f, p.changed) {
				return f
			} else if f != nil {
				f.Close()
			}
		}
	}
	for dir := range u.split.Dirs {
		if f := openSized(u.volume(dir, i)+partial, size); f != nil {
			return f
		}
	}
	return nil
}

// openSized opens a regular file of this size to read and write, nil when there is none.
func openSized(path string, size int64) *os.File {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() || info.Size() != size {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	return f
}

// unchanged tells whether a file was last changed then, in nanoseconds since 1970.
// FAT knows every other second only, and may say so from the next mount on.
func unchanged(f *os.File, then int64) bool {
	info, err := f.Stat()
	return err == nil && info.ModTime().Sub(time.Unix(0, then)).Abs() < 2*time.Second
}
