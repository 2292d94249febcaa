package torture

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"drayage/pkg/bundle"
	"drayage/pkg/oci"
	"drayage/test/content"
)

const (
	// flipsAll is how many bytes are flipped, a third in each of three bundles.
	flipsAll = 10_500
	// flipsByProgram is how many more in each by a process of its own.
	flipsByProgram = 34
	// volumeSize is what the volumes have here. No program writes such small ones.
	volumeSize = 100_000
	// blockSize is that of a tar.
	blockSize = 512
)

// part is what a byte of a bundle belongs to.
type part struct {
	begin, end int64
	kind       string // header, content, padding or end
	entry      string // of the tar, empty for the end
}

// parts are a bundle's from its first byte to its last.
func parts(t *testing.T, path string) []part {
	t.Helper()
	b, err := bundle.Open(path, "")
	check(t, err)
	defer b.Close()
	var all []part
	add := func(begin, end int64, kind, entry string) {
		if end > begin {
			all = append(all, part{begin, end, kind, entry})
		}
	}
	at := int64(0)
	for _, e := range b.Entries() {
		end := (e.Offset + e.Size + blockSize - 1) / blockSize * blockSize
		add(e.Header, e.Offset, "header", e.Name)
		add(e.Offset, e.Offset+e.Size, "content", e.Name)
		add(e.Offset+e.Size, end, "padding", e.Name)
		at = end
	}
	add(at, b.Size(), "end", "")
	return all
}

// flip is a byte that is changed.
type flip struct {
	part part
	at   int64
	mask byte
}

func (f flip) String() string {
	return fmt.Sprintf("byte %d ^ %#02x, %s of %q", f.at, f.mask, f.part.kind, f.part.entry)
}

// randomFlip takes every second time any byte, and otherwise any part: there are
// few headers, and a layer is large.
func randomFlip(random *rand.Rand, all []part) flip {
	p := all[random.IntN(len(all))]
	at := p.begin + random.Int64N(p.end-p.begin)
	if random.IntN(2) == 0 {
		at = random.Int64N(all[len(all)-1].end)
		for _, p = range all {
			if at < p.end {
				break
			}
		}
	}
	return flip{p, at, byte(1 + random.IntN(255))}
}

// names says whether the findings name what the byte belongs to: the blob by its
// digest, index.json and oci-layout by their names, a header by its entry or its
// offset, and the end of the tar.
func (f flip) names(findings []string) bool {
	for _, s := range findings {
		switch {
		case f.part.kind == "end" && (strings.Contains(s, "the end of the tar") || strings.Contains(s, "the tar ends at")):
			return true
		case (f.part.kind == "header" || f.part.kind == "end") && strings.Contains(s, fmt.Sprintf("offset %d", f.part.begin)):
			return true
		case f.part.entry != "" && strings.Contains(s, strings.TrimPrefix(f.part.entry, "blobs/sha256/")):
			return true
		}
	}
	return false
}

// copyOfBundle is a worker's own bundle, in one file or in several.
type copyOfBundle struct {
	path  string // what verify is given
	files []string
	each  int64 // bytes of a file but the last
}

func newCopy(t *testing.T, files []string) *copyOfBundle {
	t.Helper()
	c := &copyOfBundle{}
	dir := t.TempDir()
	for i, from := range files {
		raw := read(t, from)
		to := filepath.Join(dir, filepath.Base(from))
		check(t, os.WriteFile(to, raw, 0o644))
		c.files = append(c.files, to)
		if i == 0 {
			c.path, c.each = to, int64(len(raw))
		}
	}
	return c
}

