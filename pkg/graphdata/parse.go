package graphdata

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/klauspost/compress/gzip"
	"github.com/opencontainers/go-digest"
)

// Limits of the data. The public one of August 2026 has 1800 entries, 2.3 MB
// and gzipped 98 kB.
const (
	// MaxCompressed bounds the gzipped tar, in bytes.
	MaxCompressed = 32 << 20
	// MaxUnpacked bounds the tar, in bytes, and by itself what its files hold.
	MaxUnpacked = 128 << 20
	// MaxEntries bounds the files and folders.
	MaxEntries = 1 << 16
	// maxName bounds the name of one of them, in bytes: folders within folders
	// cost more than they take in the tar.
	maxName = 255
)

// Data is an update graph's data.
type Data struct {
	layer []byte // an uncompressed tar
}

// Digest is the sha256 of the layer that the data becomes, uncompressed. It does
// not depend on how the data was packed.
func (d *Data) Digest() digest.Digest { return digest.FromBytes(d.layer) }

// Parse reads the data out of a gzipped tar: one gzip member, at most
// [MaxCompressed] bytes, with a tar of at most [MaxUnpacked] bytes and
// [MaxEntries] names, all of it regular files and folders with different names
// that lead nowhere else. The file version and the folders channels and
// blocked-edges have to be at its top.
func Parse(raw []byte) (*Data, error) {
	if len(raw) > MaxCompressed {
		return nil, fmt.Errorf("more than %d bytes", MaxCompressed)
	}
	compressed := bufio.NewReader(bytes.NewReader(raw))
	unzip, err := gzip.NewReader(compressed) // a ByteReader: nothing behind its end is read
	if err != nil {
		return nil, truncated(err)
	}
	unzip.Multistream(false)
	t := &tree{files: map[string][]byte{}, folders: map[string]bool{}}
	if err := t.read(&bounded{r: unzip, left: MaxUnpacked}); err != nil {
		return nil, truncated(err)
	}
	if _, err := compressed.ReadByte(); err == nil {
		return nil, errors.New("has something behind the end of the gzip")
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	layer, err := t.layer()
	if err != nil {
		return nil, err
	}
	return &Data{layer: layer}, nil
}

// truncated says of an end that comes too early what it means.
func truncated(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("ends too early")
	}
	return err
}

// errTooLarge is about a tar that is larger than anybody's.
var errTooLarge = fmt.Errorf("unpacks to more than %d bytes", MaxUnpacked)

// bounded reads at most so many bytes, and fails on the next one.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// tree is what a tar holds, by cleaned names. With a folder, those that it is in
// are there too.
type tree struct {
	files   map[string][]byte
	folders map[string]bool
	bytes   int64 // of the files; holes in them count
}

func (t *tree) read(r io.Reader) error {
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return onlyZeros(r)
		}
		if err != nil {
			return err
		}
		if err := t.entry(h, archive); err != nil {
			return err
		}
	}
}

// onlyZeros reads what follows a tar to its end: tar fills up the last record
// with zeros, and gzip's own sum comes after them.
func onlyZeros(r io.Reader) error {
	b := make([]byte, 32<<10)
	for {
		n, err := r.Read(b)
		if slices.ContainsFunc(b[:n], func(c byte) bool { return c != 0 }) {
			return errors.New("has something behind the end of the tar")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t *tree) entry(h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil // remarks, as git makes them
	}
	name, err := cleanName(h.Name)
	if err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return t.addFolder(name)
	case tar.TypeReg:
		if err := t.addFolder(path.Dir(name)); err != nil {
			return err
		}
		return t.addFile(name, h, content)
	}
	return fmt.Errorf("%s: is neither a file nor a folder", name)
}

// addFolder adds a folder and those that it is in.
func (t *tree) addFolder(dir string) error {
	for ; dir != "." && !t.folders[dir]; dir = path.Dir(dir) {
		if _, ok := t.files[dir]; ok {
			return fmt.Errorf("%s: is a file and a folder", dir)
		}
		t.folders[dir] = true
	}
	return t.checkEntries()
}

func (t *tree) addFile(name string, h *tar.Header, content io.Reader) error {
	if _, twice := t.files[name]; twice {
		return fmt.Errorf("%s: is there twice", name)
	}
	if t.folders[name] || name == "." {
		return fmt.Errorf("%s: is a file and a folder", name)
	}
	b, err := t.content(h, content)
	if err != nil {
		return err
	}
	t.files[name] = b
	return t.checkEntries()
}

func (t *tree) checkEntries() error {
	if len(t.files)+len(t.folders) > MaxEntries {
		return fmt.Errorf("has more than %d files and folders", MaxEntries)
	}
	return nil
}

// content reads a file. A size is believed only as far as it forbids: holes
// are sizes without bytes.
func (t *tree) content(h *tar.Header, r io.Reader) ([]byte, error) {
	if t.bytes += h.Size; h.Size > MaxUnpacked || t.bytes > MaxUnpacked {
		return nil, errTooLarge
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path.Clean(h.Name), err)
	}
	return b, nil
}

// cleanName takes a name as tar writes it, with ./ in front or / at its end. The
// top itself is ".".
func cleanName(name string) (string, error) {
	clean := path.Clean(name)
	switch {
	case len(name) > maxName:
		return "", fmt.Errorf("%.32q...: a name of %d bytes, at most %d are read", name, len(name), maxName)
	case name == "" || !fs.ValidPath(clean) || slices.Contains(strings.Split(name, "/"), ".."):
		return "", fmt.Errorf("%q: leads out of the folder", name)
	case strings.ContainsFunc(clean, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", fmt.Errorf("%q: cannot be printed", name)
	case strings.HasPrefix(clean, whiteout) || strings.Contains(clean, "/"+whiteout):
		return "", fmt.Errorf("%s: a name that begins with %s means a deletion", clean, whiteout)
	}
	return clean, nil
}

// check finds out whether the tar is an update graph's.
func (t *tree) check() error {
	var lacks []string
	if len(t.files["version"]) == 0 {
		lacks = append(lacks, "no version")
	}
	for _, dir := range []string{"channels", "blocked-edges"} {
		if !t.folders[dir] {
			lacks = append(lacks, "no "+dir)
		}
	}
	if len(lacks) > 0 {
		return fmt.Errorf("is no update graph data: has %s", strings.Join(lacks, ", "))
	}
	return nil
}
