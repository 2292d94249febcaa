package bundle

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/internal/progress"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

func TestWhatIsWrittenIsOpenedAndGood(t *testing.T) {
	w := small()
	written := w.write(t)
	b, err := Open(written.Path, written.Root)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if !reflect.DeepEqual(b.Manifest, w.list()) {
		t.Errorf("packing list: %+v", b.Manifest)
	}
	for _, d := range b.Manifest.Blobs {
		r, err := b.Archive.Open(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := io.ReadAll(r); err != nil || string(raw) != string(w.blobs[d.Digest]) {
			t.Errorf("%s: %q, %v", d.Digest, raw, err)
		}
	}
	var mu sync.Mutex
	var total, done int64
	report, err := Verify(t.Context(), written.Path, "", func(e progress.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch e.Kind {
		case progress.Phase:
			total = e.Bytes
		case progress.Advance, progress.Skip:
			done += e.Bytes
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.Path != written.Path || report.Root != written.Root || report.RootChecked {
		t.Errorf("report of %s, root %s, checked %t", report.Path, report.Root, report.RootChecked)
	}
	if report.Images != 2 || report.Blobs != 10 || report.Bytes != written.Bytes {
		t.Errorf("%d images, %d blobs, %d bytes, want 2, 10, %d", report.Images, report.Blobs, report.Bytes, written.Bytes)
	}
	if report.Findings == nil || len(report.Findings) > 0 {
		t.Errorf("findings %#v, want an empty list, which JSON writes as one", report.Findings)
	}
	if done == 0 || done > total {
		t.Errorf("verification announced %d bytes and reported %d", total, done)
	}
	report, err = Verify(t.Context(), written.Path, written.Root, nil)
	if err != nil || !report.RootChecked {
		t.Errorf("with the root: %+v, %v", report, err)
	}
}

// flipEvery is the distance of the bytes that are flipped here, a prime. In
// test/torture chance chooses them, ten thousand in larger bundles.
const flipEvery = 13

// No byte of a bundle is without a meaning that somebody checks: without knowing
// the root, each one that is changed is found.
func TestFlippedBytesAreFound(t *testing.T) {
	tiny := newWorld()
	tiny.image("quay.io/acme/one:v1", "one")
	written := tiny.write(t)
	raw, err := os.ReadFile(written.Path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(written.Path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	put := func(at int, b byte) {
		if _, err := f.WriteAt([]byte{b}, int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	for at := 0; at < len(raw); at += flipEvery {
		b := raw[at]
		// One bit, and one that may turn a letter into the other case.
		flip := []byte{0x01, 0x20}[at&1]
		put(at, b^flip)
		report, err := Verify(t.Context(), written.Path, "", nil)
		if err == nil && len(report.Findings) == 0 {
			t.Errorf("byte %d of %d, %q made %q: nothing was found", at, len(raw), b, b^flip)
		}
		put(at, b)
	}
	if report, err := Verify(t.Context(), written.Path, written.Root, nil); err != nil || len(report.Findings) > 0 {
		t.Errorf("put right again: %+v, %v", report, err)
	}
}

// Whoever reads that a bundle is damaged wants to know where.
func TestFlippedBytesOfTheIndexAreSaidOfTheIndex(t *testing.T) {
	tiny := newWorld()
	tiny.image("quay.io/acme/one:v1", "one")
	written := tiny.write(t)
	raw, err := os.ReadFile(written.Path)
	if err != nil {
		t.Fatal(err)
	}
	begin := bytes.Index(raw, []byte("index.json\x00")) + 512 // behind its header
	end := begin + bytes.IndexByte(raw[begin:], 0)
	for at := begin; at < end; at++ {
		for _, flip := range []byte{0x01, 0x16} {
			damaged := slices.Clone(raw)
			damaged[at] ^= flip
			if err := os.WriteFile(written.Path, damaged, 0o644); err != nil {
				t.Fatal(err)
			}
			report, err := Verify(t.Context(), written.Path, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(report.Findings, func(f oci.Finding) bool { return strings.Contains(f.String(), "index.json") }) {
				t.Errorf("byte %d, %q: %v", at-begin, damaged[max(begin, at-20):at+20], report.Findings)
			}
		}
	}
}

func TestEveryLengthButTheRightOneIsFound(t *testing.T) {
	written := small().write(t)
	raw, err := os.ReadFile(written.Path)
	if err != nil {
		t.Fatal(err)
	}
	lengths := []int{0, 1, 511, 512, 513, len(raw) - 1024, len(raw) - 513, len(raw) - 512, len(raw) - 1, len(raw) + 1, len(raw) + 512, len(raw) + 10240}
	for n := 1000; n < len(raw); n += 1000 {
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		if err := os.Truncate(written.Path, int64(n)); err != nil {
			t.Fatal(err)
		}
		report, err := Verify(t.Context(), written.Path, "", nil)
		if invalid := (*InvalidError)(nil); err != nil && !errors.As(err, &invalid) {
			t.Errorf("%d bytes: %v, want an InvalidError", n, err)
		} else if err == nil && len(report.Findings) == 0 {
			t.Errorf("%d bytes of %d: nothing was found", n, len(raw))
		}
		if b, err := Open(written.Path, ""); err == nil {
			b.Close()
			t.Errorf("%d bytes of %d: opened", n, len(raw))
		}
		if err := os.WriteFile(written.Path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnotherRoot(t *testing.T) {
	written := small().write(t)
	other := digest.FromString("other")
	want := written.Path + ": root is " + written.Root.String() + ", want " + other.String()
	_, openErr := Open(written.Path, other)
	_, verifyErr := Verify(t.Context(), written.Path, other, nil)
	for _, err := range []error{openErr, verifyErr} {
		root := (*RootError)(nil)
		if !errors.As(err, &root) || root.Got != written.Root || root.Want != other || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// problems are the findings without the names of the images.
func problems(findings []oci.Finding) []string {
	var all []string
	for _, f := range findings {
		f.Images = nil
		all = append(all, f.String())
	}
	return all
}

// A bundle whose parts are each well made and do not fit together.
func TestPartsThatDisagree(t *testing.T) {
	base := digest.FromString("base layer")
	entry := "blobs/sha256/" + base.Encoded() + ": "
	isBase := func(d ocispec.Descriptor) bool { return d.Digest == base }
	cases := []struct {
		name  string
		spoil func(*testing.T, *forgery)
		// what Verify must find among other things, and Open
		verify, open string
	}{
		{"index.json has another name", func(_ *testing.T, f *forgery) { f.images[0].Name = "quay.io/acme/zero:v1" },
			"index.json: does not list what the packing list lists", "index.json: does not list what the packing list lists"},
		{"index.json has an image less", func(_ *testing.T, f *forgery) { f.images = f.images[:1] },
			"index.json: does not list what the packing list lists", "index.json: does not list what the packing list lists"},
		{"index.json has an image more", func(_ *testing.T, f *forgery) {
			f.images = append(f.images, oci.Named{Name: "quay.io/acme/more:v1", Descriptor: f.images[0].Descriptor})
		}, "index.json: does not list what the packing list lists", "index.json: does not list what the packing list lists"},
		{"the tar lacks a blob", func(_ *testing.T, f *forgery) { f.parts = slices.DeleteFunc(f.parts, isBase) },
			entry + "is not in the bundle", entry + "is not in the bundle"},
		{"the tar has a blob that nothing names", func(_ *testing.T, f *forgery) {
			f.parts = append(f.parts, f.w.put(ocispec.MediaTypeImageLayerGzip, []byte("more")))
		}, "blobs/sha256/" + digest.FromString("more").Encoded() + ": nothing names it",
			"blobs/sha256/" + digest.FromString("more").Encoded() + ": the packing list does not list it"},
		{"the packing list lacks a blob that an image needs", func(t *testing.T, f *forgery) {
			m := f.w.list()
			m.Blobs = slices.DeleteFunc(m.Blobs, isBase)
			f.list, f.parts = encoded(t, m), append(slices.Clone(m.Blobs), described(ocispec.MediaTypeImageLayerGzip, []byte("base layer")))
		}, entry + "the packing list does not list it", entry + "the packing list does not list it"},
		{"another order", func(_ *testing.T, f *forgery) { f.parts[4], f.parts[5] = f.parts[5], f.parts[4] }, "the packing list puts it at", "the packing list puts it at"},
		{"an unknown feature", func(_ *testing.T, f *forgery) {
			f.list = []byte(strings.Replace(string(f.list), `"formatVersion": 1,`, `"formatVersion": 1, "features": ["riddle"],`, 1))
		}, `packing list: needs the feature "riddle", which this program does not know`, `packing list: needs the feature "riddle", which this program does not know`},
		{"another form", func(_ *testing.T, f *forgery) { f.list = append([]byte(" "), f.list...) },
			"index.json: does not list what the packing list lists", "index.json: does not list what the packing list lists"},
		{"a packing list with two faults", func(_ *testing.T, f *forgery) {
			f.list = []byte(strings.ReplaceAll(string(f.list), `"additional"`, `"spare"`))
		}, `packing list: image quay.io/acme/two:v1: unknown role "spare"`, `packing list: image quay.io/acme/one:v1: unknown role "spare"`},
		{"an empty packing list", func(_ *testing.T, f *forgery) { f.list = []byte{} }, "packing list: ", "packing list: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := small().forgery(t)
			c.spoil(t, f)
			path := f.write(t)
			report, err := Verify(t.Context(), path, "", nil)
			if err != nil {
				t.Fatal(err)
			}
			got := problems(report.Findings)
			if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, c.verify) }) {
				t.Errorf("Verify found %q, want %q", got, c.verify)
			}
			for i, s := range got {
				if strings.Contains(s, "\n") || slices.Contains(got[:i], s) {
					t.Errorf("Verify: %q is found twice or has two lines", s)
				}
			}
			if _, err := Open(path, ""); err == nil || !strings.Contains(err.Error(), path+": ") || !strings.Contains(err.Error(), c.open) {
				t.Errorf("Open: %v, want %q", err, c.open)
			}
		})
	}
}

func encoded(t *testing.T, m *manifest.Manifest) []byte {
	t.Helper()
	raw, err := manifest.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The forgeries above fail for what is spoiled in them, and not by themselves.
func TestForgeryThatChangesNothingIsGood(t *testing.T) {
	path := small().forgery(t).write(t)
	if report, err := Verify(t.Context(), path, "", nil); err != nil || len(report.Findings) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestWhatIsNoBundle(t *testing.T) {
	dir := t.TempDir()
	w := small()
	one := w.list().Images[0]
	cases := []struct{ name, path, want string }{
		{"a tar that lists no image", w.tar(t, nil, nil), "index.json: lists no image"},
		{"an image layout without a packing list", w.tar(t, []oci.Named{{Name: one.Name, Descriptor: one.Descriptor}}, w.list().Blobs), "packing list: index.json names none"},
	}
	for _, c := range cases {
		_, err := Open(c.path, "")
		if invalid := (*InvalidError)(nil); !errors.As(err, &invalid) || !strings.HasPrefix(err.Error(), c.path+": "+c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	if _, err := Open(filepath.Join(dir, "gone"), ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// A packing list's artifact that holds something else.
func TestArtifactsThatAreNone(t *testing.T) {
	for name, raw := range map[string]string{
		"no layers":       `{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"` + ocispec.DescriptorEmptyJSON.Digest.String() + `","size":2},"layers":[]}`,
		"no config":       `{"schemaVersion":2}`,
		"another version": `{"schemaVersion":1}`,
		"no JSON":         `x`,
	} {
		w := small()
		d := w.put(ocispec.MediaTypeImageManifest, []byte(raw))
		d.ArtifactType = manifest.ArtifactType
		path := w.tar(t, []oci.Named{{Name: PackingListName, Descriptor: d}}, []ocispec.Descriptor{d})
		if _, err := Open(path, ""); err == nil || !strings.HasPrefix(err.Error(), path+": packing list: ") {
			t.Errorf("%s: %v", name, err)
		}
		if report, err := Verify(t.Context(), path, "", nil); err != nil || len(report.Findings) == 0 {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
}

func TestDamageNamesTheImages(t *testing.T) {
	w := small()
	written := w.write(t)
	b, err := Open(written.Path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	base := described(ocispec.MediaTypeImageLayerGzip, []byte("base layer"))
	err = b.Damage(&oci.ContentError{Want: base, Size: 3})
	want := written.Path + ": blobs/sha256/" + base.Digest.Encoded() + ": ends after 3 of 10 bytes; needed by quay.io/acme/one:v1 and 1 more"
	if invalid := (*InvalidError)(nil); !errors.As(err, &invalid) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if other := errors.New("x"); b.Damage(other) != other {
		t.Error("an error that is no damage was changed")
	}
}
