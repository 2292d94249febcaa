package torture

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/bundle"
	"drayage/pkg/manifest"
)

// exhibit is a bad bundle: its files, and the exit codes that it gets.
type exhibit struct {
	name         string
	files        map[string][]byte
	flags        []string
	verify, push int
}

// collection is what exhibits are made of.
type collection struct {
	t     *testing.T
	path  string // of the good bundle
	good  []byte
	world contents
	all   []exhibit
}

// one adds an exhibit of one file that nobody takes.
func (c *collection) one(name string, raw []byte) {
	c.all = append(c.all, exhibit{name: name, files: map[string][]byte{"site.tar": raw}, verify: 3, push: 3})
}

// forged adds an exhibit of a good bundle of which something was changed before
// it was put together.
func (c *collection) forged(name string, change func(f *forge)) {
	c.t.Helper()
	f := forgeOf(c.t, c.path)
	change(f)
	c.one(name, f.tar(c.t))
}

// listed is forged by a change of the packing list's text.
func (c *collection) listed(name, old, new string) {
	c.t.Helper()
	c.forged(name, func(f *forge) {
		if !bytes.Contains(f.list, []byte(old)) {
			c.t.Fatalf("%s: %q is not in the packing list", name, old)
		}
		f.list = bytes.Replace(f.list, []byte(old), []byte(new), 1)
		f.relist(c.t)
	})
}

// with is a good bundle with one more entry behind index.json.
func (c *collection) with(name string, e tarEntry) {
	c.t.Helper()
	f := forgeOf(c.t, c.path)
	c.one(name, tarOf(c.t, slices.Insert(f.entries(), 2, e)))
}

func exhibits(t *testing.T) []exhibit {
	t.Helper()
	w := contents{}
	images := map[string]ocispec.Descriptor{
		"quay.io/acme/one:v1": w.imageOf(t, "base layer", strings.Repeat("one ", 500)),
		"quay.io/acme/two:v1": w.imageOf(t, "base layer", strings.Repeat("two ", 500)),
	}
	c := &collection{t: t, world: w, path: w.packed(t, w.listOf(t, images))}
	c.good = read(t, c.path)
	if again := forgeOf(t, c.path); !bytes.Equal(again.tar(t), c.good) {
		t.Fatal("a forgery that changes nothing differs from the good bundle")
	}
	c.files()
	c.tars()
	c.indexes()
	c.lists()
	c.blobs()
	c.volumes()
	c.others()
	return c.all
}

// files are no tar, or not all of one.
func (c *collection) files() {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write(c.good)
	check(c.t, err)
	check(c.t, z.Close())
	c.one("an empty file", nil)
	c.one("text", bytes.Repeat([]byte("hello\n"), 1000))
	c.one("the bundle, gzipped", zipped.Bytes())
	c.one("zeros", make([]byte, 10240))
	c.one("cut in the first header", c.good[:100])
	c.one("cut in the middle", c.good[:len(c.good)/2])
	c.one("cut by one byte", c.good[:len(c.good)-1])
	c.one("one block of zeros too many", append(bytes.Clone(c.good), make([]byte, blockSize)...))
	c.one("a second bundle behind it", append(bytes.Clone(c.good), c.good...))
}

