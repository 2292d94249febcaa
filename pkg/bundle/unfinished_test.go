package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/internal/progress"
)

// noise is n bytes that depend on a seed only.
func noise(seed uint64, n int) string {
	r := rand.NewChaCha8([32]byte{byte(seed)})
	raw := make([]byte, n)
	r.Read(raw)
	return string(raw)
}

// large is an image of three layers, one of them of several notes.
func large() *world {
	w := newWorld()
	w.image("quay.io/acme/large:v1", noise(1, 3<<20), noise(2, 10<<20), noise(3, 2<<20))
	return w
}

// link is a source whose connection breaks after so many bytes in all, and that
// counts what came over it.
type link struct {
	w *world

	mu      sync.Mutex
	left    int64
	fetched int64
}

var errBroken = errors.New("the link broke")

func (l *link) open(_ context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
	raw, err := l.w.raw(d)
	return &linkReader{Reader: bytes.NewReader(raw), l: l}, err
}

type linkReader struct {
	*bytes.Reader
	l *link
}

func (r *linkReader) Read(p []byte) (int, error) {
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	if r.l.left <= 0 {
		return 0, errBroken
	}
	n, err := r.Reader.Read(p[:min(int64(len(p)), r.l.left)])
	r.l.left -= int64(n)
	r.l.fetched += int64(n)
	return n, err
}

// WriteTo is the embedded reader's and would go past Read.
func (r *linkReader) WriteTo(io.Writer) (int64, error) { panic("not this way") }
func (r *linkReader) Close() error                     { return nil }

// However often the link breaks, the same call goes on, the bytes are those of
// a build that nobody disturbed, and little is fetched twice.
func TestBrokenBuildGoesOn(t *testing.T) {
	want := folder(t, filepath.Dir(large().write(t).Path))
	w := large()
	path := filepath.Join(t.TempDir(), "site.tar")
	src := &link{w: w}
	runs, unique := 0, int64(0)
	for {
		runs++
		src.left = 4<<20 + 300_000
		_, err := writeTo(t.Context(), w.list(), src.open, path, WriteOptions{Jobs: 2, Checksum: true})
		if err == nil {
			break
		}
		unfinished := (*UnfinishedError)(nil)
		if !errors.Is(err, errBroken) || !errors.As(err, &unfinished) || unfinished.Path != path+partial || unfinished.Kept < worthKeeping {
			t.Fatalf("run %d: %v", runs, err)
		}
	}
	for _, raw := range w.blobs {
		unique += int64(len(raw))
	}
	if got := folder(t, filepath.Dir(path)); len(got) != 2 || got["site.tar"] != want["site.tar"] || got["site.tar.sha256"] != want["site.tar.sha256"] {
		t.Errorf("%d files, or other bytes than an undisturbed build", len(got))
	}
	// What is lost with each break is what was not noted yet, of two downloads.
	if runs < 4 || src.fetched > unique+int64(runs-1)*2*(1<<20+256<<10) || src.fetched < unique {
		t.Errorf("%d runs, %d bytes fetched for %d", runs, src.fetched, unique)
	}
}

// broken leaves a bundle of large() half-written: all but the second layer, and
// of that 8 MiB.
func broken(t *testing.T, path string) *world {
	t.Helper()
	w := large()
	second := digest.FromString(noise(2, 10<<20))
	src := &link{w: w, left: 1 << 40}
	open := func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
		r, err := src.open(ctx, d)
		if d.Digest == second {
			return io.NopCloser(io.MultiReader(io.LimitReader(r, 9<<20), failing{})), err
		}
		return r, err
	}
	if _, err := writeTo(t.Context(), w.list(), open, path, WriteOptions{Jobs: 1}); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	// Layers after the one that broke are not begun; they are brought in.
	return w
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