// change flips a byte; a second time puts it right.
func (c *copyOfBundle) change(f flip) error {
	file, err := os.OpenFile(c.files[f.at/c.each], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	b := make([]byte, 1)
	if _, err := file.ReadAt(b, f.at%c.each); err != nil {
		return err
	}
	b[0] ^= f.mask
	_, err = file.WriteAt(b, f.at%c.each)
	return err
}

// shapes are the bundles that are tortured: one file, volumes, a delta.
func shapes(t *testing.T) map[string][]string {
	t.Helper()
	src, f := filled(t, content.Options{Size: 128 << 10, Incompressible: true})
	dir := connected(t, src.Addr(), f)
	good(t, dir, "bundle", buildArgs()...)
	raw := read(t, filepath.Join(dir, "site.tar"))
	var volumes []string
	for n := 1; len(raw) > 0; n++ {
		size := min(volumeSize, len(raw))
		volumes = append(volumes, write(t, dir, bundle.VolumeName("parts.tar", n), string(raw[:size])))
		raw = raw[size:]
	}
	plain := filepath.Join(dir, "base.tar")
	check(t, os.Rename(filepath.Join(dir, "site.tar"), plain))
	check(t, content.Push(t.Context(), src.Addr(), content.PushOptions{}, layered(t, 100_000)))
	good(t, dir, "bundle", buildArgs("--base", "base.tar")...)
	return map[string][]string{"plain": {plain}, "volumes": volumes, "delta": {filepath.Join(dir, "site.tar")}}
}

// Every byte of a bundle has a meaning that somebody checks, and what is wrong
// is said of the blob or the part that it is in.
func TestFlippedBytes(t *testing.T) {
	random := wanted(t)
	total := 0
	for name, files := range shapes(t) {
		found := flipInProcess(t, name, files, rand.New(rand.NewPCG(random.Uint64(), 0)))
		found += flipByProgram(t, name, files, random)
		total += found
	}
	fmt.Printf("flips: %d single bytes changed in a plain bundle, in volumes and in a delta; verify found and named each\n", total)
	if total < scaled(10_000) && !t.Failed() {
		t.Errorf("only %d", total)
	}
}

// flipInProcess returns how many were found and named.
func flipInProcess(t *testing.T, name string, files []string, random *rand.Rand) int {
	all := parts(t, files[0])
	flips := make(chan flip)
	var mu sync.Mutex
	found := 0
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		c := newCopy(t, files)
		workers.Go(func() {
			for f := range flips {
				if flipped(t, name, c, f) {
					mu.Lock()
					found++
					mu.Unlock()
				}
			}
			// Whatever was changed has been put right, or the above proves nothing.
			if r, err := bundle.Verify(t.Context(), c.path, "", nil); err != nil || len(r.Findings) > 0 {
				t.Errorf("%s, put right: %+v, %v", name, r, err)
			}
		})
	}
	for range scaled(flipsAll) / 3 {
		flips <- randomFlip(random, all)
	}
	close(flips)
	workers.Wait()
	return found
}

func flipped(t *testing.T, name string, c *copyOfBundle, f flip) bool {
	if err := c.change(f); err != nil {
		t.Error(err)
		return false
	}
	r, err := bundle.Verify(t.Context(), c.path, "", nil)
	if err := c.change(f); err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Errorf("%s: %s: %v", name, f, err)
		return false
	}
	if lines := texts(r.Findings); !f.names(lines) {
		t.Errorf("%s: %s: findings do not name it: %q", name, f, lines)
		return false
	}
	return true
}

func texts(findings []oci.Finding) []string {
	var all []string
	for _, f := range findings {
		all = append(all, f.String())
	}
	return all
}

// flipByProgram asks the program itself, which exits with 3.
func flipByProgram(t *testing.T, name string, files []string, random *rand.Rand) int {
	all := parts(t, files[0])
	c := newCopy(t, files)
	found := 0
	for range scaled(flipsByProgram) {
		f := randomFlip(random, all)
		check(t, c.change(f))
		r := call(t, t.TempDir(), "bundle", "verify", c.path)
		check(t, c.change(f))
		if lines := strings.Split(r.out, "\n"); r.code != 3 || !f.names(lines) {
			t.Errorf("%s: %s: exit code %d\n%s%s", name, f, r.code, r.out, r.err)
			continue
		}
		found++
	}
	return found
}

// A bundle that ends at any block, or goes on behind its end, is told by verify
// and opened by nobody.
func TestEveryOtherLength(t *testing.T) {
	wanted(t)
	src, f := filled(t, content.Options{Size: 64 << 10, Incompressible: true})
	dir := connected(t, src.Addr(), f)
	good(t, dir, "bundle", buildArgs()...)
	path := filepath.Join(dir, "site.tar")
	raw := read(t, path)
	lengths := []int{1, blockSize - 1, len(raw) - 1, len(raw) + 1, len(raw) + blockSize, len(raw) + 2*blockSize, len(raw) + 10240}
	for n := 0; n < len(raw); n += blockSize * 100 / percent {
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		bad := bytes.Clone(raw[:min(n, len(raw))])
		check(t, os.WriteFile(path, append(bad, make([]byte, n-len(bad))...), 0o644))
		r, err := bundle.Verify(t.Context(), path, "", nil)
		said := ""
		if err == nil {
			said = strings.Join(texts(r.Findings), "\n")
		}
		want := "is cut"
		if n > len(raw) {
			want = "the tar ends at"
		}
		if !strings.Contains(said, want) {
			t.Errorf("%d bytes of %d: %v, %q", n, len(raw), err, said)
		}
		if b, err := bundle.Open(path, ""); err == nil {
			b.Close()
			t.Errorf("%d bytes of %d: opened", n, len(raw))
		}
	}
	fmt.Printf("lengths: %d wrong ones of a bundle of %d bytes; verify told each\n", len(lengths), len(raw))
}