// tars have entries or headers that do not belong there.
func (c *collection) tars() {
	c.with("a symbolic link", tarEntry{header: &tar.Header{Typeflag: tar.TypeSymlink, Name: "blobs/sha256/link", Linkname: "/etc/passwd"}})
	c.with("a hard link", tarEntry{header: &tar.Header{Typeflag: tar.TypeLink, Name: "blobs/sha256/link", Linkname: "index.json"}})
	c.with("a folder", tarEntry{header: &tar.Header{Typeflag: tar.TypeDir, Name: "blobs/"}})
	c.with("a device", tarEntry{header: &tar.Header{Typeflag: tar.TypeBlock, Name: "sda"}})
	c.with("a pipe", tarEntry{header: &tar.Header{Typeflag: tar.TypeFifo, Name: "pipe"}})
	c.with("an absolute path", tarEntry{name: "/etc/passwd", body: []byte("x")})
	c.with("a path that leads out", tarEntry{name: "../../etc/passwd", body: []byte("x")})
	c.with("a name that steers a terminal", tarEntry{name: "\x1b[2J\x1b]0;title\x07", body: []byte("x")})
	c.with("a name of 60,000 characters", tarEntry{name: strings.Repeat("long/", 12_000) + "x", body: []byte("x")})
	c.with("a PAX record with another path", tarEntry{header: &tar.Header{
		Typeflag: tar.TypeReg, Name: "blobs/sha256/x", Format: tar.FormatPAX, PAXRecords: map[string]string{"DRAYAGE.x": "y"}}})
	c.with("a file with holes", tarEntry{raw: sparse()})
	c.with("a size of 8 EiB", tarEntry{raw: rawHeader("blobs/sha256/"+strings.Repeat("a", 64), func(h []byte) {
		copy(h[124:136], "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff")
	})})
	c.with("a size below zero", tarEntry{raw: rawHeader("blobs/sha256/"+strings.Repeat("a", 64), func(h []byte) {
		copy(h[124:136], bytes.Repeat([]byte{0xff}, 12))
	})})
	c.with("a header with a wrong sum", tarEntry{raw: func() []byte {
		h := rawHeader("blobs/sha256/"+strings.Repeat("a", 64), func([]byte) {})
		h[0] ^= 1
		return h
	}()})
	f := forgeOf(c.t, c.path)
	entries := f.entries()
	entries[5].header = &tar.Header{Typeflag: tar.TypeReg, Name: entries[5].name, Mode: 0o777}
	c.one("another mode than 0644", tarOf(c.t, entries))
	entries = f.entries()
	c.one("index.json before oci-layout", tarOf(c.t, append([]tarEntry{entries[1], entries[0]}, entries[2:]...)))
	c.one("no oci-layout", tarOf(c.t, entries[1:]))
	c.one("no index.json", tarOf(c.t, slices.Delete(slices.Clone(entries), 1, 2)))
	pad := bytes.Clone(c.good)
	pad[blockSize+len(f.layout)] = 'x'
	c.one("a byte in the padding", pad)
	end := bytes.Clone(c.good)
	end[len(end)-1] = 'x'
	c.one("a byte in the end", end)
}

// sparse is the old GNU form of a file with holes.
func sparse() []byte {
	return rawHeader("blobs/sha256/"+strings.Repeat("a", 64), func(h []byte) {
		h[156] = 'S'
		copy(h[257:265], "ustar  \x00")
		copy(h[386:], "00000000000\x0000000000000\x00")
		copy(h[483:], "77777777777\x00")
	})
}

