package oci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// entry is one entry of a layer. A name that ends in a slash is a folder, one
// with an arrow a link.
type entry struct{ name, content string }

func layerOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.content)), Mode: 0o644}
		switch name, target, link := strings.Cut(e.name, " -> "); {
		case link:
			h = &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
		case strings.HasSuffix(e.name, " (hard link)"):
			h = &tar.Header{Typeflag: tar.TypeLink, Name: strings.TrimSuffix(e.name, " (hard link)"), Linkname: "etc/passwd"}
		case strings.HasSuffix(e.name, " (device)"):
			h = &tar.Header{Typeflag: tar.TypeChar, Name: strings.TrimSuffix(e.name, " (device)")}
		case strings.HasSuffix(e.name, "/"):
			h = &tar.Header{Typeflag: tar.TypeDir, Name: e.name, Mode: 0o755}
		}
		writeEntry(t, w, h, []byte(e.content))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t *testing.T, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(raw)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// imageOf makes an image of layers that are held in memory, the lowest first.
func imageOf(t *testing.T, layers ...[]byte) (*Content, *Image) {
	t.Helper()
	c := NewContent(nil)
	m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	config := []byte(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`)
	m.Config = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: c.AddBlob(config), Size: int64(len(config))}
	for _, l := range layers {
		m.Layers = append(m.Layers, ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: c.AddBlob(l), Size: int64(len(l))})
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	c.AddBlob(raw)
	img, err := c.ReadImage(t.Context(), described(m.MediaType, raw))
	if err != nil {
		t.Fatal(err)
	}
	return c, img
}

// seen is what Files shows: path=content, sorted, folders as their path.
func seen(t *testing.T, folder string, layers ...[]byte) (string, error) {
	t.Helper()
	c, img := imageOf(t, layers...)
	content := map[string]string{}
	names, err := c.Files(t.Context(), img, folder, func(name string, r io.Reader) error {
		if _, twice := content[name]; twice {
			t.Errorf("%s was visited twice", name)
		}
		raw, err := io.ReadAll(r)
		content[name] = string(raw)
		return err
	})
	if !slices.IsSorted(names) {
		t.Errorf("names are not sorted: %q", names)
	}
	var out []string
	for _, name := range names {
		if text, ok := content[name]; ok {
			name += "=" + text
		}
		out = append(out, name)
	}
	return strings.Join(out, " "), err
}

func TestFilesShowsWhatAContainerWouldSee(t *testing.T) {
	type layer = []entry
	cases := []struct {
		name   string
		layers []layer // the lowest first
		want   string
	}{
		{"one layer", []layer{{{"d/", ""}, {"d/a", "1"}, {"e/b", "2"}, {"da", "3"}}}, "a=1"},
		{"names of all forms", []layer{{{"./d/a", "1"}, {"/d/b", "2"}, {"d//c", "3"}, {"d/x/../e", "4"}, {"../d/f", "5"}}}, "a=1 b=2 c=3 e=4 f=5"},
		{"an upper file hides a lower one", []layer{{{"d/a", "old"}, {"d/b", "1"}}, {{"d/a", "new"}}}, "a=new b=1"},
		{"a whiteout hides a lower file", []layer{{{"d/a", "1"}, {"d/b", "2"}}, {{"d/.wh.a", ""}}}, "b=2"},
		{"a whiteout hides a lower folder", []layer{{{"d/x/a", "1"}, {"d/b", "2"}}, {{"d/.wh.x", ""}}}, "b=2"},
		{"a whiteout of the folder itself", []layer{{{"d/a", "1"}}, {{".wh.d", ""}}}, ""},
		{"a whiteout of its own layer's file", []layer{{{"d/a", "old"}}, {{"d/.wh.a", ""}, {"d/a", "new"}}}, "a=new"},
		{"a whiteout after its own layer's file", []layer{{{"d/a", "old"}}, {{"d/a", "new"}, {"d/.wh.a", ""}}}, "a=new"},
		{"a whiteout between", []layer{{{"d/a", "1"}}, {{"d/.wh.a", ""}}, {{"d/b", "2"}}}, "b=2"},
		{"a file that came back", []layer{{{"d/a", "1"}}, {{"d/.wh.a", ""}}, {{"d/a", "3"}}}, "a=3"},
		{"an opaque folder", []layer{{{"d/x/a", "1"}, {"d/b", "2"}}, {{"d/x/.wh..wh..opq", ""}, {"d/x/c", "3"}}}, "b=2 x/c=3"},
		{"an opaque folder hides deep below", []layer{{{"d/x/y/z/a", "1"}}, {{"d/x/.wh..wh..opq", ""}}}, ""},
		{"an opaque folder stays itself", []layer{{{"d/x/", ""}, {"d/x/a", "1"}}, {{"d/x/", ""}, {"d/x/.wh..wh..opq", ""}}}, "x/"},
		{"the folder itself opaque", []layer{{{"d/a", "1"}}, {{"d/.wh..wh..opq", ""}, {"d/b", "2"}}}, "b=2"},
		{"the root opaque", []layer{{{"d/a", "1"}}, {{".wh..wh..opq", ""}, {"d/b", "2"}}}, "b=2"},
		{"a file in place of a folder", []layer{{{"d/x/a", "1"}}, {{"d/x", "2"}}}, "x=2"},
		{"a folder in place of a file", []layer{{{"d/x", "1"}}, {{"d/x/", ""}, {"d/x/a", "2"}}}, "x/ x/a=2"},
		{"a folder in place of a link", []layer{{{"d/x -> /etc", ""}}, {{"d/x/", ""}, {"d/x/a", "2"}}}, "x/ x/a=2"},
		{"a link that was taken away", []layer{{{"d/x -> /etc", ""}}, {{"d/.wh.x", ""}}}, ""},
		{"links elsewhere", []layer{{{"bin/sh -> bash", ""}, {"dx -> y", ""}, {"dev/null (device)", ""}, {"d/a", "1"}}}, "a=1"},
		{"layers of nothing", []layer{{}, {{"d/a", "1"}}, {}}, "a=1"},
		{"nothing there", []layer{{{"e/a", "1"}}}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var layers [][]byte
			for _, l := range c.layers {
				layers = append(layers, gzipped(t, layerOf(t, l...)))
			}
			if got, err := seen(t, "/d/", layers...); got != c.want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestFilesOfTheRoot(t *testing.T) {
	got, err := seen(t, "/", layerOf(t, entry{"./", ""}, entry{"a", "1"}, entry{"d/b", "2"}))
	if got != "a=1 d/b=2" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestFilesRefusesWhatIsReadInMoreThanOneWay(t *testing.T) {
	type layer = []entry
	cases := []struct {
		name   string
		layers []layer
		want   string
	}{
		{"a link", []layer{{{"d/a -> /etc/passwd", ""}}}, "d/a: is a link, a device or a file with holes"},
		{"a hard link", []layer{{{"d/a (hard link)", ""}}}, "d/a: is a link"},
		{"a device", []layer{{{"d/a (device)", ""}}}, "d/a: is a link, a device"},
		{"a file twice", []layer{{{"d/a", "1"}, {"d/a", "2"}}}, "d/a: stands in the layer twice"},
		{"a file in two spellings", []layer{{{"d/a", "1"}, {"./d//a", "2"}}}, "d/a: stands in the layer twice"},
		{"a folder that is a file too", []layer{{{"d/a/", ""}, {"d/a", "2"}}}, "d/a: stands in the layer twice"},
		{"a link in place of the folder", []layer{{{"d -> e", ""}, {"e/a", "1"}}}, "d: is no folder, want one"},
		{"a link in place of the folder, on top", []layer{{{"d/a", "1"}}, {{"d -> e", ""}}}, "d: is no folder, want one"},
		{"a link after the folder", []layer{{{"d/", ""}, {"d -> e", ""}}}, "d: is no folder, want one"},
		{"a name with tricks", []layer{{{"d/\x1b[2J -> x", ""}}}, "d/ [2J: is a link"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var layers [][]byte
			for _, l := range c.layers {
				layers = append(layers, layerOf(t, l...))
			}
			got, err := seen(t, "d", layers...)
			mustSay(t, err, "layer sha256:", c.want)
			if got != "" {
				t.Errorf("and yet it shows %q", got)
			}
		})
	}
	if _, err := seen(t, "d", layerOf(t, entry{"d -> e", ""}), layerOf(t, entry{"d/", ""}, entry{"d/a", "1"})); err != nil {
		t.Errorf("a folder in place of a link: %v", err)
	}
	_, err := seen(t, "d/e", layerOf(t, entry{"d -> x", ""}, entry{"d/e/a", "1"}))
	mustSay(t, err, "d: is no folder, want one")
}

// A file with holes has a few bytes in the layer and exabytes for its reader.
func TestFilesRefusesFilesWithHoles(t *testing.T) {
	const size = "9223372036854775807"
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	content := make([]byte, block)
	copy(content, "1\n"+size+"\n0\n")
	// Go's writer does not write such records; others of the same length are overwritten.
	writeEntry(t, w, &tar.Header{Typeflag: tar.TypeReg, Name: "d/a", Size: block, Mode: 0o644, Format: tar.FormatPAX, PAXRecords: map[string]string{
		"GNU_sparse.major": "1", "GNU_sparse.minor": "0", "GNU_sparse.name": "d/a", "GNU_sparse.realsize": size,
	}}, content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer := bytes.ReplaceAll(b.Bytes(), []byte("GNU_sparse"), []byte("GNU.sparse"))
	if h, err := tar.NewReader(bytes.NewReader(layer)).Next(); err != nil || fmt.Sprint(h.Size) != size {
		t.Fatalf("the case is not what it says: %v, %v", h, err)
	}
	c, img := imageOf(t, layer)
	_, err := c.Files(t.Context(), img, "d", func(string, io.Reader) error { t.Error("it was visited"); return nil })
	mustSay(t, err, "d/a: is a link, a device or a file with holes")
}

func TestFilesEndsEarlyWhenItIsTold(t *testing.T) {
	c, img := imageOf(t, layerOf(t, entry{"d/low", "1"}), layerOf(t, entry{"d/a", "1"}, entry{"d/b", "2"}))
	visits := 0
	_, err := c.Files(t.Context(), img, "d", func(string, io.Reader) error { visits++; return Stop })
	if visits != 1 || err != nil {
		t.Errorf("%d visits, %v", visits, err)
	}
	_, err = c.Files(t.Context(), img, "d", func(string, io.Reader) error { return fmt.Errorf("odd") })
	mustSay(t, err, "d/a: odd")
}

func TestLayersOfAllCompressions(t *testing.T) {
	plain := layerOf(t, entry{"d/a", strings.Repeat("text", 1000)})
	want := "a=" + strings.Repeat("text", 1000)
	zip := gzipped(t, plain)
	var z bytes.Buffer
	w, _ := zstd.NewWriter(&z)
	w.Write(plain)
	w.Close()
	half := len(zip) / 2
	cases := []struct {
		name  string
		layer []byte
		err   string
	}{
		{"none", plain, ""},
		{"gzip", zip, ""},
		{"gzip in two members", append(gzipped(t, plain[:700]), gzipped(t, plain[700:])...), ""},
		{"gzip and something after it", append(bytes.Clone(zip), "trailing garbage"...), ""},
		{"zstd", z.Bytes(), ""},
		{"gzip that is cut", zip[:half], "unexpected EOF"},
		{"gzip that is cut in its header", zip[:5], "unexpected EOF"},
		{"gzip that is damaged", slices.Concat(zip[:half], []byte{zip[half] ^ 0xff}, zip[half+1:]), ""},
		{"zstd that is cut", z.Bytes()[:z.Len()/2], "unexpected EOF"},
		{"no tar", []byte("this is no tar, whatever its media type says" + strings.Repeat(".", 600)), "invalid tar header"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := seen(t, "d", c.layer)
			switch {
			case c.name == "gzip that is damaged":
				if err == nil {
					t.Error("no error")
				}
			case c.err != "":
				mustSay(t, err, "layer sha256:", c.err)
			case err != nil || got != want:
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

func TestLayersUnpackToSoMuchAndNoMore(t *testing.T) {
	r := &boundedReader{strings.NewReader("0123456789"), 4}
	got, err := io.ReadAll(r)
	if string(got) != "0123" || err == nil || !strings.Contains(err.Error(), "unpacks to more than") {
		t.Errorf("read %q, %v", got, err)
	}
	v := &view{folder: "d", there: map[string]bool{}, hidden: map[string]bool{}, way: map[string]bool{}, visit: func(string, io.Reader) error { return nil }}
	for i := range maxFiles {
		v.hidden[strconv.Itoa(i)] = true
	}
	err = v.layer(tar.NewReader(bytes.NewReader(layerOf(t, entry{"d/a", ""}))))
	mustSay(t, err, "has more than 262144 files and folders below d")
}

func TestForPlatformChoosesFromAnIndex(t *testing.T) {
	w, c := newWorld(), NewContent(nil)
	child := func(os, arch, variant string) ocispec.Descriptor {
		d := w.image("x:"+os+arch+variant, os+arch+variant)
		d.Platform = &ocispec.Platform{OS: os, Architecture: arch, Variant: variant}
		return d
	}
	amd, arm, tricks := child("linux", "amd64", ""), child("linux", "arm64", "v8"), child("\x1b[2J", "x", "")
	plain := w.image("x:plain", "plain")
	raw := indexOf(plain, amd, arm, tricks)
	root := described(ocispec.MediaTypeImageIndex, raw)
	c.AddBlob(raw)
	for platform, want := range map[string]digest.Digest{"linux/amd64": amd.Digest, "linux/arm64": arm.Digest, "linux/arm64/v8": arm.Digest} {
		if got, err := c.ForPlatform(root, platform); err != nil || got.Digest != want {
			t.Errorf("%s: %s, %v", platform, got.Digest, err)
		}
	}
	if got, err := c.ForPlatform(plain, "linux/s390x"); err != nil || got.Digest != plain.Digest {
		t.Errorf("no index: %s, %v", got.Digest, err)
	}
	_, err := c.ForPlatform(root, "linux/s390x")
	mustSay(t, err, "has no image for linux/s390x, only for linux/amd64, linux/arm64/v8,  [2J/x")
}

func TestReadImageBoundsTheConfig(t *testing.T) {
	c := NewContent(nil)
	raw := []byte(`{"schemaVersion":2,"config":{"mediaType":"x","digest":"` + blobOf("x").Digest.String() + `","size":8388609},"layers":[]}`)
	c.AddBlob(raw)
	_, err := c.ReadImage(t.Context(), described(ocispec.MediaTypeImageManifest, raw))
	mustSay(t, err, "config sha256:", "8388609 bytes, at most 8388608 are read")
}
