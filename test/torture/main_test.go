package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"drayage/test/content"
	"drayage/test/registry"
)

// onEnv says that the tests shall run, seedEnv which seed they take, percentEnv
// how much of all that chance chooses, 1 to 100.
const (
	onEnv      = "DRAYAGE_TORTURE"
	seedEnv    = "DRAYAGE_TORTURE_SEED"
	percentEnv = "DRAYAGE_TORTURE_PERCENT"
)

// bin is the folder of the two programs, built for this run.
var bin string

// seed is what all chance of this run comes from.
var seed uint64

// percent is how much is done of what chance chooses.
var percent = 100

func scaled(n int) int { return max(1, n*percent/100) }

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv(onEnv) == "" {
		return m.Run()
	}
	seed = rand.Uint64N(1 << 32)
	if s := os.Getenv(seedEnv); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", seedEnv, err)
			return 2
		}
	}
	if s := os.Getenv(percentEnv); s != "" {
		var err error
		if percent, err = strconv.Atoi(s); err != nil || percent < 1 || percent > 100 {
			fmt.Fprintf(os.Stderr, "%s: %q: want 1 to 100\n", percentEnv, s)
			return 2
		}
	}
	fmt.Printf("seed %d (%s=%d takes it again)\n", seed, seedEnv, seed)
	dir, err := os.MkdirTemp("", "drayage-torture-")
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
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n%s", program, err, out)
			return 1
		}
	}
	return m.Run()
}

// wanted skips a test that nobody asked for, and gives the others their chance,
// each its own.
func wanted(t *testing.T) *rand.Rand {
	t.Helper()
	if os.Getenv(onEnv) == "" {
		t.Skip("takes minutes: " + onEnv + "=1 runs it, or make test-faults")
	}
	var name uint64
	for _, b := range []byte(t.Name()) {
		name = name*31 + uint64(b)
	}
	return rand.New(rand.NewPCG(seed, name))
}

// result is what a program did.
type result struct {
	out, err string
	code     int // -1 when it was killed
}

// command prepares a program in a folder, with nothing of this machine's own
// configuration.
func command(ctx context.Context, dir, program string, args ...string) *exec.Cmd {
	if program == "import" || args[0] == "verify" || args[0] == "build" {
		args = slices.Insert(slices.Clone(args), 1, "--insecure-skip-signature")
	}
	if slices.Contains(args, "--from-nodes") { // it reads no bundle
		args = slices.DeleteFunc(args, func(a string) bool { return a == "--insecure-skip-signature" })
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, program), args...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	return cmd
}

// longest is how long a program may take for these small bundles, whatever
// happens to it.
const longest = time.Minute

// call runs a program to its end.
func call(t *testing.T, dir, program string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := command(ctx, dir, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v", program, strings.Join(args, " "), err)
	}
	if ctx.Err() != nil {
		t.Errorf("%s %s: not done after %s", program, strings.Join(args, " "), longest)
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

// errorLines are the lines of standard error in which a program says what is wrong.
func (r result) errorLines(program string) []string {
	var lines []string
	for line := range strings.Lines(r.err) {
		if text, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), program+": "); ok {
			lines = append(lines, text)
		}
	}
	return lines
}

// filled is a registry with a made-up world.
func filled(t *testing.T, o content.Options) (*registry.Registry, *content.Filled) {
	t.Helper()
	src := registry.StartT(t, registry.Options{})
	f, err := content.Fill(t.Context(), src.Addr(), o)
	check(t, err)
	return src, f
}

// connected is a folder with an image set and a registries.conf for a source at addr.
func connected(t *testing.T, addr string, f *content.Filled) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "imageset.yaml", f.ImageSet)
	write(t, dir, "registries.conf", string(content.RegistriesConf(addr, f.Hosts...)))
	return dir
}

// buildArgs are those of a build in such a folder.
func buildArgs(more ...string) []string {
	return append([]string{"build", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "-o", "site.tar"}, more...)
}

// layered is an image with a layer of its own: what changes from month to month.
func layered(t *testing.T, size int64) content.Named {
	t.Helper()
	img, err := content.Image("mended", content.ImageOptions{OCI: true}, content.Random("mended", size))
	check(t, err)
	d, err := img.Digest()
	check(t, err)
	return content.Named{Ref: "registry.access.redhat.com/ubi9/ubi-minimal:9.4", Digest: d.String(), Content: img}
}

// siteText is a site whose nodes are at these addresses.
func siteText(addrs ...string) string {
	text := "apiVersion: drayage/v1alpha1\nkind: Site\nopenshift: \"4.9\"\nregistry: {plainHTTP: true}\nnodes:\n"
	for i, addr := range addrs {
		text += fmt.Sprintf("- {name: node%d, address: %q}\n", i+1, addr)
	}
	return text
}

// write puts a file into a folder.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	check(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	check(t, err)
	return raw
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
