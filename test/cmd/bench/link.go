package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// piece is how many bytes pass a link before its rate is looked at.
	piece = 64 << 10
	// slack is how long a link that was idle may make up for it. On a busy
	// machine it is woken late, and without slack would pass less than its rate.
	slack = 50 * time.Millisecond
)

// link is a line of limited rate to a registry, each way: bytes of all its
// connections pass one after the other. It does not look at what passes.
type link struct {
	l    net.Listener
	to   string
	up   pace
	down pace

	mu    sync.Mutex
	conns map[net.Conn]bool // nil once closed
}

// newLink listens on loopback and leads to an address. A rate of 0 bytes a
// second is no limit.
func newLink(to string, rate int64) (*link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k := &link{l: l, to: to, up: pace{rate: rate}, down: pace{rate: rate}, conns: map[net.Conn]bool{}}
	go k.serve()
	return k, nil
}

func (k *link) addr() string { return k.l.Addr().String() }

// close breaks all connections.
func (k *link) close() error {
	err := k.l.Close()
	k.mu.Lock()
	defer k.mu.Unlock()
	for c := range k.conns {
		err = errors.Join(err, c.Close())
	}
	k.conns = nil
	return err
}

func (k *link) serve() {
	for {
		near, err := k.l.Accept()
		if err != nil {
			return // closed
		}
		go k.join(near)
	}
}

// join leads one connection on until both sides have ended.
func (k *link) join(near net.Conn) {
	far, err := net.Dial("tcp", k.to)
	if err != nil {
		near.Close()
		return
	}
	if !k.keep(near, far) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { pass(far.(*net.TCPConn), near, &k.up) })
	both.Go(func() { pass(near.(*net.TCPConn), far, &k.down) })
	both.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range []net.Conn{near, far} {
		if k.conns[c] {
			delete(k.conns, c)
			c.Close()
		}
	}
}

func (k *link) keep(conns ...net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range conns {
		if k.conns == nil {
			c.Close()
			continue
		}
		k.conns[c] = true
	}
	return k.conns != nil
}

// pass copies until from ends. The kernel moves the bytes (splice), so the
// link costs little; a piece that comes in parts is passed on in these parts.
func pass(to *net.TCPConn, from net.Conn, p *pace) {
	for {
		n, err := io.CopyN(to, from, piece)
		p.take(n)
		if err != nil {
			to.CloseWrite()
			return
		}
	}
}

// pace lets so many bytes a second go by.
type pace struct {
	rate int64
	mu   sync.Mutex
	next time.Time // when all that was let by has gone
}

// take waits until n bytes more have gone by.
func (p *pace) take(n int64) {
	if p.rate == 0 || n == 0 {
		return
	}
	p.mu.Lock()
	if earliest := time.Now().Add(-slack); p.next.Before(earliest) {
		p.next = earliest
	}
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	wait := time.Until(p.next)
	p.mu.Unlock()
	time.Sleep(wait)
}
