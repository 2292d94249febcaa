package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"drayage/internal/progress"
	"drayage/pkg/oci"
)

// folder is what a folder holds, hidden files too.
func folder(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(raw)
	}
	return all
}

func TestWrittenSaysWhatWasWritten(t *testing.T) {
	w := small()
	got := w.write(t)
	raw, err := os.ReadFile(got.Path)
	if err != nil {
		t.Fatal(err)
	}
	size, err := Size(w.list())
	if err != nil || size != int64(len(raw)) {
		t.Errorf("Size is %d, %v, the file has %d", size, err, len(raw))
	}
	want := Written{Path: got.Path, Root: got.Root, SHA256: fmt.Sprintf("%x", sha256.Sum256(raw)), Bytes: size, Images: 2, Blobs: 10}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
	all := folder(t, filepath.Dir(got.Path))
	if sum := all["site.tar.sha256"]; len(all) != 2 || sum != got.SHA256+"  site.tar\n" {
		t.Errorf("the folder holds %d files, site.tar.sha256 is %q", len(all), sum)
	}
	if info, err := os.Stat(got.Path); err != nil || info.Mode().Perm()&0o644 != 0o644&^umask() {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func umask() os.FileMode {
	mask := unix.Umask(0)
	unix.Umask(mask)
	return os.FileMode(mask)
}

// A build without one takes away the checksum of the bundle that it replaces.
func TestChecksumIsWrittenOnDemand(t *testing.T) {
	w := small()
	with := w.write(t)
	want := content(t, with.Path)
	got, err := writeTo(t.Context(), w.list(), w.open, with.Path, WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if all := folder(t, filepath.Dir(with.Path)); len(all) != 1 || all["site.tar"] != string(want) || got.SHA256 != "" || got.Root != with.Root {
		t.Errorf("%d files, %+v", len(all), got)
	}
}

func TestSha256sumReadsTheChecksum(t *testing.T) {
	tool, err := exec.LookPath("sha256sum")
	if err != nil {
		t.Skip("sha256sum is not here")
	}
	written := small().write(t)
	check := func() (string, error) {
		cmd := exec.Command(tool, "-c", "--strict", "site.tar.sha256")
		cmd.Dir = filepath.Dir(written.Path)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := check(); err != nil || out != "site.tar: OK\n" {
		t.Errorf("%q, %v", out, err)
	}
	if err := os.Truncate(written.Path, written.Bytes-1); err != nil {
		t.Fatal(err)
	}
	if out, err := check(); err == nil {
		t.Errorf("a file that is cut: %q", out)
	}
}

// However many downloads run and whichever ends first, and whatever stood there.
func TestSameBytesTwice(t *testing.T) {
	first := small().write(t)
	want, err := os.ReadFile(first.Path)
	if err != nil {
		t.Fatal(err)
	}
	w := small()
	path := filepath.Join(t.TempDir(), "site.tar")
	if err := os.WriteFile(path+partial, bytes.Repeat([]byte("what a killed build left"), 1000), 0o644); err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	slow := func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
		time.Sleep(time.Duration(5-n.Add(1)%5) * time.Millisecond)
		return w.open(ctx, d)
	}
	for jobs := range 4 {
		again, err := writeTo(t.Context(), w.list(), slow, path, WriteOptions{Jobs: jobs, Checksum: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := folder(t, filepath.Dir(path)); len(got) != 2 || got["site.tar"] != string(want) || again.SHA256 != first.SHA256 {
			t.Errorf("jobs %d: other bytes, or %d files", jobs, len(got))
		}
	}
}

// What is announced is what is reported in the end, also when a blob was wrong
// at first and had to be fetched again.
func TestProgressAddsUp(t *testing.T) {
	w := small()
	var mu sync.Mutex
	var total, done int64
	broken := map[digest.Digest]bool{}
	flaky := func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
		raw := bytes.Clone(w.blobs[d.Digest])
		mu.Lock()
		defer mu.Unlock()
		if !broken[d.Digest] {
			broken[d.Digest] = true
			raw[0] ^= 1
		}
		return io.NopCloser(bytes.NewReader(raw)), nil
	}
	_, err := writeTo(t.Context(), w.list(), flaky, filepath.Join(t.TempDir(), "site.tar"), WriteOptions{Progress: func(e progress.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch e.Kind {
		case progress.Phase:
			total = e.Bytes
		case progress.Advance, progress.Skip:
			done += e.Bytes
		}
	}})
	if err != nil || total == 0 || done != total {
		t.Errorf("%d of %d bytes reported, %v", done, total, err)
	}
	if len(broken) != len(w.blobs) {
		t.Errorf("%d of %d blobs were asked for", len(broken), len(w.blobs))
	}
}

func TestSecondBuildIsRefusedWhileTheFirstRuns(t *testing.T) {
	w := small()
	path := filepath.Join(t.TempDir(), "site.tar")
	begun, proceed := make(chan struct{}), make(chan struct{})
	var once sync.Once
	waiting := func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
		once.Do(func() { close(begun) })
		<-proceed
		return w.open(ctx, d)
	}
	first := make(chan error, 1)
	go func() {
		_, err := writeTo(t.Context(), w.list(), waiting, path, WriteOptions{})
		first <- err
	}()
	<-begun
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the bundle stands under its name before it is whole: %v", err)
	}
	untouched := func(context.Context, ocispec.Descriptor) (io.ReadCloser, error) {
		t.Error("the second build asked for a blob")
		return nil, errors.New("no")
	}
	_, err := writeTo(t.Context(), w.list(), untouched, path, WriteOptions{})
	if want := path + ": another build is writing it"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	close(proceed)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	if report, err := Verify(t.Context(), path, "", nil); err != nil || len(report.Findings) > 0 {
		t.Errorf("the first build's bundle: %+v, %v", report, err)
	}
	if _, err := writeTo(t.Context(), w.list(), w.open, path, WriteOptions{}); err != nil {
		t.Errorf("a third build, when the first has ended: %v", err)
	}
}

// A lock on a file that has lost its name protects nobody.
func TestLockCountsOnlyWithTheName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.tar")
	f, err := hold(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !hasItsName(f) {
		t.Error("it has just been made")
	}
	if err := os.Rename(f.Name(), path); err != nil {
		t.Fatal(err)
	}
	if hasItsName(f) {
		t.Error("it was renamed")
	}
	g, err := hold(path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if hasItsName(f) || !hasItsName(g) {
		t.Error("another file has the name now")
	}
}

// spoilers are ways to fail, each on a packing list and its content.
var spoilers = []struct {
	name string
	open func(*world, context.CancelFunc) OpenFunc
	want func(error) bool
}{
	{"a registry that says no", func(w *world, _ context.CancelFunc) OpenFunc {
		return func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
			if d.Digest == digest.FromString("one") {
				return nil, &oci.HTTPError{Host: "quay.io", Method: "GET", Path: "x", Status: 404}
			}
			return w.open(ctx, d)
		}
	}, oci.NotFound},
	{"content that is wrong each time", func(w *world, _ context.CancelFunc) OpenFunc {
		return func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
			if d.Digest == digest.FromString("one") {
				return io.NopCloser(strings.NewReader("two")), nil
			}
			return w.open(ctx, d)
		}
	}, func(err error) bool { content := (*oci.ContentError)(nil); return errors.As(err, &content) }},
	{"content that is too long", func(w *world, _ context.CancelFunc) OpenFunc {
		return func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
			if d.Digest == digest.FromString("one") {
				return io.NopCloser(strings.NewReader("one more")), nil
			}
			return w.open(ctx, d)
		}
	}, func(err error) bool { content := (*oci.ContentError)(nil); return errors.As(err, &content) }},
	{"a cancelled context", func(w *world, cancel context.CancelFunc) OpenFunc {
		return func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
			if d.Digest == digest.FromString("one") {
				cancel()
			}
			return w.open(ctx, d)
		}
	}, func(err error) bool { return errors.Is(err, context.Canceled) }},
}

