package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"drayage/pkg/oci"
)

// joined is what cat makes of volumes, wherever they are.
func joined(t *testing.T, w *Written) []byte {
	t.Helper()
	var all []byte
	for i, v := range w.Volumes {
		raw := content(t, v.Path)
		if filepath.Base(v.Path) != VolumeName(filepath.Base(w.Path), i+1) || int64(len(raw)) != v.Bytes || fmt.Sprintf("%x", sha256.Sum256(raw)) != v.SHA256 {
			t.Errorf("volume %d is %+v", i+1, v)
		}
		all = append(all, raw...)
	}
	return all
}

func writeVolumes(t *testing.T, w *world, open OpenFunc, path string, o VolumeOptions) (*Written, error) {
	t.Helper()
	u, err := Begin(path, o)
	check(t, err)
	written, err := u.Write(t.Context(), w.list(), open, WriteOptions{})
	return written, errors.Join(err, u.Close())
}

// The bytes are those of one file, in each number of folders.
func TestWrittenVolumes(t *testing.T) {
	whole := large().write(t)
	want := content(t, whole.Path)
	for _, each := range []int64{MinVolume, MinVolume + 1, 5<<20 - 511, int64(len(want)) - 1, int64(len(want)), 1 << 40} {
		dirs := []string{t.TempDir(), t.TempDir()}
		w := large()
		written, err := writeVolumes(t, w, w.open, "site.tar", VolumeOptions{Size: each, Dirs: dirs})
		check(t, err)
		if written.Root != whole.Root || written.Bytes != whole.Bytes || written.SHA256 != "" || !bytes.Equal(joined(t, written), want) {
			t.Errorf("volumes of %d: %+v", each, written)
		}
		all := folder(t, dirs[0])
		var lines strings.Builder
		for _, v := range written.Volumes {
			fmt.Fprintf(&lines, "%s  %s\n", v.SHA256, filepath.Base(v.Path))
		}
		if len(all) != len(written.Volumes)+1 || all["site.tar.sha256"] != lines.String() || len(folder(t, dirs[1])) != 0 {
			t.Errorf("volumes of %d: %d files, checksums %q", each, len(all), all["site.tar.sha256"])
		}
	}
}

// Each medium takes what it has room for, the small last volume one that has
// none for a large one.
func TestVolumesGoToSeveralMedia(t *testing.T) {
	whole := large().write(t)
	want := content(t, whole.Path) // 15 MiB and a little
	a, b, c := tmpfs(t, 9<<20+64<<10), tmpfs(t, 2<<20), tmpfs(t, 8<<20+64<<10)
	w := large()
	o := VolumeOptions{Size: 4 << 20, Dirs: []string{a, b, c}}
	written, err := writeVolumes(t, w, w.open, "site.tar", o)
	check(t, err)
	var where []string
	for _, v := range written.Volumes {
		where = append(where, filepath.Dir(v.Path))
	}
	if !slices.Equal(where, []string{a, a, c, c}) || !bytes.Equal(joined(t, written), want) {
		t.Errorf("%+v", written.Volumes)
	}
	if _, err := Verify(t.Context(), filepath.Join(c, "site.tar"), whole.Root, nil, b, a); err != nil {
		t.Error(err)
	}
	if report, err := Verify(t.Context(), filepath.Join(a, "site.tar.001"), "", nil, b); err != nil || len(report.Findings) != 2 {
		t.Errorf("without one of the media: %+v, %v", report, err)
	}
}

// A folder that has no volume any more has no list of them either.
func TestListOfVolumesThatAreGone(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, name := range []string{"site.tar.001", "site.tar.sha256", "site.tar.001.txt"} {
		check(t, os.WriteFile(filepath.Join(b, name), []byte("old"), 0o644))
	}
	w := small()
	_, err := writeVolumes(t, w, w.open, "site.tar", VolumeOptions{Size: MinVolume, Dirs: []string{a, b}})
	check(t, err)
	if got := folder(t, b); len(got) != 1 || got["site.tar.001.txt"] != "old" {
		t.Errorf("the folder holds %q", got)
	}
	if got := folder(t, a); len(got) != 2 {
		t.Errorf("the folder holds %d files", len(got))
	}
}

