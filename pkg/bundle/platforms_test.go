package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// sparse is an index of two images under two names, each for one platform, and
// what both of them leave out.
func sparse(t *testing.T, one, two []string) (w *world, children map[string]ocispec.Descriptor) {
	t.Helper()
	w, children = newWorld(), map[string]ocispec.Descriptor{}
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, arch := range []string{"amd64", "arm64", "s390x"} {
		d := w.image("quay.io/acme/"+arch+":v1", "base layer", arch)
		children[arch] = d
		d.Platform = &ocispec.Platform{OS: "linux", Architecture: arch}
		index.Manifests = append(index.Manifests, d)
	}
	raw, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	d := w.put(index.MediaType, raw)
	w.images = []manifest.Image{
		{Name: "quay.io/acme/one:v1", Role: manifest.RoleAdditional, Descriptor: d, Platforms: one},
		{Name: "quay.io/acme/two:v1", Role: manifest.RoleAdditional, Descriptor: d, Platforms: two},
	}
	return w, children
}

// What two images leave out differently travels as far as one of them wants it.
func TestSparseBundle(t *testing.T) {
	w, children := sparse(t, []string{"linux/amd64"}, []string{"linux/arm64"})
	written := w.write(t)
	report, err := Verify(t.Context(), written.Path, written.Root, nil)
	if err != nil || len(report.Findings) > 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	b, err := Open(written.Path, written.Root)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if !slices.Equal(b.Manifest.Features, []string{manifest.FeatureSparseIndexes}) {
		t.Errorf("features %q", b.Manifest.Features)
	}
	for arch, there := range map[string]bool{"amd64": true, "arm64": true, "s390x": false} {
		if _, err := b.Archive.Manifest(children[arch]); (err == nil) != there {
			t.Errorf("%s: %v", arch, err)
		}
	}
	whole := map[string]int64{}
	for _, i := range b.Manifest.Images {
		whole[i.Name] = i.Bytes
	}
	if _, all := b.Blobs(); whole["quay.io/acme/one:v1"] >= all {
		t.Errorf("an image that is sparse has %d bytes, all blobs %d", whole["quay.io/acme/one:v1"], all)
	}
}

func TestFlippedBytesOfASparseBundleAreFound(t *testing.T) {
	w, _ := sparse(t, []string{"linux/amd64"}, []string{"linux/amd64"})
	written := w.write(t)
	raw, err := os.ReadFile(written.Path)
	if err != nil {
		t.Fatal(err)
	}
	found := func(what string, at int, spoilt []byte) {
		if err := os.WriteFile(written.Path, spoilt, 0o644); err != nil {
			t.Fatal(err)
		}
		report, err := Verify(t.Context(), written.Path, "", nil)
		if err == nil && len(report.Findings) == 0 {
			t.Errorf("byte %d of %d %s: nothing was found", at, len(raw), what)
		}
	}
	for at := 0; at < len(raw); at += 5 * flipEvery {
		spoilt := slices.Clone(raw)
		spoilt[at] ^= 0x01
		found("changed", at, spoilt)
	}
	for at := 0; at < len(raw); at += 307 {
		found("removed", at, slices.Delete(slices.Clone(raw), at, at+1))
	}
}

