package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"drayage/pkg/access"
	"drayage/test/registry"
)

const guardedSite = "apiVersion: drayage/v1alpha1\nkind: Site\nopenshift: \"4.17\"\nregistry: {auth: {user: puller}%s}\nnodes:\n%s"

// rendered is what `import render` puts onto a node, by path, without its folders.
func rendered(t *testing.T, dir string) map[string]string {
	t.Helper()
	var result struct {
		Objects []struct{ Kind, YAML string }
	}
	if err := json.Unmarshal([]byte(good(t, dir, "import", "render", "--site", "site.yaml", "--json", "site.tar")), &result); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	file := regexp.MustCompile(`source: data:;base64,(\S+)\n\s+mode: \d+\n\s+overwrite: true\n\s+path: (\S+)`)
	for _, o := range result.Objects {
		for _, m := range file.FindAllStringSubmatch(o.YAML, -1) {
			raw, err := base64.StdEncoding.DecodeString(m[1])
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.Base(m[2])] = string(raw)
		}
	}
	return files
}

// guarded starts registries with just what `import render` gives a node, but for
// the folders and the port, and writes a site.yaml for them. change may spoil a
// file of node2.
func guarded(t *testing.T, dir string, files map[string]string, change func(map[string]string)) []*registry.Registry {
	t.Helper()
	var all []*registry.Registry
	var nodes string
	for i := range 2 {
		name := fmt.Sprintf("node%d", i+1)
		own := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Join(own, "store"), 0o755); err != nil {
			t.Fatal(err)
		}
		mine := map[string]string{}
		for k, v := range files {
			mine[k] = v
		}
		if change != nil && i == 1 {
			change(mine)
		}
		for base, text := range mine {
			if base == "config.yml" {
				text = strings.NewReplacer("0.0.0.0:5000", "127.0.0.1:0", "/etc/distribution", own, "/var/lib/registry", filepath.Join(own, "store")).Replace(text)
			}
			write(t, own, base, text)
		}
		r := registry.StartT(t, registry.Options{Root: filepath.Join(own, "store"), Config: filepath.Join(own, "config.yml")})
		all = append(all, r)
		nodes += fmt.Sprintf("- {name: %s, address: %q}\n", name, r.Addr())
	}
	write(t, dir, "site.yaml", fmt.Sprintf(guardedSite, ", managed: false", nodes))
	return all
}

// prepared is a folder with a bundle, a site's files, and what its nodes get.
func prepared(t *testing.T) (dir string, files map[string]string) {
	t.Helper()
	src, filled := sharedSource(t)
	dir = connected(t, src.Addr(), filled)
	build(t, dir)
	write(t, dir, "site.yaml", fmt.Sprintf(guardedSite, "", "- {name: node1, address: 127.0.0.1}\n"))
	good(t, dir, "import", "tls", "--strict", "--site", "site.yaml")
	good(t, dir, "import", "htpasswd", "--strict", "--site", "site.yaml")
	return dir, rendered(t, dir)
}

// The registry of the rendered configuration takes a push by the site's CA and
// user, shows images to who knows the password, and to nobody else.
func TestPushIntoTheRegistriesThatAreRendered(t *testing.T) {
	dir, files := prepared(t)
	guarded(t, dir, files, nil)
	out := good(t, dir, "import", "push", "--site", "site.yaml", "site.tar")
	if strings.Count(out, "whole") != 2 {
		t.Errorf("printed:\n%s", out)
	}
	write(t, dir, "auth/password", "another\n")
	bad(t, 4, "node1: 127.0.0.1:", dir, "import", "push", "--site", "site.yaml", "site.tar")
}

func TestANodeThatDoesNotProveItself(t *testing.T) {
	dir, files := prepared(t)
	names := []string{"localhost", "127.0.0.1"}
	other, err := access.Make(names, 10, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join(dir, "tls", name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	own := access.Files{CA: read("ca.crt"), CAKey: read("ca.key")}
	expired, err := access.Renew(own, names, 1, time.Now().AddDate(0, 0, -3))
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := access.Renew(own, []string{"10.0.0.1"}, 10, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		files access.Files
		want  string
	}{
		"another CA":   {other, "GET /v2/: tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		"expired":      {expired, "GET /v2/: tls: failed to verify certificate: x509: certificate has expired or is not yet valid"},
		"another name": {stranger, "GET /v2/: tls: failed to verify certificate: x509: certificate is valid for 10.0.0.1, not 127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := guarded(t, dir, files, func(f map[string]string) {
				f["tls.crt"], f["tls.key"] = string(c.files.Certificate), string(c.files.Key)
			})
			r := bad(t, 4, "import: node2: "+nodes[1].Addr()+": "+c.want, dir, "import", "push", "--site", "site.yaml", "site.tar")
			if !strings.Contains(r.out, "NOT WHOLE") || strings.Count(r.out, " whole\n") != 1 || strings.Count(r.err, "import: ") != 1 ||
				!strings.Contains(r.err, "hint: 1 of 2 nodes are whole; registry.tls.ca in the site's file has to be the CA") {
				t.Errorf("printed:\n%s%s", r.out, r.err)
			}
		})
	}
}

func TestAWrongPasswordIsOneLine(t *testing.T) {
	dir, files := prepared(t)
	nodes := guarded(t, dir, files, func(f map[string]string) {
		line, err := access.HTPasswd("puller", "another")
		if err != nil {
			t.Fatal(err)
		}
		f["htpasswd"] = string(line)
	})
	r := bad(t, 4, "import: node2: "+nodes[1].Addr()+": ", dir, "import", "push", "--site", "site.yaml", "site.tar")
	if !strings.Contains(r.err, ": 401 ") || strings.Count(r.err, "import: ") != 1 || strings.Count(r.out, " whole\n") != 1 {
		t.Errorf("printed:\n%s%s", r.out, r.err)
	}
}

// What the site names and is not there, or does not fit, is said before anything
// is asked.
func TestFilesOfASiteThatDoNotFit(t *testing.T) {
	dir, _ := prepared(t)
	write(t, dir, "site.yaml", fmt.Sprintf(guardedSite, "", "- {name: node1, address: 127.0.0.1}\n- {name: node2, address: 10.0.0.2}\n"))
	bad(t, 2, "import: registry.tls.certificate: tls/registry.crt: does not name 10.0.0.2, the address of node2", dir,
		"import", "render", "--site", "site.yaml", "-o", "-", "site.tar")
	good(t, dir, "import", "tls", "--strict", "--site", "site.yaml", "--renew")
	good(t, dir, "import", "render", "--site", "site.yaml", "-o", "manifests", "site.tar")
	for _, path := range []string{"manifests/04-machineconfig-99-master-drayage-registry.yaml", "tls/ca.key", "tls/registry.key", "auth/password", "auth/htpasswd"} {
		if info, err := os.Stat(filepath.Join(dir, path)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600", path, info, err)
		}
	}
	bad(t, 2, "tls/ca.crt: is there, and is not overwritten", dir, "import", "tls", "--strict", "--site", "site.yaml")
	bad(t, 2, "auth/htpasswd: is there, and is not overwritten", dir, "import", "htpasswd", "--strict", "--site", "site.yaml")
	if err := os.Remove(filepath.Join(dir, "tls", "ca.crt")); err != nil {
		t.Fatal(err)
	}
	r := bad(t, 2, "import: registry.tls.ca: open tls/ca.crt: no such file or directory", dir, "import", "push", "--site", "site.yaml", "site.tar")
	if !strings.Contains(r.err, "hint: `import tls` makes a CA") {
		t.Errorf("printed:\n%s", r.err)
	}
}
