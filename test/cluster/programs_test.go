package cluster

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// programTime bounds a run of a program that may end badly.
const programTime = 3 * time.Minute

// ended is a program that has ended.
type ended struct {
	out, err string
	code     int
}

// running is a program that runs. What it says may be read meanwhile.
type running struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  bytes.Buffer
	errs lockedBuffer
	stop context.CancelFunc
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// begin starts one of the two programs in a folder, with the cluster's kubeconfig.
func begin(t *testing.T, dir, kubeconfig, name string, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), programTime)
	r := &running{t: t, cmd: exec.CommandContext(ctx, filepath.Join(bin, name), args...), stop: stop}
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = dir, &r.out, &r.errs
	r.cmd.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "KUBECONFIG=" + kubeconfig}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	return r
}

// says waits until it says something on standard error.
func (r *running) says(text string) {
	r.t.Helper()
	eventually(r.t, text, func() string {
		if said := r.errs.String(); !strings.Contains(said, text) {
			return "it says: " + said
		}
		return ""
	})
}

// interrupt is ^C.
func (r *running) interrupt() {
	r.t.Helper()
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) end() ended {
	defer r.stop()
	_ = r.cmd.Wait() // the code tells
	return ended{r.out.String(), r.errs.String(), r.cmd.ProcessState.ExitCode()}
}

// wants runs `import` and wants a code, and texts among what it says.
func wants(t *testing.T, dir, kubeconfig string, code int, texts []string, args ...string) ended {
	t.Helper()
	e := begin(t, dir, kubeconfig, "import", args...).end()
	e.check(t, code, texts...)
	return e
}

func (e ended) check(t *testing.T, code int, texts ...string) {
	t.Helper()
	ok := e.code == code
	for _, want := range texts {
		ok = ok && strings.Contains(e.out+e.err, want)
	}
	if !ok {
		t.Errorf("code %d, want %d and %q in\n%s%s", e.code, code, texts, e.out, e.err)
	}
	if secrets.MatchString(e.out + e.err) {
		t.Errorf("it says a secret:\n%s%s", e.out, e.err)
	}
}

// secrets are what no program may print: keys, and the password of the tests'
// sites, also inside an entry of a pull secret.
var secrets = regexp.MustCompile(`PRIVATE KEY|opensesame|b3BlbnNlc2FtZ|cHVsbGVyOm9wZW5zZXNhbW`)
