package oci

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// world is a handful of images held in memory: what a registry would have.
type world struct {
	blobs  map[digest.Digest][]byte
	images []Named
}

func newWorld() *world { return &world{blobs: map[digest.Digest][]byte{}} }

func (w *world) put(mediaType string, raw []byte) ocispec.Descriptor {
	d := described(mediaType, raw)
	w.blobs[d.Digest] = raw
	return d
}

func (w *world) image(name string, layers ...string) ocispec.Descriptor {
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	m.Config = w.put(ocispec.MediaTypeImageConfig, []byte(`{"os":"linux","architecture":"amd64","name":"`+name+`"}`))
	for _, l := range layers {
		m.Layers = append(m.Layers, w.put(ocispec.MediaTypeImageLayerGzip, []byte(l)))
	}
	raw, _ := json.Marshal(m)
	d := w.put(m.MediaType, raw)
	w.images = append(w.images, Named{Name: name, Descriptor: d})
	return d
}

func (w *world) index(name string, children ...ocispec.Descriptor) ocispec.Descriptor {
	raw, _ := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: children})
	d := w.put(ocispec.MediaTypeImageIndex, raw)
	w.images = append(w.images, Named{Name: name, Descriptor: d})
	return d
}

func (w *world) manifest(d ocispec.Descriptor) ([]byte, error) {
	if raw, ok := w.blobs[d.Digest]; ok {
		return raw, nil
	}
	return nil, fmt.Errorf("not here")
}

func (w *world) open(_ context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(w.blobs[d.Digest])), nil
}

