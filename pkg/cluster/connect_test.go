package cluster

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// kubeconfigFor points at a server and trusts a certificate.
func kubeconfigFor(t *testing.T, url string, cert []byte) string {
	t.Helper()
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: %q, certificate-authority-data: %s}}]\nusers: [{name: u, user: {token: t}}]\ncontexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n", url, ca)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func tlsServer(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(answer)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func refuse(code int, reason, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":%q,"reason":%q,"code":%d}`, message, reason, code)
	}
}

func TestServersThatCannotBeUsed(t *testing.T) {
	good := tlsServer(t, refuse(404, "NotFound", "no"))
	dead := tlsServer(t, nil)
	deadURL, deadCert := dead.URL, dead.Certificate().Raw
	dead.Close()
	unauthorized := tlsServer(t, refuse(401, "Unauthorized", "Unauthorized"))
	forbidden := tlsServer(t, refuse(403, "Forbidden", `clusterversions "version" is forbidden: User "x" cannot get`))
	cases := []struct{ name, kubeconfig, want string }{
		{"dead", kubeconfigFor(t, deadURL, deadCert), deadURL + ": dial tcp " + strings.TrimPrefix(deadURL, "https://") + ": connect: connection refused; see that the API server runs"},
		{"401", kubeconfigFor(t, unauthorized.URL, unauthorized.Certificate().Raw), unauthorized.URL + ": 401 Unauthorized; log in again"},
		{"403", kubeconfigFor(t, forbidden.URL, forbidden.Certificate().Raw), forbidden.URL + `: 403 clusterversions "version" is forbidden: User "x" cannot get; use an account`},
		{"another name", kubeconfigFor(t, strings.Replace(good.URL, "127.0.0.1", "localhost", 1), good.Certificate().Raw), "certificate is valid for example.com"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Connect(t.Context(), ConnectOptions{Kubeconfig: c.kubeconfig})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	if _, err := Connect(t.Context(), ConnectOptions{Kubeconfig: kubeconfigFor(t, good.URL, good.Certificate().Raw)}); err != nil {
		t.Errorf("a server without a ClusterVersion: %v", err)
	}
}

func TestAServerOfAnotherCA(t *testing.T) {
	s := tlsServer(t, refuse(404, "NotFound", "no"))
	path := kubeconfigFor(t, s.URL, s.Certificate().Raw)
	cfg, err := clientcmd.LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Clusters["c"].CertificateAuthorityData = nil
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		t.Fatal(err)
	}
	_, err = Connect(t.Context(), ConnectOptions{Kubeconfig: path})
	if want := s.URL + ": its certificate is of another CA than the kubeconfig's; take the kubeconfig of this cluster"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v", err)
	}
}

func TestKubeconfigsThatCannotBeUsed(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := kubeconfigFor(t, "https://127.0.0.1:1", []byte("x"))
	if _, err := Connect(t.Context(), ConnectOptions{}); !errors.Is(err, ErrNoKubeconfig) {
		t.Errorf("none: %v", err)
	}
	for _, o := range []ConnectOptions{{Kubeconfig: bad}, {Kubeconfig: "/gone"}, {Kubeconfig: good, Context: "other"}, {Kubeconfig: good}} {
		var config *ConfigError
		if _, err := Connect(t.Context(), o); !errors.As(err, &config) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestStatsOfANode(t *testing.T) {
	answer := `{"node":{"fs":{"capacityBytes":100,"usedBytes":40,"availableBytes":60,"inodes":9,"inodesFree":8},"runtime":{"imageFs":{"capacityBytes":7}}}}`
	code := 200
	s := tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/api/v1/nodes/node1/proxy/stats/summary" && code == 200 && r.Header.Get("Authorization") == "Bearer t":
			fmt.Fprint(w, answer)
		case r.URL.Path == "/api/v1/nodes/node1/proxy/stats/summary":
			refuse(code, "Forbidden", "cannot get nodes/proxy")(w, r)
		default:
			refuse(404, "NotFound", "no")(w, r)
		}
	})
	c, err := Connect(t.Context(), ConnectOptions{Kubeconfig: kubeconfigFor(t, s.URL, s.Certificate().Raw)})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.NodeStats(t.Context(), "node1")
	if want := (NodeStats{"node1", Disk{100, 40, 60, 9, 8}, Disk{7, -1, -1, -1, -1}}); err != nil || *got != want {
		t.Errorf("%+v %v", got, err)
	}
	answer = "<html>"
	if _, err := c.NodeStats(t.Context(), "node1"); err == nil || !strings.HasPrefix(err.Error(), "node node1: stats: invalid character") {
		t.Errorf("%v", err)
	}
	code = 403
	if _, err := c.NodeStats(t.Context(), "node1"); err == nil || err.Error() != "node node1: stats: 403 cannot get nodes/proxy" {
		t.Errorf("%v", err)
	}
	if _, known, end := c.traffic.read(); !known || end.IsZero() {
		t.Errorf("nothing was noted of the clock and the certificate")
	}
}

// A pool that cannot be let go is told with the way to do it by hand, also after ^C.
func TestAPoolThatCannotBeLetGo(t *testing.T) {
	s := tlsServer(t, refuse(404, "NotFound", "no"))
	c, err := Connect(t.Context(), ConnectOptions{Kubeconfig: kubeconfigFor(t, s.URL, s.Certificate().Raw)})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	c.limits = limits{away: time.Minute, firstRetry: time.Millisecond, lastRetry: time.Millisecond, letGo: 50 * time.Millisecond}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	want := `MachineConfigPool/master: spec.paused: may still be true: the API server did not answer for 50ms; run the same command again, or: oc patch mcp/master --type merge -p '{"spec":{"paused":false}}'`
	if err := c.letGo(ctx, nil); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestClockDifference(t *testing.T) {
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	cases := []struct {
		date, sent, got, want float64
	}{{10, 10.2, 10.9, 0}, {10, 10.9, 11.5, 0}, {11, 10.9, 11.5, 0}, {15, 10, 11, 4}, {5, 10, 11, -4}}
	for _, c := range cases {
		if got := clockDifference(at(c.date), at(c.sent), at(c.got)).Seconds(); got != c.want {
			t.Errorf("%v: %v", c, got)
		}
	}
}

func TestPatienceHasAnEnd(t *testing.T) {
	c := &Cluster{Info: Info{URL: "https://api"}, limits: limits{away: 30 * time.Millisecond, firstRetry: time.Millisecond, lastRetry: 5 * time.Millisecond}}
	var told notes
	err := c.persist(t.Context(), told.take, func(context.Context) error { return io.ErrUnexpectedEOF })
	if err == nil || err.Error() != "https://api: did not answer for 30ms: unexpected EOF; see that the API server runs, then run the same command again" {
		t.Errorf("%v", err)
	}
	if told.String() != "the API server does not answer (unexpected EOF); it is asked again for 30ms" {
		t.Error(&told)
	}
	calls := 0
	no := errors.New("no")
	if err := c.persist(t.Context(), nil, func(context.Context) error { calls++; return no }); err != no || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := c.persist(ctx, nil, func(context.Context) error { return io.EOF }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
