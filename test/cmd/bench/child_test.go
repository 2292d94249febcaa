package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestChildIsMeasuredWithItsOwnChildren(t *testing.T) {
	dir := t.TempDir()
	u, err := spawn(t.Context(), dir, os.Environ(), "echo hello; (dd if=/dev/zero of=made bs=1M count=8 2>/dev/null) & wait; sleep 0.1")
	if err != nil {
		t.Fatal(err)
	}
	if u.out != "hello\n" || u.wall < 100*time.Millisecond || u.peak <= 0 {
		t.Errorf("got %+v", u)
	}
	if u.written != 0 && u.written < 8<<20 { // 0 where the folder is in memory
		t.Errorf("%d bytes written, want %d", u.written, 8<<20)
	}
	if got := onDisk(dir, ""); got < 8<<20 {
		t.Errorf("%d bytes on disk, want %d", got, 8<<20)
	}
	if got := onDisk(dir, filepath.Join(dir, "made")); got != 0 {
		t.Errorf("%d bytes on disk besides what was made, want none", got)
	}
}

func TestChildThatFailsSaysWhy(t *testing.T) {
	_, err := spawn(t.Context(), t.TempDir(), os.Environ(), "echo no such thing >&2; exit 3")
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("got %v", err)
	}
}

func TestWatchSeesWhatIsGoneInTheEnd(t *testing.T) {
	dir := t.TempDir()
	most := watch(dir, filepath.Join(dir, "result"))
	for _, name := range []string{"staged", "result", "result.partial"} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 1<<20), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(3 * sampling)
	if err := os.Remove(filepath.Join(dir, "staged")); err != nil {
		t.Fatal(err)
	}
	if got := most(); got != 1<<20 {
		t.Errorf("%d bytes, want %d", got, 1<<20)
	}
}
