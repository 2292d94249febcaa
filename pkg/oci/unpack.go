package oci

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// maxConfig bounds an image's config, in bytes.
	maxConfig = 8 << 20
	// maxUnpacked bounds what one layer may unpack to, in bytes: no layer that
	// holds a release's or a catalog's files comes near.
	maxUnpacked = 16 << 30
	// maxFiles bounds the files, folders and whiteouts that are noted of one
	// image: they compress so well that maxUnpacked alone leaves room for
	// gigabytes of names.
	maxFiles = 1 << 18
)

// Image is one image manifest with its config.
type Image struct {
	Descriptor ocispec.Descriptor
	Manifest   ocispec.Manifest
	Config     ocispec.Image
	// RawConfig is the config as it stands in the registry. It may hold keys
	// that the image spec does not know.
	RawConfig []byte
}

// ReadImage reads an image manifest and its config.
func (c *Content) ReadImage(ctx context.Context, desc ocispec.Descriptor) (*Image, error) {
	raw, err := c.Manifest(desc)
	if err != nil {
		return nil, err
	}
	img := &Image{Descriptor: plain(desc)}
	if err := json.Unmarshal(raw, &img.Manifest); err != nil {
		return nil, fmt.Errorf("%s: %w", desc.Digest, err)
	}
	if img.RawConfig, err = c.readSmall(ctx, img.Manifest.Config); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(img.RawConfig, &img.Config); err != nil {
		return nil, fmt.Errorf("config %s: %w", img.Manifest.Config.Digest, err)
	}
	return img, nil
}

// ForPlatform chooses the image manifest of a platform (os/arch or
// os/arch/variant) in an index. An image that is no index is taken as it is.
func (c *Content) ForPlatform(root ocispec.Descriptor, platform string) (ocispec.Descriptor, error) {
	if kind, _ := KindOf(root.MediaType); kind == KindManifest {
		return root, nil
	}
	raw, err := c.Manifest(root)
	if err != nil {
		return root, err
	}
	links, err := Links(root.MediaType, raw)
	if err != nil {
		return root, fmt.Errorf("%s: %w", root.Digest, err)
	}
	var have []string
	for _, l := range links {
		if l.Kind != KindManifest || l.Descriptor.Platform == nil {
			continue
		}
		if MatchPlatform(*l.Descriptor.Platform, platform) {
			return l.Descriptor, nil
		}
		have = append(have, platformString(*l.Descriptor.Platform))
	}
	return root, fmt.Errorf("%s: has no image for %s, only for %s", root.Digest, platform, printable(strings.Join(have, ", ")))
}

func (c *Content) readSmall(ctx context.Context, d ocispec.Descriptor) ([]byte, error) {
	if d.Size > maxConfig {
		return nil, fmt.Errorf("config %s: %d bytes, at most %d are read", d.Digest, d.Size, maxConfig)
	}
	r, err := c.ReadAhead(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("config %s: %w", d.Digest, err)
	}
	defer r.Close()
	return io.ReadAll(r)
}

// Files reads the files of an image below a folder ("release-manifests"), as a
// container would see them: an upper layer's file hides a lower one's, and a
// whiteout hides what lies below it. Layers are read from the top down. visit
// is called with each file's path below the folder; it returns [Stop] to end
// early. The paths of all files and folders that were seen come back sorted,
// folders with a slash at their end. A link in place of the folder or below it
// is an error: nothing that reads releases or catalogs follows one the same way.
// So is a file with holes, whose size says nothing about what it takes.
func (c *Content) Files(ctx context.Context, img *Image, folder string, visit func(name string, r io.Reader) error) ([]string, error) {
	v := &view{folder: clean(folder), visit: visit, there: map[string]bool{}, hidden: map[string]bool{}, way: map[string]bool{}}
	for _, layer := range slices.Backward(img.Manifest.Layers) {
		if foreign(layer) {
			continue
		}
		err := c.readLayer(ctx, layer, v.layer)
		if errors.Is(err, Stop) {
			return v.names(), nil
		}
		if err != nil {
			return nil, fmt.Errorf("layer %s: %w", layer.Digest, err)
		}
	}
	return v.names(), nil
}

// Stop is what a visitor returns when it has seen enough.
var Stop = errors.New("seen enough")

func (c *Content) readLayer(ctx context.Context, d ocispec.Descriptor, read func(*tar.Reader) error) error {
	blob, err := c.ReadAhead(ctx, d)
	if err != nil {
		return err
	}
	defer blob.Close()
	plain, err := Decompress(blob)
	if err != nil {
		return err
	}
	defer plain.Close()
	return read(tar.NewReader(&boundedReader{contextReader{ctx, plain}, maxUnpacked}))
}

