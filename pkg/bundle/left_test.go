package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// stay reports what is not as it was in a folder.
func stay(t *testing.T, what string, before map[string]string, dir string) {
	t.Helper()
	after := folder(t, dir)
	delete(after, "site.tar"+partial) // the lock
	delete(before, "site.tar"+partial)
	if !maps.Equal(before, after) {
		t.Errorf("%s: %d files in %s, were %d", what, len(after), dir, len(before))
	}
}

// scattered leaves 12 MiB of large() in two folders, two volumes in each.
func scattered(t *testing.T) (w *world, a, b string) {
	t.Helper()
	w, a, b = large(), tmpfs(t, 9<<20), filepath.Join(t.TempDir(), "somebody's stick")
	check(t, os.Mkdir(b, 0o755))
	src := &link{w: w, left: 12 << 20}
	if _, err := writeVolumes(t, w, src.open, "site.tar", VolumeOptions{Size: 4 << 20, Dirs: []string{a, b}}); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	return w, a, b
}

// Who names not all the folders is told so, and nothing changes; in another order
// they are as good.
func TestForgottenFolder(t *testing.T) {
	w, a, b := scattered(t)
	inA, inB, c := folder(t, a), folder(t, b), t.TempDir()
	journal := filepath.Join(a, "site.tar"+journaled)
	without := func(have string) string {
		return fmt.Sprintf("%s: %d of 15740416 bytes are there from an earlier run, but its volume 3 of 4 is not in %s (it was in %s)",
			journal, readJournal(journal).bytes(), have, b)
	}
	orphan := filepath.Join(b, "site.tar.003.partial") + ": is left from an earlier run, but site.tar.partial.journal is not in " + b
	for name, c := range map[string]struct {
		path string
		o    VolumeOptions
		want string
	}{
		"the second":                   {"site.tar", VolumeOptions{Size: 4 << 20, Dirs: []string{a}}, without(a)},
		"the second, another size":     {"site.tar", VolumeOptions{Size: 2 << 20, Dirs: []string{a}}, without(a)},
		"the second, a new one first":  {"site.tar", VolumeOptions{Size: 4 << 20, Dirs: []string{c, a, a + "/."}}, without(c + ", " + a + ", " + a + "/.")},
		"the first":                    {"site.tar", VolumeOptions{Size: 4 << 20, Dirs: []string{b}}, orphan},
		"the second, and now one file": {filepath.Join(a, "site.tar"), VolumeOptions{}, without(a)},
		"the first, and now one file":  {filepath.Join(b, "site.tar"), VolumeOptions{}, orphan},
	} {
		_, err := Begin(c.path, c.o)
		if !errors.As(err, new(*LeftError)) || !errors.Is(err, fs.ErrNotExist) || err.Error() != c.want {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
		stay(t, name, inA, a)
		stay(t, name, inB, b)
	}
	// The journal of a build in one file says nothing of them.
	check(t, os.WriteFile(filepath.Join(b, "site.tar"+journaled), fmt.Appendf(nil, "drayage journal 1 sha256:%064d 100\n", 0), 0o644))
	if _, err := Begin("site.tar", VolumeOptions{Size: 4 << 20, Dirs: []string{b}}); err == nil || err.Error() != orphan {
		t.Errorf("got %v", err)
	}
	check(t, os.Remove(filepath.Join(b, "site.tar"+journaled)))
	src := &link{w: w, left: 1 << 40}
	written, err := writeVolumes(t, w, src.open, "site.tar", VolumeOptions{Size: 4 << 20, Dirs: []string{b, a}})
	check(t, err)
	if src.fetched > 7<<20 || len(folder(t, a)) != 3 || len(folder(t, b)) != 3 || filepath.Dir(written.Volumes[0].Path) != a {
		t.Errorf("%d bytes fetched, %d and %d files", src.fetched, len(folder(t, a)), len(folder(t, b)))
	}
}

// What the error says gives the work up.
func TestWorkThatIsGivenUp(t *testing.T) {
	for _, keep := range []int{0, 1} {
		w, a, b := scattered(t)
		o := VolumeOptions{Size: 1 << 30, Dirs: []string{t.TempDir(), []string{a, b}[keep]}}
		_, err := Begin("site.tar", o)
		left := (*LeftError)(nil)
		if !errors.As(err, &left) {
			t.Fatal(err)
		}
		check(t, exec.Command("sh", "-c", "rm "+strings.Join(left.Remove, " ")).Run())
		_, err = writeVolumes(t, w, w.open, "site.tar", o)
		check(t, err)
		if n := len(folder(t, o.Dirs[1])); n > 0 {
			t.Errorf("%d files are left", n)
		}
	}
}

// Two runs that had one folder each are not mixed.
func TestWorkOfTwoRuns(t *testing.T) {
	w, a, b := large(), t.TempDir(), t.TempDir()
	for _, dir := range []string{a, b} {
		src := &link{w: w, left: 12 << 20}
		if _, err := writeVolumes(t, w, src.open, "site.tar", VolumeOptions{Size: 4 << 20, Dirs: []string{dir}}); !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
	}
	inA, inB := folder(t, a), folder(t, b)
	o := VolumeOptions{Size: 4 << 20, Dirs: []string{a, b}}
	_, err := Begin("site.tar", o)
	if want := ": an earlier run left work, and another one that " + filepath.Join(b, "site.tar"+journaled) + " tells of"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	stay(t, "refused", inA, a)
	stay(t, "refused", inB, b)
	// Of what is not worth keeping nothing stays in the end, wherever it is.
	check(t, os.WriteFile(filepath.Join(b, "site.tar"+journaled), []byte(strings.SplitAfter(inB["site.tar"+journaled], "\n")[0]), 0o644))
	src := &link{w: w, left: 1 << 40}
	_, err = writeVolumes(t, w, src.open, "site.tar", o)
	check(t, err)
	if src.fetched > 7<<20 || len(folder(t, a)) != 5 || len(folder(t, b)) != 0 {
		t.Errorf("%d bytes fetched, %d and %d files", src.fetched, len(folder(t, a)), len(folder(t, b)))
	}
}

// Another bundle than the one that is unfinished takes nothing away when there is
// no room for it, and its own journal is not in the way of the first.
func TestAnotherBundleThatDoesNotFit(t *testing.T) {
	large2 := large()
	large2.image("quay.io/acme/larger:v1", noise(4, 8<<20))
	for name, each := range map[string]int64{"one file": 0, "volumes": 4 << 20} {
		t.Run(name, func(t *testing.T) {
			w, dir := large(), tmpfs(t, 17<<20)
			path, o := filepath.Join(dir, "site.tar"), VolumeOptions{Size: each}
			src := &link{w: w, left: 12 << 20}
			if _, err := writeVolumes(t, w, src.open, path, o); !errors.Is(err, errBroken) {
				t.Fatal(err)
			}
			before := folder(t, dir)
			space := (*SpaceError)(nil)
			if _, err := writeVolumes(t, large2, large2.open, path, o); !errors.As(err, &space) || space.Have < 15<<20 && each == 0 || space.Fit != 4 && each > 0 {
				t.Errorf("got %v", err)
			}
			if each > 0 {
				stay(t, "refused", before, dir)
			}
			src.left, src.fetched = 1<<40, 0
			if _, err := writeVolumes(t, w, src.open, path, o); err != nil || src.fetched > 7<<20 {
				t.Errorf("%v, %d bytes fetched again", err, src.fetched)
			}
		})
	}
}
