package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

const (
	// readyTime is how long a cluster may take to start; alone it needs five seconds.
	readyTime = 3 * time.Minute
	// controlTime is how long one answer of its control endpoint may take.
	controlTime = 30 * time.Second
)

// testCluster is a running cluster of test/cluster: a real API server with
// stand-ins for the operators. That module is not known here, so that Kubernetes
// does not get into the product's modules: it is a program, and its control
// endpoint is spoken to as its package control says.
type testCluster struct {
	t          *testing.T
	kubeconfig string
	control    string
}

// startCluster starts the program that TESTCLUSTER names, OpenShift 4.16.3, with
// a part of its control state. It ends with the test.
func startCluster(t *testing.T, state string) *testCluster {
	t.Helper()
	binary := os.Getenv("TESTCLUSTER")
	if binary == "" {
		t.Skip("no API server here: TESTCLUSTER names no binary of one (make test-cluster builds it)")
	}
	dir := t.TempDir()
	ctx, stop := context.WithTimeout(context.Background(), readyTime)
	cmd := exec.Command(binary, "-dir", filepath.Join(dir, "cluster"), "-openshift", "4.16.3", "-state", state)
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	var said strings.Builder
	cmd.Stderr = &said
	for _, err := range []error{inErr, outErr, cmd.Start()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { stop(); in.Close(); _ = cmd.Wait() })
	late := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	late()
	c := &testCluster{t: t}
	if _, scan := fmt.Sscanf(line, "ready %s %s\n", &c.kubeconfig, &c.control); err != nil || scan != nil {
		t.Fatalf("%s: %q %v: %s", binary, line, err, &said)
	}
	return c
}

// set changes what goes wrong in the cluster, by a part of its control state.
func (c *testCluster) set(patch string) {
	c.t.Helper()
	c.call(http.MethodPatch, "/state", patch)
}

// drains counts the drains so far, of all nodes.
func (c *testCluster) drains() int {
	c.t.Helper()
	var journal []struct{ Subject, Step string }
	if err := json.Unmarshal(c.call(http.MethodGet, "/journal", ""), &journal); err != nil {
		c.t.Fatal(err)
	}
	n := 0
	for _, e := range journal {
		if e.Step == "drain" {
			n++
		}
	}
	return n
}

func (c *testCluster) call(method, path, body string) []byte {
	c.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), controlTime)
	defer stop()
	q, err := http.NewRequestWithContext(ctx, method, c.control+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	raw, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		c.t.Fatalf("%s %s: %d %v: %s", method, path, r.StatusCode, err, raw)
	}
	return raw
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

// put creates an object, as an administrator.
func put(t *testing.T, c *Cluster, gvr schema.GroupVersionResource, text string) {
	t.Helper()
	u := parse(t, text)
	if _, err := at(c, gvr, u.GetNamespace()).Create(t.Context(), u, metav1.CreateOptions{FieldManager: "admin"}); err != nil {
		t.Fatal(err)
	}
}

// patch changes an object that is there, as an administrator.
func patch(t *testing.T, c *Cluster, gvr schema.GroupVersionResource, namespace, name, merge string) {
	t.Helper()
	if _, err := at(c, gvr, namespace).Patch(t.Context(), name, mergePatch, []byte(merge), metav1.PatchOptions{FieldManager: "admin"}); err != nil {
		t.Fatal(err)
	}
}

func at(c *Cluster, gvr schema.GroupVersionResource, namespace string) dynamic.ResourceInterface {
	if namespace != "" {
		return c.dynamic.Resource(gvr).Namespace(namespace)
	}
	return c.dynamic.Resource(gvr)
}
