package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

const (
	// readyTime is how long an API server may take until it is ready.
	readyTime = 2 * time.Minute
	// pollTime is how often that is looked at.
	pollTime = 50 * time.Millisecond
	// saidBytes is how much of an API server's last words an error has.
	saidBytes = 2000
)

// APIServerVerb is the argument with which the program calls itself to be the
// API server. That is a process of its own so that it can crash.
const APIServerVerb = "apiserver"

// RunAPIServer is kube-apiserver; it ends when standard input closes.
func RunAPIServer(args []string) error {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	cmd := app.NewAPIServerCommand()
	cmd.SetArgs(args)
	return cmd.ExecuteContext(context.Background())
}

// apiServer is kube-apiserver as a child process.
type apiServer struct {
	dir, host string
	args      []string

	mu  sync.Mutex
	cmd *exec.Cmd
	log *os.File
}

func newAPIServer(dir, etcd, tokens string) (*apiServer, error) {
	key, err := writeKey(dir)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	return &apiServer{dir: dir, host: fmt.Sprintf("https://127.0.0.1:%d", port), args: []string{
		APIServerVerb,
		"--etcd-servers=" + etcd,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--cert-dir=" + filepath.Join(dir, "certs"),
		"--authorization-mode=RBAC",
		"--token-auth-file=" + tokens,
		"--service-account-issuer=https://testcluster", "--service-account-key-file=" + key, "--service-account-signing-key-file=" + key,
		"--service-cluster-ip-range=10.0.0.0/24",
		"--endpoint-reconciler-type=none",
		// No address is of this type, so it never asks a kubelet: the front answers for them.
		"--kubelet-preferred-address-types=ExternalDNS",
		// The last would make every node that is created not ready: there is nobody who takes that back.
		"--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
		"-v=0",
	}}, nil
}

// writeKey makes the key that service-account tokens would be signed with.
func writeKey(dir string) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sa.key")
	return path, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}

// The ports below those that the kernel gives to connections: nobody else's
// connection sits on one of them while the server is away or on its way up.
const (
	firstPort  = 20000
	lastPort   = 32000
	portsTried = 100
)

// freePort is a port that was free a moment ago; kube-apiserver takes no 0.
func freePort() (int, error) {
	var err error
	for range portsTried {
		port := firstPort + mathrand.IntN(lastPort-firstPort)
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}

// start starts the process and returns when it is ready. Token is one that may
// ask. The way to it comes back, without a token.
func (a *apiServer) start(ctx context.Context, token string) (*rest.Config, error) {
	ended, err := a.launch()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	var last error
	for {
		select {
		case err := <-ended:
			return nil, fmt.Errorf("kube-apiserver ended: %w: %s", err, a.said())
		case <-ctx.Done():
			return nil, fmt.Errorf("kube-apiserver: %w: %w: %s", ctx.Err(), last, a.said())
		case <-time.After(pollTime):
		}
		var c *rest.Config
		if c, last = a.config(); last != nil {
			continue
		}
		if last = ready(ctx, c, token); last == nil {
			return c, nil
		}
	}
}

func (a *apiServer) launch() (<-chan error, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if a.log, err = os.Create(filepath.Join(a.dir, "kube-apiserver.log")); err != nil {
		return nil, err
	}
	cmd := exec.Command(self, a.args...)
	cmd.Stderr = a.log
	// Both are held open for it by this process: it ends with it in any case.
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for the parent
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	a.cmd = cmd
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(errors.New("process ended"), cmd.Wait()) }()
	return ended, nil
}

func (a *apiServer) config() (*rest.Config, error) {
	ca, err := os.ReadFile(filepath.Join(a.dir, "certs", "apiserver.crt"))
	return &rest.Config{Host: a.host, TLSClientConfig: rest.TLSClientConfig{CAData: ca}, QPS: 500, Burst: 1000}, err
}

func ready(ctx context.Context, c *rest.Config, token string) error {
	c = rest.CopyConfig(c)
	c.BearerToken = token
	client, err := rest.HTTPClientFor(c)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	r, err := client.Get(c.Host + "/readyz")
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != 200 {
		return fmt.Errorf("readyz: %s", r.Status)
	}
	return ctx.Err()
}

// kill ends the process as a crash does.
func (a *apiServer) kill() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cmd != nil {
		a.cmd.Process.Kill()
		a.log.Close()
	}
	a.cmd = nil
}

// said are the last words of its log, on one line.
func (a *apiServer) said() string {
	raw, _ := os.ReadFile(filepath.Join(a.dir, "kube-apiserver.log"))
	return strings.Join(strings.Fields(string(raw[max(0, len(raw)-saidBytes):])), " ")
}
