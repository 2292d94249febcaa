package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"drayage/test/content"
	"drayage/test/faults"
	"drayage/test/registry"
)

// A source in trouble: what heals by itself gives the same bundle, what does not
// is one line, the right code, and nothing left behind.
func TestBuildFromASourceInTrouble(t *testing.T) {
	src, filled := sharedSource(t)
	calm := connected(t, src.Addr(), filled)
	want := build(t, calm)
	busy := http.Header{"Retry-After": {"1"}}
	cases := []struct {
		name  string
		rules []faults.Rule
		code  int
		line  string
	}{
		{"too many requests, once", []faults.Rule{{Method: "GET", PathRegexp: "/manifests/", Nth: 3, Times: 1, Fault: faults.Status(429, busy)}}, 0, ""},
		{"internal errors now and then", []faults.Rule{{PathRegexp: "/blobs/", Nth: 2, Times: 2, Fault: faults.Status(500, nil)}}, 0, ""},
		{"connections that are cut", []faults.Rule{{PathRegexp: "/blobs/", Nth: 5, Times: 3, Fault: faults.CutAfter(1000)}}, 0, ""},
		{"a wrong byte, once", []faults.Rule{{PathRegexp: "/blobs/", Nth: 9, Times: 1, Fault: faults.FlipByte(20)}}, 0, ""},
		{"no entry", []faults.Rule{{PathRegexp: "/v2/.+", Fault: faults.Status(401, nil)}}, 5, "401"},
		{"too many requests, always", []faults.Rule{{PathRegexp: "/manifests/", Fault: faults.Status(429, nil)}}, 5, "429 "},
		{"internal errors, always", []faults.Rule{{PathRegexp: "/blobs/", Fault: faults.Status(500, nil)}}, 5, "500 "},
		{"a wait that is too long", []faults.Rule{{PathRegexp: "/manifests/", Fault: faults.Status(429, http.Header{"Retry-After": {"4000"}})}}, 5, "asks to wait 1h6m40s"},
		{"silence", []faults.Rule{{PathRegexp: "/blobs/", Nth: 4, Fault: faults.Hang()}}, 5, "no byte for 2s"},
		{"wrong bytes, always", []faults.Rule{{PathRegexp: "/blobs/", Nth: 9, Fault: faults.FlipByte(20)}}, 5, "content is sha256:"},
		{"a wrong digest in the header", []faults.Rule{{PathRegexp: "/manifests/", Fault: faults.WrongDigestHeader()}}, 5, "the registry says sha256:"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			proxy, err := faults.Start(src.Addr(), c.rules...)
			if err != nil {
				t.Fatal(err)
			}
			defer proxy.Close()
			dir := connected(t, proxy.Addr(), filled)
			args := []string{"build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "site.tar", "--timeout", "2s"}
			if c.code == 0 {
				if root := rootOf(t, good(t, dir, "bundle", args...)); root != want {
					t.Errorf("root is %s, want %s", root, want)
				}
				return
			}
			bad(t, c.code, c.line, dir, "bundle", args...)
			nothingLeft(t, dir)
		})
	}
}

func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"site.tar", "site.tar.partial", "site.tar.sha256"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was left behind", name)
		}
	}
	if hidden, _ := filepath.Glob(filepath.Join(dir, ".drayage*")); len(hidden) > 0 {
		t.Errorf("left behind: %v", hidden)
	}
}

