package cluster

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"drayage/test/cluster/registriesconf"
	"drayage/test/registry"

	"github.com/BurntSushi/toml"
	"github.com/containers/image/v5/pkg/sysregistriesv2"
)

// Nodes pull by the original names. From the rendered objects, through the
// machine-config operator's own library, to a registries.conf; with that skopeo,
// which has the library that CRI-O and podman pull with, gets the release, a
// component and an operator's image by name and digest from the first registry
// that has it. The source is never asked.
func TestNodesPullByOriginalNames(t *testing.T) {
	if _, err := exec.LookPath("skopeo"); err != nil {
		t.Skip("skopeo is not here: pulling through rendered objects is left out")
	}
	dir := t.TempDir()
	filled := bundle(t, dir)
	var nodes []*registry.Registry
	var addrs []string
	for range 3 {
		r := registry.StartT(t, registry.Options{})
		nodes, addrs = append(nodes, r), append(addrs, r.Addr())
	}
	images := map[string]string{
		"release":        filled.Release.Image.ByDigest(),
		"component":      filled.Release.Components[0].ByDigest(),
		"operator image": filled.Catalog.Related[0].ByDigest(),
	}
	for _, version := range []string{"4.12", "4.13"} {
		files := rendered(t, dir, version, addrs...)
		if version == "4.12" {
			program(t, dir, "import", "push", "--release-key", "key.asc", "--site", "site.yaml", "site.tar")
		}
		conf := nodeConfig(t, dir, files, addrs)
		if err := world.source.ClearRequests(); err != nil {
			t.Fatal(err)
		}
		for what, ref := range images {
			pullFrom(t, dir, conf, what, ref, nodes, 0)
		}
		stop(t, nodes[0])
		pullFrom(t, dir, conf, "release, the first being down", images["release"], nodes, 1)
		stop(t, nodes[1])
		pullFrom(t, dir, conf, "release, two being down", images["release"], nodes, 2)
		if asked := sourceRequests(t); len(asked) > 0 {
			t.Errorf("the source was asked: %v", asked)
		}
		// That it would have been seen: with every node down it is the last resort.
		stop(t, nodes[2])
		if out, err := pull(dir, conf, images["release"]); err != nil || len(sourceRequests(t)) == 0 {
			t.Errorf("with every node down: %v\n%s", err, out)
		}
		for _, n := range nodes {
			if err := n.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func sourceRequests(t *testing.T) []registry.Request {
	t.Helper()
	asked, err := world.source.Requests()
	if err != nil {
		t.Fatal(err)
	}
	return asked
}

func stop(t *testing.T, r *registry.Registry) {
	t.Helper()
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
}

// nodeConfig makes a node's registries.conf of rendered files. The addresses
// are made insecure, for they speak plain HTTP.
func nodeConfig(t *testing.T, dir string, files, addrs []string) string {
	t.Helper()
	objects := registriesconf.Objects{Insecure: addrs}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := objects.Add(f, raw); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := registriesconf.Render(objects)
	if err != nil {
		t.Fatal(err)
	}
	return sourceWatched(t, dir, raw)
}

// sourceWatched leads what would be asked upstream to the world's source, whose
// log tells whether it was.
func sourceWatched(t *testing.T, dir string, raw []byte) string {
	t.Helper()
	var conf sysregistriesv2.V2RegistriesConf
	if err := toml.Unmarshal(raw, &conf); err != nil {
		t.Fatal(err)
	}
	for i := range conf.Registries {
		if r := &conf.Registries[i]; len(r.Mirrors) > 0 {
			r.Prefix, r.Location, r.Insecure = r.Location, world.source.Addr()+"/"+r.Location, true
		}
	}
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(conf); err != nil {
		t.Fatal(err)
	}
	return write(t, dir, "node.conf", b.String())
}

// pull pulls all of an image into a folder.
func pull(dir, conf, ref string) (string, error) {
	out := filepath.Join(dir, "out")
	if err := os.RemoveAll(out); err != nil {
		return "", err
	}
	cmd := exec.Command("skopeo", "--insecure-policy", "--registries-conf", conf, "copy", "-q", "docker://"+ref, "dir:"+out)
	cmd.Dir = dir
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// pullFrom pulls an image, and wants the manifest to come from one node and none
// of those behind it to be asked.
func pullFrom(t *testing.T, dir, conf, what, ref string, nodes []*registry.Registry, from int) {
	t.Helper()
	for _, n := range nodes[from:] {
		if err := n.ClearRequests(); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := pull(dir, conf, ref); err != nil {
		t.Fatalf("%s: %s: %v\n%s", what, ref, err, out)
	}
	_, digest, _ := strings.Cut(ref, "@")
	for i, n := range nodes[from:] {
		asked, err := n.Requests()
		if err != nil {
			t.Fatal(err)
		}
		served := false
		for _, q := range asked {
			served = served || q.Status == 200 && strings.HasSuffix(q.Path, "/manifests/"+digest)
		}
		if served != (i == 0) || i > 0 && len(asked) > 0 {
			t.Errorf("%s: node%d served it: %v; it was asked %v", what, from+i+1, served, asked)
		}
	}
}
