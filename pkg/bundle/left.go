package bundle

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// LeftError is work of an earlier run that is not all in the folders that were
// given, or not alone there. Whoever began would throw it away, so nothing is
// begun. It counts as a file that is not there.
type LeftError struct {
	// Path is a journal, or where there is none a partial volume.
	Path string
	// Problem is what is in the way.
	Problem string
	// Remove are patterns of the files here that belong to the work.
	Remove []string
}

// Error says also how to give the work up.
func (e *LeftError) Error() string {
	return fmt.Sprintf("%s: %s; go on with all its folders (--volume-dir), or give it up: rm %s", e.Path, e.Problem, strings.Join(e.Remove, " "))
}

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
			e.Remove = append(e.Remove, filepath.Join(dir, name)+".*partial*")
		}
	}
	return e
}
