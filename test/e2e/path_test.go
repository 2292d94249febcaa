package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/site"
	"drayage/test/content"
	"drayage/test/registry"
)

// The main job from end to end, and what it promises about bytes.
func TestWholePath(t *testing.T) {
	src := registry.StartT(t, registry.Options{})
	filled, err := content.Fill(t.Context(), src.Addr(), content.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.ClearRequests(); err != nil {
		t.Fatal(err)
	}
	dir := connected(t, src.Addr(), filled)
	root := build(t, dir, "--checksum")
	t.Run("each blob is fetched once", func(t *testing.T) { eachBlobOnce(t, src) })
	t.Run("sha256sum agrees", func(t *testing.T) {
		cmd := exec.Command("sha256sum", "-c", "site.tar.sha256")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("verify proves it", func(t *testing.T) {
		out := good(t, dir, "import", "verify", "--root", root, "site.tar")
		if !strings.Contains(out, "good") || !strings.Contains(out, root+" (as given)") {
			t.Errorf("printed:\n%s", out)
		}
	})
	three := nodes(t, dir, 3)
	good(t, dir, "import", "push", "--site", "site.yaml", "--root", root, "site.tar")
	t.Run("every image can be pulled from every node", func(t *testing.T) {
		for _, n := range three {
			pullAll(t, dir, n.Addr())
		}
	})
	t.Run("order on a node", func(t *testing.T) { orderOnNode(t, three[0]) })
	t.Run("a second push sends nothing", func(t *testing.T) { secondPush(t, dir, three) })
}

// eachBlobOnce reads the source's log: one GET for each blob, also for those
// that the plan had to read.
func eachBlobOnce(t *testing.T, src *registry.Registry) {
	requests, err := src.Requests()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, r := range requests {
		if i := strings.Index(r.Path, "/blobs/"); i >= 0 && r.Method == http.MethodGet {
			got[r.Path[i:]]++
		}
	}
	if len(got) < 50 {
		t.Errorf("only %d blobs fetched", len(got))
	}
	for path, n := range got {
		if n != 1 {
			t.Errorf("%s: fetched %d times", path, n)
		}
	}
}

func packingList(t *testing.T, dir string) *manifest.Manifest {
	t.Helper()
	var r struct{ Manifest *manifest.Manifest }
	if err := json.Unmarshal([]byte(good(t, dir, "bundle", "inspect", "--json", "site.tar")), &r); err != nil {
		t.Fatal(err)
	}
	return r.Manifest
}

// pullAll asks a node for every image by its place, and for all that the image
// consists of.
func pullAll(t *testing.T, dir, addr string) {
	t.Helper()
	s, err := site.Read(filepath.Join(dir, "site.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	places, err := mirror.Placements(packingList(t, dir), s.Repositories)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range places {
		if err := pull(t.Context(), addr, p.Repository+":"+p.Tag, p.Image.Descriptor.Digest.String()); err != nil {
			t.Errorf("%s: %v", p.Image.Name, err)
		}
	}
}

// orderOnNode reads a node's log of the first push: blobs, then manifests by
// digest, then tags.
func orderOnNode(t *testing.T, n *registry.Registry) {
	requests, err := n.Requests()
	if err != nil {
		t.Fatal(err)
	}
	stages := []*regexp.Regexp{
		regexp.MustCompile(`/blobs/uploads/`), regexp.MustCompile(`/manifests/sha256:`), regexp.MustCompile(`/manifests/`),
	}
	at, count := 0, [3]int{}
	for _, r := range requests {
		if r.Method != http.MethodPut && r.Method != http.MethodPost {
			continue
		}
		stage := 0
		for !stages[stage].MatchString(r.Path) {
			stage++
		}
		if stage < at {
			t.Errorf("%s %s comes after stage %d had begun", r.Method, r.Path, at)
		}
		at = max(at, stage)
		count[stage]++
	}
	if count[0] == 0 || count[1] == 0 || count[2] == 0 {
		t.Errorf("requests by stage: %v", count)
	}
}

func secondPush(t *testing.T, dir string, three []*registry.Registry) {
	for _, n := range three {
		if err := n.ClearRequests(); err != nil {
			t.Fatal(err)
		}
	}
	good(t, dir, "import", "push", "--site", "site.yaml", "site.tar")
	for _, n := range three {
		requests, err := n.Requests()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range requests {
			if r.Method != http.MethodHead && r.Method != http.MethodGet {
				t.Errorf("%s %s", r.Method, r.Path)
			}
		}
	}
}

func TestTwoBuildsAreByteIdentical(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir, "--jobs", "1")
	one, err := os.ReadFile(filepath.Join(dir, "site.tar"))
	if err != nil {
		t.Fatal(err)
	}
	build(t, dir, "--jobs", "16")
	two, err := os.ReadFile(filepath.Join(dir, "site.tar"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("two builds from the same registry differ")
	}
}

// A saved plan pins every digest: the tags may move, the bundle stays.
func TestPlanPinsWhatIsBuilt(t *testing.T) {
	src := registry.StartT(t, registry.Options{})
	filled, err := content.Fill(t.Context(), src.Addr(), content.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := connected(t, src.Addr(), filled)
	root := build(t, dir)
	good(t, dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "plan.json")
	other, err := content.MakeRegistryImage(2<<20, false)
	if err != nil {
		t.Fatal(err)
	}
	if other.Digest == filled.Registry.Digest {
		t.Fatal("the moved tag is not another image")
	}
	if err := content.Push(t.Context(), src.Addr(), content.PushOptions{}, other); err != nil {
		t.Fatal(err)
	}
	out := good(t, dir, "bundle", "build", "--plan", "plan.json", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "planned.tar")
	if got := rootOf(t, out); got != root {
		t.Errorf("built from the plan, root is %s, want %s", got, root)
	}
	if moved := build(t, dir); moved == root {
		t.Error("the tag was moved and the image set still gives the old root")
	}
}

func TestRenderIsTheSameEveryTime(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	writeSite(t, dir, "10.10.21.174", "10.10.21.175", "10.10.21.176")
	one := good(t, dir, "import", "render", "--site", "site.yaml", "-o", "-", "site.tar")
	two := good(t, dir, "import", "render", "--site", "site.yaml", "-o", "-", "site.tar")
	if one != two {
		t.Error("two renderings differ")
	}
	for _, want := range []string{
		"    - localhost:5000/ocp4/openshift\n    - 10.10.21.174:5000/ocp4/openshift\n    - 10.10.21.175:5000/ocp4/openshift\n    - 10.10.21.176:5000/ocp4/openshift\n    source: quay.io/openshift-release-dev/ocp-release\n",
		"source: quay.io/openshift-release-dev/ocp-v4.0-art-dev\n",
		"source: docker.io/library/registry\n",
		"source: dummyregistry.io:5000/olm-mirror/redhat-operator-index\n",
		"image: dummyregistry.io:5000/olm-mirror/redhat-operator-index@sha256:",
	} {
		if !strings.Contains(one, want) {
			t.Errorf("no %q in:\n%s", want, one)
		}
	}
}

// Whatever the cluster may ask for, by its source, has a mirror rule.
func TestEverySourceHasAMirrorRule(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	writeSite(t, dir, "10.10.21.174")
	rendered := good(t, dir, "import", "render", "--site", "site.yaml", "-o", "-", "site.tar")
	for _, i := range packingList(t, dir).Images {
		ref, err := manifest.ParseRef(i.Name)
		if err != nil {
			t.Fatal(err)
		}
		// The cluster asks for a pruned catalog under its made-up host.
		if i.Role == manifest.RoleCatalog {
			ref.Repository = "dummyregistry.io:5000/olm-mirror/redhat-operator-index"
		}
		if !strings.Contains(rendered, "    source: "+ref.Repository+"\n") {
			t.Errorf("%s: no rule for %s", i.Name, ref.Repository)
		}
	}
}
