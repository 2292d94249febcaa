package main

import (
	"errors"
	"io"
	"net"
	"time"
)

// probe is how many bytes tell the rate of a link without limit.
const probe = 1 << 30

// throughput sends n bytes up a link of a rate and tells the bytes a second.
func throughput(rate, n int64) (perSecond int64, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	k, err := newLink(l.Addr().String(), rate)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	c, err := net.Dial("tcp", k.addr())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	far, err := l.Accept()
	if err != nil {
		return 0, err
	}
	defer far.Close()
	start := time.Now()
	go send(c, n)
	if _, err := io.CopyN(io.Discard, far, n); err != nil {
		return 0, err
	}
	return int64(float64(n) / time.Since(start).Seconds()), nil
}

// send writes n bytes. An error shows on the other side, which gets too few.
func send(c net.Conn, n int64) {
	b := make([]byte, piece)
	for n > 0 {
		m, err := c.Write(b[:min(n, piece)])
		if err != nil {
			c.Close()
			return
		}
		n -= int64(m)
	}
}
