package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"drayage/test/content"
	"drayage/test/registry"
)

// bin is the folder of the two programs, built for this run.
var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "drayage-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin = dir
	for _, program := range []string{"bundle", "import"} {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, program), "./cmd/"+program)
		build.Dir = filepath.Join("..", "..") // of the project's own module, with its own go.sum
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if os.Getenv("DRAYAGE_TEST_RACE") != "" {
			build.Args = append(build.Args[:2:2], append([]string{"-race"}, build.Args[2:]...)...)
			build.Env = append(os.Environ(), "CGO_ENABLED=1")
		}
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n%s", program, err, out)
			return 1
		}
	}
	defer stopSource()
	return m.Run()
}

// result is what a program did.
type result struct {
	out, err string
	code     int
}

// command prepares a program in a folder, with nothing of this machine's own
// configuration.
//
// Unless a key is given, releases are taken unsigned: what the tests are about
// is something else.
func command(ctx context.Context, dir, program string, args ...string) *exec.Cmd {
	reads := len(args) > 1 && (program == "import" || args[0] == "verify")
	if reads && !slices.Contains(args, "--release-key") && !slices.Contains(args, "--strict") {
		args = slices.Insert(slices.Clone(args), 1, "--insecure-skip-signature")
	}
	args = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "--strict" })
	cmd := exec.CommandContext(ctx, filepath.Join(bin, program), args...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	return cmd
}

// call runs a program to its end.
func call(t *testing.T, dir, program string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := command(ctx, dir, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v", program, strings.Join(args, " "), err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// good is call for what must succeed.
func good(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	r := call(t, dir, program, args...)
	if r.code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s%s", program, strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// bad is call for what must fail with a code, and say so in one line.
func bad(t *testing.T, code int, want, dir, program string, args ...string) result {
	t.Helper()
	r := call(t, dir, program, args...)
	if r.code != code {
		t.Errorf("%s %s: exit code %d, want %d\n%s%s", program, strings.Join(args, " "), r.code, code, r.out, r.err)
	}
	for line := range strings.Lines(r.err) {
		if strings.Contains(line, want) {
			return r
		}
	}
	t.Errorf("%s %s: no line on standard error has %q:\n%s", program, strings.Join(args, " "), want, r.err)
	return r
}

// source is one registry with the made-up world, shared by all tests that only
// read it.
var source struct {
	once   sync.Once
	reg    *registry.Registry
	filled *content.Filled
	err    error
}

func sharedSource(t *testing.T) (*registry.Registry, *content.Filled) {
	t.Helper()
	source.once.Do(func() {
		ctx := context.Background()
		if source.reg, source.err = registry.Start(ctx, registry.Options{}); source.err == nil {
			source.filled, source.err = content.Fill(ctx, source.reg.Addr(), content.Options{})
		}
	})
	if source.err != nil {
		t.Fatal(source.err)
	}
	return source.reg, source.filled
}

func stopSource() {
	if source.reg != nil {
		source.reg.Close()
	}
}

// write puts a file into a folder.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// connected is a folder on the connected side: imageset.yaml and registries.conf
// for a source at addr.
func connected(t *testing.T, addr string, filled *content.Filled) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "imageset.yaml", filled.ImageSet)
	write(t, dir, "registries.conf", string(content.RegistriesConf(addr, filled.Hosts...)))
	return dir
}

// build builds the shared world's bundle in a folder and returns its root.
func build(t *testing.T, dir string, more ...string) string {
	t.Helper()
	args := append([]string{"build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--insecure-skip-signature", "-o", "site.tar"}, more...)
	return rootOf(t, good(t, dir, "bundle", args...))
}

func rootOf(t *testing.T, out string) string {
	t.Helper()
	_, root, ok := strings.Cut(out, "\nroot ")
	if !ok {
		t.Fatalf("no root printed:\n%s", out)
	}
	root, _, _ = strings.Cut(strings.TrimSpace(root), " ")
	return root
}

// nodes starts registries for a site and writes site.yaml for them.
func nodes(t *testing.T, dir string, n int) []*registry.Registry {
	t.Helper()
	var all []*registry.Registry
	var addrs []string
	for range n {
		r := registry.StartT(t, registry.Options{})
		all = append(all, r)
		addrs = append(addrs, r.Addr())
	}
	writeSite(t, dir, addrs...)
	return all
}

func writeSite(t *testing.T, dir string, addrs ...string) {
	t.Helper()
	write(t, dir, "site.yaml", siteText(addrs...))
}

func siteText(addrs ...string) string {
	text := "apiVersion: drayage/v1alpha1\nkind: Site\nopenshift: \"4.9\"\nregistry: {plainHTTP: true}\nnodes:\n"
	for i, addr := range addrs {
		text += fmt.Sprintf("- {name: node%d, address: %q}\n", i+1, addr)
	}
	return text
}
