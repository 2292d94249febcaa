package e2e

import (
	"bytes"
	"context"
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

// A build that is killed at any moment is gone on with by the same command: the
// bundle is the one of a build that nobody disturbed, and what was fetched is
// not fetched again.
func TestKilledBuildGoesOn(t *testing.T) {
	src := registry.StartT(t, registry.Options{})
	filled, err := content.Fill(t.Context(), src.Addr(), content.Options{Size: 24 << 20, Incompressible: true})
	if err != nil {
		t.Fatal(err)
	}
	dir := connected(t, src.Addr(), filled)
	check(t, src.ClearRequests())
	build(t, dir)
	want, err := os.ReadFile(filepath.Join(dir, "site.tar"))
	check(t, err)
	once := sent(t, src)

	proxy, err := faults.Start(src.Addr(), faults.Rule{PathRegexp: "/blobs/", Fault: faults.Throttle(2 << 20)})
	check(t, err)
	defer proxy.Close()
	dir = connected(t, proxy.Addr(), filled)
	args := []string{"build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "site.tar"}
	check(t, src.ClearRequests())
	random := rand.New(rand.NewPCG(1, 2))
	kills := 0
	for ; kills < 12; kills++ {
		if killed(t, dir, time.Duration(100+random.IntN(1200))*time.Millisecond, args...) {
			break
		}
	}
	check(t, proxy.SetRules())
	out := good(t, dir, "bundle", args...)
	got, err := os.ReadFile(filepath.Join(dir, "site.tar"))
	check(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("the bundle differs from that of an undisturbed build:\n%s", out)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.partial*"))
	check(t, err)
	hidden, err := filepath.Glob(filepath.Join(dir, ".drayage*"))
	check(t, err)
	if len(left)+len(hidden) > 0 {
		t.Errorf("left behind: %q %q", left, hidden)
	}
	// A kill costs, for each of six downloads, what was not noted yet and what
	// was on its way.
	if n, most := sent(t, src), once+int64(kills)*6*(2<<20); n > most || n < once {
		t.Errorf("%d kills: the source sent %d bytes, %d to an undisturbed build, at most %d are fair", kills, n, once, most)
	} else {
		t.Logf("%d kills: the source sent %d bytes, %d to an undisturbed build", kills, n, once)
	}
}

// A build that fails after a while says what it keeps, and goes on from there.
func TestFailedBuildSaysWhatItKeeps(t *testing.T) {
	src := registry.StartT(t, registry.Options{})
	filled, err := content.Fill(t.Context(), src.Addr(), content.Options{Size: 24 << 20, Incompressible: true})
	check(t, err)
	proxy, err := faults.Start(src.Addr(), faults.Rule{PathRegexp: "/blobs/", Nth: 50, Times: 1000, Fault: faults.Status(403, nil)})
	check(t, err)
	defer proxy.Close()
	dir := connected(t, proxy.Addr(), filled)
	args := []string{"build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "site.tar", "--jobs", "1"}
	r := bad(t, 5, "403", dir, "bundle", args...)
	check(t, proxy.SetRules(faults.Rule{PathRegexp: "/manifests/", Times: 1000, Fault: faults.Status(403, nil)}))
	planning := bad(t, 5, "403", dir, "bundle", args...)
	for _, text := range []string{r.err, planning.err} {
		if !strings.Contains(text, "hint: site.tar.partial keeps ") || !strings.Contains(text, "; the same command goes on from there") {
			t.Errorf("no word of what is kept:\n%s", text)
		}
	}
	check(t, proxy.SetRules())
	r = call(t, dir, "bundle", args...)
	if r.code != 0 || !strings.Contains(r.err, "site.tar.partial: ") || !strings.Contains(r.err, "are there from an earlier run") {
		t.Errorf("exit code %d:\n%s", r.code, r.err)
	}
}

// killed runs a build and kills it after a while; it is true when the build was
// quicker.
func killed(t *testing.T, dir string, after time.Duration, args ...string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	cmd := command(ctx, dir, "bundle", args...) // CommandContext ends with SIGKILL
	var errs strings.Builder
	cmd.Stderr = &errs
	err := cmd.Run()
	if err != nil && ctx.Err() == nil {
		t.Fatalf("%v:\n%s", err, errs.String())
	}
	return err == nil
}

// sent is how many bytes of blobs a registry has sent.
func sent(t *testing.T, src *registry.Registry) int64 {
	t.Helper()
	requests, err := src.Requests()
	check(t, err)
	var n int64
	for _, r := range requests {
		if r.Method == "GET" && strings.Contains(r.Path, "/blobs/") {
			n += r.Bytes
		}
	}
	return n
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
