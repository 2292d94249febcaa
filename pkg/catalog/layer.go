package catalog

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// whiteoutPrefix begins the name of an empty file in a layer that deletes the
// entry of the same name, without the prefix, from the layers below.
const whiteoutPrefix = ".wh."

// Whiteouts names the files by which a layer deletes from the tree below
// everything that the new files do not replace: dir/.wh.name for each topmost
// entry that goes. existing is every path of the tree below, relative to the
// root of the catalog; a folder ends in a slash or has something in it, or it is
// taken for a file.
//
// There are shorter ways to say the same (hide the whole folder, delete it and
// make it anew), but what unpacks images does not agree on what these mean:
// some leak the old tree, some lose the new one. For the same reason, a file
// where a folder is needed, or a folder where a file is needed, is an error.
// All are returned, joined.
func Whiteouts(existing []string, files map[string][]byte) ([]string, error) {
	old, errs := listTree(existing)
	needed := map[string]bool{".": true} // the folders of the new files
	for name := range files {
		if err := checkPath(name); err != nil {
			errs = append(errs, err)
		}
		for dir := path.Dir(name); !needed[dir]; dir = path.Dir(dir) {
			needed[dir] = true
		}
	}
	var whiteouts []string
	for _, name := range slices.Sorted(maps.Keys(old)) {
		_, replaced := files[name]
		isFolder := old[name]
		switch dir, base := path.Split(name); {
		case replaced && isFolder:
			errs = append(errs, fmt.Errorf("%s: is a folder in the source, and a file is to stand there", name))
		case needed[name] && !isFolder:
			errs = append(errs, fmt.Errorf("%s: is a file in the source, and a folder is to stand there", name))
		case !replaced && !needed[name] && needed[path.Dir(name)]:
			whiteouts = append(whiteouts, dir+whiteoutPrefix+base)
		}
	}
	slices.Sort(whiteouts)
	return whiteouts, errors.Join(errs...)
}

// listTree is every path of a tree, and whether it is a folder.
func listTree(paths []string) (map[string]bool, []error) {
	isFolder := map[string]bool{}
	var errs []error
	for _, name := range slices.Sorted(slices.Values(paths)) {
		clean := strings.TrimSuffix(name, "/")
		if clean == "" || clean == "." {
			continue
		}
		if err := checkPath(clean); err != nil {
			errs = append(errs, err)
			continue
		}
		isFolder[clean] = isFolder[clean] || clean != name
		for dir := path.Dir(clean); dir != "." && !isFolder[dir]; dir = path.Dir(dir) {
			isFolder[dir] = true
		}
	}
	return isFolder, errs
}

func checkPath(name string) error {
	if !fs.ValidPath(name) || name == "." {
		return fmt.Errorf("%q: is no path inside of a catalog", name)
	}
	for e := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(e, whiteoutPrefix) {
			return fmt.Errorf("%s: a name that begins with %s means a deletion", name, whiteoutPrefix)
		}
	}
	return nil
}

// Layer is the tar of one layer that puts files into the folder root (configs)
// and deletes what whiteouts names; all paths are relative to root. It has root
// and every folder on the way, parents first, and no time, owner or mode but the
// Unix epoch, 0, 0755 for folders and 0644 for files: the same arguments give the
// same bytes.
func Layer(root string, files map[string][]byte, whiteouts []string) ([]byte, error) {
	root = strings.Trim(root, "/")
	if err := checkPath(root); err != nil {
		return nil, err
	}
	entries, err := layerEntries(root, files, whiteouts)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if err := entries[name].write(w, name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

type layerEntry struct {
	folder  bool
	content []byte
}

func (e layerEntry) write(w *tar.Writer, name string) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(e.content)), ModTime: time.Unix(0, 0)}
	if e.folder {
		h.Typeflag, h.Name, h.Mode = tar.TypeDir, name+"/", 0o755
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.Write(e.content)
	return err
}

// layerEntries are the entries of a layer by path, the folders on the way included.
func layerEntries(root string, files map[string][]byte, whiteouts []string) (map[string]layerEntry, error) {
	entries := map[string]layerEntry{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		errs = append(errs, checkPath(name))
		entries[path.Join(root, name)] = layerEntry{content: files[name]}
	}
	for _, name := range whiteouts {
		errs = append(errs, checkWhiteout(name, files))
		entries[path.Join(root, name)] = layerEntry{}
	}
	paths := slices.Sorted(maps.Keys(entries))
	for _, name := range append(paths, root+"/") { // root is there even when nothing is in it
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if e, ok := entries[dir]; ok && !e.folder {
				errs = append(errs, fmt.Errorf("%s: is a file and a folder", dir))
			}
			entries[dir] = layerEntry{folder: true}
		}
	}
	return entries, errors.Join(errs...)
}

func checkWhiteout(name string, files map[string][]byte) error {
	dir, base := path.Split(name)
	deleted, ok := strings.CutPrefix(base, whiteoutPrefix)
	if !ok {
		return fmt.Errorf("%s: is no deletion", name)
	}
	if _, ok := files[dir+deleted]; ok {
		return fmt.Errorf("%s: deletes a file of the same layer", name)
	}
	return checkPath(dir + deleted)
}
