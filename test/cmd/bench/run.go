package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// runner runs the steps of one tool in one round.
type runner struct {
	*world
	t tool
}

func (r runner) dir() string { return filepath.Join(r.world.dir, r.t.name) }

func (r runner) result() string { return filepath.Join(r.dir(), r.t.result) }

// env leads everything that a tool keeps into its own folder.
func (r runner) env() []string {
	tmp := filepath.Join(r.dir(), "tmp")
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir(), "TMPDIR=" + tmp, "XDG_RUNTIME_DIR=" + tmp,
		"SRC=" + r.source.Addr(), "NODES=" + strings.Join(r.addrs(), " "),
	}
}

// round runs all steps, from an empty folder and empty nodes.
func (r runner) round() (map[string]usage, error) {
	if err := r.fresh(); err != nil {
		return nil, err
	}
	all := map[string]usage{}
	for _, s := range r.t.steps {
		u, err := r.step(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", r.t.name, s.name, err)
		}
		say("%-9s %-6s %6.2f s   load %.2f", r.t.name, s.name, u.wall.Seconds(), u.load)
		all[s.name] = u
		if s.name == r.o.until {
			break
		}
	}
	return all, os.RemoveAll(r.dir())
}

func (r runner) fresh() error {
	if err := os.RemoveAll(r.dir()); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(r.dir(), "tmp"), 0o755); err != nil {
		return err
	}
	return r.aside(r.t.setUp)
}

// aside runs a script that is not measured.
func (r runner) aside(script string) error {
	if script == "" {
		return nil
	}
	_, err := spawn(r.ctx, r.dir(), r.env(), script)
	return err
}

func (r runner) step(s step) (usage, error) {
	if err := r.prepare(s); err != nil {
		return usage{}, err
	}
	unix.Sync() // what others have left to write is not this step's
	if err := r.rest(); err != nil {
		return usage{}, err
	}
	most := watch(r.dir(), r.result())
	before := serving()
	u, err := spawn(r.ctx, r.dir(), r.env(), s.script)
	u.served = serving() - before
	ended := time.Now()
	unix.Sync()
	u.synced = u.wall + time.Since(ended)
	u.staged = most()
	if err != nil {
		return u, err
	}
	u.result = onDisk(r.result(), "")
	if u.fetched, err = r.fetched(); err != nil {
		return u, err
	}
	if u.writes, err = r.writes(); err != nil || s.name != stepPush || !r.t.keeps {
		return u, err
	}
	u.changed, err = r.held()
	return u, err
}

// restTime is between a sync and the step after it: what the kernel and the disk
// do on account of an earlier step, they do in that time.
const restTime = 3 * time.Second

func (w *world) rest() error {
	select {
	case <-w.ctx.Done():
		return w.ctx.Err()
	case <-time.After(restTime):
		return nil
	}
}

// prepare empties nodes and counters.
func (r runner) prepare(s step) error {
	if s.name == stepPush {
		if err := r.clear(); err != nil {
			return err
		}
	}
	if err := r.aside(s.before); err != nil {
		return err
	}
	if _, err := r.writes(); err != nil {
		return err
	}
	return r.source.ClearRequests()
}

// fetched are the bytes of the source's responses since its log was cleared.
func (w *world) fetched() (n int64, err error) {
	all, err := w.source.Requests()
	for _, q := range all {
		n += q.Bytes
	}
	return n, err
}

// writes are those of all nodes, -1 if one does not count.
func (w *world) writes() (sum int, err error) {
	for _, node := range w.nodes {
		n, err := node.writes()
		if err != nil || n < 0 {
			return -1, err
		}
		sum += n
	}
	return sum, nil
}
