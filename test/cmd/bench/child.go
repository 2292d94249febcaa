package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what a child and its own children used.
type usage struct {
	wall, cpu time.Duration
	// synced is wall and the time until all that was written is on the medium.
	synced time.Duration
	// served is the CPU time of source and nodes meanwhile.
	served time.Duration
	// peak is the most memory that one of them had, in bytes. It is not less than
	// base, what bench itself had: the kernel counts from the fork on.
	peak, base int64
	// read and written are bytes of the disk, not of what the page cache had.
	read, written int64
	// fetched are bytes of the source's responses.
	fetched int64
	// staged are the most bytes that lay in the tool's folder, without the result.
	staged int64
	// result are the bytes of the result, as the disk has them.
	result int64
	// writes are requests to the nodes that write; -1 if nobody counted.
	writes int
	// changed is how many images of all nodes have another digest than at the source.
	changed int
	load    float64 // of the machine, just before
	out     string  // what it printed on standard output
}

// spawn runs a shell script in a folder and measures it.
func spawn(ctx context.Context, dir string, env []string, script string) (usage, error) {
	u := usage{load: loadNow()}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-euc", script)
	var out, said bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &out, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	debug.FreeOSMemory() // see usage.peak
	u.base = resident()
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return u, err
	}
	ended := untilEnd(cmd.Process.Pid)
	u.wall = time.Since(start)
	io, counted := diskBytes(cmd.Process.Pid)
	err := cmd.Wait()
	u.out = out.String()
	if err := errors.Join(err, ended, counted); err != nil {
		return u, fmt.Errorf("%w\n%s", err, lastLines(said.String(), 10))
	}
	u.read, u.written = io["read_bytes"], io["write_bytes"]-io["cancelled_write_bytes"]
	u.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.peak = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	return u, nil
}

// untilEnd waits for a child's end and leaves it to be waited for: until then
// /proc still has its counters.
func untilEnd(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// diskBytes reads /proc/PID/io. It includes the child's own children that have ended.
func diskBytes(pid int) (map[string]int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return nil, err
	}
	all := map[string]int64{}
	for line := range strings.Lines(string(raw)) {
		var name string
		var n int64
		if _, err := fmt.Sscanf(line, "%s %d", &name, &n); err != nil {
			return nil, fmt.Errorf("/proc/%d/io: line %q: %w", pid, line, err)
		}
		all[strings.TrimSuffix(name, ":")] = n
	}
	return all, nil
}

// resident is the memory that bench has, in bytes.
func resident() int64 {
	var all, inMemory int64
	if _, err := fmt.Sscan(read("/proc/self/statm"), &all, &inMemory); err != nil {
		return 0
	}
	return inMemory * int64(os.Getpagesize())
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
