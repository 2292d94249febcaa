package bundle

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"drayage/pkg/oci"
)

const (
	// MinVolume is the smallest size of a volume, in bytes.
	MinVolume = 1 << 20
	// MaxVolumes bounds the volumes of a bundle: their numbers have three digits.
	MaxVolumes = 999
)

// VolumeOptions split a bundle into volumes. The zero value does not.
type VolumeOptions struct {
	// Size is what each volume but the last has, in bytes, at least MinVolume.
	// 0 means one file.
	Size int64
	// Dirs are the folders that volumes go to, each as far as it has room for
	// whole volumes. None means the folder of the bundle's path.
	Dirs []string
}

// VolumeName is the name of a volume: FILE.001 is the first.
func VolumeName(file string, number int) string { return fmt.Sprintf("%s.%03d", file, number) }

// volumes are files that are read and written as one: byte ranges of it, in
// order. A bundle that is not split is one volume without an end. Many
// goroutines may read and write at once.
type volumes struct {
	files []*os.File // nil where a volume is missing
	each  int64      // bytes of each but the last
	size  int64      // of all together
}

// single is one file as volumes.
func single(f *os.File, size int64) *volumes {
	return &volumes{files: []*os.File{f}, each: math.MaxInt64, size: size}
}

// span is where a volume begins and ends.
func (v *volumes) span(i int) (begin, end int64) {
	if v.each == math.MaxInt64 {
		return 0, v.size
	}
	begin = int64(i) * v.each
	return begin, min(begin+v.each, v.size)
}

// over does a piece of work on each volume that [at, at+len(p)) touches.
func (v *volumes) over(p []byte, at int64, do func(f *os.File, p []byte, at int64) (int, error)) (n int, err error) {
	for n < len(p) {
		i := int((at + int64(n)) / v.each)
		if i >= len(v.files) {
			return n, io.EOF
		}
		if v.files[i] == nil {
			return n, fmt.Errorf("volume %d is missing", i+1)
		}
		begin := int64(i) * v.each
		within := at + int64(n) - begin
		part := p[n:]
		if rest := v.each - within; int64(len(part)) > rest {
			part = part[:rest]
		}
		done, err := do(v.files[i], part, within)
		n += done
		if err != nil {
			if errors.Is(err, io.EOF) && n < len(p) && i+1 < len(v.files) {
				err = fmt.Errorf("%s: ends at %d, want %d", filepath.Base(v.files[i].Name()), within+int64(done), v.each)
			}
			return n, err
		}
	}
	return n, nil
}

// ReadAt reads over the borders between volumes.
func (v *volumes) ReadAt(p []byte, at int64) (int, error) {
	return v.over(p, at, func(f *os.File, p []byte, at int64) (int, error) { return f.ReadAt(p, at) })
}

// WriteAt writes over the borders between volumes.
func (v *volumes) WriteAt(p []byte, at int64) (int, error) {
	return v.over(p, at, func(f *os.File, p []byte, at int64) (int, error) { return f.WriteAt(p, at) })
}

// ranges are the pieces of volumes that [at, at+n) is made of.
func (v *volumes) ranges(at, n int64) []sentRange {
	var all []sentRange
	for end := at + n; at < end; {
		i := int(at / v.each)
		if i >= len(v.files) {
			break
		}
		within := at - int64(i)*v.each
		size := min(end-at, v.each-within)
		all = append(all, sentRange{v.files[i], within, size})
		at += size
	}
	return all
}

// Name is the path of the last volume: what ends early elsewhere names itself.
func (v *volumes) Name() string { return v.files[len(v.files)-1].Name() }

// Truncate gives each volume its size.
func (v *volumes) Truncate(size int64) error {
	v.size = size
	for i, f := range v.files {
		begin, end := v.span(i)
		if err := f.Truncate(end - begin); err != nil {
			return err
		}
	}
	return nil
}

// Sync brings all volumes onto their media.
func (v *volumes) Sync() error {
	return v.forEach((*os.File).Sync)
}

// Close closes all volumes.
func (v *volumes) Close() error {
	return v.forEach((*os.File).Close)
}

func (v *volumes) forEach(do func(*os.File) error) error {
	var errs []error
	for _, f := range v.files {
		if f != nil {
			errs = append(errs, do(f))
		}
	}
	return errors.Join(errs...)
}

// names are the volumes' names without their folders, nil for a bundle that is
// not split.
func (v *volumes) names() []string {
	if v == nil || v.each == math.MaxInt64 {
		return nil
	}
	var names []string
	for _, f := range v.files {
		names = append(names, filepath.Base(f.Name()))
	}
	return names
}

// located says of each finding about an entry in which volumes that lies.
func (b *Bundle) located(findings []oci.Finding) []oci.Finding {
	names := b.files.names()
	if len(names) < 2 {
		return findings
	}
	entries := b.byName()
	for i, f := range findings {
		e, ok := entries[f.Entry]
		if !ok {
			continue
		}
		first, last := e.Header/b.files.each, max(e.Offset+e.Size-1, e.Header)/b.files.each
		where := names[first]
		if last > first {
			where += " to " + names[last]
		}
		findings[i].Problem += "; it lies in " + where
	}
	return findings
}

// forget has the next reader ask the media. A page that did not get there stays
// in memory as if it had, and is not written again.
func (v *volumes) forget() {
	for _, f := range v.files {
		_ = f.Sync() // or what still waits would stay
		_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	}
}
