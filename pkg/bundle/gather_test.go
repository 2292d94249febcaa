package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/go-digest"
)

// split cuts a file into volumes of so many bytes, in a new folder, and returns
// the path of what they are the volumes of.
func split(t *testing.T, raw []byte, each int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "site.tar")
	for i := 0; i*each < len(raw); i++ {
		check(t, os.WriteFile(VolumeName(path, i+1), raw[i*each:min(len(raw), (i+1)*each)], 0o644))
	}
	return path
}

// Every offset is read from where it lies, also over borders, within one call.
func TestVolumesReadAndWriteAsOne(t *testing.T) {
	raw := []byte(noise(7, 1000))
	for _, each := range []int{1, 7, 99, 100, 333, 500, 999, 1000} {
		dir := t.TempDir()
		v := &volumes{each: int64(each)}
		for i := 0; i*each < len(raw); i++ {
			f, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
			check(t, err)
			v.files = append(v.files, f)
		}
		check(t, v.Truncate(int64(len(raw))))
		for at := 0; at < len(raw); at += 130 {
			if n, err := v.WriteAt(raw[at:min(len(raw), at+130)], int64(at)); err != nil || n != min(130, len(raw)-at) {
				t.Fatalf("volumes of %d: wrote %d at %d: %v", each, n, at, err)
			}
		}
		for at := range len(raw) {
			got := make([]byte, 250)
			n, err := v.ReadAt(got, int64(at))
			want := raw[at:min(len(raw), at+250)]
			if !bytes.Equal(got[:n], want) || (err == nil) != (len(want) == 250) || (err != nil && err != io.EOF) {
				t.Fatalf("volumes of %d: read %d at %d: %v", each, n, at, err)
			}
		}
		check(t, v.Close())
	}
}

// Whatever their size, volumes are read as the one file: borders within headers,
// one volume of just the size, a last volume of one byte.
func TestVolumesOfAnySizeAreOneBundle(t *testing.T) {
	w := small()
	written := w.write(t)
	raw := content(t, written.Path)
	sizes := []int{len(raw), len(raw) - 1, len(raw)/2 + 1, 512, 511, 513, 700, 1024, 4096, 4097}
	random := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		sizes = append(sizes, 100+random.IntN(len(raw)))
	}
	for _, each := range sizes {
		path := split(t, raw, each)
		for _, name := range []string{path, VolumeName(path, 1)} {
			b, err := Open(name, written.Root)
			if err != nil {
				t.Fatalf("volumes of %d: %v", each, err)
			}
			if got, err := io.ReadAll(io.NewSectionReader(b.files, 0, b.Size())); err != nil || !bytes.Equal(got, raw) {
				t.Errorf("volumes of %d: %d bytes, %v", each, len(got), err)
			}
			if n := (len(raw) + each - 1) / each; len(b.Volumes()) != n {
				t.Errorf("volumes of %d: %q", each, b.Volumes())
			}
			check(t, b.Close())
			report, err := Verify(t.Context(), name, "", nil)
			if err != nil || len(report.Findings) > 0 || report.Root != written.Root || report.Bytes != int64(len(raw)) {
				t.Errorf("volumes of %d: %+v, %v", each, report, err)
			}
		}
	}
}

