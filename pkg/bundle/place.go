package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"drayage/internal/durable"
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
