package bundle

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// changed is when a file was last changed, in nanoseconds since 1970.
func changed(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	check(t, err)
	return info.ModTime().UnixNano()
}

// A build that ended with all its names given, but before what was there went,
// knows its own volumes from those of the earlier bundle in another folder.
func TestEarlierBundleInAnotherFolderIsNotTakenForOnesOwn(t *testing.T) {
	for name, last := range map[string]int{"as large": 2 << 20, "smaller": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			dirs := []string{tmpfs(t, 17<<20), tmpfs(t, 17<<20)}
			o := VolumeOptions{Size: 4 << 20, Dirs: dirs}
			old := newWorld()
			old.image("quay.io/acme/large:v1", noise(4, 3<<20), noise(5, 10<<20), noise(6, last))
			_, err := writeVolumes(t, old, old.open, "site.tar", o)
			check(t, err)
			before := folder(t, dirs[0])
			w := large()
			src := &link{w: w, left: 1 << 40}
			for run := range 2 {
				u, err := Begin("site.tar", o)
				check(t, err)
				u.syncFolder = func(string) error { return unix.EIO }
				if _, err := u.Write(t.Context(), w.list(), src.open, WriteOptions{}); !errors.Is(err, unix.EIO) {
					t.Fatal(err)
				}
				check(t, u.Close())
				if run > 0 && src.fetched > 0 {
					t.Errorf("%d bytes fetched again", src.fetched)
				}
				src.fetched = 0
				got := folder(t, dirs[0])
				delete(got, "site.tar"+partial+".journal")
				if !maps.Equal(got, before) {
					t.Errorf("run %d: the earlier bundle is not as it was", run+1)
				}
			}
			written, err := writeVolumes(t, w, src.open, "site.tar", o)
			check(t, err)
			if src.fetched > 0 || len(folder(t, dirs[0])) != 0 || len(folder(t, dirs[1])) != 5 {
				t.Errorf("%d bytes fetched again, %d and %d files", src.fetched, len(folder(t, dirs[0])), len(folder(t, dirs[1])))
			}
			if report, err := Verify(t.Context(), filepath.Join(dirs[1], "site.tar"), written.Root, nil); err != nil || len(report.Findings) > 0 {
				t.Errorf("%+v, %v", report, err)
			}
		})
	}
}

// Under its own name a volume is taken only where the journal says that it lies,
// and only as it was left there.
func TestVolumeUnderItsOwnName(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	path := VolumeName(filepath.Join(a, "site.tar"), 1)
	check(t, os.WriteFile(path, make([]byte, MinVolume), 0o644))
	then := changed(t, path)
	for _, c := range []struct {
		line string
		want bool
	}{
		{volumePlace{a, then}.line(0), true},
		{volumePlace{a + "/.", then - 1e9}.line(0), true}, // FAT
		{volumePlace{a, then}.line(0) + volumePlace{a, 0}.line(0), false},
		{volumePlace{a, then - 3e9}.line(0), false},
		{volumePlace{b, then}.line(0), false},
		{volumePlace{a, then}.line(1), false},
		{fmt.Sprintf("volume 1 %d %s\n", then, a), false},
		{"whole\n", false},
		{"", false},
	} {
		head := fmt.Sprintf("drayage journal 2 sha256:%064d %d %d\n", 0, 1<<20, 1<<20)
		check(t, os.WriteFile(filepath.Join(b, "site.tar"+journaled), []byte(head+c.line), 0o644))
		u, err := Begin("site.tar", VolumeOptions{Size: MinVolume, Dirs: []string{b, a}})
		check(t, err)
		if (u.file != nil) != c.want {
			t.Errorf("%q: taken: %v", c.line, u.file != nil)
		}
		check(t, u.Close())
	}
}