func TestFailureLeavesNothing(t *testing.T) {
	for _, s := range spoilers {
		t.Run(s.name, func(t *testing.T) {
			w := small()
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := writeTo(ctx, w.list(), s.open(w, cancel), filepath.Join(dir, "site.tar"), WriteOptions{Jobs: 1})
			if !s.want(err) {
				t.Errorf("got %v", err)
			}
			if got := folder(t, dir); len(got) > 0 {
				t.Errorf("the folder holds %q", got)
			}
		})
	}
}

func TestFailureKeepsTheGoodBundleThatWasThere(t *testing.T) {
	for _, s := range spoilers {
		t.Run(s.name, func(t *testing.T) {
			old := newWorld()
			old.image("quay.io/acme/old:v1", "old")
			dir := filepath.Dir(old.write(t).Path)
			before := folder(t, dir)
			w := small()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := writeTo(ctx, w.list(), s.open(w, cancel), filepath.Join(dir, "site.tar"), WriteOptions{})
			if !s.want(err) {
				t.Errorf("got %v", err)
			}
			if got := folder(t, dir); len(got) != 2 || got["site.tar"] != before["site.tar"] || got["site.tar.sha256"] != before["site.tar.sha256"] {
				t.Errorf("the folder holds %d files, or others than before", len(got))
			}
		})
	}
}

