package cluster

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"drayage/test/cluster/harness"
	"drayage/test/cluster/kube"

	olmv1alpha1 "github.com/operator-framework/api/pkg/operators/v1alpha1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

const anyConfigMap = "{apiVersion: v1, kind: ConfigMap, metadata: {name: any, namespace: openshift-config}}"

func TestUsersMayWhatTheyMay(t *testing.T) {
	c := sharedCluster(t)
	for _, u := range []struct {
		user               string
		read, write, stats int
	}{
		{"admin", 200, 200, 200},
		{"viewer", 200, 403, 200},
		{"nostats", 200, 200, 403},
		{"nobody", 403, 403, 403},
		{"stranger", 401, 401, 401},
	} {
		config, d := client(t, c, u.user)
		if got, _ := get(t.Context(), t, config, "/apis/machineconfiguration.openshift.io/v1/machineconfigpools/master"); got != u.read {
			t.Errorf("%s reads: %d, want %d", u.user, got, u.read)
		}
		if got, _ := get(t.Context(), t, config, statsOf("node1")); got != u.stats {
			t.Errorf("%s asks a kubelet: %d, want %d", u.user, got, u.stats)
		}
		_, err := apply(t, d, anyConfigMap, dryRun)
		if got := status(err); got != u.write {
			t.Errorf("%s writes: %v, want %d", u.user, err, u.write)
		}
	}
}

func status(err error) int {
	if s := apierrors.APIStatus(nil); err == nil {
		return 200
	} else if s, _ = err.(apierrors.APIStatus); s != nil {
		return int(s.Status().Code)
	}
	return 0
}

func statsOf(node string) string { return "/api/v1/nodes/" + node + "/proxy/stats/summary" }

