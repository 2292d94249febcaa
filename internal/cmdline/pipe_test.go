package cmdline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// pipe does the first Read or Write, and waits for ever in the second, in which
// somebody presses ^C.
type pipe struct {
	cancel context.CancelFunc
	calls  int
}

func (p *pipe) Read(b []byte) (int, error) {
	if p.calls++; p.calls > 1 {
		p.cancel()
		select {}
	}
	return copy(b, "front"), nil
}

func (p *pipe) Write(b []byte) (int, error) {
	_, err := p.Read(nil)
	return len(b), err
}

// What never comes, or is never taken, is waited for until the context ends.
func TestPipesEndWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := &waitingReader{ctx: ctx, r: &pipe{cancel: cancel}}
	got, err := io.ReadAll(r)
	if string(got) != "front" || !errors.Is(err, context.Canceled) {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("read again: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	w := &waitingWriter{ctx: ctx, w: &pipe{cancel: cancel}}
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
