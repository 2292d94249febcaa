package oci

import (
	"io"
	"net/http"
	"sync"
)

// blobContent is the content of a blob that is sent, in one request or several.
// It is read on where it stands, and opened anew where bytes are needed that have
// passed already. None of it is kept.
type blobContent struct {
	open func(at int64) (io.ReadCloser, error)
	r    io.ReadCloser // nil while nothing is open
	at   int64         // where r stands
	last *bodyPart
}

// part is n bytes from an offset on, as the body of a request. The one before is
// no longer read.
func (c *blobContent) part(at, n int64) (io.ReadCloser, error) {
	c.last.end()
	if c.r == nil || c.at != at {
		c.close()
		r, err := c.open(at)
		if err != nil {
			return nil, err
		}
		c.r, c.at = r, at
	}
	c.last = &bodyPart{c: c, left: n}
	return c.last, nil
}

func (c *blobContent) close() {
	c.last.end()
	if c.r != nil {
		c.r.Close()
	}
	c.r = nil
}

// passed tells whether content has been read up to an offset.
func (c *blobContent) passed(at int64) bool {
	c.last.end()
	return c.r != nil && c.at == at
}

// bodyPart is the body of one request. net/http may still read from it, and close
// it, when the request has been answered.
type bodyPart struct {
	c    *blobContent
	mu   sync.Mutex
	left int64 // not read yet; 0 in the end
	over bool
}

func (p *bodyPart) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.over:
		return 0, http.ErrBodyReadAfterClose
	case p.left == 0:
		return 0, io.EOF
	}
	n, err := p.c.r.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	p.c.at += int64(n)
	if err == io.EOF && p.left == 0 {
		err = nil
	} else if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// end waits for a read that is under way. There is none after it.
func (p *bodyPart) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
}

// Close is net/http's: the content stays open for the next part.
func (p *bodyPart) Close() error { return nil }
