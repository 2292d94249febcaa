package bundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Names are on the media before anything goes that an earlier build left, and
// before the journal, with which the next run could begin.
func TestNamesAreOnTheMediaFirst(t *testing.T) {
	for _, each := range []int64{0, MinVolume} {
		for _, fails := range []error{nil, unix.EIO} {
			t.Run(fmt.Sprint(each, fails), func(t *testing.T) {
				dirs := []string{t.TempDir(), t.TempDir()}[:min(each, 1)+1]
				path := filepath.Join(dirs[0], "site.tar")
				check(t, os.WriteFile(VolumeName(path, 9), []byte("old"), 0o644))
				u, err := Begin(path, VolumeOptions{Size: each, Dirs: dirs})
				check(t, err)
				var synced []string
				u.syncFolder = func(dir string) error {
					synced = append(synced, dir)
					got := folder(t, dirs[0])
					if got["site.tar"]+got["site.tar.001"] == "" || got["site.tar"+journaled] == "" || got["site.tar.009"] != "old" || got["site.tar.sha256"] != "" {
						t.Errorf("when it is synced the folder holds %d files", len(got))
					}
					return fails
				}
				w := small()
				_, err = u.Write(t.Context(), w.list(), w.open, WriteOptions{Checksum: true})
				if !errors.Is(err, fails) || len(synced) != len(dirs) {
					t.Errorf("%v, %q were synced", err, synced)
				}
				check(t, u.Close())
				got := folder(t, dirs[0])
				if _, journal := got["site.tar"+journaled]; journal != (fails != nil) || (got["site.tar.009"] == "old") != (fails != nil || each == 0) {
					t.Errorf("in the end the folder holds %d files, a journal: %v", len(got), journal)
				}
			})
		}
	}
}

// The checksum of an earlier bundle never stands beside the new one, where it would
// say that this is damaged. It stays with the earlier one when that stays.
func TestChecksumOfAnEarlierBundle(t *testing.T) {
	for _, c := range []struct {
		each     int64
		checksum bool
	}{{0, false}, {0, true}, {MinVolume, true}} {
		dirs := []string{t.TempDir(), t.TempDir()}[:min(c.each, 1)+1]
		path, o := filepath.Join(dirs[0], "site.tar"), VolumeOptions{Size: c.each, Dirs: dirs}
		final := path
		if c.each > 0 {
			final = VolumeName(path, 1)
		}
		for _, dir := range dirs {
			check(t, os.WriteFile(filepath.Join(dir, "site.tar.sha256"), []byte("old"), 0o644))
		}
		w := small()
		write := func(sync func(string) error) error {
			u, err := Begin(path, o)
			check(t, err)
			u.syncFolder = sync
			_, err = u.Write(t.Context(), w.list(), w.open, WriteOptions{Checksum: c.checksum})
			return errors.Join(err, u.Close())
		}
		check(t, os.MkdirAll(filepath.Join(final, "something"), 0o755)) // rename fails
		if err := write(func(string) error { return nil }); err == nil || string(content(t, path+".sha256")) != "old" {
			t.Errorf("%+v: %v, or the old checksum is gone with the old bundle there", c, err)
		}
		check(t, os.RemoveAll(final))
		err := write(func(string) error {
			if got := folder(t, dirs[0]); got["site.tar.sha256"] != "" || len(dirs) > 1 && folder(t, dirs[1])["site.tar.sha256"] != "old" {
				t.Errorf("%+v: when the names are given: %q", c, got["site.tar.sha256"])
			}
			return unix.EIO
		})
		if got := folder(t, dirs[0]); !errors.Is(err, unix.EIO) || got["site.tar.sha256"] != "" || got[filepath.Base(final)] == "" || len(got) > 2 {
			t.Errorf("%+v: %v, %d files", c, err, len(got))
		}
	}
}

