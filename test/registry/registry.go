// Package registry runs CNCF distribution registries as child processes.
//
// [Start] is for any program, [StartT] for tests. The child is the program
// drayage/test/cmd/registry; [Binary] says where it comes from. It listens on
// loopback, stores below [Options.Root], and is stopped, killed and started
// again by its [Registry]. It ends when the program that started it ends, even
// if that is killed.
package registry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// readyTime is how long a child may take until it answers.
	readyTime = 30 * time.Second
	// stopTime is how long a child may take to end before it is killed. It
	// gives running requests two seconds itself.
	stopTime = 10 * time.Second
	// syncTime is a little more than a child's longest wait for running requests.
	syncTime = 8 * time.Second
)

// Options says how a registry runs. The zero value is one in a temporary folder
// of its own that everybody may read and write.
type Options struct {
	// Root is the folder to store in. Without it a temporary folder is made,
	// which Close removes. The access log stands beside it as Root.access.log.
	Root string
	// Addr is the loopback address and port to listen on, "127.0.0.1:0" if
	// empty. Restart keeps the port that was given the first time.
	Addr string
	// Users may do everything once they say their password, and nobody else
	// anything; without any, everybody may do everything.
	Users map[string]string
	// Config is a file of distribution's own configuration, by which everything
	// is done but Root's access log: address, users, TLS, storage.
	Config string
	// Delete allows blobs, manifests and tags to be deleted.
	Delete bool
	// Sparse takes indexes before the images that they name, as distribution does
	// with validation.manifests.indexes.platforms: none.
	Sparse bool
	// Stderr takes what the child says about its troubles; nil drops it.
	Stderr io.Writer
}

// Registry is a registry that was started. Its methods may be called from
// several goroutines.
type Registry struct {
	o    Options
	made string // folder to remove in the end

	mu    sync.Mutex
	addr  string
	child *child // nil while stopped
}

// Start starts a registry and returns when it answers. The end of ctx stops it,
// now or later. Close must be called in the end.
func Start(ctx context.Context, o Options) (*Registry, error) {
	r := &Registry{o: o, addr: o.Addr}
	if o.Root == "" {
		dir, err := os.MkdirTemp("", "registry-")
		if err != nil {
			return nil, err
		}
		r.made, r.o.Root = dir, filepath.Join(dir, "store")
	}
	if err := r.start(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// StartT starts a registry for a test and closes it when the test ends.
func StartT(tb testing.TB, o Options) *Registry {
	tb.Helper()
	r, err := Start(context.Background(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Close(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// Addr is the registry's host and port, which stay the same over a Restart.
func (r *Registry) Addr() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.addr
}

// Root is the folder that the registry stores in.
func (r *Registry) Root() string { return r.o.Root }

// Stop ends the registry in good order; requests that still run have two
// seconds. What it stores stays. A stopped registry may be stopped again.
func (r *Registry) Stop() error { return r.end((*child).stop) }

// Kill ends the registry as a power cut does, in the middle of what it does.
func (r *Registry) Kill() error { return r.end((*child).kill) }

func (r *Registry) end(how func(*child) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.child == nil {
		return nil
	}
	c := r.child
	r.child = nil
	return how(c)
}

// Restart starts the registry again on what it stores and at the address it
// had, after stopping it if it runs. The end of ctx stops it.
func (r *Registry) Restart(ctx context.Context) error {
	if err := r.Stop(); err != nil {
		return err
	}
	return r.start(ctx)
}

// Close stops the registry and removes the folder that Start made, if it made one.
func (r *Registry) Close() error {
	err := r.Stop()
	if r.made != "" {
		err = errors.Join(err, os.RemoveAll(r.made))
	}
	return err
}

func (r *Registry) start(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	args := []string{"-root", r.o.Root, "-accesslog", r.accessLog()}
	if r.o.Config != "" {
		args = []string{"-config", r.o.Config, "-accesslog", r.accessLog()}
	} else if r.addr != "" {
		args = append(args, "-addr", r.addr)
	}
	if r.o.Delete {
		args = append(args, "-delete")
	}
	if r.o.Sparse {
		args = append(args, "-sparse")
	}
	if len(r.o.Users) > 0 {
		if err := writeHtpasswd(r.htpasswd(), r.o.Users); err != nil {
			return err
		}
		args = append(args, "-htpasswd", r.htpasswd())
	}
	c, addr, err := startChild(ctx, args, r.o.Stderr)
	if err != nil {
		return err
	}
	r.child, r.addr = c, addr
	return nil
}

func (r *Registry) accessLog() string { return filepath.Clean(r.o.Root) + ".access.log" }
func (r *Registry) htpasswd() string  { return filepath.Clean(r.o.Root) + ".htpasswd" }

// child is a running process.
type child struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string // what it prints, closed at its end
	done  chan error  // how it ended
}

func startChild(ctx context.Context, args []string, stderr io.Writer) (*child, string, error) {
	bin, err := Binary(ctx)
	if err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, bin, args...)
	said := &tail{to: stderr}
	cmd.Stderr = said
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	cmd.WaitDelay = stopTime
	cmd.Cancel = func() error {
		in.Close()
		return os.ErrProcessDone // that ctx ended is no fault of the child
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	c := &child{cmd: cmd, in: in, lines: make(chan string, 16), done: make(chan error, 1)}
	go c.read(out)
	line, err := c.line(readyTime)
	addr, ok := strings.CutPrefix(line, "ready ")
	if err != nil || !ok {
		ended := c.kill()
		return nil, "", fmt.Errorf("%s: %w", bin, errors.Join(err, ended, errors.New(line+said.String())))
	}
	return c, addr, nil
}

// read passes on what the child prints and then waits for its end.
func (c *child) read(out io.Reader) {
	s := bufio.NewScanner(out)
	for s.Scan() {
		select {
		case c.lines <- s.Text():
		default: // nobody asked for so many
		}
	}
	close(c.lines)
	c.done <- c.cmd.Wait()
}

func (c *child) line(d time.Duration) (string, error) {
	select {
	case line, ok := <-c.lines:
		if !ok {
			return "", errors.New("it ended")
		}
		return line, nil
	case <-time.After(d):
		return "", fmt.Errorf("no reply in %s", d)
	}
}

// stop closes the child's standard input and waits for its end.
func (c *child) stop() error {
	c.in.Close()
	select {
	case err := <-c.done:
		return err
	case <-time.After(stopTime):
		return errors.Join(fmt.Errorf("process %d: still there after %s", c.cmd.Process.Pid, stopTime), c.kill())
	}
}

// kill ends the child with SIGKILL; that it died of that is no error.
func (c *child) kill() error {
	c.cmd.Process.Kill()
	err := <-c.done
	c.in.Close()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return nil
	}
	return err
}

// tail keeps the first bytes that a child says about its troubles.
type tail struct {
	mu   sync.Mutex
	kept []byte
	to   io.Writer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p[:min(len(p), max(0, 1000-len(t.kept)))]...)
	if t.to != nil {
		return t.to.Write(p)
	}
	return len(p), nil
}

// String is what was kept, on one line.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(strings.Fields(string(t.kept)), " ")
}
