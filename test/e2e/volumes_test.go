package e2e

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drayage/test/content"
	"drayage/test/faults"
	"drayage/test/registry"
)

// volumes builds the made-up world of a few megabytes in volumes of 1 MiB and a
// bit, over two small media and a folder, and returns the media.
func volumes(t *testing.T) (dir, a, b string) {
	t.Helper()
	src := registry.StartT(t, registry.Options{})
	filled, err := content.Fill(t.Context(), src.Addr(), content.Options{Size: 6 << 20, Incompressible: true})
	check(t, err)
	dir = connected(t, src.Addr(), filled)
	a, b = smallDisk(t, "3500k"), smallDisk(t, "64m")
	root := build(t, dir)
	check(t, os.Rename(filepath.Join(dir, "site.tar"), filepath.Join(dir, "whole.tar")))
	args := []string{"build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "site.tar",
		"--volume-size", "1100001", "--volume-dir", a, "--volume-dir", b}
	if again := rootOf(t, good(t, dir, "bundle", args...)); again != root {
		t.Errorf("root %s in volumes, %s without", again, root)
	}
	return dir, a, b
}

func TestVolumesOverTwoMedia(t *testing.T) {
	dir, a, b := volumes(t)
	var joined []byte
	n := 0
	for _, disk := range []string{a, b} {
		paths, err := filepath.Glob(filepath.Join(disk, "site.tar.[0-9][0-9][0-9]"))
		check(t, err)
		for _, p := range paths {
			raw, err := os.ReadFile(p)
			check(t, err)
			joined = append(joined, raw...)
			n++
		}
		if raw, err := os.ReadFile(filepath.Join(disk, "site.tar.sha256")); err != nil || bytes.Count(raw, []byte("\n")) != len(paths) || len(paths) < 3 {
			t.Errorf("%s: %d volumes and the list %q, %v", disk, len(paths), raw, err)
		}
	}
	whole, err := os.ReadFile(filepath.Join(dir, "whole.tar"))
	check(t, err)
	if !bytes.Equal(joined, whole) {
		t.Errorf("%d volumes make %d bytes, want those of one file, %d", n, len(joined), len(whole))
	}
	for _, program := range []string{"bundle", "import"} {
		if out := good(t, b, program, "verify", "--volume-dir", a, "--json", "site.tar"); program == "import" {
			var r struct {
				Volumes  []string
				Findings []any
			}
			check(t, json.Unmarshal([]byte(out), &r))
			if len(r.Volumes) != n || len(r.Findings) > 0 {
				t.Errorf("%+v", r)
			}
		}
	}
	regs := nodes(t, a, 3)
	out := good(t, a, "import", "push", "--site", "site.yaml", "--volume-dir", b, "site.tar.001")
	if strings.Count(out, " whole\n") != len(regs) {
		t.Errorf("pushed:\n%s", out)
	}
	check(t, os.Rename(filepath.Join(dir, "whole.tar"), filepath.Join(dir, "site.tar")))
	writeSite(t, dir, regs[2].Addr())
	pullAll(t, dir, regs[2].Addr())
	good(t, a, "import", "render", "--site", "site.yaml", "--volume-dir", b, "-o", "-", "site.tar")
	s := serving(t, a, "--plain-http", "--volume-dir", b, "site.tar")
	pullAll(t, dir, strings.TrimPrefix(s.url, "http://"))
	s.stop()
}

func TestVolumesThatAreMissingOrSwapped(t *testing.T) {
	_, a, b := volumes(t)
	r := bad(t, 3, "volume 4, site.tar.004, is missing: the bundle has ", a, "import", "push", "--site", writeSiteAt(t, a), "site.tar")
	if !strings.Contains(r.err, "hint: volumes in other folders are found with --volume-dir DIR") {
		t.Errorf("no hint:\n%s", r.err)
	}
	four, five := filepath.Join(b, "site.tar.004"), filepath.Join(b, "site.tar.005")
	check(t, os.Rename(four, filepath.Join(b, "x")))
	check(t, os.Rename(five, four))
	check(t, os.Rename(filepath.Join(b, "x"), five))
	r = call(t, a, "bundle", "verify", "--volume-dir", b, "site.tar")
	if r.code != 3 || !strings.Contains(r.out, "site.tar.004") || !strings.Contains(r.out, "site.tar.005") {
		t.Errorf("exit code %d:\n%s%s", r.code, r.out, r.err)
	}
}

func writeSiteAt(t *testing.T, dir string) string {
	t.Helper()
	writeSite(t, dir, "127.0.0.1:1")
	return "site.yaml"
}

// A build in volumes that is killed at any moment is gone on with, too.
func TestKilledBuildOfVolumesGoesOn(t *testing.T) {
	src := registry.StartT(t, registry.Options{})
	filled, err := content.Fill(t.Context(), src.Addr(), content.Options{Size: 24 << 20, Incompressible: true})
	check(t, err)
	dir := connected(t, src.Addr(), filled)
	root := build(t, dir)
	want, err := os.ReadFile(filepath.Join(dir, "site.tar"))
	check(t, err)
	proxy, err := faults.Start(src.Addr(), faults.Rule{PathRegexp: "/blobs/", Fault: faults.Throttle(2 << 20)})
	check(t, err)
	defer proxy.Close()
	dir = connected(t, proxy.Addr(), filled)
	a, b := smallDisk(t, "16m"), smallDisk(t, "64m")
	args := []string{"build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature",
		"-o", "site.tar", "--volume-size", "3MB", "--volume-dir", a, "--volume-dir", b}
	random := rand.New(rand.NewPCG(5, 6))
	for range 5 {
		if killed(t, dir, time.Duration(200+random.IntN(1200))*time.Millisecond, args...) {
			break
		}
		if named, _ := filepath.Glob(filepath.Join(a, "site.tar.???")); len(named) > 0 {
			t.Errorf("killed, and %q have their names", named)
		}
	}
	check(t, proxy.SetRules())
	if got := rootOf(t, good(t, dir, "bundle", args...)); got != root {
		t.Errorf("root %s, want %s", got, root)
	}
	var joined []byte
	for _, disk := range []string{a, b} {
		paths, err := filepath.Glob(filepath.Join(disk, "*"))
		check(t, err)
		for _, p := range paths {
			if strings.HasSuffix(p, ".sha256") {
				continue
			}
			raw, err := os.ReadFile(p)
			check(t, err)
			joined = append(joined, raw...)
		}
	}
	if !bytes.Equal(joined, want) {
		t.Errorf("%d bytes that differ from an undisturbed build, or more than volumes: %d", len(joined), len(want))
	}
}

// Both media together are too small: that is known before the first byte.
func TestVolumesWithoutRoom(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	a, b := smallDisk(t, "900k"), smallDisk(t, "100k")
	r := bad(t, 6, "there is room for 0 of them", dir, "bundle", "build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature",
		"-o", "site.tar", "--volume-size", "1MiB", "--volume-dir", a, "--volume-dir", b)
	if left, _ := filepath.Glob(filepath.Join(a, "*")); r.out != "" || len(left) > 0 {
		t.Errorf("printed %q, left behind %q", r.out, left)
	}
}
