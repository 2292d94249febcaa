package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// crdFiles are read from the modules of those who define the kinds.
var crdFiles = map[string][]string{
	"github.com/openshift/api@v0.0.0-20260810132456-8f52beb625b5": {
		"operator/v1alpha1/zz_generated.crd-manifests/0000_10_config-operator_01_imagecontentsourcepolicies.crd.yaml",
		"config/v1/zz_generated.crd-manifests/0000_10_config-operator_01_imagedigestmirrorsets.crd.yaml",
		"config/v1/zz_generated.crd-manifests/0000_10_config-operator_01_imagetagmirrorsets.crd.yaml",
		"config/v1/zz_generated.crd-manifests/0000_10_config-operator_01_images.crd.yaml",
		"config/v1/zz_generated.crd-manifests/0000_03_marketplace_01_operatorhubs.crd.yaml",
		"config/v1/zz_generated.crd-manifests/0000_00_cluster-version-operator_01_clusterversions-Default.crd.yaml",
		"machineconfiguration/v1/zz_generated.crd-manifests/0000_80_machine-config_01_machineconfigs.crd.yaml",
		"machineconfiguration/v1/zz_generated.crd-manifests/0000_80_machine-config_01_machineconfigpools-SelfManagedHA.crd.yaml",
		"machineconfiguration/v1/zz_generated.crd-manifests/0000_80_machine-config_01_kubeletconfigs-Default.crd.yaml",
		"machineconfiguration/v1/zz_generated.crd-manifests/0000_80_machine-config_01_pinnedimagesets.crd.yaml",
		"payload-manifests/crds/0000_80_machine-config_01_machineconfigurations.crd.yaml",
	},
	"github.com/operator-framework/api@v0.45.0": {"crds/operators.coreos.com_catalogsources.yaml"},
}

// apiServer starts the real API server that TESTCLUSTER names, and returns its
// kubeconfig. It ends with the test.
func apiServer(t *testing.T) string {
	t.Helper()
	binary := os.Getenv("TESTCLUSTER")
	if binary == "" {
		t.Skip("no API server here: TESTCLUSTER names no binary of one (test/cluster builds it)")
	}
	dir := t.TempDir()
	cmd := exec.Command(binary, append([]string{"-dir", dir}, crds(t)...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready ") {
		raw, _ := os.ReadFile(log.Name())
		t.Fatalf("API server: %q %v %s", line, err, raw[max(0, len(raw)-2000):])
	}
	go io.Copy(io.Discard, out)
	return strings.Fields(line)[1]
}

func crds(t *testing.T) []string {
	t.Helper()
	raw, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for module, names := range crdFiles {
		for _, n := range names {
			path := filepath.Join(strings.TrimSpace(string(raw)), module, n)
			if _, err := os.Stat(path); err != nil {
				t.Skip("definitions of the kinds are not here: ", err)
			}
			files = append(files, path)
		}
	}
	return files
}

// connectFast connects with limits that suit a test.
func connectFast(t *testing.T, kubeconfig, context_ string) *Cluster {
	t.Helper()
	c, err := Connect(t.Context(), ConnectOptions{Kubeconfig: kubeconfig, Context: context_})
	if err != nil {
		t.Fatal(err)
	}
	c.limits = limits{poll: 50 * time.Millisecond, away: 20 * time.Second, firstRetry: 50 * time.Millisecond, lastRetry: 200 * time.Millisecond,
		renderHint: 3 * time.Second, renderEnd: 10 * time.Second, drain: time.Second, degraded: 200 * time.Millisecond, catalogs: 5 * time.Second, letGo: 10 * time.Second}
	return c
}

// put creates an object, with its status.
func put(t *testing.T, c *Cluster, gvr schema.GroupVersionResource, text string) {
	t.Helper()
	u := parse(t, text)
	r := c.dynamic.Resource(gvr)
	var err error
	if ns := u.GetNamespace(); ns != "" {
		_, err = r.Namespace(ns).Create(t.Context(), u.DeepCopy(), metav1.CreateOptions{FieldManager: "admin"})
	} else {
		_, err = r.Create(t.Context(), u.DeepCopy(), metav1.CreateOptions{FieldManager: "admin"})
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := u.Object["status"]; ok {
		setStatus(t.Context(), t, c, gvr, u.GetName(), u.Object["status"].(map[string]any))
	}
}

func setStatus(ctx context.Context, t *testing.T, c *Cluster, gvr schema.GroupVersionResource, name string, status map[string]any) {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.dynamic.Resource(gvr).Patch(ctx, name, mergePatch, raw, metav1.PatchOptions{}, "status"); err != nil && ctx.Err() == nil {
		t.Errorf("status of %s %s: %v", gvr.Resource, name, err)
	}
}
