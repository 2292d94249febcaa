package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drayage/test/content"
	"drayage/test/registry"
)

// A month later one image has changed: a delta carries that and nothing else. A
// node that has the bundle of last month is whole with it, one that has not is
// refused before anything is sent to it.
func TestDeltaOverABase(t *testing.T) {
	src := registry.StartT(t, registry.Options{})
	filled, err := content.Fill(t.Context(), src.Addr(), content.Options{Size: 6 << 20, Incompressible: true})
	check(t, err)
	dir := connected(t, src.Addr(), filled)
	root := build(t, dir)
	good(t, dir, "bundle", "inspect", "--save-manifest", "may.manifest", "site.tar")
	regs := nodes(t, dir, 3)
	good(t, dir, "import", "push", "--site", "site.yaml", "--node", "node1", "--node", "node3", "site.tar")
	check(t, os.Rename(filepath.Join(dir, "site.tar"), filepath.Join(dir, "may.tar")))

	t.Run("nothing changed", func(t *testing.T) {
		build(t, dir, "--base", "may.tar")
		info, err := os.Stat(filepath.Join(dir, "site.tar"))
		check(t, err)
		t.Logf("a delta without changes has %d bytes", info.Size())
		if info.Size() > 100_000 {
			t.Errorf("%d bytes", info.Size())
		}
		good(t, dir, "bundle", "verify", "site.tar")
		out := good(t, dir, "import", "push", "--site", "site.yaml", "--node", "node1", "--json", "site.tar")
		if strings.Contains(out, `"error"`) || !strings.Contains(out, `"blobsSent": 0`) {
			t.Errorf("pushed:\n%s", out)
		}
	})

	changed := layered(t, "registry.access.redhat.com/ubi9/ubi-minimal:9.4")
	check(t, content.Push(t.Context(), src.Addr(), content.PushOptions{}, changed))
	want := build(t, dir, "--base", "may.manifest")
	raw, err := os.ReadFile(filepath.Join(dir, "site.tar"))
	check(t, err)
	if again := build(t, dir, "--base", "may.tar"); again != want || want == root {
		t.Errorf("root %s with the bundle as base, %s with its packing list", again, want)
	}
	if again, _ := os.ReadFile(filepath.Join(dir, "site.tar")); string(again) != string(raw) {
		t.Error("two builds differ")
	}
	good(t, dir, "import", "verify", "--root", want, "site.tar")
	r := bad(t, 4, "node2: lacks ", dir, "import", "push", "--site", "site.yaml", "site.tar")
	for _, part := range []string{"that this delta leaves to the base " + root, "hint: 2 of 3 nodes are whole; a node without the base needs the base first"} {
		if !strings.Contains(r.err, part) {
			t.Errorf("no word of %q:\n%s", part, r.err)
		}
	}
	requests, err := regs[1].Requests()
	check(t, err)
	for _, q := range requests {
		if q.Method != "HEAD" && q.Method != "GET" {
			t.Errorf("the node without the base saw %s %s", q.Method, q.Path)
		}
	}
	for _, i := range []int{0, 2} {
		writeSite(t, dir, regs[i].Addr())
		pullAll(t, dir, regs[i].Addr())
	}
	bad(t, 1, "a delta cannot be served: it leaves out ", dir, "import", "serve", "--plain-http", "site.tar")
	bad(t, 2, "is the packing list of a delta and no plan", dir, "bundle", "build", "--plan", savedList(t, dir), "-o", "x.tar")
	good(t, dir, "import", "render", "--site", "site.yaml", "-o", "-", "site.tar")

	t.Run("diff", func(t *testing.T) {
		for _, a := range []string{"may.tar", "may.manifest"} {
			var d struct {
				Changed []struct{ Name string }
				Blobs   int
				Bytes   int64
				Added   []any
			}
			check(t, json.Unmarshal([]byte(good(t, dir, "bundle", "diff", "--json", a, "site.tar")), &d))
			if len(d.Changed) != 1 || d.Changed[0].Name != "registry.access.redhat.com/ubi9/ubi-minimal:9.4" || len(d.Added) > 0 || d.Blobs != 3 || d.Bytes < 50_000 {
				t.Errorf("%s: %+v", a, d)
			}
		}
	})
}

// layered is an image with a layer of its own.
func layered(t *testing.T, ref string) content.Named {
	t.Helper()
	img, err := content.Image("mended", content.ImageOptions{OCI: true}, content.Random("mended", 50_000))
	check(t, err)
	d, err := img.Digest()
	check(t, err)
	return content.Named{Ref: ref, Digest: d.String(), Content: img}
}

// savedList writes the packing list of a delta as it is.
func savedList(t *testing.T, dir string) string {
	t.Helper()
	raw, err := json.Marshal(packingList(t, dir))
	check(t, err)
	return write(t, dir, "delta.manifest", string(raw))
}

// Bases that cannot serve are refused before anything is asked for.
func TestBasesThatAreRefused(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	path := filepath.Join(dir, "site.tar")
	raw, err := os.ReadFile(path)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "cut.tar"), raw[:len(raw)/2], 0o644))
	write(t, dir, "list", `{"formatVersion": 1, "features": ["riddle"]}`)
	args := []string{"build", "-c", "imageset.yaml", "-o", "new.tar", "--base"}
	bad(t, 3, "cut.tar: ", dir, "bundle", append(args, "cut.tar")...)
	bad(t, 2, `list: packing list: needs the feature "riddle"`, dir, "bundle", append(args, "list")...)
	bad(t, 2, "gone: no such file", dir, "bundle", append(args, "gone")...)
}

// One more platform of the same indexes travels over a bundle of two: a node that
// has these gets the third, one that has nothing is not even asked whether it
// takes sparse indexes.
func TestDeltaWithOneMorePlatform(t *testing.T) {
	dir, _, _ := manyArches(t)
	mirrored(t, dir, twoOfMulti)
	build(t, dir)
	check(t, os.Rename(filepath.Join(dir, "site.tar"), filepath.Join(dir, "two.tar")))
	filled := registry.StartT(t, registry.Options{Sparse: true, Delete: true})
	empty := registry.StartT(t, registry.Options{Sparse: true, Delete: true})
	writeSite(t, dir, filled.Addr(), empty.Addr())
	good(t, dir, "import", "push", "--site", "site.yaml", "--node", "node1", "two.tar")
	mirrored(t, dir, strings.Replace(twoOfMulti, "[{os: linux, architecture: amd64}", "[{os: linux, architecture: amd64}, {os: linux, architecture: arm64}", 1))
	root := build(t, dir, "--base", "two.tar")
	good(t, dir, "bundle", "verify", "--root", root, "site.tar")
	if m := packingList(t, dir); strings.Join(m.Features, " ") != "delta sparse-indexes" {
		t.Errorf("features %q", m.Features)
	}
	bad(t, 4, "node2: lacks ", dir, "import", "push", "--site", "site.yaml", "site.tar")
	platformsOnNode(t, dir, filled, "amd64", "arm64", "s390x")
	requests, err := empty.Requests()
	check(t, err)
	for _, q := range requests {
		if q.Method != "HEAD" && q.Method != "GET" {
			t.Errorf("the node without the base saw %s %s", q.Method, q.Path)
		}
	}
}