// indexes have an index.json or an oci-layout that is none.
func (c *collection) indexes() {
	index := func(name string, change func(f *forge, raw string) string) {
		c.forged(name, func(f *forge) { f.index = []byte(change(f, string(f.index))) })
	}
	c.forged("oci-layout of another version", func(f *forge) { f.layout = []byte(`{"imageLayoutVersion":"9.0.0"}`) })
	index("index.json is no JSON", func(*forge, string) string { return "x" })
	index("index.json is empty", func(*forge, string) string { return "" })
	index("index.json in another form", func(_ *forge, raw string) string { return strings.ReplaceAll(raw, "\n", "") })
	index("index.json with a key twice", func(_ *forge, raw string) string {
		return strings.Replace(raw, `"schemaVersion": 2,`, `"schemaVersion": 2, "schemaVersion": 2,`, 1)
	})
	index("index.json with an unknown key", func(_ *forge, raw string) string {
		return strings.Replace(raw, `"schemaVersion": 2,`, `"schemaVersion": 2, "extra": 1,`, 1)
	})
	index("index.json of 20,000 levels", func(*forge, string) string {
		return strings.Repeat(`{"manifests":[`, 10_000) + strings.Repeat("]}", 10_000)
	})
	index("index.json of 33 MiB", func(_ *forge, raw string) string { return raw + strings.Repeat(" ", 33<<20) })
	index("index.json of schema version 1", func(_ *forge, raw string) string {
		return strings.Replace(raw, `"schemaVersion": 2`, `"schemaVersion": 1`, 1)
	})
	c.forged("an image's name that steers a terminal", func(f *forge) {
		f.images[0].Annotations = map[string]string{ocispec.AnnotationRefName: "quay.io/acme/\x1b[2J"}
		f.relist(c.t)
	})
	c.forged("an image without a name", func(f *forge) { f.images[0].Annotations = nil; f.relist(c.t) })
	c.forged("a digest that is not sha256", func(f *forge) {
		f.images[0].Digest = digest.SHA512.FromString("x")
		f.relist(c.t)
	})
	c.forged("a digest that is a path", func(f *forge) { f.images[0].Digest = "sha256:../../../etc/passwd"; f.relist(c.t) })
	c.forged("a size below zero in index.json", func(f *forge) { f.images[0].Size = -1; f.relist(c.t) })
	c.forged("an image of another media type", func(f *forge) { f.images[0].MediaType = "text/plain"; f.relist(c.t) })
	c.forged("an image less in index.json", func(f *forge) { f.images = f.images[1:]; f.relist(c.t) })
	c.forged("no packing list", func(f *forge) { f.reindex(c.t, f.images...) })
}

// lists have a packing list that is none.
func (c *collection) lists() {
	c.listed("a newer format version", `"formatVersion": 1`, `"formatVersion": 2`)
	c.listed("an unknown feature", `"formatVersion": 1,`, `"formatVersion": 1, "features": ["riddle"],`)
	c.listed("a feature that steers a terminal", `"formatVersion": 1,`, `"formatVersion": 1, "features": ["\u001b[2J"],`)
	c.listed("an unknown key", `"formatVersion": 1,`, `"formatVersion": 1, "surprise": 1,`)
	c.listed("an unknown role", `"additional"`, `"spare"`)
	c.listed("a name that is none", `"quay.io/acme/one:v1"`, `"quay.io/acme/\u001b[2J"`)
	c.listed("two images of one name", `"quay.io/acme/two:v1"`, `"quay.io/acme/one:v1"`)
	c.listed("a blob of 9 EB", `"size": 10`, `"size": 9000000000000000000`)
	c.forged("a target that leads out", func(f *forge) {
		var m manifest.Manifest
		check(c.t, json.Unmarshal(f.list, &m))
		m.Images[0].TargetRepository = "../../other"
		raw, err := json.MarshalIndent(m, "", " ")
		check(c.t, err)
		f.list = append(raw, '\n')
		f.relist(c.t)
	})
	c.forged("a packing list that is no JSON", func(f *forge) { f.list = []byte("x"); f.relist(c.t) })
	c.forged("something behind the packing list", func(f *forge) { f.list = append(f.list, "{}"...); f.relist(c.t) })
	c.forged("a packing list of 20,000 levels", func(f *forge) {
		f.list = []byte(strings.Repeat(`{"images":[`, 10_000) + strings.Repeat("]}", 10_000))
		f.relist(c.t)
	})
	c.forged("another blob in the packing list's place", func(f *forge) {
		f.artifact = bytes.ReplaceAll(f.artifact, []byte(manifest.MediaType), []byte("text/plain"))
		own := described(ocispec.MediaTypeImageManifest, f.artifact)
		own.ArtifactType = manifest.ArtifactType
		own.Annotations = map[string]string{ocispec.AnnotationRefName: bundle.PackingListName}
		f.reindex(c.t, append(slices.Clone(f.images), own)...)
	})
}