// The checksum is on the medium before the bundle has its name.
func TestChecksumThatCannotBeWrittenKeepsTheOldBundle(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "site.tar")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path+".sha256", 0o755); err != nil {
		t.Fatal(err)
	}
	w := small()
	_, err := writeTo(t.Context(), w.list(), w.open, path, WriteOptions{Checksum: true})
	if err == nil || !strings.Contains(err.Error(), "site.tar.sha256: is there and is no regular file") {
		t.Errorf("got %v", err)
	}
	if raw, err := os.ReadFile(path); err != nil || string(raw) != "old" {
		t.Errorf("the old bundle is %q, %v", raw, err)
	}
	if _, err := os.Stat(path + partial); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the partial file: %v", err)
	}
}

func TestErrorsNameTheImages(t *testing.T) {
	w := small()
	no := errors.New("quay.io: GET x: 404 no")
	failing := func(of string) OpenFunc {
		return func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
			if d.Digest == digest.FromString(of) {
				return nil, no
			}
			return w.open(ctx, d)
		}
	}
	owners := map[digest.Digest][]string{
		digest.FromString("one"):        {"quay.io/acme/one:v1"},
		digest.FromString("base layer"): {"quay.io/acme/one:v1", "quay.io/acme/two:v1", "quay.io/acme/three:v1"},
	}
	for of, want := range map[string]string{
		"one":                      "quay.io/acme/one:v1: " + no.Error(),
		"base layer":               "quay.io/acme/one:v1 and 2 more: " + no.Error(),
		strings.Repeat("two", 200): no.Error(),
	} {
		_, err := writeTo(t.Context(), w.list(), failing(of), filepath.Join(t.TempDir(), "site.tar"), WriteOptions{Owners: owners})
		if err == nil || err.Error() != want || !errors.Is(err, no) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestTooLittleSpaceIsFoundBeforeAnythingIsFetched(t *testing.T) {
	w := small()
	m := w.list()
	huge := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromString("huge"), Size: 1 << 49}
	m.Blobs = append(m.Blobs, huge)
	dir := t.TempDir()
	path := filepath.Join(dir, "site.tar")
	untouched := func(context.Context, ocispec.Descriptor) (io.ReadCloser, error) {
		t.Error("a blob was asked for")
		return nil, errors.New("no")
	}
	_, err := writeTo(t.Context(), m, untouched, path, WriteOptions{Progress: func(e progress.Event) { t.Errorf("reported %+v", e) }})
	space := (*SpaceError)(nil)
	if !errors.As(err, &space) || !errors.Is(err, unix.ENOSPC) || space.Path != path || space.Need < 1<<49 || space.Have <= 0 {
		t.Errorf("got %v", err)
	}
	if got := folder(t, dir); len(got) > 0 {
		t.Errorf("the folder holds %q", got)
	}
	m.Blobs = append(m.Blobs, ocispec.Descriptor{Digest: digest.FromString("more"), Size: 1 << 62}, ocispec.Descriptor{Digest: digest.FromString("most"), Size: 1 << 62})
	if _, err := writeTo(t.Context(), m, untouched, path, WriteOptions{}); err == nil || errors.As(err, &space) {
		t.Errorf("sizes beyond 64 bits: %v, want the packing list refused", err)
	}
}

