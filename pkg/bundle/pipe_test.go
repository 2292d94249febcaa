package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"

	"drayage/pkg/oci"
)

// counted counts what is read of it.
type counted struct {
	r io.Reader
	n int
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b[:min(len(b), 512)])
	c.n += n
	return n, err
}

func TestPipeGivesEveryBlob(t *testing.T) {
	may, w := base(t, may().write(t).Path), june()
	for name, written := range map[string]*Written{"a bundle": w.write(t), "a delta": w.delta(t, may)} {
		raw := content(t, written.Path)
		p, err := OpenPipe(once{bytes.NewReader(raw)}, written.Root)
		check(t, err)
		blobs := 0
		for {
			d, err := p.Tape.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			check(t, err)
			got, err := io.ReadAll(p.Tape)
			check(t, err)
			if digest.FromBytes(got) != d.Digest {
				t.Errorf("%s: %s is %s", name, d.Digest, digest.FromBytes(got))
			}
			blobs++
		}
		if blobs != written.Blobs || p.Root != written.Root {
			t.Errorf("%s: %d blobs of %d, root %s", name, blobs, written.Blobs, p.Root)
		}
	}
}

// Of a pipe with another root nothing is read behind index.json.
func TestPipeWithAnotherRoot(t *testing.T) {
	w := newWorld()
	w.image("quay.io/acme/one:v1", strings.Repeat("large", 100_000))
	raw := content(t, w.write(t).Path)
	source := &counted{r: bytes.NewReader(raw)}
	another := (*RootError)(nil)
	_, err := OpenPipe(source, digest.FromString("x"))
	if list := bytes.Index(raw, []byte(`"formatVersion"`)); !errors.As(err, &another) || source.n > list {
		t.Errorf("%v after %d bytes, the packing list is at %d", err, source.n, list)
	}
}

// Each cut within the front is one, whatever it cuts.
func TestPipeCutInItsFront(t *testing.T) {
	written := small().write(t)
	raw := content(t, written.Path)
	a, findings := oci.OpenArchive(bytes.NewReader(raw), int64(len(raw)))
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	end := int(a.Entries()[6].Offset + a.Entries()[6].Size)
	for at := 0; at < end; at += 41 {
		_, err := OpenPipe(bytes.NewReader(raw[:at]), written.Root)
		invalid := (*InvalidError)(nil)
		if !errors.As(err, &invalid) || !invalid.Cut || len(invalid.Findings) != 1 {
			t.Fatalf("cut at %d: %v", at, err)
		}
	}
}

// Streams that want more memory than there is, or are in another order than a pipe has.
func TestHostilePipes(t *testing.T) {
	index := func(size int64) io.Reader {
		var head bytes.Buffer
		check(t, tar.NewWriter(&head).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "index.json", Size: size, Mode: 0o644}))
		return io.MultiReader(bytes.NewReader(content(t, small().write(t).Path)[:1024]), &head, io.LimitReader(zeros{}, 100<<20))
	}
	late := func() io.Reader {
		w := newWorld()
		w.image("quay.io/acme/one:v1", strings.Repeat("x", MaxPipeFront))
		m := w.list()
		slices.Reverse(m.Blobs)
		var out bytes.Buffer
		_, err := Stream(t.Context(), m, w.open, &out, WriteOptions{})
		check(t, err)
		return &out
	}
	for _, c := range []struct {
		name, want string
		r          io.Reader
	}{
		{"nothing", "-: nothing came through the pipe", strings.NewReader("")},
		{"something else", "-: is cut after 14 bytes", strings.NewReader("something else")},
		{"zeros", "-: ends before it begins", zeros{}},
		{"an index of a terabyte", "-: index.json: 1099511627776 bytes, at most 33554432 are read", index(1 << 40)},
		{"a large index", "among the first 33554432 bytes", index(oci.MaxIndex)},
		{"image manifests behind layers", "among the first 33554432 bytes", late()},
		{"a bomb", "-: ends before it begins", packed(t, io.LimitReader(zeros{}, 100<<20))},
		{"a bomb in index.json", "among the first 33554432 bytes", packed(t, index(oci.MaxIndex))},
		{"a window that is too large", "zstd: refers back further than 8388608 bytes", packed(t, io.LimitReader(zeros{}, 64<<20), zstd.WithWindowSize(32<<20))},
		{"no zstd", "zstd: ", bytes.NewReader(append(bytes.Clone(zstdMagic), "nonsense nonsense"...))},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := OpenPipe(c.r, "")
			runtime.ReadMemStats(&after)
			invalid := (*InvalidError)(nil)
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %s", err, c.want)
			}
			// A slice that grows has been some five times as large in sum.
			if got := after.TotalAlloc - before.TotalAlloc; got > 8*MaxPipeFront {
				t.Errorf("took %d bytes of memory", got)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// packed is zstd of a reader.
func packed(t *testing.T, r io.Reader, o ...zstd.EOption) io.Reader {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, o...)
	check(t, err)
	_, err = io.Copy(w, r)
	check(t, errors.Join(err, w.Close()))
	return &out
}

// What Pack makes is read as what it was, by all who read streams.
func TestPackedStream(t *testing.T) {
	w := small()
	written := w.write(t)
	var out bytes.Buffer
	z, err := Pack(&out)
	check(t, err)
	_, err = Stream(t.Context(), w.list(), w.open, z, WriteOptions{})
	check(t, errors.Join(err, z.Close()))
	raw := out.Bytes()
	if len(raw) >= int(written.Bytes)/2 {
		t.Errorf("%d bytes packed, %d without", len(raw), written.Bytes)
	}
	r, err := VerifyStream(t.Context(), bytes.NewReader(raw), written.Root, nil)
	check(t, err)
	if len(r.Findings) > 0 || r.Bytes != written.Bytes {
		t.Errorf("%+v", r)
	}
	p, err := OpenPipe(bytes.NewReader(raw), written.Root)
	check(t, err)
	for err == nil {
		_, err = p.Tape.Next()
	}
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	for _, n := range []int{3, 100, len(raw) / 2, len(raw) - 1} {
		if r, err := VerifyStream(t.Context(), bytes.NewReader(raw[:n]), "", nil); err != nil || len(r.Findings) == 0 {
			t.Errorf("cut at %d: %+v, %v", n, r, err)
		}
	}
}

// Whoever ends a pipe with a context is told so, and not that the bundle is damaged.
func TestPipeWhoseContextEnds(t *testing.T) {
	may := base(t, may().write(t).Path)
	raw := content(t, june().delta(t, may).Path)
	packed := bytes.NewBuffer(nil)
	w, err := Pack(packed)
	check(t, err)
	_, err = w.Write(raw)
	check(t, errors.Join(err, w.Close()))
	ended := iotest.ErrReader(context.Canceled)
	for _, n := range []int{0, 3, 600, 1700, 2500, 4000, 6000} {
		if _, err := OpenPipe(io.MultiReader(bytes.NewReader(raw[:n]), ended), ""); !errors.Is(err, context.Canceled) {
			t.Errorf("after %d bytes: %v", n, err)
		}
		if _, err := OpenPipe(io.MultiReader(bytes.NewReader(packed.Bytes()[:n/8]), ended), ""); !errors.Is(err, context.Canceled) {
			t.Errorf("after %d bytes, packed: %v", n/8, err)
		}
	}
}
