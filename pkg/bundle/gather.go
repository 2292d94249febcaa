package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"drayage/pkg/oci"
)

// gather opens a bundle's file, or its volumes. A path that is not there, or
// that ends in .001, stands for volumes; they are looked for beside it and then
// in dirs. What is wrong with them comes back as an [InvalidError].
func gather(path string, root digest.Digest, dirs []string) (*volumes, error) {
	base, first := strings.CutSuffix(path, VolumeName("", 1))
	if !first {
		f, err := openRegular(path)
		if err == nil {
			return whole(f)
		}
		base = path
		if paths := findVolumes(base, dirs); !errors.Is(err, fs.ErrNotExist) || len(paths) == 0 {
			return nil, err
		}
	}
	return openVolumes(path, base, findVolumes(base, dirs), root)
}

var volumeNumber = regexp.MustCompile(`\.[0-9]{3}$`)

// notTheFirst says of what is no bundle that it is a volume, if it looks like one.
func notTheFirst(path string, err error) error {
	first := VolumeName(volumeNumber.ReplaceAllString(path, ""), 1)
	invalid := (*InvalidError)(nil)
	if !errors.As(err, &invalid) || !volumeNumber.MatchString(path) || path == first {
		return err
	}
	if _, gone := os.Stat(first); gone != nil {
		return err
	}
	return &InvalidError{Path: path, Findings: []oci.Finding{{Problem: "is one of several volumes: name the first one, " + first}}}
}

// KindError is a folder, a device or a FIFO where a bundle was to be.
type KindError struct{ Path string }

// Error names it.
func (e *KindError) Error() string { return e.Path + ": is no regular file" }

// openRegular opens a file. It looks before: to open a FIFO is to wait for who
// writes into it. What is none is a [KindError].
func openRegular(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, &KindError{path}
	}
	return os.Open(path)
}

// whole is a bundle that is one file.
func whole(f *os.File) (*volumes, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return single(f, info.Size()), nil
}

// findVolumes finds the volumes of a bundle: their paths by number, "" for one
// that is in none of the folders. The first folder that has one counts.
func findVolumes(base string, dirs []string) []string {
	folders := append([]string{filepath.Dir(base)}, dirs...)
	var paths []string
	for n := range MaxVolumes {
		for _, dir := range folders {
			p := filepath.Join(dir, VolumeName(filepath.Base(base), n+1))
			if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
				paths = append(append(paths, make([]string, n-len(paths))...), p)
				break
			}
		}
	}
	return paths
}

// openVolumes opens volumes and proves that they belong together, as far as
// their sizes and headers show it.
func openVolumes(path, base string, paths []string, root digest.Digest) (*volumes, error) {
	if len(paths) == 0 {
		f, err := openRegular(path)
		if err == nil { // it came this very moment
			err = errors.Join(&fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}, f.Close())
		}
		return nil, err
	}
	v := &volumes{files: make([]*os.File, len(paths))}
	for i, p := range paths {
		if p == "" {
			continue
		}
		f, err := os.Open(p)
		if err != nil {
			return nil, errors.Join(err, v.Close())
		}
		v.files[i] = f
	}
	if err := v.join(path, filepath.Base(base), root); err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

// join finds out how large the volumes are to be, and what is wrong with them.
// Nothing in them says it: it is the size of one of them, and the one that
// agrees best with the packing list.
func (v *volumes) join(path, base string, root digest.Digest) error {
	if v.files[0] == nil {
		return &InvalidError{Path: path, Missing: true, Findings: []oci.Finding{{Problem: "volume 1, " + VolumeName(base, 1) + ", is missing"}}}
	}
	sizes, err := v.sizes()
	if err != nil {
		return err
	}
	best := &InvalidError{Path: path}
	var each, total int64
	for _, size := range candidates(sizes) {
		v.each = size
		findings, missing, err := v.judge(path, base, sizes, root)
		if err != nil {
			return err
		}
		if each == 0 || len(findings) < len(best.Findings) {
			each, total, best.Findings, best.Missing = size, v.size, findings, missing
		}
	}
	if each == 0 {
		return &InvalidError{Path: path, Findings: []oci.Finding{{Problem: "volume 1, " + VolumeName(base, 1) + ", is empty"}}}
	}
	if len(best.Findings) > 0 {
		return best
	}
	return v.settle(each, total)
}

