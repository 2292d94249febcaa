package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// readyTime is how long a registry may take until it answers.
const readyTime = 20 * time.Second

// debian is Debian's docker-registry (2.8), a child process.
type debian struct {
	root, config, addr string
	cmd                *exec.Cmd
}

func startDebian(ctx context.Context, root string) (*debian, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &debian{root: root, config: root + ".yml", addr: l.Addr().String()}
	if err := l.Close(); err != nil { // it takes no socket, only an address
		return nil, err
	}
	text := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"+
		"storage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\n", root, d.addr)
	if err := os.WriteFile(d.config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	return d, d.run(ctx)
}

func (d *debian) run(ctx context.Context) error {
	d.cmd = exec.Command("docker-registry", "serve", d.config)
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for ctx.Err() == nil {
		r, err := http.Get("http://" + d.addr + "/v2/")
		if err == nil {
			return r.Body.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("docker-registry at %s: no reply: %w", d.addr, ctx.Err())
}

// Addr is host and port.
func (d *debian) Addr() string { return d.addr }

// Close ends it; what it stores stays.
func (d *debian) Close() error {
	if err := d.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = d.cmd.Wait() // that it was killed is no news
	return nil
}

func (d *debian) clear(ctx context.Context) error {
	if err := d.Close(); err != nil {
		return err
	}
	if err := os.RemoveAll(d.root); err != nil {
		return err
	}
	return d.run(ctx)
}

func (d *debian) writes() (int, error) { return -1, nil }
