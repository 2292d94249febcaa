package bundle

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/oci"
)

// once is a reader that is nothing else.
type once struct{ r io.Reader }

func (o once) Read(b []byte) (int, error) { return o.r.Read(b[:min(len(b), 1000)]) }

func TestStreamHasTheBytesOfTheFile(t *testing.T) {
	w := large()
	written := w.write(t)
	var out bytes.Buffer
	s, err := Stream(t.Context(), w.list(), w.open, &out, WriteOptions{})
	check(t, err)
	if !bytes.Equal(out.Bytes(), content(t, written.Path)) || s.SHA256 != "" || s.Root != written.Root || s.Bytes != written.Bytes {
		t.Errorf("%+v, want %+v", s, written)
	}
}

func TestStreamEndsAtAWrongBlob(t *testing.T) {
	w := small()
	wrong := func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
		if d.Digest == digest.FromString("one") {
			return io.NopCloser(strings.NewReader("two")), nil
		}
		return w.open(ctx, d)
	}
	var out bytes.Buffer
	_, err := Stream(t.Context(), w.list(), wrong, &out, WriteOptions{})
	bad := (*oci.ContentError)(nil)
	if !errors.As(err, &bad) || out.Len() == len(content(t, w.write(t).Path)) {
		t.Errorf("%v after %d bytes", err, out.Len())
	}
}

func TestVerifyStream(t *testing.T) {
	may, w := base(t, may().write(t).Path), june()
	for name, written := range map[string]*Written{"a bundle": w.write(t), "a delta": w.delta(t, may)} {
		raw := content(t, written.Path)
		want, err := Verify(t.Context(), written.Path, written.Root, nil)
		check(t, err)
		got, err := VerifyStream(t.Context(), once{bytes.NewReader(raw)}, written.Root, nil)
		check(t, err)
		if len(got.Findings) > 0 || got.Images != want.Images || got.Blobs != want.Blobs || got.Bytes != want.Bytes || got.Root != want.Root {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		another := (*RootError)(nil)
		if _, err := VerifyStream(t.Context(), bytes.NewReader(raw), digest.FromString("x"), nil); !errors.As(err, &another) {
			t.Errorf("%s: %v", name, err)
		}
		for _, n := range []int{0, 1, 600, 5000, len(raw) / 2, len(raw) - 1} {
			if r, err := VerifyStream(t.Context(), bytes.NewReader(raw[:n]), "", nil); err != nil || len(r.Findings) == 0 {
				t.Errorf("%s cut at %d: %+v, %v", name, n, r, err)
			}
		}
		if r, err := VerifyStream(t.Context(), bytes.NewReader(append(raw, 0)), "", nil); err != nil || len(r.Findings) != 1 {
			t.Errorf("%s and a byte more: %+v, %v", name, r, err)
		}
	}
}

// As from a file, each byte that is changed is found, and a blob's with its images.
func TestFlippedBytesOfAStreamAreFound(t *testing.T) {
	w := newWorld()
	w.image("quay.io/acme/one:v1", "one", "same")
	raw := content(t, w.write(t).Path)
	for at := 0; at < len(raw); at += flipEvery {
		raw[at] ^= 1
		r, err := VerifyStream(t.Context(), bytes.NewReader(raw), "", nil)
		raw[at] ^= 1
		if err != nil || len(r.Findings) == 0 {
			t.Fatalf("byte %d: %+v, %v", at, r, err)
		}
	}
	at := bytes.Index(raw, []byte("same"))
	raw[at] ^= 1
	r, err := VerifyStream(t.Context(), bytes.NewReader(raw), "", nil)
	if err != nil || len(r.Findings) != 1 || len(r.Findings[0].Images) != 1 || !strings.HasPrefix(r.Findings[0].Problem, "content is sha256:") {
		t.Errorf("%+v, %v", r, err)
	}
}
