package cluster

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
)

// gate stands before an API server and can be shut: connections end, and new
// ones are refused.
type gate struct {
	kubeconfig      string
	t               *testing.T
	address, server string
	mu              sync.Mutex
	listener        net.Listener
	conns           []net.Conn
}

var serverLine = regexp.MustCompile(`server: https://(\S+)`)

func openGate(t *testing.T, kubeconfig string) *gate {
	t.Helper()
	raw, err := os.ReadFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, server: string(serverLine.FindSubmatch(raw)[1]), address: "127.0.0.1:0", kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	g.open()
	if err := os.WriteFile(g.kubeconfig, serverLine.ReplaceAll(raw, []byte("server: https://"+g.address)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.shut)
	return g
}

func (g *gate) open() {
	l, err := net.Listen("tcp", g.address)
	if err != nil {
		g.t.Error(err)
		return
	}
	g.mu.Lock()
	g.listener, g.address = l, l.Addr().String()
	g.mu.Unlock()
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go g.pass(in)
		}
	}()
}

func (g *gate) pass(in net.Conn) {
	out, err := net.Dial("tcp", g.server)
	if err != nil {
		in.Close()
		return
	}
	g.mu.Lock()
	g.conns = append(g.conns, in, out)
	g.mu.Unlock()
	go io.Copy(out, in)
	_, _ = io.Copy(in, out)
	in.Close()
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listener.Close()
	for _, c := range g.conns {
		c.Close()
	}
	g.conns = nil
}