func TestWhatIsWrongWithVolumesIsNamed(t *testing.T) {
	w := newWorld()
	for i := range 12 {
		w.image(fmt.Sprintf("quay.io/acme/image%02d:v1", i), noise(uint64(i), 9000))
	}
	raw := content(t, w.write(t).Path)
	other := newWorld()
	for i := range 12 {
		other.image(fmt.Sprintf("quay.io/acme/other%02d:v1", i), noise(uint64(i+50), 9000))
	}
	foreign := content(t, other.write(t).Path)
	const each = 32 << 10
	n := (len(raw) + each - 1) / each
	volume := func(path string, i int) string { return VolumeName(path, i) }
	cases := []struct {
		name  string
		spoil func(t *testing.T, path string)
		want  []string
	}{
		{"one missing", func(t *testing.T, path string) { check(t, os.Remove(volume(path, 3))) },
			[]string{fmt.Sprintf("volume 3, site.tar.003, is missing: the bundle has %d volumes, this one of 32768 bytes", n)}},
		{"the last ones missing", func(t *testing.T, path string) {
			check(t, os.Remove(volume(path, n)))
			check(t, os.Remove(volume(path, n-1)))
		}, []string{fmt.Sprintf("volume %d, site.tar.%03[1]d, is missing: ", n-1), fmt.Sprintf("volume %d, site.tar.%03[1]d, is missing: the bundle has %[1]d volumes, this one of %d bytes", n, len(raw)-(n-1)*each)}},
		{"the first missing", func(t *testing.T, path string) { check(t, os.Remove(volume(path, 1))) },
			[]string{"volume 1, site.tar.001, is missing"}},
		{"two swapped", func(t *testing.T, path string) {
			check(t, os.Rename(volume(path, 2), path+".x"))
			check(t, os.Rename(volume(path, 3), volume(path, 2)))
			check(t, os.Rename(path+".x", volume(path, 3)))
		}, []string{"volume 2, site.tar.002, holds what belongs into volume 3", "volume 3, site.tar.003, holds what belongs into volume 2"}},
		{"one cut", func(t *testing.T, path string) { check(t, os.Truncate(volume(path, 2), 5000)) },
			[]string{"volume 2, site.tar.002, has 5000 bytes, want 32768"}},
		{"the first cut", func(t *testing.T, path string) { check(t, os.Truncate(volume(path, 1), 32767)) },
			[]string{"volume 1, site.tar.001, has 32767 bytes, want 32768"}},
		{"the last longer", func(t *testing.T, path string) {
			check(t, os.WriteFile(volume(path, n), append(content(t, volume(path, n)), 0), 0o644))
		}, []string{fmt.Sprintf("volume %d, site.tar.%03[1]d, has %d bytes, want %d", n, len(raw)-(n-1)*each+1, len(raw)-(n-1)*each)}},
		{"one of another bundle", func(t *testing.T, path string) {
			check(t, os.WriteFile(volume(path, 2), foreign[each:2*each], 0o644))
		}, []string{"volume 2, site.tar.002, is of another bundle"}},
		{"one too many", func(t *testing.T, path string) {
			check(t, os.WriteFile(volume(path, n+1), []byte("x"), 0o644))
		}, []string{fmt.Sprintf("volume %d, site.tar.%03[1]d, is one too many: the bundle has %d volumes", n+1, n)}},
		{"the first of another bundle's middle", func(t *testing.T, path string) {
			check(t, os.WriteFile(volume(path, 1), foreign[each:2*each], 0o644))
		}, []string{"the front: "}},
		{"the first empty", func(t *testing.T, path string) {
			for i := range n {
				check(t, os.Truncate(volume(path, i+1), 0))
			}
		}, []string{"volume 1, site.tar.001, is empty"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := split(t, raw, each)
			c.spoil(t, path)
			report, err := Verify(t.Context(), path, "", nil)
			check(t, err)
			if len(report.Findings) != len(c.want) {
				t.Fatalf("findings %q", report.Findings)
			}
			for i, want := range c.want {
				if got := report.Findings[i].Problem; !strings.HasPrefix(got, want) {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			}
			invalid := (*InvalidError)(nil)
			if _, err := Open(path, ""); !errors.As(err, &invalid) || invalid.Missing != strings.Contains(c.want[0], "missing") {
				t.Errorf("Open: %v", err)
			}
		})
	}
}

// A byte that is wrong is found and said where, whatever volume it is in, and a
// volume with one damaged header is not taken for another bundle's.
func TestFlippedByteInVolumes(t *testing.T) {
	raw := content(t, small().write(t).Path)
	const each = 4096
	for at := 0; at < len(raw); at += 97 {
		path := split(t, raw, each)
		name := VolumeName(path, at/each+1)
		flip(t, name, at%each)
		report, err := Verify(t.Context(), path, "", nil)
		check(t, err)
		if len(report.Findings) == 0 {
			t.Errorf("byte %d: not found", at)
		}
		for _, f := range report.Findings {
			if strings.Contains(f.Problem, "another bundle") || strings.Contains(f.Problem, "belongs") {
				t.Errorf("byte %d: %s", at, f)
			}
			if f.Entry != "" && strings.Contains(f.Problem, "content is") && !strings.Contains(f.Problem, "it lies in site.tar.") {
				t.Errorf("byte %d: %s", at, f)
			}
		}
	}
}

// What is wrong with index.json is said of index.json, in volumes too.
func TestDamagedIndexInVolumes(t *testing.T) {
	raw := content(t, small().write(t).Path)
	for _, from := range []string{`"schemaVersion"`, `"manifests"`, "org.opencontainers.image.ref.name"} {
		path := split(t, raw, 4096)
		flip(t, VolumeName(path, 1), bytes.Index(raw, []byte(from))+3)
		report, err := Verify(t.Context(), path, "", nil)
		check(t, err)
		if len(report.Findings) != 1 || !strings.HasPrefix(report.Findings[0].String(), "the front: index.json: ") {
			t.Errorf("%s: %v", from, report.Findings)
		}
	}
}

func TestAnotherRootInVolumes(t *testing.T) {
	raw := content(t, small().write(t).Path)
	path := split(t, raw, 4096)
	another := (*RootError)(nil)
	if _, err := Open(path, digest.FromString("x")); !errors.As(err, &another) {
		t.Errorf("got %v", err)
	}
}

func TestAnotherVolumeThanTheFirst(t *testing.T) {
	raw := content(t, small().write(t).Path)
	path := split(t, raw, 4096)
	_, err := Open(VolumeName(path, 2), "")
	if want := "is one of several volumes: name the first one, " + VolumeName(path, 1); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	check(t, os.Remove(VolumeName(path, 1)))
	if _, err := Open(VolumeName(path, 2), ""); err == nil || !strings.Contains(err.Error(), "is no bundle") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNoVolumeIsLeftAlone(t *testing.T) {
	raw := content(t, small().write(t).Path)
	path := split(t, raw, len(raw)) // one volume, as a bundle may be called
	check(t, os.WriteFile(VolumeName(path, 2), []byte("another file"), 0o644))
	b, err := Open(VolumeName(path, 1), "")
	check(t, err)
	check(t, b.Close())
	if _, err := Open(filepath.Join(t.TempDir(), "gone"), ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "gone.001"), ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A folder or a FIFO is no volume, and nobody waits for what may come out of it.
func TestWhatIsNoFileIsNoVolume(t *testing.T) {
	dir := t.TempDir()
	folder, fifo := filepath.Join(dir, "folder.001"), filepath.Join(dir, "fifo.001")
	check(t, os.Mkdir(folder, 0o755))
	check(t, syscall.Mkfifo(fifo, 0o600))
	check(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	for _, path := range []string{dir, folder, fifo, filepath.Join(dir, "fifo")} {
		_, err := Open(path, "")
		if want := path + ": is no regular file"; !errors.As(err, new(*KindError)) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if _, again := ReadBase(path); again == nil || again.Error() != err.Error() {
			t.Errorf("as a base: %v", again)
		}
	}
}
