package oci

import (
	"context"
	"io"
	"sync"
)

// copyBuffer is large enough that a disk and a link see long requests, and
// small enough that a dozen of them do not matter.
const copyBuffer = 256 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, copyBuffer); return &b }}

// copyBuffered copies until EOF and ends with ctx.
func copyBuffered(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	// Hiding ReaderFrom and WriterTo keeps the copy in our buffer and under ctx.
	return io.CopyBuffer(struct{ io.Writer }{w}, contextReader{ctx, r}, *b)
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
