// Package harness starts test clusters as child processes. [Start] is for any
// program, [StartT] for tests. It knows nothing of Kubernetes: whoever starts a
// cluster speaks to it with a client of its own choice, by its kubeconfig.
package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drayage/test/cluster/control"
)

const (
	// readyTime is how long a cluster may take; an idle machine needs three seconds.
	readyTime = 3 * time.Minute
	// stopTime is how long it may take to end before it is killed.
	stopTime = 10 * time.Second
)

// Options says what the cluster is like. The zero value is OpenShift 4.17.0 in a
// temporary folder in which all goes well.
type Options struct {
	// Version is the OpenShift version: 4.17.0.
	Version string
	// Without are plural names of CRDs that are not there.
	Without []string
	// State is a part of the control state to begin with, as JSON.
	State string
	// Stderr takes what the cluster says about its troubles; nil drops it.
	Stderr io.Writer
}

// Cluster is a cluster that runs.
type Cluster struct {
	// Kubeconfig is the path of a file with the contexts admin (current), viewer,
	// nostats, nobody and stranger.
	Kubeconfig string
	// Control is the URL of its control endpoint: see package control.
	Control string

	dir  string
	cmd  *exec.Cmd
	in   io.Closer
	done chan error
}

// Start starts a cluster and returns when it is ready. Stop must be called in
// the end; the cluster also ends when this process does.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	bin, err := Binary()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "testcluster-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, done: make(chan error, 1)}
	if err := c.start(ctx, bin, o); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// StartT starts a cluster for a test and stops it when the test ends.
func StartT(tb testing.TB, o Options) *Cluster {
	tb.Helper()
	c, err := Start(context.Background(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Stop(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

func (c *Cluster) start(ctx context.Context, bin string, o Options) error {
	args := []string{"-dir", filepath.Join(c.dir, "cluster")}
	if o.Version != "" {
		args = append(args, "-openshift", o.Version)
	}
	if len(o.Without) > 0 {
		args = append(args, "-without", strings.Join(o.Without, ","))
	}
	if o.State != "" {
		args = append(args, "-state", o.State)
	}
	cmd := exec.Command(bin, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if o.Stderr != nil {
		cmd.Stderr = io.MultiWriter(&said, o.Stderr)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.cmd, c.in = cmd, in
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		lines <- line
		c.done <- cmd.Wait()
	}()
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", bin, ctx.Err())
	case line := <-lines:
		if _, err := fmt.Sscanf(line, "ready %s %s\n", &c.Kubeconfig, &c.Control); err != nil {
			in.Close()
			err = errors.Join(<-c.done, fmt.Errorf("line %q", line))
			c.cmd = nil
			return fmt.Errorf("%s: %w: %s", bin, err, strings.TrimSpace(said.String()))
		}
	}
	return nil
}

// Stop ends the cluster and removes what it wrote.
func (c *Cluster) Stop() error {
	defer os.RemoveAll(c.dir)
	if c.cmd == nil {
		return nil
	}
	c.in.Close()
	select {
	case err := <-c.done:
		return err
	case <-time.After(stopTime):
		c.cmd.Process.Kill()
		return fmt.Errorf("process %d: still there after %s", c.cmd.Process.Pid, stopTime)
	}
}

// KubeconfigOf is the path of the kubeconfig of one user alone.
func (c *Cluster) KubeconfigOf(user string) string { return c.Kubeconfig + "-" + user }

// Set merges a JSON document into the control state.
func (c *Cluster) Set(ctx context.Context, patch string) error {
	return c.call(ctx, http.MethodPatch, "/state", patch, nil)
}

// State is the control state in force.
func (c *Cluster) State(ctx context.Context) (control.State, error) {
	var s control.State
	err := c.call(ctx, http.MethodGet, "/state", "", &s)
	return s, err
}

// Journal is what happened since the start or since ClearJournal.
func (c *Cluster) Journal(ctx context.Context) ([]control.Entry, error) {
	var all []control.Entry
	err := c.call(ctx, http.MethodGet, "/journal", "", &all)
	return all, err
}

// ClearJournal forgets what happened.
func (c *Cluster) ClearJournal(ctx context.Context) error {
	return c.call(ctx, http.MethodDelete, "/journal", "", nil)
}

// Restart ends the API server as a crash does, leaves it away for a time, and
// returns when it answers again.
func (c *Cluster) Restart(ctx context.Context, down time.Duration) error {
	return c.call(ctx, http.MethodPost, fmt.Sprintf("/restart?downMillis=%d", down.Milliseconds()), "", nil)
}

func (c *Cluster) call(ctx context.Context, method, path, body string, to any) error {
	q, err := http.NewRequestWithContext(ctx, method, c.Control+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, r.Status, strings.TrimSpace(string(raw)))
	}
	if to == nil {
		return nil
	}
	return json.Unmarshal(raw, to)
}
