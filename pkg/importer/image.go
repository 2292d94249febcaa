package importer

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/internal/durable"
	"drayage/pkg/bundle"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// put takes one file of an OCI layout: its name, its size, its content.
type put func(name string, size int64, content io.Reader) error

// WriteImage writes one image of a bundle into w, as a tar of an OCI layout that
// holds nothing else. Each blob is proven as it passes. index.json comes last:
// where it is there, everything is. An image of which a delta leaves something
// out is an error.
func WriteImage(ctx context.Context, b *bundle.Bundle, image manifest.Image, w io.Writer) error {
	t := tar.NewWriter(w)
	err := writeLayout(ctx, b, image, func(name string, size int64, content io.Reader) error {
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644}); err != nil {
			return err
		}
		_, err := io.Copy(t, content)
		return err
	})
	if err != nil {
		return err
	}
	return t.Close()
}

// UnpackImage is WriteImage into a folder, which must not be there yet. It
// appears under its name when it is whole; until then it has .new behind it.
func UnpackImage(ctx context.Context, b *bundle.Bundle, image manifest.Image, dir string) error {
	dir = filepath.Clean(dir)
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("%s: is there already", dir)
	}
	part := dir + ".new"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	err := os.MkdirAll(filepath.Join(part, filepath.FromSlash(strings.TrimSuffix(blobs, "/"))), 0o755)
	if err == nil {
		err = writeLayout(ctx, b, image, func(name string, _ int64, content io.Reader) error {
			return writeOut(filepath.Join(part, filepath.FromSlash(name)), content)
		})
	}
	for _, folder := range []string{blobs, ocispec.ImageBlobsDir, "."} {
		if err == nil {
			err = durable.SyncFolder(filepath.Join(part, filepath.FromSlash(folder)))
		}
	}
	if err == nil {
		err = os.Rename(part, dir)
	}
	if err != nil {
		_ = os.RemoveAll(part)
		return err
	}
	return durable.SyncFolder(filepath.Dir(dir))
}

const blobs = ocispec.ImageBlobsDir + "/sha256/"

func writeLayout(ctx context.Context, b *bundle.Bundle, image manifest.Image, put put) error {
	links, err := oci.Parts([]oci.Root{{Descriptor: image.Descriptor, Platforms: image.Platforms}}, b.Archive.Manifest)
	if err != nil {
		return b.Damage(err)
	}
	if err := checkHere(b, image, links); err != nil {
		return err
	}
	for _, l := range links {
		if err := putBlob(ctx, b, l.Descriptor, put); err != nil {
			return b.Damage(err)
		}
	}
	layout, err := oci.NewLayout([]oci.Named{{Name: image.Name, Descriptor: image.Descriptor}}, nil)
	if err != nil {
		return err
	}
	version, err := json.Marshal(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
	if err != nil {
		return err
	}
	if err := put(ocispec.ImageLayoutFile, int64(len(version)), bytes.NewReader(version)); err != nil {
		return err
	}
	return put(ocispec.ImageIndexFile, int64(len(layout.Index)), bytes.NewReader(layout.Index))
}

// checkHere refuses an image of which a delta leaves something out.
func checkHere(b *bundle.Bundle, image manifest.Image, parts []oci.Link) error {
	var n int
	var bytes int64
	for _, l := range parts {
		if size, left := b.LeftOut(l.Descriptor.Digest); left {
			n++
			bytes += size
		}
	}
	if n > 0 {
		return fmt.Errorf("%s: this delta leaves out %d of its blobs, %d bytes; its base has the whole image", image.Name, n, bytes)
	}
	return nil
}

func putBlob(ctx context.Context, b *bundle.Bundle, d ocispec.Descriptor, put put) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, ok := oci.KindOf(d.MediaType); ok && !b.Has(d.Digest) { // a delta may have it elsewhere than in the tar
		raw, err := b.Archive.Manifest(d)
		if err != nil {
			return err
		}
		return put(blobs+d.Digest.Encoded(), d.Size, bytes.NewReader(raw))
	}
	r, err := b.Archive.Open(ctx, d)
	if err != nil {
		return err
	}
	defer r.Close()
	return put(blobs+d.Digest.Encoded(), d.Size, r)
}

func writeOut(path string, content io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if syncErr := f.Sync(); err == nil {
		err = syncErr
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
