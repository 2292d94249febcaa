package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drayage/test/cluster/harness"
	"drayage/test/registry"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"
)

// bin is the folder of the programs, built for this run.
var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "drayage-cluster-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	// Each of the module that it belongs to, with that one's versions.
	root := filepath.Join("..", "..")
	for _, p := range []struct{ name, module, pkg string }{
		{"bundle", root, "./cmd/bundle"},
		{"import", root, "./cmd/import"},
		{"registry", filepath.Join(root, "test"), "./cmd/registry"},
	} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, p.name), p.pkg)
		build.Dir = p.module
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n%s", p.name, err, out)
			return 1
		}
	}
	os.Setenv(registry.BinaryEnv, dir)
	defer stopShared()
	return m.Run()
}

// program runs one of the two programs to its end, which must be a good one.
func program(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(bin, name), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &out, &errs)
	}
	return out.String()
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// shared is a cluster for tests that leave nothing behind.
var shared struct {
	once    sync.Once
	cluster *harness.Cluster
	err     error
}

func sharedCluster(t *testing.T) *harness.Cluster {
	t.Helper()
	shared.once.Do(func() { shared.cluster, shared.err = harness.Start(context.Background(), harness.Options{}) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster
}

func stopShared() {
	if shared.cluster != nil {
		shared.cluster.Stop()
	}
	if world.source != nil {
		world.source.Close()
		world.store.Close()
	}
}

// client is a dynamic client of a cluster's user.
func client(t *testing.T, c *harness.Cluster, user string) (*rest.Config, dynamic.Interface) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.KubeconfigOf(user))
	if err != nil {
		t.Fatal(err)
	}
	config.QPS, config.Burst = 200, 400
	config.Timeout = 30 * time.Second // what hangs is an error, with a place
	d, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return config, d
}

// resources are the plural names of kinds, and whether they stand in a namespace.
var resources = map[string]struct {
	plural     string
	namespaced bool
}{
	"ConfigMap":                {"configmaps", true},
	"Secret":                   {"secrets", true},
	"Node":                     {"nodes", false},
	"ImageContentSourcePolicy": {"imagecontentsourcepolicies", false},
	"ImageDigestMirrorSet":     {"imagedigestmirrorsets", false},
	"ImageTagMirrorSet":        {"imagetagmirrorsets", false},
	"Image":                    {"images", false},
	"OperatorHub":              {"operatorhubs", false},
	"ClusterVersion":           {"clusterversions", false},
	"MachineConfig":            {"machineconfigs", false},
	"MachineConfigPool":        {"machineconfigpools", false},
	"MachineConfiguration":     {"machineconfigurations", false},
	"KubeletConfig":            {"kubeletconfigs", false},
	"PinnedImageSet":           {"pinnedimagesets", false},
	"CatalogSource":            {"catalogsources", true},
	"ClusterCatalog":           {"clustercatalogs", false},
}

// object reads one object of YAML or JSON.
func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return u
}

func at(t *testing.T, d dynamic.Interface, u *unstructured.Unstructured) dynamic.ResourceInterface {
	t.Helper()
	r, ok := resources[u.GetKind()]
	if !ok {
		t.Fatalf("kind %s: add it to resources", u.GetKind())
	}
	gv, err := schema.ParseGroupVersion(u.GetAPIVersion())
	if err != nil {
		t.Fatal(err)
	}
	if r.namespaced {
		return d.Resource(gv.WithResource(r.plural)).Namespace(u.GetNamespace())
	}
	return d.Resource(gv.WithResource(r.plural))
}

// apply is server-side apply, as `oc apply --server-side` does it.
func apply(t *testing.T, d dynamic.Interface, text string, more ...func(*metav1.ApplyOptions)) (*unstructured.Unstructured, error) {
	t.Helper()
	u := object(t, text)
	o := metav1.ApplyOptions{FieldManager: "test"}
	for _, m := range more {
		m(&o)
	}
	return at(t, d, u).Apply(t.Context(), u.GetName(), u, o)
}

func dryRun(o *metav1.ApplyOptions) { o.DryRun = []string{metav1.DryRunAll} }

func mustApply(t *testing.T, d dynamic.Interface, text string) *unstructured.Unstructured {
	t.Helper()
	u, err := apply(t, d, text)
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return u
}

// eventually waits until what it is given holds; its last words are the error.
func eventually(t *testing.T, what string, holds func() string) {
	t.Helper()
	deadline, last := time.Now().Add(time.Minute), ""
	for time.Now().Before(deadline) {
		if last = holds(); last == "" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s: %s", what, last)
}