func TestASourceThatIsNotThere(t *testing.T) {
	src := registry.StartT(t, registry.Options{})
	filled, err := content.Make(content.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := connected(t, src.Addr(), filled)
	if err := src.Stop(); err != nil {
		t.Fatal(err)
	}
	bad(t, 5, "connection refused", dir, "bundle", "build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "site.tar")
	nothingLeft(t, dir)
}

// Credentials come from a file, are used, and are printed nowhere.
func TestCredentials(t *testing.T) {
	const secret = "s3cret-of-the-test"
	src := registry.StartT(t, registry.Options{Users: map[string]string{"puller": secret}})
	filled, err := content.Fill(t.Context(), src.Addr(), content.Options{Push: content.PushOptions{User: "puller", Password: secret}})
	if err != nil {
		t.Fatal(err)
	}
	dir := connected(t, src.Addr(), filled)
	args := []string{"build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "site.tar"}
	r := bad(t, 5, "401", dir, "bundle", args...)
	if !strings.Contains(r.err, "--authfile") {
		t.Errorf("no hint about credentials:\n%s", r.err)
	}
	auth := func(password string) string {
		raw, _ := json.Marshal(map[string]any{"auths": map[string]any{
			src.Addr(): map[string]string{"username": "puller", "password": password}}})
		return string(raw)
	}
	write(t, dir, "wrong.json", auth("not-"+secret))
	bad(t, 5, "401", dir, "bundle", append(args, "--authfile", "wrong.json")...)
	write(t, dir, "right.json", auth(secret))
	out := call(t, dir, "bundle", append(args, "--authfile", "right.json")...)
	if out.code != 0 {
		t.Errorf("exit code %d\n%s", out.code, out.err)
	}
	if all := r.out + r.err + out.out + out.err; strings.Contains(all, secret) {
		t.Error("the password was printed")
	}
	write(t, dir, "broken.json", "{")
	bad(t, 2, "broken.json", dir, "bundle", append(args, "--authfile", "broken.json")...)
}

// A node in trouble does not stop the others, is named with its cause, and the
// next run finishes it.
func TestPushToNodesInTrouble(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	cases := []struct {
		name string
		rule faults.Rule
		line string // empty: it heals by itself
	}{
		{"uploads cut, twice", faults.Rule{Method: "PUT", PathRegexp: "/blobs/", Nth: 2, Times: 2, Fault: faults.CutUpload(10)}, ""},
		{"busy, once", faults.Rule{Method: "PUT", Times: 1, Fault: faults.Status(503, http.Header{"Retry-After": {"1"}})}, ""},
		{"no entry", faults.Rule{PathRegexp: "/v2/.+", Fault: faults.Status(401, nil)}, "401"},
		{"disk full", faults.Rule{Method: "PUT", PathRegexp: "/blobs/", Nth: 3, Fault: faults.Status(507, nil)}, "507 "},
		{"always busy", faults.Rule{Method: "POST", Fault: faults.Status(429, nil)}, "429 "},
		{"internal errors", faults.Rule{Method: "PUT", PathRegexp: "/manifests/", Fault: faults.Status(500, nil)}, "500 "},
		{"silence", faults.Rule{Method: "PUT", PathRegexp: "/blobs/", Nth: 5, Fault: faults.Hang()}, "no byte for 2s"},
		{"uploads cut, always", faults.Rule{Method: "PUT", PathRegexp: "/blobs/", Fault: faults.CutUpload(10)}, "PUT"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := copyOf(t, dir)
			var addrs []string
			var regs []*registry.Registry
			for range 3 {
				r := registry.StartT(t, registry.Options{})
				regs, addrs = append(regs, r), append(addrs, r.Addr())
			}
			proxy, err := faults.Start(addrs[1], c.rule)
			if err != nil {
				t.Fatal(err)
			}
			defer proxy.Close()
			addrs[1] = proxy.Addr()
			writeSite(t, dir, addrs...)
			args := []string{"push", "--site", "site.yaml", "--timeout", "2s", "site.tar"}
			if c.line == "" {
				good(t, dir, "import", args...)
			} else {
				r := bad(t, 4, c.line, dir, "import", args...)
				if !strings.Contains(r.err, "node2: "+proxy.Addr()) || !strings.Contains(r.err, "2 of 3 nodes are whole") {
					t.Errorf("the node is not named, or not how many are whole:\n%s", r.err)
				}
				if n := len(tags(t, regs[1].Root())); n > 0 && c.name != "internal errors" {
					t.Errorf("the node that failed shows %d tags", n)
				}
			}
			pullAll(t, dir, addrs[0])
			pullAll(t, dir, addrs[2])
			if err := proxy.SetRules(); err != nil {
				t.Fatal(err)
			}
			good(t, dir, "import", args...)
			pullAll(t, dir, addrs[1])
		})
	}
}

// copyOf is a folder with a bundle of its own name, so that a site can be
// written beside it.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "site.tar"), filepath.Join(to, "site.tar")); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestADeadNodeDoesNotStopTheOthers(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	three := nodes(t, dir, 3)
	if err := three[0].Stop(); err != nil {
		t.Fatal(err)
	}
	r := call(t, dir, "import", "push", "--site", "site.yaml", "--json", "site.tar")
	if r.code != 4 || !strings.Contains(r.err, "connection refused") {
		t.Errorf("exit code %d\n%s", r.code, r.err)
	}
	var result struct {
		Nodes []struct{ Node, Error string }
	}
	if err := json.Unmarshal([]byte(r.out), &result); err != nil {
		t.Fatalf("%v:\n%s", err, r.out)
	}
	for i, n := range result.Nodes {
		if (n.Error != "") != (i == 0) {
			t.Errorf("%s: error %q", n.Node, n.Error)
		}
	}
	pullAll(t, dir, three[1].Addr())
	if err := three[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	good(t, dir, "import", "push", "--site", "site.yaml", "--node", "node1", "site.tar")
	pullAll(t, dir, three[0].Addr())
}

// interrupted runs a program, sends it ^C when file appears, and returns what
// it did.
func interrupted(t *testing.T, dir string, ready func() bool, program string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out, errs strings.Builder
	cmd := command(ctx, dir, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for !ready() && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	cmd.Process.Signal(syscall.SIGINT)
	_ = cmd.Wait()
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

func TestInterruptedBuildLeavesNothing(t *testing.T) {
	src, filled := sharedSource(t)
	proxy, err := faults.Start(src.Addr(), faults.Rule{PathRegexp: "/blobs/", Nth: 12, Fault: faults.Hang()})
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	dir := connected(t, proxy.Addr(), filled)
	partial := func() bool { _, err := os.Stat(filepath.Join(dir, "site.tar.partial")); return err == nil }
	r := interrupted(t, dir, partial, "bundle", "build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "site.tar")
	if r.code != 130 || !strings.Contains(r.err, "bundle: cancelled") {
		t.Errorf("exit code %d, want 130 and a word:\n%s", r.code, r.err)
	}
	nothingLeft(t, dir)
}

func TestInterruptedPushIsFinishedByTheNext(t *testing.T) {
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	node := registry.StartT(t, registry.Options{})
	proxy, err := faults.Start(node.Addr(), faults.Rule{Method: "PUT", PathRegexp: "/blobs/", Nth: 10, Fault: faults.Hang()})
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	writeSite(t, dir, proxy.Addr())
	started := func() bool {
		requests := proxy.Requests()
		return len(requests) > 0 && requests[len(requests)-1].Rule == 0
	}
	r := interrupted(t, dir, started, "import", "push", "--site", "site.yaml", "site.tar")
	if r.code != 130 || !strings.Contains(r.err, "import: cancelled") {
		t.Errorf("exit code %d, want 130 and a word:\n%s", r.code, r.err)
	}
	// What has been sent of a blob takes no room on the node.
	left, err := filepath.Glob(filepath.Join(node.Root(), "docker/registry/v2/repositories/*/*/_uploads/*/data"))
	for _, path := range left {
		if info, gone := os.Stat(path); gone == nil && info.Size() > 0 {
			err = errors.Join(err, fmt.Errorf("%s: %d bytes are left", path, info.Size()))
		}
	}
	if err != nil {
		t.Error(err)
	}
	if err := proxy.SetRules(); err != nil {
		t.Fatal(err)
	}
	good(t, dir, "import", "push", "--site", "site.yaml", "site.tar")
	pullAll(t, dir, proxy.Addr())
}
