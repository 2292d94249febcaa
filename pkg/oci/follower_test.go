package oci

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"testing"
)

func TestFollowerSumsWhatIsWrittenOutOfOrder(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	w := newFollower(bytes.NewReader(content), int64(len(content)), 5000)
	go func() {
		w.done(9000, int64(len(content)))
		w.done(0, 100)
		w.done(100, 9000)
	}()
	sums, err := w.sums(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, at := 0, 0; at < len(content); i, at = i+1, at+5000 {
		want := sha256.Sum256(content[at:min(at+5000, len(content))])
		if i >= len(sums) || sums[i] != hex.EncodeToString(want[:]) {
			t.Fatalf("sums are %v, and number %d is wrong", sums, i)
		}
	}
}

func TestWritersWaitForAFollowerThatIsFarBehind(t *testing.T) {
	size := int64(farBehind + 2*stride)
	w := newFollower(io.NewSectionReader(zeros{}, 0, size), size, size)
	if err := w.pace(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.done(0, size)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.pace(gone); !errors.Is(err, context.Canceled) {
		t.Fatalf("with %d bytes to be hashed: %v", size, err)
	}
	waited := make(chan error, 1)
	go func() { waited <- w.pace(t.Context()) }()
	if _, err := w.sums(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
}

func TestFollowerEndsWhenTheFileIsCut(t *testing.T) {
	w := newFollower(bytes.NewReader(make([]byte, 10)), 20, 20)
	w.name = "site.tar.partial"
	w.done(0, 20)
	if _, err := w.sums(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) || err.Error() != "site.tar.partial: ends at 10 while it is written: unexpected EOF" {
		t.Fatalf("got %v", err)
	}
}

// zeros is content without an end.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}
