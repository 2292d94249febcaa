package main

import (
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/urfave/cli/v2"

	"drayage/internal/ui"
)

// serveLog says who asks for which image, one line each.
type serveLog struct {
	next http.Handler
	c    *cli.Context

	mu        sync.Mutex
	clients   map[string]bool
	manifests int
	bytes     int64
	damage    map[string]bool
}

// damaged says once of each blob that the bundle's content is wrong. Clients see
// a connection that is cut, and try again for ever.
func (s *serveLog) damaged(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if line := err.Error(); !s.damage[line] {
		s.damage[line] = true
		fmt.Fprintf(s.c.App.ErrWriter, "%s\n", line)
	}
}

// summary is the last line.
func (s *serveLog) summary() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("served: %d images asked for, %s, clients: %d", s.manifests, ui.Bytes(s.bytes), len(s.clients))
}

func (s *serveLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := &countedAnswer{ResponseWriter: w, status: http.StatusOK}
	defer func() { s.note(r, out) }() // also when the handler breaks off
	s.next.ServeHTTP(out, r)
}

func (s *serveLog) note(r *http.Request, out *countedAnswer) {
	client, _, _ := net.SplitHostPort(r.RemoteAddr)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[client] = true
	s.bytes += out.bytes
	asked := out.image && r.Method == http.MethodGet
	if asked {
		s.manifests++
	}
	if asked || out.status >= http.StatusBadRequest {
		fmt.Fprintf(s.c.App.ErrWriter, "%s: %s %.300q: %d\n", client, r.Method, r.URL.Path, out.status)
	}
}

// countedAnswer remembers what was answered.
type countedAnswer struct {
	http.ResponseWriter
	status int
	bytes  int64
	image  bool
}

func (a *countedAnswer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *countedAnswer) Write(p []byte) (int, error) {
	a.image = a.image || a.Header().Get("Docker-Content-Digest") != "" && a.Header().Get("ETag") == ""
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}