func TestTooLittleSpaceForVolumesIsFoundBeforeAnythingIsFetched(t *testing.T) {
	dirs := []string{tmpfs(t, 9<<20), tmpfs(t, 5<<20)}
	w := large()
	untouched := func(context.Context, ocispec.Descriptor) (io.ReadCloser, error) {
		t.Error("a blob was asked for")
		return nil, errors.New("no")
	}
	_, err := writeVolumes(t, w, untouched, "site.tar", VolumeOptions{Size: 4 << 20, Dirs: dirs})
	space := (*SpaceError)(nil)
	if !errors.As(err, &space) || space.Fit != 3 || space.Volumes != 4 || !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	if got := folder(t, dirs[0]); len(got) > 0 || len(folder(t, dirs[1])) > 0 {
		t.Errorf("left behind: %d files", len(got))
	}
}

// However often the link breaks, the volumes are those of an undisturbed build
// and little is fetched twice; nothing has its name before.
func TestBrokenVolumesGoOn(t *testing.T) {
	want := content(t, large().write(t).Path)
	w := large()
	dirs := []string{tmpfs(t, 9<<20+64<<10), tmpfs(t, 20<<20)}
	src := &link{w: w}
	o := VolumeOptions{Size: 4 << 20, Dirs: dirs}
	for runs := 1; ; runs++ {
		src.left = 4<<20 + 300_000
		written, err := writeVolumes(t, w, src.open, "site.tar", o)
		if err == nil {
			if runs < 4 || src.fetched > int64(len(want))+int64(runs-1)*6*(1<<20+256<<10) || !bytes.Equal(joined(t, written), want) {
				t.Errorf("%d runs, %d bytes fetched, or other bytes", runs, src.fetched)
			}
			break
		}
		if !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		for _, dir := range dirs {
			for name := range folder(t, dir) {
				if !strings.Contains(name, partial) {
					t.Errorf("run %d: %s has its name", runs, name)
				}
			}
		}
	}
	if n := len(folder(t, dirs[0])) + len(folder(t, dirs[1])); n != 6 {
		t.Errorf("%d files, want four volumes and two lists", n)
	}
}

