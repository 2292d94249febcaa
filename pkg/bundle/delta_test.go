package bundle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// may and june are the bundles of two months: one image changed, one went, one came.
func may() *world {
	w := newWorld()
	w.image("quay.io/acme/one:v1", noise(1, 40_000), noise(2, 30_000))
	w.image("quay.io/acme/two:v1", noise(1, 40_000), noise(3, 30_000))
	w.image("quay.io/acme/gone:v1", noise(1, 40_000), noise(4, 5000))
	return w
}

func june() *world {
	w := newWorld()
	w.image("quay.io/acme/one:v1", noise(1, 40_000), noise(2, 30_000))
	w.image("quay.io/acme/two:v1", noise(1, 40_000), noise(5, 20_000))
	w.image("quay.io/acme/new:v1", noise(1, 40_000), noise(6, 10_000))
	return w
}

func base(t *testing.T, path string) *Base {
	t.Helper()
	b, err := ReadBase(path)
	check(t, err)
	return b
}

// delta writes the delta of a world, and fails when something is asked for that
// a base holds.
func (w *world) delta(t *testing.T, bases ...*Base) *Written {
	t.Helper()
	m, docs, err := Thin(w.list(), w.raw, bases)
	check(t, err)
	open := func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
		for _, b := range bases {
			if b.holds(d) {
				t.Errorf("%s was asked for", d.Digest)
			}
		}
		if d.Digest == digest.FromBytes(docs) {
			return io.NopCloser(bytes.NewReader(docs)), nil
		}
		return w.open(ctx, d)
	}
	written, err := writeTo(t.Context(), m, open, filepath.Join(t.TempDir(), "delta.tar"), WriteOptions{})
	check(t, err)
	return written
}

func TestDeltaLeavesOutWhatTheBaseHolds(t *testing.T) {
	old := may().write(t)
	w := june()
	d := w.delta(t, base(t, old.Path))
	// Two layers, and the configs of one and two.
	held := manifest.Base{Root: old.Root, Blobs: 4, Bytes: 70_000 + 2*int64(len(`{"os":"linux","architecture":"amd64","name":"quay.io/acme/one:v1"}`))}
	if d.Bytes > 50_000 || len(d.Bases) != 1 || d.Bases[0] != held {
		t.Errorf("%d bytes, %+v", d.Bytes, d.Bases)
	}
	report, err := Verify(t.Context(), d.Path, d.Root, nil)
	if err != nil || len(report.Findings) > 0 || report.Images != 3 {
		t.Fatalf("%+v, %v", report, err)
	}
	b, err := Open(d.Path, "")
	check(t, err)
	defer b.Close()
	if !slices.Equal(b.Manifest.Features, []string{"delta"}) {
		t.Errorf("features %q", b.Manifest.Features)
	}
	for _, i := range b.Manifest.Images {
		if raw, err := b.Archive.Manifest(i.Descriptor); err != nil || !bytes.Equal(raw, w.blobs[i.Descriptor.Digest]) {
			t.Errorf("%s: %v", i.Name, err)
		}
	}
	whole, err := b.Whole()
	if err != nil || !reflect.DeepEqual(whole, w.list()) {
		t.Errorf("the packing list of all: %+v, %v", whole, err)
	}
	for _, each := range []int{600, 5000, 20_000} {
		report, err := Verify(t.Context(), split(t, content(t, d.Path), each), d.Root, nil)
		if err != nil || len(report.Findings) > 0 {
			t.Errorf("in volumes of %d: %+v, %v", each, report, err)
		}
	}
	// Two builds, and bases in any order.
	other := small().write(t)
	x, y := w.delta(t, base(t, old.Path), base(t, other.Path)), w.delta(t, base(t, other.Path), base(t, old.Path), base(t, old.Path))
	if !bytes.Equal(content(t, x.Path), content(t, y.Path)) || x.Root == d.Root {
		t.Error("the order of bases shows, or a base does not")
	}
}

