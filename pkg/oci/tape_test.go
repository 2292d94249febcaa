package oci

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// taped is the layout of three blobs, one of them empty, and its bytes.
func taped(t *testing.T) (*Layout, []byte) {
	t.Helper()
	var out bytes.Buffer
	content := map[digest.Digest]string{}
	var parts []ocispec.Descriptor
	for _, s := range []string{"one", "", strings.Repeat("three", 300)} {
		d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromString(s), Size: int64(len(s))}
		content[d.Digest] = s
		parts = append(parts, d)
	}
	l, err := NewLayout([]Named{{Name: "quay.io/acme/one:v1", Descriptor: parts[0]}}, parts)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(l.front())
	for i, e := range l.Blobs {
		out.Write(header(e.Name, e.Size))
		out.WriteString(content[parts[i].Digest])
		out.Write(make([]byte, e.end()-e.Offset-e.Size))
	}
	out.Write(make([]byte, trailer))
	return l, out.Bytes()
}

// play reads of each blob as much as read says, and goes to the end.
func play(l *Layout, r io.Reader, read int64) error {
	tape := l.Tape(r)
	for i := 0; ; i++ {
		d, err := tape.Next()
		if err != nil {
			return err
		}
		if d.Digest != l.Parts[i].Digest {
			return errors.New("another blob")
		}
		raw, err := io.ReadAll(io.LimitReader(tape, read))
		if err != nil {
			return err
		}
		if read > d.Size && digest.FromBytes(raw) != d.Digest {
			return errors.New("another content")
		}
	}
}

func TestTapeGoesToItsEnd(t *testing.T) {
	l, raw := taped(t)
	for _, read := range []int64{0, 1, 1 << 20} {
		if err := play(l, bytes.NewReader(raw), read); !errors.Is(err, io.EOF) {
			t.Errorf("%d bytes of each blob: %v", read, err)
		}
	}
}

// Each cut is one, and each changed byte between blobs is found, also by a reader
// who wants no content.
func TestTapeThatIsCutOrChanged(t *testing.T) {
	l, raw := taped(t)
	for at := range raw {
		for _, read := range []int64{0, 1 << 20} {
			bad := (*TapeError)(nil)
			if err := play(l, bytes.NewReader(raw[:at]), read); !errors.As(err, &bad) || !bad.Cut || !strings.Contains(err.Error(), "is cut after") {
				t.Fatalf("cut at %d: %v", at, err)
			}
		}
		raw[at] ^= 1
		err := play(l, bytes.NewReader(raw), 0)
		raw[at] ^= 1
		within := false
		for _, e := range l.Blobs {
			within = within || int64(at) >= e.Offset && int64(at) < e.Offset+e.Size
		}
		if bad := (*TapeError)(nil); !within && (!errors.As(err, &bad) || bad.Cut) {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
	bad := (*TapeError)(nil)
	if err := play(l, io.MultiReader(bytes.NewReader(raw[:2000]), broken{}), 0); !errors.As(err, &bad) || bad.Cut || !strings.HasSuffix(err.Error(), ": broken") {
		t.Errorf("%v", err)
	}
	if err := play(l, bytes.NewReader(append(raw, 0)), 0); err == nil || !strings.Contains(err.Error(), "goes on after") {
		t.Error(err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("broken") }

// The answer to a request that cannot be repeated is why it would have been.
func TestContentThatHasPassedBy(t *testing.T) {
	f, c := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}), quickClient(t, ClientOptions{})
	n := 0
	err := c.PutPassingBlob(t.Context(), f.repo("a"), blobOf("passing"), func(int64) (io.ReadCloser, error) {
		if n++; n > 1 {
			return nil, ErrPassed
		}
		return io.NopCloser(strings.NewReader("passing")), nil
	})
	if !errors.Is(err, ErrPassed) || n != 2 || !strings.Contains(err.Error(), ": 503 ") {
		t.Errorf("%d requests, %v", n, err)
	}
}
