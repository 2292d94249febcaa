package main

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// accessLog writes a line for each request after it was served, and knows how
// many are being served.
type accessLog struct {
	mu      sync.Mutex
	file    *os.File // nil writes nothing
	started atomic.Bool
	running atomic.Int64
}

func openAccessLog(path string) (*accessLog, error) {
	if path == "" {
		return &accessLog{}, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &accessLog{file: f}, nil
}

// start begins to write: the registry's own first request is none of the log's.
func (l *accessLog) start() { l.started.Store(true) }

func (l *accessLog) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

func (l *accessLog) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.running.Add(1)
		defer l.running.Add(-1)
		c := &countingWriter{ResponseWriter: w}
		// Deferred, so that a response that was cut off is written down too.
		defer l.write(r, c)
		next.ServeHTTP(c, r)
	})
}

func (l *accessLog) write(r *http.Request, c *countingWriter) {
	if l.file == nil || !l.started.Load() {
		return
	}
	if r.Method == http.MethodHead {
		c.bytes = 0 // whatever was written was not sent
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.file, "%s %s %d %d\n", r.Method, r.URL.EscapedPath(), max(c.status, http.StatusOK), c.bytes)
}

// settle waits until no request is being served, at most for d, and tells
// whether that came to be. A client can have a whole response before its
// handler has returned; after settle its line is in the log.
func (l *accessLog) settle(d time.Duration) bool {
	for end := time.Now().Add(d); l.running.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// countingWriter notes the status and the bytes of a body as they pass.
type countingWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *countingWriter) WriteHeader(status int) {
	if c.status < http.StatusOK {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *countingWriter) Write(p []byte) (int, error) {
	c.status = max(c.status, http.StatusOK) // what a Write without a WriteHeader implies
	n, err := c.ResponseWriter.Write(p)
	c.bytes += int64(n)
	return n, err
}

// Flush lets a handler send what it has so far.
func (c *countingWriter) Flush() {
	if f, ok := c.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}