// What the journal and the partial file say is proven, whatever happened to them.
func TestWhatIsLeftIsNotBelieved(t *testing.T) {
	want := folder(t, filepath.Dir(large().write(t).Path))["site.tar"]
	const kept = 3<<20 + 9<<20 // of two layers
	cases := []struct {
		name  string
		spoil func(t *testing.T, path string)
		most  int64 // bytes that may be fetched
	}{
		{"nothing", func(*testing.T, string) {}, int64(len(want)) - kept},
		{"a byte of a whole layer flipped", func(t *testing.T, path string) {
			flip(t, path+partial, bytes.Index(content(t, path+partial), []byte(noise(1, 100)))+50)
		}, int64(len(want)) - 9<<20},
		{"a byte of half a layer flipped", func(t *testing.T, path string) {
			flip(t, path+partial, bytes.Index(content(t, path+partial), []byte(noise(2, 100)))+50)
		}, int64(len(want)) - 3<<20 + 2<<20},
		{"the partial file empty, as after a power cut", func(t *testing.T, path string) {
			size := int64(len(content(t, path+partial)))
			check(t, os.Truncate(path+partial, 0))
			check(t, os.Truncate(path+partial, size))
		}, int64(len(want)) + 2<<20},
		{"the partial file gone", func(t *testing.T, path string) { check(t, os.Remove(path+partial)) }, int64(len(want))},
		{"the journal gone", func(t *testing.T, path string) { check(t, os.Remove(path+journaled)) }, int64(len(want))},
		{"the journal torn", func(t *testing.T, path string) {
			check(t, os.Truncate(path+journaled, int64(len(content(t, path+journaled)))-3))
		}, int64(len(want)) - 3<<20},
		{"a journal of nonsense", func(t *testing.T, path string) {
			head, _, _ := strings.Cut(string(content(t, path+journaled)), "\n")
			lines := []string{head, "x", "0 0 0 0", strings.Repeat("a", 64) + " -1 5 5", strings.Repeat("a", 64) + " 9223372036854775807 9223372036854775807 1",
				digest.FromString(noise(1, 3<<20)).Encoded() + " 5 3145728 3145728", strings.Repeat("long ", 50_000)}
			check(t, os.WriteFile(path+journaled, []byte(strings.Join(lines, "\n")), 0o644))
		}, int64(len(want))},
		{"a journal that is a link", func(t *testing.T, path string) {
			check(t, os.Rename(path+journaled, path+".elsewhere"))
			check(t, os.Symlink(path+".elsewhere", path+journaled))
		}, -1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "site.tar")
			w := broken(t, path)
			c.spoil(t, path)
			src := &link{w: w, left: 1 << 40}
			_, err := writeTo(t.Context(), w.list(), src.open, path, WriteOptions{})
			if c.most < 0 {
				if err == nil || !strings.Contains(err.Error(), "site.tar.partial.journal") {
					t.Errorf("got %v, want a word about the journal", err)
				}
				return
			}
			if err != nil || string(content(t, path)) != want || src.fetched > c.most {
				t.Errorf("%v, %d bytes fetched, at most %d were needed", err, src.fetched, c.most)
			}
		})
	}
}

// A tag that moved makes another bundle; what both have is not fetched again.
func TestAnotherBundleTakesWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.tar")
	w := broken(t, path)
	w.image("quay.io/acme/another:v2", noise(1, 3<<20), noise(4, 1<<20))
	src := &link{w: w, left: 1 << 40}
	var notes []string
	written, err := writeTo(t.Context(), w.list(), src.open, path, WriteOptions{Progress: func(e progress.Event) {
		if e.Kind == progress.Note {
			notes = append(notes, e.Name)
		}
	}})
	if err != nil || written.Images != 2 {
		t.Fatal(err)
	}
	if most := int64(13<<20 + 10_000); src.fetched > most || src.fetched < 13<<20 {
		t.Errorf("%d bytes fetched, want the 13 MiB that were not there", src.fetched)
	}
	if len(notes) != 1 || !strings.HasPrefix(notes[0], path+partial+": ") || !strings.HasSuffix(notes[0], " bytes are there from an earlier run") {
		t.Errorf("notes %q", notes)
	}
	if report, err := Verify(t.Context(), path, "", nil); err != nil || len(report.Findings) > 0 || len(folder(t, filepath.Dir(path))) != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

// Planning reads some blobs; those that are there serve.
func TestWholeBlobsServePlanning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.tar")
	broken(t, path)
	u, err := Begin(path, VolumeOptions{})
	check(t, err)
	defer u.Close()
	open := func(text string) (string, bool) {
		r, ok := u.Open(t.Context(), ocispec.Descriptor{Digest: digest.FromString(text), Size: int64(len(text))})
		if !ok {
			return "", false
		}
		raw, err := io.ReadAll(r)
		check(t, err)
		return string(raw), true
	}
	if got, ok := open(noise(1, 3<<20)); !ok || got != noise(1, 3<<20) {
		t.Errorf("the first layer: %d bytes, %v", len(got), ok)
	}
	if _, ok := open(noise(2, 10<<20)); ok {
		t.Error("half a layer was given")
	}
	if _, ok := open("unknown"); ok {
		t.Error("what is not there was given")
	}
	flip(t, path+partial, bytes.Index(content(t, path+partial), []byte(noise(1, 100)))+50)
	if _, ok := open(noise(1, 3<<20)); ok {
		t.Error("a damaged layer was given")
	}
}

func TestJournalRemembersTheLastWord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	d := digest.FromString("x")
	text := fmt.Sprintf("drayage journal 1 %s 100\n%[2]s 10 50 20\n%[2]s 10 50 50\n\n%[2]s 10 50 30\n", d, d.Encoded())
	check(t, os.WriteFile(path, []byte(text), 0o644))
	if j := readJournal(path); j.size != 100 || j.has(d) != 30 || j.bytes() != 30 {
		t.Errorf("got %+v", j)
	}
	for _, head := range []string{"", "drayage journal 2 " + d.String() + " 100", "drayage journal 1 sha256:ab 100", "drayage journal 1 " + d.String() + " -1"} {
		check(t, os.WriteFile(path, []byte(strings.Replace(text, "drayage journal 1 "+d.String()+" 100", head, 1)), 0o644))
		if j := readJournal(path); j.size != 0 || len(j.kept) != 0 {
			t.Errorf("%q: got %+v", head, j)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	check(t, err)
	return raw
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	raw := content(t, path)
	raw[at] ^= 1
	check(t, os.WriteFile(path, raw, 0o644))
}
