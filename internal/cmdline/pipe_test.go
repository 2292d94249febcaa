package cmdline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// What never comes is waited for until the context ends, and no longer; what
// came before is given.
func TestPipesEndWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	silent, into := io.Pipe()
	defer into.Close()
	r := &waitingReader{ctx: ctx, r: silent}
	go func() {
		_, _ = into.Write([]byte("front"))
		cancel()
	}()
	got, err := io.ReadAll(r)
	if string(got) != "front" || !errors.Is(err, context.Canceled) {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("read again: %v", err)
	}

	ctx, cancel = context.WithCancel(t.Context())
	from, full := io.Pipe()
	defer from.Close()
	w := &waitingWriter{ctx: ctx, w: full}
	go func() {
		_, _ = io.ReadFull(from, make([]byte, pipeBuffer))
		cancel()
	}()
	if n, err := w.Write(make([]byte, 3*pipeBuffer)); n != pipeBuffer || !errors.Is(err, context.Canceled) {
		t.Errorf("wrote %d, %v", n, err)
	}
}

func TestPipesAreTransparent(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef!"), 20_000)
	if err := iotest.TestReader(&waitingReader{ctx: t.Context(), r: iotest.DataErrReader(bytes.NewReader(content))}, content); err != nil {
		t.Error(err)
	}
	var b bytes.Buffer
	w := &waitingWriter{ctx: t.Context(), w: &b}
	if n, err := w.Write(content); n != len(content) || err != nil || !bytes.Equal(b.Bytes(), content) {
		t.Errorf("wrote %d, %v", n, err)
	}
}
