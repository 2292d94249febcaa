package e2e

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// smallDisk is a file system of so many bytes, where this machine lets us mount
// one.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skip("no small file system can be mounted here: ", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	return dir
}

// A medium that is too small is told before a layer is fetched, and the good
// bundle that is there stays.
func TestAMediumThatIsTooSmall(t *testing.T) {
	src, filled := sharedSource(t)
	disk := smallDisk(t, "512k")
	dir := connected(t, src.Addr(), filled)
	old := write(t, disk, "site.tar", "the bundle of last month")
	args := []string{"build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", old}
	r := bad(t, 6, "are free here", dir, "bundle", args...)
	if r.out != "" {
		t.Errorf("printed a result:\n%s", r.out)
	}
	if raw, _ := os.ReadFile(old); string(raw) != "the bundle of last month" {
		t.Error("the old bundle is gone")
	}
	if left, _ := filepath.Glob(filepath.Join(disk, "*.partial")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A medium that cannot even hold what has to be read while planning.
func TestAMediumWithoutAnyRoom(t *testing.T) {
	src, filled := sharedSource(t)
	disk := smallDisk(t, "16k")
	dir := connected(t, src.Addr(), filled)
	bad(t, 6, "no space left on device", dir, "bundle", "build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", filepath.Join(disk, "site.tar"))
}

// grow gives a small disk more room.
func grow(t *testing.T, dir, size string) {
	t.Helper()
	check(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size="+size))
}
