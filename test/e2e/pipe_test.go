package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"drayage/test/content"
	"drayage/test/faults"
	"drayage/test/registry"
)

// piped runs import push with a stream as its standard input.
func piped(t *testing.T, dir string, in io.Reader, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := command(ctx, dir, "import", append(append([]string{"push", "--site", "site.yaml"}, args...), "-")...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = struct{ io.Reader }{in}, &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// heavyWorld is a folder with a bundle of large layers and its bytes.
func heavyWorld(t *testing.T, size int64) (dir, root string, raw []byte) {
	t.Helper()
	src := registry.StartT(t, registry.Options{})
	filled, err := content.Fill(t.Context(), src.Addr(), content.Options{Size: size, Incompressible: true})
	check(t, err)
	dir = connected(t, src.Addr(), filled)
	root = build(t, dir)
	raw, err = os.ReadFile(filepath.Join(dir, "site.tar"))
	check(t, err)
	return dir, root, raw
}

// shows is what a node shows under a tag.
func shows(t *testing.T, r *registry.Registry) int {
	t.Helper()
	return len(tags(t, r.Root()))
}

// Three nodes: one is well, one is down, one takes a blob and hangs. The first
// is whole, the others show nothing, and the same pipe again brings the rest.
func TestPipeToThreeNodes(t *testing.T) {
	dir, root, raw := heavyWorld(t, 40<<20)
	regs := nodes(t, dir, 3)
	check(t, regs[1].Stop())
	proxy, err := faults.Start(regs[2].Addr(), faults.Rule{Method: "PUT", PathRegexp: "/blobs/", Nth: 40, Fault: faults.Hang()})
	check(t, err)
	defer proxy.Close()
	writeSite(t, dir, regs[0].Addr(), regs[1].Addr(), proxy.Addr())
	r := piped(t, dir, bytes.NewReader(raw), "--timeout", "3s", "--root", root)
	for _, part := range []string{"connection refused", "node3: ", "hint: 1 of 3 nodes are whole; the same command again finishes the rest"} {
		if r.code != 4 || !strings.Contains(r.err, part) {
			t.Errorf("exit code %d, and %q:\n%s", r.code, part, r.err)
		}
	}
	if !strings.Contains(r.out, "root "+root) || strings.Count(r.out, " whole\n") != 1 || strings.Count(r.out, " NOT WHOLE\n") != 2 {
		t.Errorf("printed\n%s", r.out)
	}
	pullAll(t, dir, regs[0].Addr())
	if n := shows(t, regs[2]); n > 0 {
		t.Errorf("the node that hangs shows %d tags", n)
	}
	check(t, regs[1].Restart(t.Context()))
	check(t, proxy.SetRules())
	writeSite(t, dir, regs[0].Addr(), regs[1].Addr(), proxy.Addr())
	r = piped(t, dir, bytes.NewReader(raw), "--json")
	if r.code != 0 || strings.Count(r.out, `"whole": true`) != 3 || strings.Count(r.out, `"blobsSent": 0`) != 1 {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if !strings.Contains(r.err, "warning: no --root: ") {
		t.Errorf("no word about the root:\n%s", r.err)
	}
	for _, addr := range []string{regs[1].Addr(), proxy.Addr()} {
		pullAll(t, dir, addr)
	}
	orderOnNode(t, regs[0])
}

// What heals by itself does so in a pipe too, and what the disk refuses is named.
func TestPipeToNodesInTrouble(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	raw, err := os.ReadFile(filepath.Join(dir, "site.tar"))
	check(t, err)
	for _, c := range []struct {
		name string
		rule faults.Rule
		line string
	}{
		{"uploads cut, twice", faults.Rule{Method: "PUT", PathRegexp: "/blobs/", Nth: 2, Times: 2, Fault: faults.CutUpload(10)}, ""},
		{"busy, once", faults.Rule{Method: "PUT", Times: 1, Fault: faults.Status(503, http.Header{"Retry-After": {"1"}})}, ""},
		{"disk full", faults.Rule{Method: "PUT", PathRegexp: "/blobs/", Nth: 3, Fault: faults.Status(507, nil)}, "507 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := copyOf(t, dir)
			a, b := registry.StartT(t, registry.Options{}), registry.StartT(t, registry.Options{})
			proxy, err := faults.Start(b.Addr(), c.rule)
			check(t, err)
			defer proxy.Close()
			writeSite(t, dir, a.Addr(), proxy.Addr())
			r := piped(t, dir, bytes.NewReader(raw))
			if want := map[bool]int{true: 0, false: 4}[c.line == ""]; r.code != want || !strings.Contains(r.err, c.line) {
				t.Errorf("exit code %d, want %d and %q:\n%s", r.code, want, c.line, r.err)
			}
			pullAll(t, dir, a.Addr())
			if c.line == "" {
				pullAll(t, dir, proxy.Addr())
			} else if n := shows(t, b); n > 0 {
				t.Errorf("the node that failed shows %d tags", n)
			}
		})
	}
}

// A pipe that is cut anywhere is one line and exit code 3; nothing that is not
// whole is shown, and each next attempt has less to send.
func TestPipeThatIsCut(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	root := build(t, dir)
	raw, err := os.ReadFile(filepath.Join(dir, "site.tar"))
	check(t, err)
	regs := nodes(t, dir, 2)
	for _, part := range []int{0, 1, 3, 10, 30, 50, 70, 90, 99} {
		at := len(raw) * part / 100 / 512 * 512 // a header, or within a blob
		r := piped(t, dir, bytes.NewReader(raw[:at]), "--root", root)
		lines := 0
		for line := range strings.Lines(r.err) {
			if strings.HasPrefix(line, "import: ") {
				lines++
			}
		}
		if r.code != 3 || lines != 1 || !strings.Contains(r.err, "hint: the same pipe again goes on") {
			t.Errorf("cut at %d: exit code %d\n%s", at, r.code, r.err)
		}
		if n := shows(t, regs[0]); n > 0 {
			t.Errorf("cut at %d: %d tags are there", at, n)
		}
	}
	check(t, regs[0].ClearRequests())
	if r := piped(t, dir, bytes.NewReader(raw), "--root", root); r.code != 0 {
		t.Errorf("exit code %d\n%s", r.code, r.err)
	}
	sent := 0
	requests, err := regs[0].Requests()
	check(t, err)
	for _, q := range requests {
		if q.Method == "PUT" && strings.Contains(q.Path, "/blobs/uploads/") {
			sent++
		}
	}
	if sent > 30 {
		t.Errorf("%d blobs were sent after nine tenths had been there", sent)
	}
	pullAll(t, dir, regs[0].Addr())
	// Whole nodes, and a pipe that is cut: that is said too.
	if r := piped(t, dir, bytes.NewReader(raw[:len(raw)-1500])); r.code != 3 || strings.Count(r.out, " whole\n") != 2 {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
}

// From the source to the nodes without a file, packed; a delta after it; volumes
// joined by cat.
func TestPipesOfEveryKind(t *testing.T) {
	src := registry.StartT(t, registry.Options{})
	filled, err := content.Fill(t.Context(), src.Addr(), content.Options{})
	check(t, err)
	dir := connected(t, src.Addr(), filled)
	root := build(t, dir)
	regs := nodes(t, dir, 2)
	shell := func(line string) result {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "bash", "-o", "pipefail", "-c", line)
		cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "PATH=" + bin + ":" + os.Getenv("PATH")}
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run()
		return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
	}
	const source = "bundle build -c imageset.yaml --registries-conf registries.conf --insecure-skip-signature "
	const push = "import push --insecure-skip-signature --site site.yaml "
	if r := shell(source + "--to-stdout --zstd | " + push + "--node node1 --root " + root + " -"); r.code != 0 || !strings.Contains(r.out, "root "+root) {
		t.Fatalf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	pullAll(t, dir, regs[0].Addr())
	if r := shell(source + "-o - --zstd > packed && test $(stat -c %s packed) -lt $(stat -c %s site.tar) && import verify --insecure-skip-signature --root " + root + " - < packed"); r.code != 0 || !strings.Contains(r.out, "-: good") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if r := shell(source + "--volume-size 1MiB -o v.tar && cat v.tar.??? | " + push + "--node node2 --root " + root + " -"); r.code != 0 {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	pullAll(t, dir, regs[1].Addr())

	check(t, content.Push(t.Context(), src.Addr(), content.PushOptions{}, layered(t, "registry.access.redhat.com/ubi9/ubi-minimal:9.4")))
	empty := registry.StartT(t, registry.Options{})
	writeSite(t, dir, regs[0].Addr(), empty.Addr())
	r := shell(source + "--base site.tar -o - | " + push + "-")
	if r.code != 4 || !strings.Contains(r.err, "node2: lacks ") || strings.Count(r.out, " whole\n") != 1 {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if r := shell("head -c 300000 packed | " + push + "-"); r.code != 3 || !strings.Contains(r.err, "is cut after") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
}

// The memory for a pipe does not depend on its length.
func TestMemoryOfAPipe(t *testing.T) {
	if os.Getenv("DRAYAGE_TEST_RACE") != "" {
		t.Skip("the race detector has memory of its own")
	}
	dir, root, raw := heavyWorld(t, 160<<20)
	check(t, os.Remove(filepath.Join(dir, "site.tar")))
	nodes(t, dir, 2)
	cmd := command(t.Context(), dir, "import", "push", "--site", "site.yaml", "--no-check", "--root", root, "-")
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stderr = struct{ io.Reader }{bytes.NewReader(raw)}, &errs
	check(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	peak := 0
	for {
		select {
		case err := <-ended:
			t.Logf("a pipe of %d bytes took %d kB of memory", len(raw), peak)
			if err != nil || peak == 0 || peak > 64<<10 {
				t.Errorf("%d kB of memory, %v:\n%s", peak, err, errs.String())
			}
			return
		case <-time.After(20 * time.Millisecond):
			peak = max(peak, highWater(cmd.Process.Pid))
		}
	}
}

// highWater is the most memory that a process has had, in kB.
func highWater(pid int) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	n, _ := strconv.Atoi(strings.Fields(after + " 0")[0])
	return n
}