// settle leaves out what is no volume of this bundle, and need not be.
func (v *volumes) settle(each, size int64) error {
	v.each, v.size = each, size
	n := int((size + each - 1) / each)
	extra := volumes{files: v.files[n:]}
	v.files = v.files[:n]
	return extra.Close()
}

func (v *volumes) sizes() ([]int64, error) {
	sizes := make([]int64, len(v.files))
	for i, f := range v.files {
		if f == nil {
			continue
		}
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		sizes[i] = info.Size()
	}
	return sizes, nil
}

// candidates are the sizes that the volumes may be meant to have, the one that
// is most likely first.
func candidates(sizes []int64) []int64 {
	count := map[int64]int{}
	var all []int64
	for _, n := range sizes {
		if n > 0 {
			if count[n]++; count[n] == 1 {
				all = append(all, n)
			}
		}
	}
	slices.SortFunc(all, func(a, b int64) int {
		if d := count[b] - count[a]; d != 0 {
			return d
		}
		return int(min(1, max(-1, b-a)))
	})
	return all[:min(len(all), maxCandidates)]
}

// maxCandidates bounds the sizes that are tried: of good volumes there are two.
const maxCandidates = 8

// judge says what is wrong with volumes of v.each bytes. The front of the first
// tells what all should hold.
func (v *volumes) judge(path, base string, sizes []int64, root digest.Digest) (findings []oci.Finding, missing bool, err error) {
	v.size = oci.MaxBundle
	l, err := v.layout(path, root)
	if another := (*RootError)(nil); errors.As(err, &another) {
		return nil, false, err
	}
	if err != nil {
		return []oci.Finding{{Problem: fmt.Sprintf("the front: %s", err)}}, false, nil
	}
	n := int(min((l.Size+v.each-1)/v.each, MaxVolumes+1))
	if n > MaxVolumes {
		return []oci.Finding{{Problem: fmt.Sprintf("volumes of %d bytes: it would take more than %d for its %d bytes", v.each, MaxVolumes, l.Size)}}, false, nil
	}
	there := len(v.files)
	if n == 1 { // whatever else has a name like a volume's
		there = 1
	}
	v.size = l.Size
	for i := range max(n, there) {
		problem := v.misfit(l, i, n, sizes)
		if problem == "" {
			continue
		}
		missing = missing || i >= len(v.files) || v.files[i] == nil
		findings = append(findings, oci.Finding{Problem: fmt.Sprintf("volume %d, %s, %s", i+1, VolumeName(base, i+1), problem)})
	}
	return findings, missing, nil
}

// frontEntries are those up to the packing list.
const frontEntries = 5

// layout reads the packing list and says how the bundle has to lie.
func (v *volumes) layout(path string, root digest.Digest) (*oci.Layout, error) {
	a, err := oci.OpenFront(v, frontEntries)
	if err != nil {
		return nil, err
	}
	if root != "" && a.Root != root {
		return nil, &RootError{path, a.Root, root}
	}
	m, err := (&Bundle{Archive: a}).packingList()
	if err != nil {
		return nil, err
	}
	l, _, err := layout(m)
	return l, err
}

// misfit says why a file is not volume i of n, or nothing.
func (v *volumes) misfit(l *oci.Layout, i, n int, sizes []int64) string {
	switch {
	case i >= n:
		return fmt.Sprintf("is one too many: the bundle has %d volumes", n)
	}
	begin, end := v.span(i)
	switch {
	case i >= len(v.files) || v.files[i] == nil:
		return fmt.Sprintf("is missing: the bundle has %d volumes, this one of %d bytes", n, end-begin)
	case sizes[i] != end-begin:
		return fmt.Sprintf("has %d bytes, want %d", sizes[i], end-begin)
	}
	looked, found := l.Probe(v.files[i], begin, end)
	if 2*found >= looked { // damaged, perhaps
		return ""
	}
	for other := range n {
		if looked, found := l.Probe(v.files[i], int64(other)*v.each, min(int64(other+1)*v.each, l.Size)); found > 0 && found == looked {
			return fmt.Sprintf("holds what belongs into volume %d", other+1)
		}
	}
	return fmt.Sprintf("is of another bundle: of %d headers that belong there it has %d", looked, found)
}
