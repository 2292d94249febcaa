package bundle

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A page that did not get to its medium stays in memory as if it had. So what an
// earlier run left is read from the medium, however that run ended.
func TestWhatIsLeftIsReadFromTheMedium(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.tar")
	broken(t, path)
	u, err := Begin(path, VolumeOptions{})
	check(t, err)
	defer u.Close()
	f := int(u.file.files[0].Fd())
	if inMemory(f) {
		t.Error("the partial file is in memory still")
	}
	if _, err := unix.Pread(f, make([]byte, 4096), 0); err != nil || !inMemory(f) {
		t.Skip("what is in memory is not told here")
	}
}

// inMemory tells whether the beginning of a file can be read without its medium.
func inMemory(f int) bool {
	n, err := unix.Preadv2(f, [][]byte{make([]byte, 4096)}, 0, unix.RWF_NOWAIT)
	return err == nil && n == 4096
}

// failingMedium is ext4 on a loop device whose file has too little room, until
// repair is called: what is written beyond that is an error of the medium.
func failingMedium(t *testing.T, size int) (dir string, repair func()) {
	t.Helper()
	below := tmpfs(t, size)
	image := filepath.Join(below, "image")
	dir = t.TempDir()
	// The file system's own blocks are written before, so that only content fails.
	for _, command := range []string{
		"truncate -s 64M " + image, "mkfs.ext4 -q -O ^has_journal -E lazy_itable_init=0 " + image,
		"mount -o loop,errors=continue " + image + " " + dir,
		"cd " + dir + " && for i in 1 2 3 4 5 6; do head -c 4096 /dev/zero > x$i; done && sync && rm x? && sync",
	} {
		if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
			t.Skipf("mounting a medium that fails is not permitted here: %v: %s", err, out)
		}
		if command[:5] == "mount" {
			t.Cleanup(func() { check(t, unix.Unmount(dir, 0)) })
		}
	}
	return dir, func() { check(t, unix.Mount("", below, "", unix.MS_REMOUNT, fmt.Sprintf("size=%d", 100<<20))) }
}

// What a medium did not take is fetched again, and not found in memory.
func TestMediumThatFailed(t *testing.T) {
	dir, repair := failingMedium(t, 9<<20)
	path := filepath.Join(dir, "site.tar")
	w := large() // 15 MiB and a little
	_, err := writeVolumes(t, w, w.open, path, VolumeOptions{})
	if !brokenMedium(err) {
		t.Fatalf("got %v, want what the medium said", err)
	}
	repair()
	src := &link{w: w, left: 1 << 40}
	written, err := writeVolumes(t, w, src.open, path, VolumeOptions{})
	check(t, err)
	if src.fetched < 6<<20 {
		t.Errorf("%d bytes fetched again, the medium did not take 6 MiB", src.fetched)
	}
	f, err := os.Open(path)
	check(t, err)
	defer f.Close()
	single(f, written.Bytes).forget()
	if report, err := Verify(t.Context(), path, written.Root, nil); err != nil || len(report.Findings) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}
