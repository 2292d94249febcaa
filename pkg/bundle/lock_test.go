package bundle

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A build holds each folder that its volumes may go to, not only the first.
func TestBuildsThatShareAFolder(t *testing.T) {
	a, b, c := t.TempDir(), t.TempDir(), t.TempDir()
	left := filepath.Join(c, "site.tar.001"+partial)
	check(t, os.WriteFile(left, []byte("of the first"), 0o644))
	first, err := Begin("site.tar", VolumeOptions{Size: MinVolume, Dirs: []string{a, c}})
	check(t, err)
	link := filepath.Join(t.TempDir(), "link")
	check(t, os.Symlink(c, link))
	for _, second := range []struct {
		path string
		o    VolumeOptions
	}{
		{"site.tar", VolumeOptions{Size: MinVolume, Dirs: []string{b, c}}},
		{"site.tar", VolumeOptions{Size: MinVolume, Dirs: []string{c, b}}},
		{"site.tar", VolumeOptions{Size: MinVolume, Dirs: []string{b, link}}},
		{filepath.Join(c, "site.tar"), VolumeOptions{}},
	} {
		if u, err := Begin(second.path, second.o); err == nil || !strings.HasSuffix(err.Error(), ": another build is writing it") {
			t.Fatalf("%+v: %v", second, errors.Join(err, u.Close()))
		}
		if len(folder(t, b)) > 0 || string(content(t, left)) != "of the first" {
			t.Errorf("%+v: the refused build changed something", second)
		}
	}
	check(t, first.Close())
	if n := len(folder(t, a)) + len(folder(t, b)); n != 0 {
		t.Errorf("%d locks are left", n)
	}
	again, err := Begin("site.tar", VolumeOptions{Size: MinVolume, Dirs: []string{b, c}})
	check(t, err)
	check(t, again.Close())
}

// A folder may be named twice, and hold what a build in one file left.
func TestLockOfAFolder(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	single := filepath.Join(b, "site.tar")
	broken(t, single)
	before := folder(t, b)
	link := filepath.Join(t.TempDir(), "link")
	check(t, os.Symlink(b, link))
	w := small()
	_, err := writeVolumes(t, w, w.open, "site.tar", VolumeOptions{Size: MinVolume, Dirs: []string{a, b, a, b + "/.", link}})
	check(t, err)
	after := folder(t, b)
	if len(after) != len(before) || after["site.tar"+partial] != before["site.tar"+partial] {
		t.Errorf("%d files, were %d", len(after), len(before))
	}
	if len(folder(t, a)) != 2 {
		t.Errorf("%d files, want a volume and its list", len(folder(t, a)))
	}
}

// The name that setAside gives up may be another build's before it is taken again.
func TestLockThatWasLost(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "site.tar")
	broken(t, path)
	u, err := Begin(path, VolumeOptions{})
	check(t, err)
	other, err := Begin(filepath.Join(dir, "other.tar"), VolumeOptions{})
	check(t, err)
	u.path = other.path // held, as the name would be
	l, _, err := layout(small().list())
	check(t, err)
	old, err := u.setAside(l, worthKeeping)
	if err == nil || !strings.HasSuffix(err.Error(), ": another build is writing it") || old == nil {
		t.Fatalf("got %v", err)
	}
	check(t, other.Close())
	winner, err := Begin(path, VolumeOptions{})
	check(t, err)
	check(t, os.WriteFile(path+journaled, []byte("the winner's"), 0o644))
	check(t, u.Close())
	if !hasItsName(winner.lock) || string(content(t, path+journaled)) != "the winner's" {
		t.Error("what the winner has was taken away")
	}
	check(t, winner.Close())
}

// The volumes of an earlier run go while their name is held: who takes it next may
// have volumes under the same names.
func TestVolumesGoWhileTheirNameIsHeld(t *testing.T) {
	w, a, b := scattered(t)
	u, err := Begin("site.tar", VolumeOptions{Size: 4 << 20, Dirs: []string{a, b}})
	check(t, err)
	l, _, err := layout(w.list())
	check(t, err)
	obstacle := VolumeName(filepath.Join(b, "site.tar"), 9) + partial
	check(t, os.MkdirAll(filepath.Join(obstacle, "something"), 0o755))
	old, err := u.setAside(l, worthKeeping)
	if err == nil || !hasItsName(u.lock) {
		t.Errorf("%v, or the name is not held any more", err)
	}
	check(t, os.RemoveAll(obstacle))
	check(t, errors.Join(u.Close(), old.file.Close()))
}

// When the file has its name and is being settled, a second build is kept away;
// and one that came in before loses nothing.
func TestSecondBuildWhileTheFirstIsSettled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.tar")
	w := small()
	u, err := Begin(path, VolumeOptions{})
	check(t, err)
	asked := 0
	u.syncFolder = func(string) error {
		asked++
		if second, err := Begin(path, VolumeOptions{}); !errors.Is(err, errHeld) {
			t.Errorf("got %v", errors.Join(err, second.Close()))
		}
		return nil
	}
	_, err = u.Write(t.Context(), w.list(), w.open, WriteOptions{})
	check(t, errors.Join(err, u.Close()))
	if n := len(folder(t, filepath.Dir(path))); asked != 1 || n != 1 {
		t.Errorf("asked %d times, %d files are left", asked, n)
	}

	first, err := Begin(path, VolumeOptions{})
	check(t, err)
	l, _, err := layout(w.list())
	check(t, err)
	_, err = first.prepare(l, WriteOptions{})
	check(t, err)
	_, err = first.rename()
	check(t, err)
	second, err := Begin(path, VolumeOptions{})
	check(t, err)
	_, err = second.prepare(l, WriteOptions{})
	check(t, err)
	first.holdAgain()
	first.done = true
	check(t, errors.Join(first.settle(nil), first.Close()))
	if _, err := os.Lstat(path + journaled); err != nil || !hasItsName(second.lock) {
		t.Errorf("the second build lost its journal or its lock: %v", err)
	}
	check(t, second.Close())
}