// A saved packing list is as good a base as its bundle, and names the same root;
// a delta is one with all that it leaves out.
func TestBases(t *testing.T) {
	old := may().write(t)
	raw, err := manifest.Encode(may().list())
	check(t, err)
	saved := filepath.Join(t.TempDir(), "may.manifest")
	check(t, os.WriteFile(saved, raw, 0o644))
	w := june()
	d := w.delta(t, base(t, old.Path))
	if again := w.delta(t, base(t, saved)); again.Root != d.Root {
		t.Errorf("with the packing list the root is %s, with the bundle %s", again.Root, d.Root)
	}
	july := june()
	july.image("quay.io/acme/last:v1", noise(1, 40_000))
	next := july.delta(t, base(t, d.Path))
	if next.Bases[0].Root != d.Root || next.Bytes > 30_000 {
		t.Errorf("on a delta: %d bytes, %+v", next.Bytes, next.Bases)
	}
	volumes := split(t, content(t, old.Path), 30_000)
	if again := w.delta(t, base(t, VolumeName(volumes, 1))); again.Root != d.Root {
		t.Errorf("in volumes the root is %s, want %s", again.Root, d.Root)
	}
	m, docs, err := Thin(w.list(), w.raw, []*Base{base(t, large().write(t).Path)})
	if err != nil || docs != nil || m.Delta != nil {
		t.Errorf("a base that holds nothing: %v, %v", m.Delta, err)
	}
}

