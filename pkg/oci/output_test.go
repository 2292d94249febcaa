package oci

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// full takes headers and no content.
type full struct{ *os.File }

var errFull = &os.PathError{Op: "write", Path: "/media/usb/site.tar", Err: syscall.ENOSPC}

func (f full) WriteAt(b []byte, at int64) (int, error) {
	if strings.Contains(string(b), "basebase") {
		return 0, errFull
	}
	return f.File.WriteAt(b, at)
}

func (f full) Write(b []byte) (int, error) { return f.WriteAt(b, 0) }

// worn can be written and not read.
type worn struct{ *os.File }

func (worn) ReadAt([]byte, int64) (int, error) {
	return 0, &os.PathError{Op: "read", Path: "/media/usb/site.tar", Err: syscall.EIO}
}

// What the medium says is not said of a blob, nor of the images that need it.
func TestErrorsOfTheOutputAreNoBlobs(t *testing.T) {
	w := small()
	l := w.layout(t)
	file, err := os.Create(filepath.Join(t.TempDir(), "site.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, wrote := l.Write(t.Context(), full{file}, w.open, WriteOptions{})
	streamed := l.Stream(t.Context(), full{file}, w.open, nil)
	for _, err := range []error{wrote, streamed} {
		if err != error(errFull) {
			t.Errorf("got %v", err)
		}
	}
	kept := func(d digest.Digest) int64 { return int64(len(w.blobs[d])) }
	if _, err := l.Write(t.Context(), worn{file}, w.open, WriteOptions{Kept: kept}); !errors.Is(err, syscall.EIO) || errors.As(err, new(*BlobError)) {
		t.Errorf("got %v", err)
	}
	lost := func(context.Context, ocispec.Descriptor) (io.ReadCloser, error) { return nil, syscall.ECONNRESET }
	if _, err := l.Write(t.Context(), file, lost, WriteOptions{}); !errors.As(err, new(*BlobError)) {
		t.Errorf("got %v", err)
	}
}

// What is told of a blob as its size is proven, also when all of it is written
// before it is.
func TestWroteTellsTheSizeOfWhatIsProven(t *testing.T) {
	content := strings.Repeat("x", noteEvery)
	w := newWorld()
	w.image("quay.io/a/one:v1", content)
	d := digest.FromString(content)
	file, err := os.Create(filepath.Join(t.TempDir(), "site.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	l := w.layout(t)
	for _, right := range []bool{false, true} {
		if !right {
			w.blobs[d] = []byte(strings.Repeat("y", noteEvery))
		} else {
			w.blobs[d] = []byte(content)
		}
		var mu sync.Mutex
		told := 0
		_, err := l.Write(t.Context(), file, w.open, WriteOptions{Wrote: func(of digest.Digest, n int64) {
			mu.Lock()
			defer mu.Unlock()
			if of == d && n == noteEvery {
				told++
			}
		}})
		if (err == nil) != right || (told == 1) != right || told > 1 {
			t.Errorf("right %v: told %d times, %v", right, told, err)
		}
	}
}