// tmpfs is a medium of so many bytes.
func tmpfs(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("mounting a small medium is not permitted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestSmallMedium(t *testing.T) {
	w := newWorld()
	w.image("quay.io/acme/large:v1", strings.Repeat("0123456789abcdef", 64<<10)) // 1 MiB
	size, err := Size(w.list())
	if err != nil {
		t.Fatal(err)
	}
	pages := (int(size) + 4095) / 4096 * 4096
	cases := []struct {
		name string
		free int
		want func(error) bool
	}{
		{"a page less than the bundle", pages - 4096, func(err error) bool { space := (*SpaceError)(nil); return errors.As(err, &space) }},
		{"the bundle, and no room for its checksum", pages, func(err error) bool { return errors.Is(err, unix.ENOSPC) }},
		{"room for both", pages + 4096, func(err error) bool { return err == nil }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := tmpfs(t, c.free)
			_, err := writeTo(t.Context(), w.list(), w.open, filepath.Join(dir, "site.tar"), WriteOptions{Checksum: true})
			if !c.want(err) {
				t.Errorf("got %v", err)
			}
			if got := folder(t, dir); (err == nil) != (len(got) == 2) || (err != nil && len(got) > 0) {
				t.Errorf("%v, and the folder holds %d files", err, len(got))
			}
		})
	}
}

// Somebody else fills the medium while the bundle is written: its space was
// taken before the first byte.
func TestMediumThatFillsUpMeanwhile(t *testing.T) {
	w := newWorld()
	w.image("quay.io/acme/large:v1", strings.Repeat("0123456789abcdef", 64<<10))
	size, err := Size(w.list())
	if err != nil {
		t.Fatal(err)
	}
	dir := tmpfs(t, int(size)+256<<10)
	var once sync.Once
	greedy := func(ctx context.Context, d ocispec.Descriptor) (io.ReadCloser, error) {
		once.Do(func() {
			other := filepath.Join(dir, "other")
			if err := os.WriteFile(other, make([]byte, size), 0o644); !errors.Is(err, unix.ENOSPC) {
				t.Errorf("the medium took twice the bundle: %v", err)
			}
			if err := os.Truncate(other, 4096); err != nil { // room for the checksum
				t.Error(err)
			}
		})
		return w.open(ctx, d)
	}
	if _, err := writeTo(t.Context(), w.list(), greedy, filepath.Join(dir, "site.tar"), WriteOptions{}); err != nil {
		t.Error(err)
	}
}

func TestFolderThatIsNotThere(t *testing.T) {
	w := small()
	_, err := writeTo(t.Context(), w.list(), w.open, filepath.Join(t.TempDir(), "gone", "site.tar"), WriteOptions{})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestPackingListThatIsWrongIsNotWritten(t *testing.T) {
	w := small()
	m := w.list()
	slices.Reverse(m.Images)
	dir := t.TempDir()
	if _, err := writeTo(t.Context(), m, w.open, filepath.Join(dir, "site.tar"), WriteOptions{}); err == nil || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("got %v", err)
	}
	if _, err := Size(m); err == nil {
		t.Error("Size takes it")
	}
	if got := folder(t, dir); len(got) > 0 {
		t.Errorf("the folder holds %q", got)
	}
}
