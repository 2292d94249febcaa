package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drayage/test/registry"
)

// status is what these tests look at of `import status --json`.
type status struct {
	Root  string
	Nodes []struct {
		Node               string
		Reachable          bool
		Releases, Catalogs []string
		Error              string
		Bundle             *struct {
			Reachable, Whole                    bool
			Images, MissingImages, MissingBlobs int
			MissingBytes                        int64
			Missing, Damaged                    []string
		}
	}
	ClusterNotAsked string
}

func statusOf(t *testing.T, code int, dir string, args ...string) status {
	t.Helper()
	r := call(t, dir, "import", append([]string{"status", "--site", "site.yaml", "--json"}, args...)...)
	if r.code != code {
		t.Fatalf("status: exit code %d, want %d\n%s%s", r.code, code, r.out, r.err)
	}
	var s status
	if err := json.Unmarshal([]byte(r.out), &s); err != nil {
		t.Fatalf("%v: %s", err, r.out)
	}
	return s
}

// manifest is what a registry's tag stands for on its disk.
func onDisk(n *registry.Registry, parts ...string) string {
	return filepath.Join(append([]string{n.Root(), "docker", "registry", "v2"}, parts...)...)
}

func data(n *registry.Registry, digest string) string {
	hex := strings.TrimPrefix(digest, "sha256:")
	return onDisk(n, "blobs", "sha256", hex[:2], hex, "data")
}

// layerOf is the last layer of the image that a tag stands for, and the manifest.
func layerOf(t *testing.T, n *registry.Registry, repo, tag string) (manifest, layer string) {
	t.Helper()
	link, err := os.ReadFile(onDisk(n, "repositories", repo, "_manifests", "tags", tag, "current", "link"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(data(n, string(link)))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Layers []struct{ Digest string } }
	if err := json.Unmarshal(raw, &doc); err != nil || len(doc.Layers) == 0 {
		t.Fatalf("%v: %s", err, raw)
	}
	return string(link), doc.Layers[len(doc.Layers)-1].Digest
}

// filledSite is three nodes that hold the shared world's bundle.
func filledSite(t *testing.T) (string, []*registry.Registry) {
	t.Helper()
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	all := nodes(t, dir, 3)
	if out := good(t, dir, "import", "push", "--site", "site.yaml", "site.tar"); strings.Count(out, " whole\n") != 3 {
		t.Fatalf("printed:\n%s", out)
	}
	return dir, all
}

const release = "4.9.0-x86_64"

// What is wrong on the disk of one real registry is found, named, and mended from
// the bundle or from the other nodes; what no registry lets be mended is said.
func TestStatusFindsWhatIsWrongAndRepairMendsIt(t *testing.T) {
	dir, all := filledSite(t)
	n := all[1]
	const repo = "ocp4/openshift"
	manifest, layer := layerOf(t, n, repo, release+"-etcd")
	rewrite := func(path string, change func([]byte) []byte) func() error {
		return func() error {
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, change(raw), 0o644)
		}
	}
	cases := []struct {
		name    string
		spoil   func() error
		deep    bool   // it is found by --deep alone
		remove  string // a file that a person has to remove first
		blobs   bool
		damaged bool
		named   string
	}{
		{name: "a blob removed", spoil: func() error { return os.Remove(data(n, layer)) }, blobs: true, named: repo + "@" + layer + " is not there"},
		{name: "a blob cut short", spoil: func() error { return os.Truncate(data(n, layer), 10) }, remove: data(n, layer), blobs: true, damaged: true, named: repo + "@" + layer + " has 10 bytes, want "},
		{name: "a byte flipped", spoil: rewrite(data(n, layer), func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), deep: true, remove: data(n, layer), blobs: true, damaged: true, named: repo + "@" + layer + " is damaged: content is sha256:"},
		{name: "a manifest missing", spoil: func() error { return os.Remove(data(n, manifest)) }, named: repo + "@" + manifest + " is not there"},
		{name: "a tag moved", spoil: func() error {
			return os.WriteFile(onDisk(n, "repositories", repo, "_manifests", "tags", release+"-etcd", "current", "link"), []byte(tagLink(t, n, repo, release+"-cli")), 0o644)
		}, named: repo + ":" + release + "-etcd is sha256:"},
	}
	for _, c := range cases {
		for _, from := range []string{"site.tar", "--from-nodes"} {
			t.Run(c.name+" "+from, func(t *testing.T) {
				if err := c.spoil(); err != nil {
					t.Fatal(err)
				}
				if c.deep {
					statusOf(t, 0, dir, "site.tar")
				}
				s := statusOf(t, 4, dir, append(map[bool][]string{true: {"--deep"}}[c.deep], "site.tar")...)
				b := s.Nodes[1].Bundle
				if !s.Nodes[0].Bundle.Whole || b.Whole || !b.Reachable || b.MissingImages == 0 || (b.MissingBlobs > 0) != c.blobs || (len(b.Damaged) > 0) != c.damaged {
					t.Errorf("%+v", b)
				}
				if !strings.Contains(strings.Join(b.Missing, "\n"), c.named) {
					t.Errorf("want %s in %q", c.named, b.Missing)
				}
				repair := []string{"repair", "--site", "site.yaml", "--node", "node2", "--deep", from}
				if c.remove != "" {
					r := bad(t, 4, "hint: ", dir, "import", repair...)
					if !strings.Contains(r.err, strings.TrimPrefix(c.remove, n.Root()+"/")) || !strings.Contains(r.out, "NOT WHOLE") {
						t.Errorf("printed:\n%s%s", r.out, r.err)
					}
					if err := os.Remove(c.remove); err != nil {
						t.Fatal(err)
					}
				}
				if out := good(t, dir, "import", repair...); strings.Count(out, " whole\n") != 1 {
					t.Errorf("printed:\n%s", out)
				}
				statusOf(t, 0, dir, "--deep", "site.tar")
			})
		}
	}
}

