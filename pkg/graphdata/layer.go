package graphdata

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"
)

// folder is where the data lies in the image.
const folder = "var/lib/cincinnati-graph-data"

// whiteout begins the names that delete something in a layer.
const whiteout = ".wh."

// layer writes the tree below folder: sorted by name, parents first, without a
// time, an owner or a mode of its own. The same tree gives the same bytes.
func (t *tree) layer() ([]byte, error) {
	all := map[string]bool{"var": true, "var/lib": true, folder: true} // true for folders
	for name := range t.folders {
		all[path.Join(folder, name)] = true
	}
	for name := range t.files {
		all[path.Join(folder, name)] = false
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := t.write(w, name, all[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (t *tree) write(w *tar.Writer, name string, isFolder bool) error {
	if isFolder {
		return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, ModTime: time.Unix(0, 0)})
	}
	content := t.files[name[len(folder)+1:]]
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: time.Unix(0, 0)}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}
