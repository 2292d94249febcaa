package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// BinaryEnv names the environment variable that says where the program is.
const BinaryEnv = "TESTCLUSTER"

// command is the package of the program.
const command = "drayage/test/cluster/cmd/testcluster"

// Binary is the path of the program: what [BinaryEnv] says, or else
// test/cluster/bin/testcluster, which is built first. That takes minutes once
// and seconds later. Building needs a working folder inside this module.
func Binary() (string, error) {
	if path := os.Getenv(BinaryEnv); path != "" {
		_, err := os.Stat(path)
		return path, err
	}
	return build()
}

var build = sync.OnceValues(func() (string, error) {
	mod, err := goCommand("list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(mod, "bin", "testcluster")
	_, err = goCommand("build", "-o", bin, command)
	return bin, err
})

func goCommand(args ...string) (string, error) {
	var stderr strings.Builder
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // one setting, one cache
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
