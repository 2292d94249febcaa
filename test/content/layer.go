package content

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Layer is one layer of an image: a gzipped tar that is made anew each time it
// is read, so a layer of any size takes no memory. It is a v1.Layer.
type Layer struct {
	entries []entry
	level   int // of gzip
	sums    func() (sums, error)
}

// entry is a file or, if content is nil, a directory.
type entry struct {
	path    string
	mode    int64
	size    int64
	content func() io.Reader
}

type sums struct {
	digest, diffID v1.Hash
	size           int64
}

// File is a file of a layer made by [Files].
type File struct {
	// Path is relative to the root of the image: "configs/a/catalog.yaml".
	Path string
	// Mode is the file's permissions, 0644 if zero.
	Mode    int64
	Content []byte
}

// Random is a layer with one file of size bytes that do not compress: its blob
// has a little more than size bytes. The seed says which bytes.
func Random(seed string, size int64) *Layer {
	return blob(seed, size, gzip.NoCompression, func() io.Reader { return generator(seed) })
}

// Text is a layer with one file of size bytes that compress to about a quarter.
// The seed says which bytes. Its digest may change with the Go version, as what
// compress/gzip makes of the same input does.
func Text(seed string, size int64) *Layer {
	return blob(seed, size, gzip.BestSpeed, func() io.Reader { return &prose{rand.New(generator(seed)), nil} })
}

func blob(seed string, size int64, level int, content func() io.Reader) *Layer {
	file := entry{
		path:    "usr/share/" + strings.Trim(strings.Map(pathRune, seed), "/") + "/data",
		mode:    0o644,
		size:    size,
		content: func() io.Reader { return io.LimitReader(content(), size) },
	}
	return newLayer(level, file)
}

// fillers makes each layer with nothing of interest in it once, so that its
// digest is computed once however many images share it.
type fillers struct {
	incompressible bool
	layers         map[string]*Layer
}

func newFillers(incompressible bool) fillers { return fillers{incompressible, map[string]*Layer{}} }

func (f fillers) layer(seed string, size int64) *Layer {
	key := fmt.Sprint(size, " ", seed)
	if l, ok := f.layers[key]; ok {
		return l
	}
	l := Text(seed, size)
	if f.incompressible {
		l = Random(seed, size)
	}
	f.layers[key] = l
	return l
}

// Files is a layer with these files, sorted, and their folders. The order in
// which they are given does not matter.
func Files(files ...File) *Layer {
	var entries []entry
	for _, f := range files {
		e := entry{path: f.Path, mode: f.Mode, size: int64(len(f.Content))}
		if e.mode == 0 {
			e.mode = 0o644
		}
		e.content = func() io.Reader { return bytes.NewReader(f.Content) }
		entries = append(entries, e)
	}
	return newLayer(gzip.BestSpeed, entries...)
}

func newLayer(level int, files ...entry) *Layer {
	l := &Layer{entries: withFolders(files), level: level}
	l.sums = sync.OnceValues(l.sum)
	return l
}

// withFolders adds each folder before what is in it and sorts all.
func withFolders(files []entry) []entry {
	all := slices.Clone(files)
	seen := map[string]bool{}
	for _, f := range files {
		for dir := path.Dir(f.path); dir != "." && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			all = append(all, entry{path: dir + "/", mode: 0o755})
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	return all
}

// sum reads the layer once for all that describes it.
func (l *Layer) sum() (sums, error) {
	digest, diffID := sha256.New(), sha256.New()
	var size counter
	if err := l.write(io.MultiWriter(digest, &size), diffID); err != nil {
		return sums{}, err
	}
	return sums{
		digest: v1.Hash{Algorithm: "sha256", Hex: hexOf(digest)},
		diffID: v1.Hash{Algorithm: "sha256", Hex: hexOf(diffID)},
		size:   int64(size),
	}, nil
}

// write writes the layer compressed to one writer and as a plain tar to the other.
func (l *Layer) write(compressed, plain io.Writer) error {
	z, err := gzip.NewWriterLevel(compressed, l.level)
	if err != nil {
		return err
	}
	t := tar.NewWriter(io.MultiWriter(z, plain))
	for _, e := range l.entries {
		if err := e.write(t); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

func (e entry) write(t *tar.Writer) error {
	h := &tar.Header{Typeflag: tar.TypeDir, Name: e.path, Mode: e.mode, Size: e.size}
	if e.content == nil {
		return t.WriteHeader(h)
	}
	h.Typeflag = tar.TypeReg
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(t, e.content())
	return err
}

// Digest is the digest of the compressed layer.
func (l *Layer) Digest() (v1.Hash, error) {
	s, err := l.sums()
	return s.digest, err
}

// DiffID is the digest of the plain tar.
func (l *Layer) DiffID() (v1.Hash, error) {
	s, err := l.sums()
	return s.diffID, err
}

// Size is the size of the compressed layer, in bytes.
func (l *Layer) Size() (int64, error) {
	s, err := l.sums()
	return s.size, err
}

// MediaType is docker's; an OCI image says so itself in its manifest.
func (l *Layer) MediaType() (types.MediaType, error) { return types.DockerLayer, nil }

// Compressed makes the gzipped tar.
func (l *Layer) Compressed() (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() { w.CloseWithError(l.write(w, io.Discard)) }()
	return r, nil
}

// Uncompressed makes the plain tar.
func (l *Layer) Uncompressed() (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() { w.CloseWithError(l.write(io.Discard, w)) }()
	return r, nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
