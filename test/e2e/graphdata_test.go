package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/site"
	"drayage/test/content"
	"drayage/test/registry"
)

// graphFiles is made-up update graph data.
var graphFiles = map[string]string{
	"LICENSE":                       "made up\n",
	"version":                       "1.1.0\n",
	"channels/stable-4.9.yaml":      "name: stable-4.9\nversions:\n- 4.9.0\n",
	"channels/candidate-4.9.yaml":   "name: candidate-4.9\nversions:\n- 4.9.0\n",
	"blocked-edges/4.9.0-snow.yaml": "to: 4.9.0\nfrom: .*\n",
	"raw/metadata.json":             "{}\n",
}

// graphTar packs data as a replica of the update service does: with its own
// times and owner.
func graphTar(t *testing.T, files map[string]string, replica int) []byte {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	w := tar.NewWriter(zipped)
	for path, text := range files { // in any order
		h := &tar.Header{Name: "./" + path, Mode: 0o600, Size: int64(len(text)), Uid: replica, ModTime: time.Unix(int64(replica), 0)}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// graphWorld is a source with one release and a base image, an image set that
// asks for the update graph, and its data in graph-data.tar.gz and, by another
// replica, in packed-anew.tar.gz.
func graphWorld(t *testing.T) string {
	t.Helper()
	reg, err := content.MakeRegistryImage(1<<16, false)
	if err != nil {
		t.Fatal(err)
	}
	rel, err := content.MakeRelease(content.ReleaseOptions{Version: "4.9.0", Size: 1 << 18, Components: []string{"cluster-version-operator", "etcd"}})
	if err != nil {
		t.Fatal(err)
	}
	o := content.ImageOptions{Entrypoint: []string{"/entrypoint"}, Cmd: []string{"/bin/bash"}}
	ubi, err := content.MultiArch("ubi9", o, []string{"amd64", "arm64"}, func(arch string) []*content.Layer {
		return []*content.Layer{content.Files(content.File{Path: "bin/bash", Content: []byte("bash for " + arch)}), content.Text("ubi "+arch, 1<<16)}
	})
	if err != nil {
		t.Fatal(err)
	}
	base := content.Named{Ref: "registry.access.redhat.com/ubi9/ubi:latest", Content: ubi}
	src := registry.StartT(t, registry.Options{})
	if err := content.Push(t.Context(), src.Addr(), content.PushOptions{}, append(rel.Images(), reg, base)...); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "registries.conf", string(content.RegistriesConf(src.Addr())))
	write(t, dir, "imageset.yaml", "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  platform:\n    graph: true\n    channels:\n    - {name: stable-4.9, minVersion: 4.9.0, maxVersion: 4.9.0}\n")
	write(t, dir, "graph-data.tar.gz", string(graphTar(t, graphFiles, 1)))
	write(t, dir, "packed-anew.tar.gz", string(graphTar(t, graphFiles, 2)))
	return dir
}

func TestUpdateGraph(t *testing.T) {
	dir := graphWorld(t)
	root := build(t, dir, "--graph-data", "graph-data.tar.gz")
	t.Run("two builds are the same", func(t *testing.T) { sameGraph(t, dir) })
	t.Run("from a service", func(t *testing.T) { graphFromService(t, dir, root) })
	t.Run("a saved plan", func(t *testing.T) { pinnedGraph(t, dir, root) })
	t.Run("it is listed", func(t *testing.T) { graphIsListed(t, dir) })
	three := nodes(t, dir, 3)
	good(t, dir, "import", "push", "--site", "site.yaml", "--root", root, "site.tar")
	for _, n := range three {
		pullAll(t, dir, n.Addr())
	}
	t.Run("its files are on every node", func(t *testing.T) {
		for _, n := range three {
			graphOnNode(t, dir, n.Addr())
		}
	})
	t.Run("releases stand alone for the update service", func(t *testing.T) { updatesOnNode(t, three[0]) })
	t.Run("a second push sends nothing", func(t *testing.T) { secondPush(t, dir, three) })
	t.Run("rendered", func(t *testing.T) { renderedGraph(t, dir) })
}

// sameGraph packs the same data anew: other times, another order.
func sameGraph(t *testing.T, dir string) {
	one, err := os.ReadFile(filepath.Join(dir, "site.tar"))
	if err != nil {
		t.Fatal(err)
	}
	build(t, dir, "--graph-data", "packed-anew.tar.gz", "--jobs", "16")
	two, err := os.ReadFile(filepath.Join(dir, "site.tar"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("the same data, packed at another time, gives another bundle")
	}
}

func graphFromService(t *testing.T, dir, root string) {
	var last atomic.Value
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last.Store(r.URL.String())
		w.Write(graphTar(t, graphFiles, 3))
	}))
	defer s.Close()
	if got, asked := build(t, dir, "--graph-url", s.URL+"/api/upgrades_info/v1/graph"), last.Load(); got != root || asked != "/api/upgrades_info/graph-data" {
		t.Errorf("asked for %v, root %s, want %s", asked, got, root)
	}
	if got, asked := build(t, dir, "--graph-data", s.URL+"/saved"), last.Load(); got != root || asked != "/saved" {
		t.Errorf("asked for %v, root %s, want %s", asked, got, root)
	}
	s.Close()
	bad(t, 5, "bundle: graph data: 127.0.0.1:", dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "--graph-data", s.URL+"/saved")
}

