package oci

import (
	"archive/tar"
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// FuzzOpenArchive: whatever the bytes are, opening and verifying them ends,
// does not panic, takes memory by the size of the file and not by what the file
// says, and never finds a changed bundle good under the root of the good one.
func FuzzOpenArchive(f *testing.F) {
	good := bundleOf(f, small())
	f.Add(good)
	f.Add(bundleOf(f, newWorld()))
	for _, raw := range mutations(good, 200) {
		f.Add(raw)
	}
	for _, size := range []int64{1 << 33, 1 << 62, 1<<63 - 1} {
		f.Add(giant(f, good, size))
	}
	a, _ := OpenArchive(bytes.NewReader(good), int64(len(good)))
	root := a.Root
	f.Fuzz(func(t *testing.T, raw []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		a, findings := OpenArchive(bytes.NewReader(raw), int64(len(raw)))
		if a == nil && len(findings) == 0 {
			t.Error("no archive, and nothing found")
		}
		if a != nil {
			more, err := a.Verify(t.Context(), nil)
			if err != nil {
				t.Error(err)
			}
			findings = append(findings, more...)
			if len(findings) == 0 && a.Root == root && !bytes.Equal(raw, good) {
				t.Error("changed, and nothing found")
			}
		}
		for _, found := range findings {
			if strings.ContainsAny(found.Entry, "\x1b\x00") || strings.ContainsAny(found.Problem, "\x1b\x00") {
				t.Errorf("finding with control characters: %q", found)
			}
		}
		runtime.ReadMemStats(&after)
		// A megabyte at a time is searched for the next header after a damaged one.
		if took, most := after.TotalAlloc-before.TotalAlloc, uint64(64<<20+200*len(raw)); took > most {
			t.Errorf("%d bytes took %d bytes of memory, want at most %d", len(raw), took, most)
		}
	})
}

func bundleOf(t testing.TB, w *world) []byte {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "bundle.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var roots []Root
	var parts []ocispec.Descriptor
	for _, i := range w.images {
		roots = append(roots, i.Root())
	}
	links, err := Parts(roots, w.manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		parts = append(parts, link.Descriptor)
	}
	l, err := NewLayout(w.images, parts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Write(t.Context(), f, w.open, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// mutations are changed copies, the same with each run.
func mutations(good []byte, n int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	var all [][]byte
	for range n {
		raw := bytes.Clone(good)
		for range 1 + r.IntN(4) {
			at, size := r.IntN(len(raw)), 1+r.IntN(64)
			end := min(len(raw), at+size)
			switch r.IntN(5) {
			case 0:
				raw[at] ^= 1 << r.IntN(8)
			case 1: // lose a piece
				raw = append(raw[:at:at], raw[end:]...)
			case 2: // double a block
				at = at / block * block
				raw = append(raw[:at:at], raw[max(0, at-block):]...)
			case 3: // a number becomes a large one
				for i := at; i < end; i++ {
					if raw[i] >= '0' && raw[i] <= '9' {
						raw[i] = '7'
					}
				}
			case 4:
				raw = raw[:max(1, at)]
			}
		}
		all = append(all, raw)
	}
	return all
}

// giant is a bundle one of whose entries says that it is enormous.
func giant(t testing.TB, good []byte, size int64) []byte {
	t.Helper()
	name := blobPrefix + strings.Repeat("a", 64)
	h := header(name, size)
	if got, err := tar.NewReader(bytes.NewReader(h)).Next(); err != nil || got.Size != size {
		t.Fatalf("size %s: %v", strconv.FormatInt(size, 10), err)
	}
	raw := bytes.Clone(good[:len(good)-trailer])
	return append(append(raw, h...), make([]byte, 4*block)...)
}
