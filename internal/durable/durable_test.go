package durable

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// names lists a folder, hidden files too.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func content(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestWriteFileReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "plan.json")
	if err := os.WriteFile(path, []byte("a longer content that was there before"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one\n", "", "two\n"} {
		if err := WriteFile(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got := content(t, path); got != want {
			t.Errorf("content %q, want %q", got, want)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o644 {
			t.Errorf("mode %v, %v, want 0644", info.Mode(), err)
		}
		if got := names(t, dir); len(got) != 1 {
			t.Errorf("the folder holds %q, want the file alone", got)
		}
	}
}

// Whoever has the old file open goes on reading the old content: the new one is
// another file that takes its name.
func TestWriteFileDoesNotWriteIntoWhatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plan.json")
	if err := WriteFile(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	old, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := WriteFile(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	var b [3]byte
	if _, err := old.ReadAt(b[:], 0); err != nil || string(b[:]) != "old" {
		t.Errorf("the open file reads %q, %v, want old", b, err)
	}
}

func TestWhatIsNoFileIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "plan.json")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, os.DevNull} {
		want := "write " + path + ": is there and is no regular file"
		if err := WriteFile(path, []byte("x")); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("%s is now %v, %v", os.DevNull, info.Mode(), err)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("the folder holds %q, want what was there", got)
	}
}

func TestFolderThatIsNotThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gone", "plan.json")
	if err := WriteFile(path, []byte("x")); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("got %v, want an error that names the folder", err)
	}
	if err := SyncFolder(filepath.Dir(path)); err == nil {
		t.Error("a folder that is not there was synced")
	}
}

func TestStagedFileIsNotUnderItsName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sum")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Stage(path, []byte("new"))
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "old" {
		t.Errorf("before Commit there is %q", got)
	}
	if err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != 1 || content(t, path) != "old" {
		t.Errorf("after Discard the folder holds %q", got)
	}
}

func TestCommitThatCannotLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sum")
	s, err := Stage(path, []byte("new"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o755); err != nil { // what came in between
		t.Fatal(err)
	}
	if err := s.Commit(); err == nil {
		t.Error("a folder was replaced")
	}
	if got := names(t, dir); len(got) != 1 || got[0] != "sum" {
		t.Errorf("the folder holds %q, want the other's alone", got)
	}
}

func TestWriteSecretIsForTheOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WriteSecret(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 || content(t, path) != "new" {
		t.Errorf("mode %v, %v, %q", info.Mode(), err, content(t, path))
	}
}

func TestSweepTakesWhatWasStagedAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for range 2 {
		if _, err := Stage(path, []byte("killed")); err != nil {
			t.Fatal(err)
		}
	}
	keep := []string{".a.12x", ".ab.12", "a", "a.12"}
	for _, name := range keep {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(path); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); strings.Join(got, " ") != strings.Join(keep, " ") {
		t.Errorf("left are %q, want %q", got, keep)
	}
}
