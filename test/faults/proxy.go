// Package faults is a registry that is in trouble: a reverse proxy in front of a
// real one that makes answers fail, stall, break off or lie, by rule.
//
//	p, err := faults.Start(registry.Addr(),
//		// the second and third blob that is asked for break off after 1000 bytes
//		faults.Rule{Method: "GET", PathRegexp: "/blobs/sha256:", Nth: 2, Times: 2, Fault: faults.CutAfter(1000)},
//		// every upload is refused at first
//		faults.Rule{Method: "POST", Times: 1, Fault: faults.Status(503, http.Header{"Retry-After": {"1"}})},
//	)
//	defer p.Close()
//	... talk to p.Addr() ...
//
// Each rule counts all the requests that it is about. Of the rules whose turn it
// is, the first one's fault happens, and only that one's. A request that no
// fault happens to goes through unchanged, with the proxy's own address as its
// Host, so that the registry's Location headers lead back to the proxy.
//
// The proxy speaks plain HTTP/1.1 on a loopback address. It may be used by many
// clients at once.
package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"sync"
)

// Request is a request that came to a proxy.
type Request struct {
	Method string
	// Path is as it was sent, without the query.
	Path string
	// Range is the header of that name, empty if there was none.
	Range string
	// Rule is the number of the rule whose fault happened, from 0; -1 if none did.
	Rule int
}

// Proxy is a proxy that was started.
type Proxy struct {
	server   *http.Server
	addr     string
	registry http.Handler
	cancel   context.CancelFunc

	mu       sync.Mutex
	rules    []*counted
	requests []Request
}

// Start starts a proxy on a free port of 127.0.0.1 in front of the registry at
// addr (host:port). Close must be called in the end.
func Start(addr string, rules ...Rule) (*Proxy, error) {
	p := &Proxy{registry: forward(addr)}
	if err := p.SetRules(rules...); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.addr, p.cancel = l.Addr().String(), cancel
	p.server = &http.Server{
		Handler:     p,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    log.New(io.Discard, "", 0),
	}
	go p.server.Serve(l)
	return p, nil
}

// forward is the registry without any fault.
func forward(addr string) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: addr})
			r.Out.Host = r.In.Host
		},
		// Nothing may be added or taken away: no compression, no proxy of the environment.
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
}

// Addr is the proxy's host and port.
func (p *Proxy) Addr() string { return p.addr }

// Close breaks all connections and ends the proxy.
func (p *Proxy) Close() error {
	p.cancel()
	return p.server.Close()
}

// SetRules puts these rules in the place of all there were; their counts begin
// at 0. Requests that are being served keep the fault that they have. The error
// is that of path expressions that do not compile and rules without a fault.
func (p *Proxy) SetRules(rules ...Rule) error {
	var all []*counted
	var errs []error
	for i, r := range rules {
		path, err := regexp.Compile(r.PathRegexp)
		if err == nil && r.Fault == nil {
			err = errors.New("no fault")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("rule %d: %w", i, err))
		}
		all = append(all, &counted{Rule: r, path: path})
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = all
	return nil
}

// Requests are all that came so far, in their order, noted as they came.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// Hits is how many requests the fault of each rule happened to so far.
func (p *Proxy) Hits() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var hits []int
	for _, r := range p.rules {
		hits = append(hits, r.hit)
	}
	return hits
}

// ServeHTTP serves one request, with the fault of the rule whose turn it is.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := p.registry
	if fault := p.note(r); fault != nil {
		h = fault(h)
	}
	h.ServeHTTP(w, r)
}

// note writes a request down and picks its fault, nil if there is none.
func (p *Proxy) note(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	which := -1
	for i, rule := range p.rules {
		if rule.applies(r) && which < 0 {
			which = i
		}
	}
	p.requests = append(p.requests, Request{r.Method, r.URL.EscapedPath(), r.Header.Get("Range"), which})
	if which < 0 {
		return nil
	}
	p.rules[which].hit++
	return p.rules[which].Fault
}