func TestBasesThatAreRefused(t *testing.T) {
	old := may().write(t)
	d := june().delta(t, base(t, old.Path))
	b, err := Open(d.Path, "")
	check(t, err)
	defer b.Close()
	list, err := manifest.Encode(b.Manifest)
	check(t, err)
	for _, c := range []struct{ name, text, want string }{
		{"a delta's packing list", string(list), "is the packing list of a delta"},
		{"a packing list that is wrong", `{"formatVersion": 1, "images": [], "blobs": [{"digest": "x"}]}`, "blob x: "},
		{"another version", `{"formatVersion": 2}`, "format version 2"},
		{"no bundle", "nothing of the kind", "is no bundle"},
		{"a cut bundle", string(content(t, old.Path)[:90_000]), "is cut"},
	} {
		path := filepath.Join(t.TempDir(), "base")
		check(t, os.WriteFile(path, []byte(c.text), 0o644))
		if _, err := ReadBase(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := ReadBase(filepath.Join(t.TempDir(), "gone")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A delta in which nothing changed has the packing list, index.json and the
// documents: some sixty images of five layers have to stay below 100 KB.
func TestDeltaOfNothingIsSmall(t *testing.T) {
	w := newWorld()
	for i := range 60 {
		name := fmt.Sprintf("quay.io/openshift-release-dev/ocp-v4.0-art-dev@%s", digest.FromString(fmt.Sprint(i)))
		desc := w.image(name, noise(1, 2000), noise(2, 2000), noise(3, 2000), noise(uint64(4+i), 2000), noise(uint64(100+i), 2000))
		w.images[i].Name = "quay.io/openshift-release-dev/ocp-v4.0-art-dev@" + desc.Digest.String()
	}
	d := w.delta(t, base(t, w.write(t).Path))
	t.Logf("60 images, %d blobs left out: %d bytes", d.Bases[0].Blobs, d.Bytes)
	if d.Bytes > 100_000 {
		t.Errorf("%d bytes", d.Bytes)
	}
	if report, err := Verify(t.Context(), d.Path, d.Root, nil); err != nil || len(report.Findings) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// Each way in which a delta can say something that is not so.
func TestDeltasThatAreWrong(t *testing.T) {
	old := base(t, may().write(t).Path)
	first := func(d *documents) *ocispec.Descriptor { return &d.LeftOut[0].Blobs[0] }
	cases := []struct {
		name  string
		spoil func(m *manifest.Manifest, d *documents)
		want  string
	}{
		{"nothing", func(*manifest.Manifest, *documents) {}, ""},
		{"a blob that is not left out is missing", func(m *manifest.Manifest, d *documents) {
			m.Delta.Bases[0].Bytes -= first(d).Size
			m.Delta.Bases[0].Blobs--
			d.LeftOut[0].Blobs = d.LeftOut[0].Blobs[1:]
		}, "is not in the bundle"},
		{"a blob that nothing names is left out", func(m *manifest.Manifest, d *documents) {
			m.Delta.Bases[0].Blobs++
			d.LeftOut[0].Blobs = append(d.LeftOut[0].Blobs, ocispec.Descriptor{Digest: digest.FromString("x")})
		}, "is left out, and nothing names it"},
		{"a blob is left out twice", func(m *manifest.Manifest, d *documents) {
			m.Delta.Bases[0].Blobs++
			m.Delta.Bases[0].Bytes += first(d).Size
			d.LeftOut[0].Blobs = append(d.LeftOut[0].Blobs, *first(d))
		}, "is left out twice"},
		{"a blob is left out with another size", func(m *manifest.Manifest, d *documents) {
			m.Delta.Bases[0].Bytes++
			first(d).Size++
		}, "bytes, an image names it with"},
		{"a blob is left out and there", func(m *manifest.Manifest, d *documents) {
			m.Blobs = append(m.Blobs, *first(d))
		}, "is left out and in the bundle"},
		{"other counts", func(m *manifest.Manifest, d *documents) { m.Delta.Bases[0].Blobs++ }, "delta: of base sha256:"},
		{"another base", func(m *manifest.Manifest, d *documents) { m.Delta.Bases[0].Root = digest.FromString("x") }, "delta: of base sha256:"},
		{"a base less", func(m *manifest.Manifest, d *documents) { d.LeftOut = nil }, "names other bases than the documents"},
		{"an image manifest less", func(m *manifest.Manifest, d *documents) { d.Manifests = nil }, "is not in the bundle"},
		{"an image manifest that nothing names", func(m *manifest.Manifest, d *documents) { d.Manifests = append(d.Manifests, "{ }") },
			"is among the documents, and nothing names it"},
		{"an image manifest twice", func(m *manifest.Manifest, d *documents) { d.Manifests = append(d.Manifests, d.Manifests[0]) },
			"is among the documents and elsewhere too"},
		{"what is no digest", func(m *manifest.Manifest, d *documents) { first(d).Digest = "x\x1b" }, "which is no blob"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := june()
			m, docs, err := Thin(w.list(), w.raw, []*Base{old})
			check(t, err)
			d, err := unpack(docs)
			check(t, err)
			c.spoil(m, d)
			docs, err = d.pack()
			check(t, err)
			m.Delta.Documents = described(manifest.DocumentsType, docs)
			m.Blobs[0] = m.Delta.Documents
			w.blobs[m.Blobs[0].Digest] = docs
			written, err := writeTo(t.Context(), m, w.open, filepath.Join(t.TempDir(), "delta.tar"), WriteOptions{})
			check(t, err)
			report, err := Verify(t.Context(), written.Path, "", nil)
			check(t, err)
			if c.want == "" {
				if len(report.Findings) > 0 {
					t.Errorf("findings %q", report.Findings)
				}
				return
			}
			if !slices.ContainsFunc(report.Findings, func(f oci.Finding) bool { return strings.Contains(f.Problem, c.want) }) {
				t.Errorf("findings %q, want %q", report.Findings, c.want)
			}
			if _, err := Open(written.Path, ""); err == nil {
				t.Error("Open takes it")
			}
		})
	}
}

// Documents are bounded before they are unpacked.
func TestDocumentsThatAreHuge(t *testing.T) {
	bomb, err := (&documents{Manifests: []string{strings.Repeat("a", MaxDocuments-100)}}).pack()
	check(t, err)
	if _, err := unpack(bomb); err != nil {
		t.Errorf("just within the limit: %v", err)
	}
	if _, err := (&documents{Manifests: []string{strings.Repeat("a", MaxDocuments)}}).pack(); err == nil {
		t.Error("beyond the limit")
	}
	for _, raw := range []string{"", "x", string(bomb[:len(bomb)/2])} {
		if d, err := unpack([]byte(raw)); err == nil {
			t.Errorf("%.10q: %+v", raw, d)
		}
	}
}

// Every byte of a delta counts, too.
func TestFlippedBytesOfADeltaAreFound(t *testing.T) {
	old := newWorld()
	old.image("quay.io/acme/one:v1", "one", "same")
	w := newWorld()
	w.image("quay.io/acme/one:v1", "two", "same")
	raw := content(t, w.delta(t, base(t, old.write(t).Path)).Path)
	path := filepath.Join(t.TempDir(), "delta.tar")
	for at := 0; at < len(raw); at += flipEvery {
		raw[at] ^= 1
		check(t, os.WriteFile(path, raw, 0o644))
		raw[at] ^= 1
		if report, err := Verify(t.Context(), path, "", nil); err != nil || len(report.Findings) == 0 {
			t.Fatalf("byte %d: %+v, %v", at, report, err)
		}
	}
}

func TestReportOfADeltaIsJSON(t *testing.T) {
	d := june().delta(t, base(t, may().write(t).Path))
	raw, err := json.Marshal(d)
	check(t, err)
	if !strings.Contains(string(raw), `"bases":[{"root":"sha256:`) {
		t.Errorf("%s", raw)
	}
}

// A base of which some platforms are there, and a delta that wants one more of
// the same index: the index itself is among the documents, nothing that neither
// of them wants is missed.
func TestDeltaOverASparseBase(t *testing.T) {
	old, _ := sparse(t, []string{"linux/amd64"}, []string{"linux/amd64"})
	path := old.write(t).Path
	for name, c := range map[string]struct {
		platforms []string
		features  []string
		here      string // of the children in the tar
		leftOut   int
	}{
		"the same":   {[]string{"linux/amd64"}, []string{"delta", "sparse-indexes"}, "", 3},
		"one more":   {[]string{"linux/amd64", "linux/arm64"}, []string{"delta", "sparse-indexes"}, "arm64", 3},
		"another":    {[]string{"linux/s390x"}, []string{"delta", "sparse-indexes"}, "s390x", 1},
		"everything": {nil, []string{"delta"}, "arm64 s390x", 3},
	} {
		t.Run(name, func(t *testing.T) {
			w, children := sparse(t, c.platforms, c.platforms)
			written := w.delta(t, base(t, path))
			b, err := Open(written.Path, "")
			check(t, err)
			defer b.Close()
			if !slices.Equal(b.Manifest.Features, c.features) || written.Bases[0].Blobs != c.leftOut {
				t.Errorf("features %q, %d blobs are left out", b.Manifest.Features, written.Bases[0].Blobs)
			}
			for arch, d := range children {
				if there := strings.Contains(c.here, arch); b.Has(d.Digest) != there {
					t.Errorf("%s is in the tar: %t", arch, !there)
				}
			}
			whole, err := b.Whole()
			if err != nil || !reflect.DeepEqual(whole, w.list()) {
				t.Errorf("the packing list of all: %+v, %v", whole, err)
			}
			s, err := b.Space()
			check(t, err)
			var all int64
			for _, d := range whole.Blobs {
				all += d.Size
			}
			if s.Own+s.Shared != all {
				t.Errorf("space %+v, all are %d", s, all)
			}
			n, bytes := b.Blobs()
			if planned, size, err := Blobs(b.Manifest); err != nil || planned != n || size != bytes || written.Blobs != n {
				t.Errorf("%d blobs, %d bytes; the packing list says %d, %d, writing %d (%v)", n, bytes, planned, size, written.Blobs, err)
			}
			for how, verify := range map[string]func() (*Report, error){
				"file": func() (*Report, error) { return Verify(t.Context(), written.Path, written.Root, nil) },
				"stream": func() (*Report, error) {
					return VerifyStream(t.Context(), strings.NewReader(string(content(t, written.Path))), written.Root, nil)
				},
			} {
				if report, err := verify(); err != nil || len(report.Findings) > 0 || report.Blobs != n {
					t.Errorf("%s: %+v, %v", how, report, err)
				}
			}
		})
	}
}

// What passes by is judged like a file: a platform that the index does not have
// is found.
func TestStreamWithAPlatformThatIsNotThere(t *testing.T) {
	w, _ := sparse(t, []string{"linux/amd64"}, []string{"linux/amd64", "linux/ppc64le"})
	raw := content(t, w.write(t).Path)
	report, err := VerifyStream(t.Context(), bytes.NewReader(raw), "", nil)
	if err != nil || len(report.Findings) != 1 || !strings.Contains(report.Findings[0].Problem, "has no image for linux/ppc64le") {
		t.Errorf("%+v, %v", report, err)
	}
}