func pinnedGraph(t *testing.T, dir, root string) {
	good(t, dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "--graph-data", "graph-data.tar.gz", "-o", "plan.json")
	args := []string{"build", "--plan", "plan.json", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "planned.tar", "--graph-data"}
	if got := rootOf(t, good(t, dir, "bundle", append(args, "packed-anew.tar.gz")...)); got != root {
		t.Errorf("built from the plan, root is %s, want %s", got, root)
	}
	changed := map[string]string{"version": "1.1.0\n", "channels/stable-4.9.yaml": "name: stable-4.9\n", "blocked-edges/x.yaml": ""}
	write(t, dir, "changed.tar.gz", string(graphTar(t, changed, 1)))
	r := bad(t, 5, "bundle: graph data: changed.tar.gz is sha256:", dir, "bundle", append(args, "changed.tar.gz")...)
	if !strings.Contains(r.err, ": it has changed since\n") {
		t.Errorf("printed:\n%s", r.err)
	}
	bad(t, 2, "--graph-base-image goes with -c", dir, "bundle", append(args, "graph-data.tar.gz", "--graph-base-image", "quay.io/a/b:1")...)
}

func graphIsListed(t *testing.T, dir string) {
	out := good(t, dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "--graph-data", "graph-data.tar.gz")
	if !regexp.MustCompile(`(?m)^ +graph +1 +[0-9.]+kB$`).MatchString(out) {
		t.Errorf("plan printed:\n%s", out)
	}
	g := packingList(t, dir).Graph
	out = good(t, dir, "bundle", "inspect", "site.tar")
	for _, want := range []string{"  " + g.Name() + "\n", "\nupdate graph " + g.Data.String()[:19] + ", on registry.access.redhat.com/ubi9/ubi:latest " + g.BaseDigest.String()[:19] + " for linux/amd64\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// graphOnNode pulls the image as another client does, and looks into it.
func graphOnNode(t *testing.T, dir, addr string) {
	m := packingList(t, dir)
	ref, err := name.ParseReference(addr+"/ocp4/graph-data@"+graphImage(t, m).Descriptor.Digest.String(), name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	img, err := remote.Image(ref, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	command := []string{"/bin/bash", "-c", "exec cp -rp /var/lib/cincinnati-graph-data/* /var/lib/cincinnati/graph-data"}
	if len(config.Config.Entrypoint) > 0 || !slices.Equal(config.Config.Cmd, command) || config.Architecture != "amd64" {
		t.Errorf("%s: %s, entrypoint %q, command %q", addr, config.Architecture, config.Config.Entrypoint, config.Config.Cmd)
	}
	files := unpacked(t, img)
	if files["bin/bash"] != "bash for amd64" {
		t.Errorf("%s: the base is not below: %q", addr, files["bin/bash"])
	}
	for path, text := range graphFiles {
		if got := files["var/lib/cincinnati-graph-data/"+path]; got != text {
			t.Errorf("%s: %s is %q, want %q", addr, path, got, text)
		}
	}
}

func graphImage(t *testing.T, m *manifest.Manifest) manifest.Image {
	t.Helper()
	i, there := m.GraphImage()
	if !there {
		t.Fatal("the packing list has no update graph")
	}
	return i
}

func unpacked(t *testing.T, img v1.Image) map[string]string {
	t.Helper()
	flat := mutate.Extract(img)
	defer flat.Close()
	files := map[string]string{}
	for r := tar.NewReader(flat); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(raw)
	}
}

// updatesOnNode looks at the repository that the update service reads, and at
// how its blobs came there: they were mounted.
func updatesOnNode(t *testing.T, n *registry.Registry) {
	var got []string
	for _, path := range tags(t, n.Root()) {
		if repo := filepath.Dir(filepath.Dir(filepath.Dir(path))); strings.HasSuffix(repo, "ocp4/updates") {
			got = append(got, filepath.Base(path))
		}
	}
	if !slices.Equal(got, []string{"4.9.0-x86_64"}) {
		t.Errorf("ocp4/updates has %q", got)
	}
	requests, err := n.Requests()
	if err != nil {
		t.Fatal(err)
	}
	mounts := 0
	for _, r := range requests {
		switch upload := strings.HasPrefix(r.Path, "/v2/ocp4/updates/blobs/uploads/"); {
		case upload && r.Method == http.MethodPut:
			t.Errorf("%s %s: sent again", r.Method, r.Path)
		case upload:
			mounts++
		}
	}
	if mounts == 0 {
		t.Error("nothing was mounted")
	}
}

func renderedGraph(t *testing.T, dir string) {
	r := call(t, dir, "import", "render", "--site", "site.yaml", "-o", "-", "site.tar")
	if r.code != 0 || strings.Contains(r.out, "UpdateService") || !strings.Contains(r.err, "warning: update graph: no UpdateService is written: the update service speaks TLS to registries, and the site says plainHTTP\n") {
		t.Errorf("a plain site: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	write(t, dir, "tls.yaml", "apiVersion: drayage/v1alpha1\nkind: Site\nopenshift: \"4.14\"\nnodes:\n- {name: node1, address: 10.10.21.174}\n- {name: node2, address: 10.10.21.175}\nrepositories: {updates: site/updates}\n")
	good(t, dir, "import", "tls", "--strict", "--site", "tls.yaml")
	out := good(t, dir, "import", "render", "--site", "tls.yaml", "-o", "manifests", "site.tar")
	files := strings.Fields(out)
	raw, err := os.ReadFile(filepath.Join(dir, files[len(files)-1]))
	if err != nil {
		t.Fatal(err)
	}
	want := `# rendered by drayage import render
# wants the OpenShift Update Service operator in the cluster first
apiVersion: updateservice.operator.openshift.io/v1
kind: UpdateService
metadata:
  name: update-service-oc-mirror
  namespace: openshift-update-service
spec:
  graphDataImage: dummyregistry.io:5000/ocp4/graph-data@` + graphImage(t, packingList(t, dir)).Descriptor.Digest.String() + `
  releases: 10.10.21.174:5000/site/updates
  replicas: 2
`
	if string(raw) != want || filepath.Base(files[len(files)-1]) != "updateservice-update-service-oc-mirror.yaml" {
		t.Errorf("%s:\n%s\nwant:\n%s", files, raw, want)
	}
	for _, source := range []string{"dummyregistry.io:5000/ocp4/graph-data", "10.10.21.174:5000/site/updates"} {
		if rules := good(t, dir, "import", "render", "--site", "tls.yaml", "-o", "-", "site.tar"); !strings.Contains(rules, "    source: "+source+"\n") {
			t.Errorf("no rule for %s in:\n%s", source, rules)
		}
	}
}

// What was asked for and is no update graph data is said in one line.
func TestBadUpdateGraphs(t *testing.T) {
	dir := graphWorld(t)
	whole := graphTar(t, graphFiles, 1)
	write(t, dir, "page.tar.gz", "<html>signed in?</html>")
	write(t, dir, "cut.tar.gz", string(whole[:len(whole)/2]))
	write(t, dir, "other.tar.gz", string(graphTar(t, map[string]string{"version": "1"}, 1)))
	write(t, dir, "out.tar.gz", string(graphTar(t, map[string]string{"../../etc/passwd": "root"}, 1)))
	for _, c := range []struct {
		data, want string
		code       int
	}{
		{"page.tar.gz", "bundle: page.tar.gz: gzip: invalid header", 5},
		{"cut.tar.gz", "bundle: cut.tar.gz: ends too early", 5},
		{"other.tar.gz", "bundle: other.tar.gz: is no update graph data: has no channels, no blocked-edges", 5},
		{"out.tar.gz", `bundle: out.tar.gz: "./../../etc/passwd": leads out of the folder`, 5},
		{"gone.tar.gz", "bundle: stat gone.tar.gz: no such file or directory", 2},
		{".", "bundle: --graph-data .: is no regular file", 2},
		{"ftp://example.com/x", `bundle: --graph-data "ftp://example.com/x": want a URL, https://host/path, or a file`, 2},
	} {
		bad(t, c.code, c.want, dir, "bundle", "build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "site.tar", "--graph-data", c.data)
	}
	args := []string{"plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature"}
	bad(t, 2, "--graph-base-image: ", dir, "bundle", append(args, "--graph-base-image", "ubi9")...)
	bad(t, 5, "registry.access.redhat.com/ubi9/gone:1: ", dir, "bundle", append(args, "--graph-data", "graph-data.tar.gz", "--graph-base-image", "registry.access.redhat.com/ubi9/gone:1")...)
	bad(t, 5, "where its data is cannot be told", dir, "bundle", append(args, "--graph-url", "https://example.com/updates")...)
	if left, err := filepath.Glob(filepath.Join(dir, "site.tar*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// Two images with different digests in the repository of updates are told
// before the gap, as anywhere else.
func TestPlacesOfUpdatesAreWarnedOf(t *testing.T) {
	dir := graphWorld(t)
	raw, err := os.ReadFile(filepath.Join(dir, "imageset.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "imageset.yaml", string(raw)+"  additionalImages:\n  - {name: 'docker.io/library/registry:3', targetRepo: ocp4/updates, targetTag: 4.9.0-x86_64}\n")
	r := call(t, dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "--graph-data", "graph-data.tar.gz", "--json")
	if r.code != 0 || !strings.Contains(r.err, "warning: ocp4/updates:4.9.0-x86_64: two images want this place: ") {
		t.Errorf("exit code %d:\n%s", r.code, r.err)
	}
	var plan struct{ Manifest *manifest.Manifest }
	if err := json.Unmarshal([]byte(r.out), &plan); err != nil {
		t.Fatal(err)
	}
	if _, err := mirror.Placements(plan.Manifest, site.DefaultRepositories()); err == nil {
		t.Error("both have their place")
	}
}
