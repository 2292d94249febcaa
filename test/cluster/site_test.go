package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drayage/test/cluster/kube"
	"drayage/test/cluster/machineconfig"
	"drayage/test/registry"

	mcv1 "github.com/openshift/api/machineconfiguration/v1"
	corev1 "k8s.io/api/core/v1"
)

// onSite is a folder with a bundle and a site of three nodes, whose registries
// are on one port of three loopback addresses, as one MachineConfig wants it.
type onSite struct {
	t    *testing.T
	dir  string
	port int
}

// arrive makes the folder. access is what stands under registry.
func arrive(t *testing.T, version, access string) *onSite {
	t.Helper()
	s := &onSite{t: t, dir: t.TempDir(), port: freePort(t)}
	bundle(t, s.dir)
	s.write(version, access)
	if strings.Contains(access, "plainHTTP") {
		return s
	}
	if err := os.Mkdir(filepath.Join(s.dir, "auth"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, s.dir, "auth/password", "opensesame-opensesame-opensesame\n") // long: its hash is a fast one
	program(t, s.dir, "import", "tls", "--site", "site.yaml")
	program(t, s.dir, "import", "htpasswd", "--site", "site.yaml")
	return s
}

func (s *onSite) write(version, access string) {
	s.t.Helper()
	var nodes strings.Builder
	for i := range 3 {
		fmt.Fprintf(&nodes, "- {name: node%d, address: 127.0.0.%d}\n", i+1, i+1)
	}
	write(s.t, s.dir, "site.yaml", fmt.Sprintf("apiVersion: drayage/v1alpha1\nkind: Site\nopenshift: %q\nregistry: {port: %d, %s}\nnodes:\n%s", version, s.port, access, &nodes))
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// args is a command line for this site.
func (s *onSite) args(verb string, more ...string) []string {
	return append(append([]string{verb, "--site", "site.yaml", "--release-key", "key.asc"}, more...), "site.tar")
}

// node stands in for a node's systemd: when the node has a configuration with the
// registry's unit, its registry is started with the files that it got.
func (s *onSite) node(c *site, n int) (*registry.Registry, error) {
	name := fmt.Sprintf("node%d", n)
	files, err := s.files(c, name)
	if err != nil {
		return nil, err
	}
	own := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Join(own, "store"), 0o755); err != nil {
		return nil, err
	}
	text := strings.NewReplacer("0.0.0.0:", fmt.Sprintf("127.0.0.%d:", n), "/etc/distribution", own, "/var/lib/registry", filepath.Join(own, "store")).
		Replace(string(files["config.yml"]))
	files["config.yml"] = []byte(text)
	for base, raw := range files {
		if err := os.WriteFile(filepath.Join(own, base), raw, 0o600); err != nil {
			return nil, err
		}
	}
	return registry.Start(context.Background(), registry.Options{Root: filepath.Join(own, "store"), Config: filepath.Join(own, "config.yml")})
}

// files waits until a node runs a configuration that has the registry, and gives
// the registry's files without their folder.
func (s *onSite) files(c *site, name string) (map[string][]byte, error) {
	const folder = "/etc/drayage-registry/"
	for deadline := time.Now().Add(programTime); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		n, err := kube.Get[corev1.Node](context.Background(), c.c, kube.Nodes, "", name)
		if err != nil || n == nil {
			continue
		}
		mc, err := kube.Get[mcv1.MachineConfig](context.Background(), c.c, kube.MachineConfigs, "", n.Annotations["machineconfiguration.openshift.io/currentConfig"])
		if err != nil || mc == nil {
			continue
		}
		config, err := machineconfig.Parse(mc)
		if err != nil {
			return nil, err
		}
		files := map[string][]byte{}
		for _, f := range config.Storage.Files {
			base, mine := strings.CutPrefix(f.Path, folder)
			if !mine {
				continue
			}
			if files[base], err = machineconfig.File(config, f.Path); err != nil {
				return nil, err
			}
		}
		if len(files) > 0 {
			return files, nil
		}
	}
	return nil, fmt.Errorf("%s: has no registry after %s", name, programTime)
}

// nodes starts the registries of some nodes as they get their configuration. The
// channel has them, or an error, once all run.
func (s *onSite) nodes(c *site, which ...int) func() []*registry.Registry {
	type started struct {
		r   *registry.Registry
		err error
	}
	all := make([]chan started, len(which))
	for i, n := range which {
		all[i] = make(chan started, 1)
		go func() {
			r, err := s.node(c, n)
			all[i] <- started{r, err}
		}()
	}
	return func() []*registry.Registry {
		s.t.Helper()
		var registries []*registry.Registry
		for _, one := range all {
			got := <-one
			if got.err != nil {
				s.t.Fatal(got.err)
			}
			s.t.Cleanup(func() { _ = got.r.Close() })
			registries = append(registries, got.r)
		}
		return registries
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