func (w *world) layout(t *testing.T) *Layout {
	t.Helper()
	var roots []Root
	for _, i := range w.images {
		roots = append(roots, i.Root())
	}
	links, err := Parts(roots, w.manifest)
	if err != nil {
		t.Fatal(err)
	}
	var parts []ocispec.Descriptor
	for _, l := range links {
		parts = append(parts, l.Descriptor)
	}
	l, err := NewLayout(w.images, parts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// write writes the world's bundle and returns its bytes.
func (w *world) write(t *testing.T, jobs int) []byte {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "bundle.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l := w.layout(t)
	sums, err := l.Write(t.Context(), f, w.open, WriteOptions{Jobs: jobs, SumEvery: l.Size})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	if got := sha256.Sum256(raw); len(sums) != 1 || hex.EncodeToString(got[:]) != sums[0] {
		t.Errorf("Write says the file's sha256 is %s, it is %x", sums, got)
	}
	if int64(len(raw)) != l.Size {
		t.Errorf("file has %d bytes, layout says %d", len(raw), l.Size)
	}
	return raw
}

// small has two images that share a layer, and an index over one of them.
func small() *world {
	w := newWorld()
	a := w.image("quay.io/a/one:v1", strings.Repeat("base", 300), "one")
	w.image("quay.io/a/two:v1", strings.Repeat("base", 300), strings.Repeat("two", 1000))
	w.index("quay.io/a/all:v1", a)
	return w
}

func TestBundleHoldsEachBlobOnceInOrder(t *testing.T) {
	raw := small().write(t, 3)
	var names []string
	for r := tar.NewReader(bytes.NewReader(raw)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !h.ModTime.IsZero() && h.ModTime.Unix() != 0 || h.Uid != 0 || h.Mode != 0o644 {
			t.Errorf("%s: mode %o, uid %d, time %s", h.Name, h.Mode, h.Uid, h.ModTime)
		}
		names = append(names, h.Name)
	}
	// 2 image manifests, 1 index, 2 configs, 3 layers, and the two files at the front.
	if len(names) != 10 || names[0] != "oci-layout" || names[1] != "index.json" {
		t.Errorf("entries: %q", names)
	}
}

func TestWriteGivesTheSameBytesWhateverTheOrderOfDownloads(t *testing.T) {
	one, many := small().write(t, 1), small().write(t, 8)
	if !bytes.Equal(one, many) {
		t.Error("one download at a time and eight give different files")
	}
}

func TestVerifyFindsNothingInAGoodBundle(t *testing.T) {
	if f := verifyBytes(t, small().write(t, 2)); len(f) != 0 {
		t.Errorf("findings: %v", f)
	}
}

func verifyBytes(t *testing.T, raw []byte) []Finding {
	t.Helper()
	a, findings := OpenArchive(bytes.NewReader(raw), int64(len(raw)))
	if a == nil {
		return findings
	}
	more, err := a.Verify(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(findings, more...)
}

// Whatever byte is flipped, verification says so, and when it is a blob's, which.
// A name in index.json is left out: only the root, or the packing list, knows it.
func TestVerifyFindsEveryFlippedByte(t *testing.T) {
	good := small().write(t, 2)
	a, _ := OpenArchive(bytes.NewReader(good), int64(len(good)))
	index := a.Entries()[1]
	for at := 0; at < len(good); at += 7 {
		if int64(at) >= index.Offset && int64(at) < index.Offset+index.Size {
			continue
		}
		bad := bytes.Clone(good)
		bad[at] ^= 0x20
		findings := verifyBytes(t, bad)
		if len(findings) == 0 {
			t.Fatalf("byte %d flipped, nothing found", at)
		}
		for _, e := range a.Entries()[2:] {
			if int64(at) >= e.Offset && int64(at) < e.Offset+e.Size && !mentions(findings, e.Name) {
				t.Errorf("byte %d of %s flipped, found only %v", at, e.Name, findings)
			}
		}
	}
}

func mentions(findings []Finding, entry string) bool {
	for _, f := range findings {
		if f.Entry == entry && len(f.Images) > 0 {
			return true
		}
	}
	return false
}

func TestVerifyFindsEveryCut(t *testing.T) {
	good := small().write(t, 2)
	for n := 0; n < len(good); n += 97 {
		if f := verifyBytes(t, good[:n]); len(f) == 0 {
			t.Fatalf("cut to %d of %d bytes, nothing found", n, len(good))
		}
	}
}

// retar writes a tar anew, with changes that a person or an attacker might make.
func retar(t *testing.T, good []byte, change func(w *tar.Writer, h *tar.Header, body []byte) bool) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for r := tar.NewReader(bytes.NewReader(good)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r)
		if change(w, h, body) {
			writeEntry(t, w, h, body)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func writeEntry(t *testing.T, w *tar.Writer, h *tar.Header, body []byte) {
	t.Helper()
	if err := w.WriteHeader(h); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyRefusesTarsThatNobodyOfOursWrote(t *testing.T) {
	w := small()
	good := w.write(t, 2)
	victim := w.images[0].Descriptor
	blob := "blobs/sha256/" + victim.Digest.Encoded()
	extra := []byte("nobody asked for this")
	cases := map[string]struct {
		change func(*tar.Writer, *tar.Header, []byte) bool
		want   string
	}{
		"a missing blob": {func(_ *tar.Writer, h *tar.Header, _ []byte) bool { return h.Name != blob },
			"is not in the bundle"},
		"an entry twice": {func(w *tar.Writer, h *tar.Header, body []byte) bool {
			if h.Name == blob {
				writeEntry(t, w, h, body)
			}
			return true
		}, "stands in the tar twice"},
		"a path that leads out": {func(w *tar.Writer, h *tar.Header, _ []byte) bool {
			if h.Name == blob {
				writeEntry(t, w, &tar.Header{Typeflag: tar.TypeReg, Name: "blobs/sha256/../../../etc/passwd", Mode: 0o644}, nil)
			}
			return true
		}, "has no place in a bundle"},
		"a symbolic link": {func(w *tar.Writer, h *tar.Header, _ []byte) bool {
			if h.Name == blob {
				writeEntry(t, w, &tar.Header{Typeflag: tar.TypeSymlink, Name: blob, Linkname: "/etc/passwd"}, nil)
				return false
			}
			return true
		}, "has no place in a bundle"},
		"a blob that nothing names": {func(w *tar.Writer, h *tar.Header, _ []byte) bool {
			if h.Name == blob {
				d := digest.FromBytes(extra)
				writeEntry(t, w, &tar.Header{Typeflag: tar.TypeReg, Name: "blobs/sha256/" + d.Encoded(), Size: int64(len(extra)), Mode: 0o644}, extra)
			}
			return true
		}, "nothing names it"},
		"another owner": {func(_ *tar.Writer, h *tar.Header, _ []byte) bool { h.Uid = 1000; return true },
			"is not as a bundle's writer makes it"},
		"a damaged image manifest": {func(_ *tar.Writer, h *tar.Header, body []byte) bool {
			if h.Name == blob {
				body[5] ^= 1
			}
			return true
		}, "content is sha256:"},
		"another index.json": {func(_ *tar.Writer, h *tar.Header, body []byte) bool {
			if h.Name == "index.json" {
				copy(body, "{ ]")
			}
			return true
		}, "invalid character"},
		"no index.json": {func(_ *tar.Writer, h *tar.Header, _ []byte) bool { return h.Name != "index.json" },
			"is no bundle"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			findings := verifyBytes(t, retar(t, good, c.change))
			var all []string
			for _, f := range findings {
				all = append(all, f.String())
			}
			if text := strings.Join(all, "\n"); !strings.Contains(text, c.want) {
				t.Errorf("findings:\n%s\nwant one with %q", text, c.want)
			}
		})
	}
}

func TestVerifyNamesTheImagesOfADamagedLayer(t *testing.T) {
	w := small()
	good := w.write(t, 2)
	shared := digest.FromBytes([]byte(strings.Repeat("base", 300)))
	bad := bytes.Clone(good)
	bad[bytes.Index(bad, []byte("basebase"))] = 'B'
	findings := verifyBytes(t, bad)
	if len(findings) != 1 || findings[0].Entry != blobName(shared) {
		t.Fatalf("findings: %v", findings)
	}
	if got := strings.Join(findings[0].Images, " "); got != "quay.io/a/all:v1 quay.io/a/one:v1 quay.io/a/two:v1" {
		t.Errorf("images: %s", got)
	}
}

func TestOpenProvesWhatItReads(t *testing.T) {
	w := small()
	bad := bytes.Clone(w.write(t, 2))
	bad[bytes.Index(bad, []byte("basebase"))] = 'B'
	a, _ := OpenArchive(bytes.NewReader(bad), int64(len(bad)))
	layer := described("", []byte(strings.Repeat("base", 300)))
	r, err := a.Open(t.Context(), layer)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if _, ok := err.(*ContentError); !ok {
		t.Errorf("error is %v, want a ContentError", err)
	}
	if int64(len(got)) >= layer.Size {
		t.Errorf("all %d bytes of a wrong blob were handed out", len(got))
	}
}

func TestLargeBlobsGetAHeaderThatTarReadersKnow(t *testing.T) {
	const size = 9 << 30
	h, err := tar.NewReader(bytes.NewReader(header("blobs/sha256/"+strings.Repeat("a", 64), size))).Next()
	if err != nil || h.Size != size {
		t.Errorf("size %d, %v", h.Size, err)
	}
}

func TestLayoutRefusesTwoImagesOfOneName(t *testing.T) {
	w := newWorld()
	w.image("quay.io/a/x:v1", "1")
	w.image("quay.io/a/x:v1", "2")
	if _, err := NewLayout(w.images, nil); err == nil || !strings.Contains(err.Error(), "stands for both") {
		t.Errorf("error is %v", err)
	}
}

func TestWriteAsksTwiceForAWrongBlobAndThenNamesIt(t *testing.T) {
	w := small()
	l := w.layout(t)
	asked := 0
	wrong := digest.FromBytes([]byte("one"))
	open := func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
		if d.Digest == wrong {
			asked++
			return io.NopCloser(strings.NewReader("onE")), nil
		}
		return w.open(ctx, d)
	}
	f, _ := os.Create(filepath.Join(t.TempDir(), "b"))
	defer f.Close()
	_, err := l.Write(t.Context(), f, open, WriteOptions{Jobs: 2})
	if err == nil || !strings.Contains(err.Error(), wrong.String()+": content is sha256:") {
		t.Errorf("error is %v", err)
	}
	if asked != 2 {
		t.Errorf("asked %d times, want 2", asked)
	}
}