func get(ctx context.Context, t *testing.T, c *rest.Config, path string) (int, string) {
	t.Helper()
	client, err := rest.HTTPClientFor(c)
	if err != nil {
		t.Fatal(err)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := client.Do(q)
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func TestKubeletStats(t *testing.T) {
	c := harness.StartT(t, harness.Options{State: `{"stats": {
		"node2": {"capacityBytes": 1000, "usedBytes": 990, "inodes": 10, "inodesFree": 1},
		"node3": {"empty": true}}}`})
	config, _ := client(t, c, "admin")
	type fs struct{ AvailableBytes, CapacityBytes, UsedBytes, Inodes, InodesFree *uint64 }
	read := func(node string) (s struct {
		Node struct {
			NodeName string
			FS       *fs
			Runtime  struct{ ImageFs *fs }
		}
	}) {
		code, body := get(t.Context(), t, config, statsOf(node))
		if err := json.Unmarshal([]byte(body), &s); err != nil || code != 200 || s.Node.NodeName != node {
			t.Fatalf("%s: %d %s", node, code, body)
		}
		return s
	}
	if s := read("node1"); *s.Node.FS.CapacityBytes != 120e9 || *s.Node.FS.AvailableBytes != 90e9 || s.Node.Runtime.ImageFs == nil {
		t.Errorf("node1: %+v", s)
	}
	if s := read("node2"); *s.Node.FS.AvailableBytes != 10 || *s.Node.FS.InodesFree != 1 {
		t.Errorf("node2: %+v", s)
	}
	if s := read("node3"); s.Node.FS != nil || s.Node.Runtime.ImageFs != nil {
		t.Errorf("node3: %+v", s)
	}
	if code, body := get(t.Context(), t, config, statsOf("node9")); code != 404 {
		t.Errorf("a node that is not there: %d %s", code, body)
	}
	if err := c.Set(t.Context(), `{"stats": {"node1": {"silent": true}, "node2": {"status": 503}}}`); err != nil {
		t.Fatal(err)
	}
	if code, _ := get(t.Context(), t, config, statsOf("node2")); code != 503 {
		t.Errorf("node2: %d", code)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if code, body := get(ctx, t, config, statsOf("node1")); code != 0 || !strings.Contains(body, "deadline") {
		t.Errorf("a silent kubelet answered: %d %s", code, body)
	}
}

// What is misspelt in a test is told: it would otherwise test nothing.
func TestControlRefusesWhatItDoesNotKnow(t *testing.T) {
	c := sharedCluster(t)
	for patch, want := range map[string]string{
		`{"degradedd": {}}`:          "unknown field",
		`{"stepMillis": "fast"}`:     "cannot unmarshal",
		`[]`:                         "cannot unmarshal",
		`{"stats": {"node1": true}}`: "cannot unmarshal",
	} {
		if err := c.Set(t.Context(), patch); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", patch, err, want)
		}
	}
}

// The API server goes away as in a crash. Connections are refused, and then all
// is as it was.
func TestAPIServerComesBack(t *testing.T) {
	c := harness.StartT(t, harness.Options{})
	config, d := client(t, c, "admin")
	mustApply(t, d, anyConfigMap)
	back := make(chan error, 1)
	go func() { back <- c.Restart(t.Context(), time.Second) }()
	eventually(t, "refusal", func() string {
		code, body := get(t.Context(), t, config, "/readyz")
		if code == 0 && strings.Contains(body, "connection refused") {
			return ""
		}
		return body
	})
	if err := <-back; err != nil {
		t.Fatal(err)
	}
	u := object(t, anyConfigMap)
	if _, err := at(t, d, u).Get(t.Context(), "any", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	// The stand-ins are back as well.
	mustApply(t, d, catalogSource)
	catalogState(t, kube.Client{Dynamic: d}, "READY")
}

const catalogSource = "{apiVersion: operators.coreos.com/v1alpha1, kind: CatalogSource, metadata: {name: cs, namespace: openshift-marketplace}, spec: {sourceType: grpc, image: 'quay.io/x/y@sha256:aa'}}"

func catalogState(t *testing.T, c kube.Client, want string) {
	t.Helper()
	eventually(t, "catalog", func() string {
		s, err := kube.Get[olmv1alpha1.CatalogSource](t.Context(), c, kube.CatalogSources, "openshift-marketplace", "cs")
		switch {
		case err != nil:
			return err.Error()
		case s.Status.GRPCConnectionState == nil:
			return "no state"
		case s.Status.GRPCConnectionState.LastObservedState != want:
			return s.Status.GRPCConnectionState.LastObservedState
		}
		return ""
	})
}

func TestCatalogConnects(t *testing.T) {
	c := harness.StartT(t, harness.Options{State: `{"catalogDelayMillis": 2000}`})
	_, d := client(t, c, "admin")
	mustApply(t, d, catalogSource)
	catalogState(t, kube.Client{Dynamic: d}, "CONNECTING")
	catalogState(t, kube.Client{Dynamic: d}, "READY")
	if err := c.Set(t.Context(), `{"catalogs": {"cs": "TRANSIENT_FAILURE"}}`); err != nil {
		t.Fatal(err)
	}
	catalogState(t, kube.Client{Dynamic: d}, "TRANSIENT_FAILURE")
}

// A cluster has the CRDs of its version, but for those that a test takes away.
func TestVersionsHaveTheirCRDs(t *testing.T) {
	for version, c := range map[string]struct {
		without []string
		missing []string
	}{
		"4.9.0":  {nil, []string{"ImageDigestMirrorSet", "PinnedImageSet", "MachineConfiguration"}},
		"4.20.0": {[]string{"imagecontentsourcepolicies"}, []string{"ImageContentSourcePolicy"}},
	} {
		cluster := harness.StartT(t, harness.Options{Version: version, Without: c.without})
		_, d := client(t, cluster, "admin")
		for kind, api := range map[string]string{
			"ImageContentSourcePolicy": "operator.openshift.io/v1alpha1", "ImageDigestMirrorSet": "config.openshift.io/v1",
			"PinnedImageSet": "machineconfiguration.openshift.io/v1", "MachineConfiguration": "operator.openshift.io/v1",
		} {
			_, err := at(t, d, object(t, "{apiVersion: "+api+", kind: "+kind+"}")).List(t.Context(), metav1.ListOptions{})
			want := false
			for _, m := range c.missing {
				want = want || m == kind
			}
			if apierrors.IsNotFound(err) != want {
				t.Errorf("%s: %s: %v, want it missing: %v", version, kind, err, want)
			}
		}
	}
}