// A packing list that leaves out what it says travels, holds what it says does
// not, or names a platform that the index does not have.
func TestSparseBundlesThatLie(t *testing.T) {
	w, children := sparse(t, []string{"linux/amd64"}, []string{"linux/amd64"})
	without := func(m *manifest.Manifest, d ocispec.Descriptor) {
		m.Blobs = slices.DeleteFunc(m.Blobs, func(b ocispec.Descriptor) bool { return b.Digest == d.Digest })
	}
	for name, c := range map[string]struct {
		lie  func(m *manifest.Manifest)
		want string
	}{
		"the truth":             {func(*manifest.Manifest) {}, ""},
		"a child that is gone":  {func(m *manifest.Manifest) { without(m, children["amd64"]) }, "blobs/sha256/" + children["amd64"].Digest.Encoded() + ": is not in the bundle; needed by quay.io/acme/one:v1 and 1 more"},
		"a child that was left": {func(m *manifest.Manifest) { m.Blobs = append(m.Blobs, children["arm64"]) }, "blobs/sha256/" + children["arm64"].Digest.Encoded() + ": nothing names it"},
		"more than there is":    {func(m *manifest.Manifest) { m.Images[1].Platforms = []string{"linux/amd64", "linux/arm64"} }, "blobs/sha256/" + children["arm64"].Digest.Encoded() + ": is not in the bundle; needed by quay.io/acme/two:v1"},
		"more than the index has": {func(m *manifest.Manifest) { m.Images[1].Platforms = []string{"linux/amd64", "linux/ppc64le"} },
			"blobs/sha256/" + w.images[0].Descriptor.Digest.Encoded() + ": has no image for linux/ppc64le, only for linux/amd64, linux/arm64, linux/s390x"},
		"whole": {func(m *manifest.Manifest) { m.Images[1].Platforms = nil }, "blobs/sha256/" + children["s390x"].Digest.Encoded() + ": is not in the bundle; needed by quay.io/acme/two:v1"},
	} {
		t.Run(name, func(t *testing.T) {
			m := w.list()
			c.lie(m)
			written, err := writeTo(t.Context(), m, w.open, filepath.Join(t.TempDir(), "site.tar"), WriteOptions{})
			if err != nil {
				t.Fatal(err)
			}
			report, err := Verify(t.Context(), written.Path, written.Root, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range report.Findings {
				got = append(got, f.String())
			}
			all := strings.Join(got, "\n")
			if c.want == "" && all != "" || !strings.Contains(all, c.want) {
				t.Errorf("got\n%s\nwant\n%s", all, c.want)
			}
		})
	}
}

func TestPlatformsOfOneNameAreJoined(t *testing.T) {
	named := []oci.Named{{Name: "a:1"}, {Name: "b:1"}, {Name: "c:1"}, {Name: PackingListName}}
	got := withPlatforms(named, []manifest.Image{
		{Name: "a:1", Platforms: []string{"linux/s390x"}}, {Name: "a:1", Platforms: []string{"linux/amd64", "linux/s390x"}},
		{Name: "b:1", Platforms: []string{"linux/amd64"}}, {Name: "b:1"},
		{Name: "c:1"},
	})
	if !slices.Equal(got[0].Platforms, []string{"linux/amd64", "linux/s390x"}) || len(got[1].Platforms)+len(got[2].Platforms)+len(got[3].Platforms) > 0 {
		t.Errorf("got %+v", got)
	}
}

// A packing list that cannot be read, or that needs what this program does not
// know, is the one finding: what should be there is not known then.
func TestWithoutAPackingListNothingIsMissed(t *testing.T) {
	w, _ := sparse(t, []string{"linux/amd64"}, []string{"linux/amd64"})
	f := w.forgery(t)
	f.list = bytes.Replace(f.list, []byte(`"sparse-indexes"`), []byte(`"later-indexes"`), 1)
	path := f.write(t)
	report, err := Verify(t.Context(), path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, opened := Open(path, "")
	pipe, err := os.Open(path)
	check(t, err)
	defer pipe.Close()
	_, piped := OpenPipe(pipe, "")
	for _, err := range []error{opened, piped} {
		if invalid := (*InvalidError)(nil); !errors.As(err, &invalid) || !invalid.Newer || invalid.Cut {
			t.Errorf("no word of a newer program: %#v", err)
		}
	}
	if !report.Newer || len(report.Findings) != 1 || report.Findings[0].Problem != `packing list: needs the feature "later-indexes", which this program does not know` {
		t.Errorf("%+v", report.Findings)
	}
}
