package registry

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// BinaryEnv names the environment variable that says where the registry program
// is: the file itself, or a folder in which it is called "registry".
const BinaryEnv = "DRAYAGE_TEST_BIN"

// command is the package of the program.
const command = "drayage/test/cmd/registry"

// Binary is the path of the registry program: what [BinaryEnv] says, or else
// test/bin/registry, which is built first (once for each process, and by one
// process at a time). Building needs the go command and a working folder inside
// this module.
func Binary(ctx context.Context) (string, error) {
	path := os.Getenv(BinaryEnv)
	if path == "" {
		return build()
	}
	if s, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s: %w", BinaryEnv, err)
	} else if s.IsDir() {
		path = filepath.Join(path, "registry")
	}
	return path, nil
}

// build is a cache: looking whether the program is up to date takes the go
// command a good part of a second.
var build = sync.OnceValues(func() (string, error) {
	mod, err := goCommand("list", "-m", "-f", "{{.Dir}}", "drayage/test")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(mod, "bin", "registry")
	if err := os.MkdirAll(filepath.Dir(bin), 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(bin + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	_, err = goCommand("build", "-o", bin, command)
	return bin, err
})

func goCommand(args ...string) (string, error) {
	var stderr strings.Builder
	cmd := exec.Command("go", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

// lock waits until no other process holds path.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