// blobs are missing, too many or wrong.
func (c *collection) blobs() {
	c.forged("a layer is missing", func(f *forge) { f.blobs = f.blobs[:len(f.blobs)-1] })
	c.forged("an image manifest is missing", func(f *forge) { f.blobs = f.blobs[1:] })
	c.forged("a blob that nothing names", func(f *forge) { f.blobs = append(f.blobs, blobEntry([]byte("more"))) })
	c.forged("a blob twice", func(f *forge) { f.blobs = append(f.blobs, f.blobs[0]) })
	c.forged("blobs in another order", func(f *forge) { f.blobs[3], f.blobs[4] = f.blobs[4], f.blobs[3] })
	c.forged("a changed byte in a layer", func(f *forge) {
		last := &f.blobs[len(f.blobs)-1]
		last.body = append([]byte("X"), last.body[1:]...)
	})
	c.forged("a changed byte in an image manifest", func(f *forge) {
		f.blobs[0].body = bytes.Replace(f.blobs[0].body, []byte("amd64"), []byte("arm64"), 1)
		f.blobs[0].body = bytes.Replace(f.blobs[0].body, []byte(`"layers"`), []byte(`"lAyers"`), 1)
	})
	c.forged("a layer that is longer", func(f *forge) {
		last := &f.blobs[len(f.blobs)-1]
		last.body = append(bytes.Clone(last.body), 'x')
	})
	c.listed("another size in the packing list", `"size": 2000`, `"size": 2001`)
}

// volumes are the bundle in pieces.
func (c *collection) volumes() {
	const size = 4096
	cut := func(raw []byte) [][]byte { return slices.Collect(slices.Chunk(raw, size)) }
	add := func(name string, change func(v [][]byte) [][]byte) {
		files := map[string][]byte{}
		for i, raw := range change(cut(bytes.Clone(c.good))) {
			if raw != nil {
				files[bundle.VolumeName("site.tar", i+1)] = raw
			}
		}
		c.all = append(c.all, exhibit{name: name, files: files, verify: 3, push: 3})
	}
	add("a volume is missing", func(v [][]byte) [][]byte { v[1] = nil; return v })
	add("the first volume is missing", func(v [][]byte) [][]byte { v[0] = nil; return v })
	add("the last volume is missing", func(v [][]byte) [][]byte { return v[:len(v)-1] })
	add("swapped volumes", func(v [][]byte) [][]byte { v[1], v[2] = v[2], v[1]; return v })
	add("a volume of another bundle", func(v [][]byte) [][]byte { v[2] = bytes.Repeat([]byte("x"), size); return v })
	add("a volume that is cut", func(v [][]byte) [][]byte { v[1] = v[1][:size/2]; return v })
	add("a volume too many", func(v [][]byte) [][]byte {
		v[len(v)-1] = append(v[len(v)-1], make([]byte, size-len(v[len(v)-1]))...)
		return append(v, make([]byte, size))
	})
	add("a changed byte in the first volume's index.json", func(v [][]byte) [][]byte { v[0][3*blockSize+20] ^= 1; return v })
}

// others are good in themselves.
func (c *collection) others() {
	site := map[string][]byte{"site.tar": c.good}
	c.all = append(c.all, exhibit{name: "another root than `--root`", files: site, flags: []string{"--root", digest.FromString("another").String()}, verify: 3, push: 3})
	c.all = append(c.all, exhibit{name: "a good bundle with a wrong FILE.sha256, which only `sha256sum -c` reads", files: map[string][]byte{
		"site.tar": c.good, "site.tar.sha256": []byte(strings.Repeat("0", 64) + "  site.tar\n")}})
	c.all = append(c.all, exhibit{name: "a good delta, and a node without its base", files: map[string][]byte{"site.tar": c.delta()}, push: 4})
}

// delta is a bundle over the good one.
func (c *collection) delta() []byte {
	base, err := bundle.ReadBase(c.path)
	check(c.t, err)
	m := c.world.listOf(c.t, map[string]ocispec.Descriptor{"quay.io/acme/one:v1": c.world.imageOf(c.t, "base layer", "news")})
	thin, docs, err := bundle.Thin(m, c.world.raw, []*bundle.Base{base})
	check(c.t, err)
	c.world.put(manifest.DocumentsType, docs)
	raw, err := os.ReadFile(filepath.Clean(c.world.packed(c.t, thin)))
	check(c.t, err)
	return raw
}