func tagLink(t *testing.T, n *registry.Registry, repo, tag string) string {
	t.Helper()
	raw, err := os.ReadFile(onDisk(n, "repositories", repo, "_manifests", "tags", tag, "current", "link"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestStatusOfANodeThatIsDown(t *testing.T) {
	dir, all := filledSite(t)
	s := statusOf(t, 0, dir)
	if n := s.Nodes[0]; !n.Reachable || n.Bundle != nil || len(n.Releases) != 1 || n.Releases[0] != release || len(n.Catalogs) != 1 || !strings.Contains(n.Catalogs[0], "olm-mirror/redhat-operator-index:") {
		t.Errorf("%+v", n)
	}
	if s.Root != "" || !strings.HasPrefix(s.ClusterNotAsked, "no kubeconfig: ") {
		t.Errorf("%+v", s)
	}
	if err := all[2].Stop(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"site.tar"}} {
		s := statusOf(t, 4, dir, args...)
		if s.Nodes[2].Reachable || !s.Nodes[0].Reachable || args != nil && (!s.Nodes[0].Bundle.Whole || s.Nodes[2].Bundle.Whole) {
			t.Errorf("%+v", s)
		}
	}
	r := bad(t, 4, "hint: 2 of 3 nodes are whole; see whether the registry on node3 runs", dir, "import", "status", "--site", "site.yaml", "site.tar")
	if !strings.Contains(r.out, "NOT REACHABLE") || strings.Count(r.out, " whole\n") != 2 {
		t.Errorf("printed:\n%s", r.out)
	}
}

// With TLS the days that a certificate has left are told, and a password is asked for.
func TestStatusOfGuardedRegistries(t *testing.T) {
	dir, files := prepared(t)
	guarded(t, dir, files, nil)
	good(t, dir, "import", "push", "--site", "site.yaml", "site.tar")
	out := good(t, dir, "import", "status", "--site", "site.yaml", "site.tar")
	if strings.Count(out, " days ") != 2 || strings.Count(out, " whole\n") != 2 || strings.Count(out, "catalogs: olm-mirror/redhat-operator-index") != 2 {
		t.Errorf("printed:\n%s", out)
	}
	if out := good(t, dir, "import", "repair", "--site", "site.yaml", "--node", "node2", "--from-nodes"); strings.Count(out, " whole\n") != 1 {
		t.Errorf("printed:\n%s", out)
	}
	write(t, dir, "auth/password", "another\n")
	r := bad(t, 4, "node1: ", dir, "import", "status", "--site", "site.yaml", "site.tar")
	if !strings.Contains(r.err, ": 401 ") || !strings.Contains(r.err, "registry.auth in the site's file") {
		t.Errorf("printed:\n%s%s", r.out, r.err)
	}
}

// A replaced node is empty. From the others it gets what the bundle would give it.
func TestAReplacedNode(t *testing.T) {
	for _, from := range []string{"site.tar", "--from-nodes"} {
		t.Run(from, func(t *testing.T) {
			dir, all := filledSite(t)
			empty := registry.StartT(t, registry.Options{})
			writeSite(t, dir, all[0].Addr(), empty.Addr(), all[2].Addr())
			if b := statusOf(t, 4, dir, "site.tar").Nodes[1].Bundle; b.Images != 0 || b.MissingBytes == 0 || !b.Reachable {
				t.Errorf("%+v", b)
			}
			out := good(t, dir, "import", "repair", "--site", "site.yaml", "--node", "node2", from)
			if strings.Count(out, " whole\n") != 1 || (from == "--from-nodes") != strings.Contains(out, "from node1, node3") {
				t.Errorf("printed:\n%s", out)
			}
			statusOf(t, 0, dir, "--deep", "site.tar")
			pullAll(t, dir, empty.Addr())
			if err := empty.ClearRequests(); err != nil {
				t.Fatal(err)
			}
			good(t, dir, "import", "repair", "--site", "site.yaml", "--node", "node2", from)
			requests, err := empty.Requests()
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range requests {
				if q.Method != "GET" && q.Method != "HEAD" {
					t.Errorf("a second time: %+v", q)
				}
			}
		})
	}
}

func TestRepairThatCannotWork(t *testing.T) {
	dir := t.TempDir()
	writeSite(t, dir, "127.0.0.1:1")
	for _, c := range []struct{ line, want string }{
		{"repair --site site.yaml --node node1", "repair: from where? the bundle's FILE, or --from-nodes"},
		{"repair --site site.yaml --node node1 --from-nodes site.tar", "repair: a bundle and --from-nodes"},
		{"repair --site site.yaml --from-nodes", "repair: which node?"},
		{"repair --site site.yaml --node node7 --from-nodes", "node7"},
		{"repair --site site.yaml --node node1 --from-nodes", "--from-nodes: the site has no other node"},
		{"repair --node node1 --from-nodes", "which site?"},
		{"status --site site.yaml --deep", "which FILE?"},
		{"status site.tar", "which site?"},
		{"push --site site.yaml --deep --no-check site.tar", "--deep, --no-check"},
	} {
		bad(t, 2, c.want, dir, "import", strings.Fields(c.line)...)
	}
	writeSite(t, dir, "127.0.0.1:1", "127.0.0.1:2")
	bad(t, 4, "node1: no other node of the site answers", dir, "import", "repair", "--site", "site.yaml", "--node", "node1", "--from-nodes")
	write(t, dir, "kubeconfig", "nonsense: [")
	bad(t, 2, "kubeconfig", dir, "import", "status", "--site", "site.yaml", "--kubeconfig", "kubeconfig")
}

// A second push of what is there asks once and not twice.
func TestASecondPushIsItsOwnProof(t *testing.T) {
	dir, all := filledSite(t)
	asked := func(args ...string) int {
		if err := all[0].ClearRequests(); err != nil {
			t.Fatal(err)
		}
		if out := good(t, dir, "import", append([]string{"push", "--site", "site.yaml"}, args...)...); strings.Count(out, " whole\n") != 3 {
			t.Errorf("printed:\n%s", out)
		}
		requests, err := all[0].Requests()
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		for _, q := range requests {
			seen[fmt.Sprint(q.Method, q.Path)]++
			if q.Method == "HEAD" && seen[fmt.Sprint(q.Method, q.Path)] > 1 {
				t.Errorf("asked twice: %s", q.Path)
			}
		}
		return len(requests)
	}
	n := asked("site.tar")
	if checked := asked("--no-check", "site.tar"); checked != n {
		t.Errorf("%d requests, without a check %d", n, checked)
	}
}