// A build that was killed between giving one volume its name and the next fetches
// nothing again.
func TestBuildKilledBetweenNames(t *testing.T) {
	w := large()
	dir := t.TempDir()
	o := VolumeOptions{Size: 4 << 20, Dirs: []string{dir}}
	path := filepath.Join(dir, "site.tar")
	u, err := Begin(path, o)
	check(t, err)
	l, own, err := layout(w.list())
	check(t, err)
	_, err = u.prepare(l, WriteOptions{})
	check(t, err)
	_, err = l.Write(t.Context(), u.file, WriteOptions{}.opener(own, w.open), oci.WriteOptions{Wrote: u.journal.wrote})
	check(t, err)
	check(t, u.note(true))
	check(t, os.Rename(VolumeName(path, 1)+partial, VolumeName(path, 1)))
	check(t, u.lock.Close())

	src := &link{w: w, left: 1 << 40}
	written, err := writeVolumes(t, w, src.open, path, o)
	check(t, err)
	if src.fetched > 0 || len(folder(t, dir)) != 5 {
		t.Errorf("%d bytes fetched again, the folder holds %d files", src.fetched, len(folder(t, dir)))
	}
	if report, err := Verify(t.Context(), path, written.Root, nil); err != nil || len(report.Findings) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// A build that was killed at its very end has left a whole bundle. The next one
// may find that it cannot go on, or that a medium is not there, and leaves it.
func TestBuildThatOnlyBeganLeavesWhatIsThere(t *testing.T) {
	for _, absent := range []bool{false, true} {
		w := large()
		dirs := []string{t.TempDir(), t.TempDir()}
		path := filepath.Join(dirs[0], "site.tar")
		o := VolumeOptions{Size: 4 << 20, Dirs: dirs}
		written, err := writeVolumes(t, w, w.open, "site.tar", o)
		check(t, err)
		journal := fmt.Sprintf("drayage journal 2 %s %d %d\n%s 0 2000000 2000000\n", written.Root, written.Bytes, o.Size, strings.Repeat("ab", 32))
		for i, v := range written.Volumes {
			journal += volumePlace{dirs[0], changed(t, v.Path)}.line(i)
		}
		check(t, os.WriteFile(path+journaled, []byte(journal), 0o644))
		check(t, os.Rename(VolumeName(path, 4), VolumeName(path, 4)+partial))
		if absent {
			check(t, os.Rename(VolumeName(path, 2), filepath.Join(t.TempDir(), "elsewhere")))
		}
		before := folder(t, dirs[0])
		u, err := Begin(path, o)
		if errors.As(err, new(*LeftError)) != absent {
			t.Fatalf("absent %v: %v", absent, err)
		}
		if !absent {
			check(t, u.Close())
		}
		after := folder(t, dirs[0])
		delete(after, "site.tar"+partial) // the lock
		if !maps.Equal(before, after) {
			t.Errorf("absent %v: %d files, were %d", absent, len(after), len(before))
		}
	}
}

// A build in one file that only began leaves volumes that are not whole.
func TestBuildInOneFileThatOnlyBeganLeavesVolumes(t *testing.T) {
	dirs := []string{tmpfs(t, 9<<20), t.TempDir()}
	w := large()
	src := &link{w: w, left: 12 << 20}
	if _, err := writeVolumes(t, w, src.open, "site.tar", VolumeOptions{Size: 4 << 20, Dirs: dirs}); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	for _, journal := range []bool{true, false} { // it may be in another folder
		if !journal {
			check(t, os.Remove(filepath.Join(dirs[0], "site.tar"+journaled)))
		}
		before := folder(t, dirs[0])
		if u, err := Begin(filepath.Join(dirs[0], "site.tar"), VolumeOptions{}); err == nil {
			check(t, u.Close())
		}
		after := folder(t, dirs[0])
		delete(before, "site.tar"+partial) // the lock
		delete(after, "site.tar"+partial)
		if len(after) < 2 || !maps.Equal(before, after) {
			t.Errorf("%d files, were %d", len(after), len(before))
		}
	}
}

// One file that takes the place of volumes, and is killed before they are gone, has
// the next run take them away.
func TestVolumesThatAKilledBuildGaveUp(t *testing.T) {
	for _, journal := range []string{"", fmt.Sprintf("drayage journal 1 sha256:%064d 9\nvoid volumes\n", 0)} {
		w, path := small(), filepath.Join(t.TempDir(), "site.tar")
		check(t, os.WriteFile(VolumeName(path, 2)+partial, make([]byte, MinVolume), 0o644))
		check(t, os.WriteFile(path+journaled, []byte(journal), 0o644))
		_, err := writeTo(t.Context(), w.list(), w.open, path, WriteOptions{})
		check(t, err)
		if n := len(folder(t, filepath.Dir(path))); n != 1 {
			t.Errorf("%q: %d files", journal, n)
		}
	}
}

// What another run wrote serves, in volumes or not; and volumes of an earlier
// bundle do not stay beside the new ones.
func TestVolumesOfAnotherSizeTakeWhatIsThere(t *testing.T) {
	for _, c := range []struct{ from, to int64 }{{0, 4 << 20}, {4 << 20, 3 << 20}, {4 << 20, 0}} {
		dir := t.TempDir()
		path := filepath.Join(dir, "site.tar")
		for i := range 9 {
			check(t, os.WriteFile(VolumeName(path, i+1), []byte("old"), 0o644))
		}
		w := large()
		src := &link{w: w, left: 14 << 20}
		if _, err := writeVolumes(t, w, src.open, path, VolumeOptions{Size: c.from}); !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		src.left, src.fetched = 1<<40, 0
		written, err := writeVolumes(t, w, src.open, path, VolumeOptions{Size: c.to})
		check(t, err)
		if src.fetched > 14<<20 {
			t.Errorf("%v: %d bytes fetched again", c, src.fetched)
		}
		names := folder(t, dir)
		if c.to > 0 && len(names) != len(written.Volumes)+1 {
			t.Errorf("%v: %d files for %d volumes", c, len(names), len(written.Volumes))
		}
		for name := range names {
			if strings.Contains(name, partial) {
				t.Errorf("%v: left behind: %s", c, name)
			}
		}
	}
}

func TestFilesThatAFileSystemCannotHave(t *testing.T) {
	for _, c := range []struct {
		kind, size int64
		want       string
	}{
		{fat, 1<<32 - 1, ""},
		{fat, 1 << 32, "/media/usb: is FAT32, whose files have at most 4294967295 bytes; the bundle has 4294967296"},
		{0xEF53, 1 << 40, ""},
	} {
		err := checkFileSize(c.kind, c.size, "/media/usb", false)
		if (err == nil) != (c.want == "") || (err != nil && (err.Error() != c.want || !errors.Is(err, unix.EFBIG))) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestVolumeSizesThatAreRefused(t *testing.T) {
	for _, size := range []int64{-1, 1, MinVolume - 1, oci.MaxBundle + 1} {
		if _, err := Begin(filepath.Join(t.TempDir(), "x"), VolumeOptions{Size: size}); err == nil {
			t.Errorf("%d was taken", size)
		}
	}
	if err := checkSplit(1<<40, MinVolume); err == nil || !strings.Contains(err.Error(), "at least 1100612241 bytes each") {
		t.Errorf("got %v", err)
	}
	if err := checkSplit(999*MinVolume, MinVolume); err != nil {
		t.Error(err)
	}
}