// view is what is seen of one folder through the layers read so far.
type view struct {
	folder string
	visit  func(string, io.Reader) error
	there  map[string]bool // path below the folder -> is a folder
	hidden map[string]bool // paths that an upper layer took away
	way    map[string]bool // the folder and those above it, as far as a layer has them
}

// layer reads one layer. What it takes away is taken from the layers below it,
// not from itself.
func (v *view) layer(t *tar.Reader) error {
	l := &layerView{view: v, mine: map[string]bool{}, taken: map[string]bool{}, way: map[string]bool{}}
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := l.entry(t, h); err != nil {
			return err
		}
		if len(l.mine)+len(l.taken)+len(v.there)+len(v.hidden) > maxFiles {
			return fmt.Errorf("has more than %d files and folders below %s", maxFiles, v.folder)
		}
	}
	maps.Copy(v.hidden, l.taken)
	maps.Copy(v.there, l.mine)
	maps.Copy(v.way, l.way)
	return nil
}

// layerView is what one layer adds to the view.
type layerView struct {
	*view
	mine, taken, way map[string]bool
}

func (l *layerView) entry(t *tar.Reader, h *tar.Header) error {
	full := clean(h.Name)
	if whiteout(full, l.taken) {
		return nil
	}
	if l.leads(full) && !l.view.way[full] && !l.gone(full) {
		l.way[full] = true
		if h.Typeflag != tar.TypeDir {
			return fmt.Errorf("%s: is no folder, want one", printable(full))
		}
		return nil
	}
	name, ok := l.below(full)
	if !ok || l.covered(full, name) {
		return nil
	}
	switch {
	case h.Typeflag == tar.TypeDir:
		l.mine[name] = true
		return nil
	case h.Typeflag != tar.TypeReg || sparse(h):
		return fmt.Errorf("%s: is a link, a device or a file with holes, want plain files and folders only", printable(full))
	}
	if _, twice := l.mine[name]; twice {
		return fmt.Errorf("%s: stands in the layer twice", printable(full))
	}
	l.mine[name] = false
	if err := l.visit(name, t); err != nil {
		if errors.Is(err, Stop) {
			return err
		}
		return fmt.Errorf("%s: %w", printable(full), err)
	}
	return nil
}

// sparse tells a file with holes: a few bytes of a layer that read as exabytes.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// leads says whether a path is the folder, or one above it.
func (v *view) leads(full string) bool {
	return full == v.folder || strings.HasPrefix(v.folder, full+"/")
}

// covered says whether an upper layer decided about a path: has something there
// or a file above it, or took it or a folder above it away.
func (v *view) covered(full, name string) bool {
	if _, ok := v.there[name]; ok {
		return true
	}
	for p := path.Dir(name); p != "."; p = path.Dir(p) {
		if folder, ok := v.there[p]; ok && !folder {
			return true
		}
	}
	return v.gone(full)
}

// gone says whether an upper layer took a path or a folder above it away.
func (v *view) gone(full string) bool {
	for p := full; p != "."; p = path.Dir(p) {
		if v.hidden[p] || (p != full && v.hidden[p+"/*"]) {
			return true
		}
	}
	return v.hidden["/*"]
}

func (v *view) names() []string {
	names := make([]string, 0, len(v.there))
	for name, folder := range v.there {
		if folder {
			name += "/"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
)

// whiteout notes what a whiteout entry takes away. An opaque folder is noted as
// "folder/*": its content goes, itself it stays.
func whiteout(full string, taken map[string]bool) bool {
	dir, base := path.Split(full)
	switch {
	case base == whiteoutOpaque:
		taken[strings.TrimSuffix(dir, "/")+"/*"] = true
	case strings.HasPrefix(base, whiteoutPrefix):
		taken[dir+strings.TrimPrefix(base, whiteoutPrefix)] = true
	default:
		return false
	}
	return true
}

// clean brings a path in a layer to the one form without leading / or ./ .
func clean(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// below gives the part of a path below the folder, which may be the root.
func (v *view) below(full string) (string, bool) {
	if v.folder == "" {
		return full, full != ""
	}
	name, ok := strings.CutPrefix(full, v.folder+"/")
	return name, ok && name != ""
}

type boundedReader struct {
	r    io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("unpacks to more than %d bytes", int64(maxUnpacked))
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// Decompress reads gzip, zstd or plain content, told apart by its first bytes:
// media types have been known to be wrong.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	magic, _ := b.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(b)
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(b), nil
}
