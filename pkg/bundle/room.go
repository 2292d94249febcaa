package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// fat is what statfs says of FAT12, FAT16 and FAT32.
	fat = 0x4d44
	// MaxFAT is the largest file of FAT32, in bytes.
	MaxFAT = 1<<32 - 1
)

// FileSizeError is a file system that has no files as large as one that is to be
// written there, found before anything is written.
type FileSizeError struct {
	Path string
	// Size is that of the file, Most what the file system allows, in bytes.
	Size, Most int64
	// Volume says that the file is a volume, and not the whole bundle.
	Volume bool
}

// Error names both sizes.
func (e *FileSizeError) Error() string {
	what := "the bundle has"
	if e.Volume {
		what = "a volume has"
	}
	return fmt.Sprintf("%s: is FAT32, whose files have at most %d bytes; %s %d", e.Path, e.Most, what, e.Size)
}

// Unwrap makes it the operating system's "file too large".
func (e *FileSizeError) Unwrap() error { return unix.EFBIG }

// checkFileSize refuses a file that a file system of this type cannot have.
func checkFileSize(kind, size int64, path string, volume bool) error {
	if kind == fat && size > MaxFAT {
		return &FileSizeError{Path: path, Size: size, Most: MaxFAT, Volume: volume}
	}
	return nil
}

// room is what a medium has for volumes: its free bytes, unless it does not say.
type room struct {
	kind  int64
	block int64
	free  int64
	known bool
}

// rooms knows the media of several folders; two folders may be on one.
type rooms struct {
	of     []int // folder -> medium
	media  []room
	device map[uint64]int
}

func survey(dirs []string) (*rooms, error) {
	r := &rooms{device: map[uint64]int{}}
	for _, dir := range dirs {
		var stat unix.Stat_t
		var sfs unix.Statfs_t
		if err := errors.Join(unix.Stat(dir, &stat), unix.Statfs(dir, &sfs)); err != nil {
			return nil, &fs.PathError{Op: "stat", Path: dir, Err: err}
		}
		i, there := r.device[stat.Dev]
		if !there {
			i = len(r.media)
			r.device[stat.Dev] = i
			known := sfs.Blocks > 0 && sfs.Bsize > 0
			m := room{kind: int64(sfs.Type), block: max(1, int64(sfs.Bsize)), known: known}
			m.free = int64(min(sfs.Bavail, uint64(1<<62)/uint64(m.block))) * m.block
			r.media = append(r.media, m)
		}
		r.of = append(r.of, i)
	}
	return r, nil
}

// take takes room for a file on a folder's medium, if there is enough.
func (r *rooms) take(dir int, size int64) bool {
	m := &r.media[r.of[dir]]
	size = (size + m.block - 1) / m.block * m.block
	if m.known && m.free < size {
		return false
	}
	m.free -= size
	return true
}

// giveBack counts what a file takes of its medium as free: it will go.
func (r *rooms) giveBack(f *os.File) error {
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	if i, there := r.device[stat.Dev]; there {
		r.media[i].free += int64(occupied(f))
	}
	return nil
}

// share says in which folder each volume of a bundle goes: the first one that
// has room for it. Each folder is filled before the next.
func share(size, each int64, dirs []string) ([]int, error) {
	r, err := survey(dirs)
	if err != nil {
		return nil, err
	}
	return r.share(size, each, dirs)
}

func (r *rooms) share(size, each int64, dirs []string) ([]int, error) {
	for i, dir := range dirs {
		if err := checkFileSize(r.media[r.of[i]].kind, min(size, each), dir, true); err != nil {
			return nil, err
		}
	}
	n := int((size + each - 1) / each)
	var places []int
	for i := range n {
		bytes := min(each, size-int64(i)*each)
		place := 0
		for place < len(dirs) && !r.take(place, bytes) {
			place++
		}
		if place == len(dirs) {
			return nil, &SpaceError{Path: strings.Join(dirs, ", "), Need: size, Have: int64(i) * each, Volumes: n, Fit: i}
		}
		places = append(places, place)
	}
	return places, nil
}

// fits finds out whether there is room for another bundle than the one that is
// unfinished here, before that is given up: beside it, or else in its place.
func (u *Unfinished) fits(size, left int64) error {
	if left < worthKeeping {
		return nil
	}
	r, err := survey(u.folders())
	if err != nil {
		return err
	}
	for _, f := range u.file.files {
		if strings.HasSuffix(f.Name(), partial) {
			err = errors.Join(err, r.giveBack(f))
		}
	}
	if err != nil {
		return err
	}
	if u.split.Size == 0 {
		return r.one(size, u.path)
	}
	places, err := r.share(size, u.split.Size, u.split.Dirs)
	if err != nil {
		return err
	}
	return u.replaceable(places)
}

// one finds out whether there is room for one file, in the first folder.
func (r *rooms) one(size int64, path string) error {
	m := r.media[r.of[0]]
	if err := checkFileSize(m.kind, size, path, false); err != nil {
		return err
	}
	if !r.take(0, size) {
		return &SpaceError{Path: path, Need: size, Have: m.free}
	}
	return nil
}
