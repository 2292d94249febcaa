package registry

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// DebianT starts Debian's docker-registry (CNCF distribution 2.8) for a test, with
// an empty store of its own, and returns its address. Where the program is not
// there the test is skipped. It ends with the test.
func DebianT(tb testing.TB) (addr string) {
	tb.Helper()
	bin, err := exec.LookPath("docker-registry")
	if err != nil {
		tb.Skip("docker-registry is not here: nothing is tried on a distribution before 3.1 (apt-get install docker-registry)")
	}
	dir := tb.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	addr = l.Addr().String()
	if err := l.Close(); err != nil { // it takes no socket, only an address
		tb.Fatal(err)
	}
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"+
		"storage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\n", filepath.Join(dir, "store"), addr)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(bin, "serve", config)
	runT(tb, cmd, "http://"+addr+"/v2/")
	return addr
}

// runT runs a server until the test ends, and returns when it answers.
func runT(tb testing.TB, cmd *exec.Cmd, url string) {
	tb.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for end := time.Now().Add(readyTime); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if r, err := http.Get(url); err == nil {
			r.Body.Close()
			return
		}
	}
	tb.Fatalf("%s: no reply in %s", cmd.Path, readyTime)
}