// While something of the end is not done, the journal of volumes stays, and the next
// run does that and fetches nothing.
func TestEndThatFailsLeavesTheJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.tar")
	o := VolumeOptions{Size: 4 << 20}
	u, err := Begin(path, o)
	check(t, err)
	obstacle := path + ".sha256" // where a checksum would go
	u.syncFolder = func(string) error { return os.MkdirAll(filepath.Join(obstacle, "something"), 0o755) }
	w := large()
	_, err = u.Write(t.Context(), w.list(), w.open, WriteOptions{})
	check(t, u.Close())
	if err == nil || u.journal.file != nil {
		t.Errorf("%v, the journal is open: %v", err, u.journal.file != nil)
	}
	content(t, path+journaled)
	check(t, os.RemoveAll(obstacle))
	src := &link{w: w, left: 1 << 40}
	_, err = writeVolumes(t, w, src.open, path, o)
	check(t, err)
	if n := len(folder(t, filepath.Dir(path))); src.fetched > 0 || n != 5 {
		t.Errorf("%d bytes fetched again, %d files", src.fetched, n)
	}
}

// A journal that made room for a checksum is there again when that was in vain.
func TestChecksumThatHasNoRoom(t *testing.T) {
	path := filepath.Join(tmpfs(t, 20<<20), "site.tar")
	broken(t, path)
	u, err := Begin(path, VolumeOptions{})
	check(t, err)
	l, _, err := layout(large().list())
	check(t, err)
	_, err = u.prepare(l, WriteOptions{})
	check(t, err)
	kept := u.journal.bytes()
	if _, err := u.publish([]string{strings.Repeat("x", 8<<20)}); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	check(t, u.Close())
	if left := readJournal(path + journaled); left.bytes() != kept || left.root != l.Root || left.size != l.Size {
		t.Errorf("the journal tells %d bytes of %s, want %d", left.bytes(), left.root, kept)
	}
	if names := folder(t, filepath.Dir(path)); len(names) != 2 {
		t.Errorf("%d files, want what was kept and its journal", len(names))
	}
}

// fill takes what room a medium has left.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	check(t, err)
	defer f.Close()
	page := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(page)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}

// A journal that made room for a checksum is there again when the last step fails.
func TestNameThatCannotBeHad(t *testing.T) {
	for _, each := range []int64{0, 4 << 20} {
		path := filepath.Join(tmpfs(t, 20<<20), "site.tar")
		o := VolumeOptions{Size: each}
		w := large()
		src := &link{w: w, left: 14 << 20}
		if _, err := writeVolumes(t, w, src.open, path, o); !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		u, err := Begin(path, o)
		check(t, err)
		l, _, err := layout(w.list())
		check(t, err)
		_, err = u.prepare(l, WriteOptions{})
		check(t, err)
		fill(t, filepath.Dir(path))
		kept, sums, obstacle := u.journal.bytes(), []string{"a"}, path
		if each > 0 {
			sums, obstacle = []string{"a", "b", "c", "d"}, VolumeName(path, 2)
		}
		check(t, os.Mkdir(obstacle, 0o755))
		check(t, os.WriteFile(filepath.Join(obstacle, "x"), nil, 0o644))
		if _, err := u.publish(sums); !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.ENOTDIR) {
			t.Errorf("got %v", err)
		}
		check(t, u.Close())
		if _, err := os.Lstat(path + ".sha256"); err == nil {
			t.Error("a checksum has its name")
		}
		check(t, os.RemoveAll(obstacle))
		again, err := Begin(path, o)
		check(t, err)
		if again.journal.bytes() != kept || again.file == nil {
			t.Errorf("the journal tells of %d bytes, want %d", again.journal.bytes(), kept)
		}
		check(t, again.Close())
	}
}

// A journal that has no room for its last word is written anew, and is shorter then.
func TestJournalWithoutRoom(t *testing.T) {
	path := filepath.Join(tmpfs(t, 20<<20), "site.tar")
	o := VolumeOptions{Size: 4 << 20}
	w := large()
	src := &link{w: w, left: 14 << 20}
	if _, err := writeVolumes(t, w, src.open, path, o); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	u, err := Begin(path, o)
	check(t, err)
	l, _, err := layout(w.list())
	check(t, err)
	_, err = u.prepare(l, WriteOptions{})
	check(t, err)
	fill(t, filepath.Dir(path))
	for err == nil { // to the end of its page
		_, err = u.journal.file.WriteString("\n")
	}
	check(t, u.markWhole())
	check(t, u.Close())
	j := readJournal(path + journaled)
	if j.bytes() != u.journal.bytes() || len(j.places) != 4 || j.places[3].changed == 0 {
		t.Errorf("%d bytes, %+v", j.bytes(), j.places)
	}
}
