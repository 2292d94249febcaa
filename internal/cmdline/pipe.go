package cmdline

import (
	"context"
	"io"
	"os"

	"github.com/urfave/cli/v2"
)

// pipeBuffer is what is read or written at once, in bytes: what a pipe holds.
const pipeBuffer = 64 << 10

// Stdin is standard input for a verb that reads a pipe. ^C ends a Read of it,
// also one that waits for what does not come; the error is that of the context.
func Stdin(c *cli.Context) io.Reader { return &waitingReader{ctx: c.Context, r: os.Stdin} }

// Piped is w for a verb that writes into a pipe. ^C ends a Write to it, also one
// that waits for who reads; what of it comes out at the other end is not known.
func Piped(c *cli.Context, w io.Writer) io.Writer { return &waitingWriter{ctx: c.Context, w: w} }

// moved is how a Read or a Write ended.
type moved struct {
	n   int
	err error
}

// wait is for do, or for the end of ctx: then do goes on behind the caller's
// back. A pipe from another process has no deadlines, and closing it wakes nobody.
func wait(ctx context.Context, do func() (int, error)) moved {
	if err := ctx.Err(); err != nil {
		return moved{0, err}
	}
	done := make(chan moved, 1)
	go func() {
		n, err := do()
		done <- moved{n, err}
	}()
	select {
	case m := <-done:
		return m
	case <-ctx.Done():
		return moved{0, ctx.Err()}
	}
}

type waitingReader struct {
	ctx  context.Context
	r    io.Reader
	buf  []byte // its own: after the end of ctx r may still write into it
	left []byte
	err  error
}

func (r *waitingReader) Read(b []byte) (int, error) {
	if len(r.left) == 0 && r.err == nil {
		if r.buf == nil {
			r.buf = make([]byte, pipeBuffer)
		}
		m := wait(r.ctx, func() (int, error) { return r.r.Read(r.buf) })
		r.left, r.err = r.buf[:m.n], m.err
	}
	n := copy(b, r.left)
	if r.left = r.left[n:]; len(r.left) > 0 {
		return n, nil
	}
	return n, r.err
}

type waitingWriter struct {
	ctx context.Context
	w   io.Writer
	buf []byte // its own: after the end of ctx w may still read it
	err error
}

func (w *waitingWriter) Write(b []byte) (written int, err error) {
	for len(b) > 0 && w.err == nil {
		w.buf = append(w.buf[:0], b[:min(len(b), pipeBuffer)]...)
		m := wait(w.ctx, func() (int, error) { return w.w.Write(w.buf) })
		b, written, w.err = b[m.n:], written+m.n, m.err
	}
	return written, w.err
}
