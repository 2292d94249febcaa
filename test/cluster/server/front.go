package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"drayage/test/cluster/control"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
)

// statsPath is what a kubelet would answer, through the API server.
var statsPath = regexp.MustCompile(`^/api/v1/nodes/([^/]+)/proxy/stats/summary$`)

const (
	// maxBody bounds a request, in bytes; etcd takes 1.5 MB of an object.
	maxBody = 8 << 20
	// headerTime is how long a client may take to say what it wants.
	headerTime = 30 * time.Second
)

// front is what clients speak to: a proxy in front of the API server, under an
// address that stays. It answers for the kubelets, which are not there.
type front struct {
	addr  string
	ca    []byte
	cert  tls.Certificate
	proxy *httputil.ReverseProxy

	mu     sync.Mutex
	server *http.Server
}

func newFront(api *rest.Config, store *control.Store) (*front, error) {
	crt, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"})
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(crt, key)
	if err != nil {
		return nil, err
	}
	to, err := url.Parse(api.Host)
	if err != nil {
		return nil, err
	}
	plain := rest.CopyConfig(api)
	plain.NextProtos = []string{"http/1.1"}
	transport, err := rest.TransportFor(plain)
	if err != nil {
		return nil, err
	}
	p := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:     transport,
		FlushInterval: -1, // a watch is read as it is written
		ErrorLog:      log.New(io.Discard, "", 0),
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p.ModifyResponse = func(r *http.Response) error { return kubelet(store, r) }
	return &front{ca: crt, cert: pair, proxy: p}, nil
}

// open listens, on the same port each time.
func (f *front) open() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	addr := f.addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	f.addr = l.Addr().String()
	f.server = &http.Server{
		Handler:           whole(f.proxy),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{f.cert}},
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // no HTTP/2
		ReadHeaderTimeout: headerTime,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	go f.server.ServeTLS(l, "", "")
	return nil
}

// whole reads a request to its end before it is passed on. An API server says 401
// or 403 before it has read the body, and a proxy that is still passing the body
// on breaks the connection, or waits for ever, in place of the answer.
func whole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		if len(body) == 0 {
			r.Body = http.NoBody
		}
		next.ServeHTTP(w, r)
	})
}

// shut refuses connections and breaks those that there are.
func (f *front) shut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.server.Close()
}

// kubelet puts a summary in the place of the API server's complaint that it finds
// no kubelet. Its word that somebody may not ask, or that there is no such node,
// stands.
func kubelet(store *control.Store, r *http.Response) error {
	m := statsPath.FindStringSubmatch(r.Request.URL.Path)
	if m == nil || r.StatusCode < 500 {
		return nil
	}
	s, ok := store.State().Stats[m[1]]
	if !ok {
		s = control.DefaultStats()
	}
	if s.Silent {
		<-r.Request.Context().Done()
		return r.Request.Context().Err()
	}
	r.Body.Close()
	r.StatusCode, r.Header = http.StatusOK, http.Header{"Content-Type": {"application/json"}}
	body := summary(m[1], s)
	if s.Status != 0 {
		r.StatusCode, body = s.Status, "made up\n"
	}
	r.Status = http.StatusText(r.StatusCode)
	r.ContentLength, r.Body = int64(len(body)), io.NopCloser(strings.NewReader(body))
	return nil
}

// summary is a kubelet's answer: a node with one file system for everything.
func summary(node string, s control.Stats) string {
	now := time.Now().UTC().Format(time.RFC3339)
	fs := map[string]any{"time": now}
	if !s.Empty {
		fs["availableBytes"], fs["capacityBytes"], fs["usedBytes"] = s.CapacityBytes-min(s.CapacityBytes, s.UsedBytes), s.CapacityBytes, s.UsedBytes
		fs["inodesFree"], fs["inodes"], fs["inodesUsed"] = s.InodesFree, s.Inodes, s.Inodes-min(s.Inodes, s.InodesFree)
	}
	n := map[string]any{"nodeName": node, "startTime": now, "fs": fs, "runtime": map[string]any{"imageFs": fs}}
	if s.Empty {
		delete(n, "fs")
		n["runtime"] = map[string]any{}
	}
	raw, _ := json.Marshal(map[string]any{"node": n, "pods": []any{}}) // numbers and strings only: it cannot go wrong
	return string(raw)
}

// restart is a crash of the API server and its return.
func (c *cluster) restart(ctx context.Context, down time.Duration) error {
	c.front.shut()
	c.api.kill()
	select {
	case <-ctx.Done():
	case <-time.After(down):
	}
	// Whoever asked may be gone: the cluster comes back all the same.
	if _, err := c.api.start(context.WithoutCancel(ctx), c.users.admin()); err != nil {
		return err
	}
	return c.front.open()
}
