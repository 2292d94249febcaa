// Command site stands a site up on this machine, for anybody who wants to live a
// case of docs/runbook.md by hand: a folder with the two programs, two bundles of
// a made-up release, site.yaml and a kubeconfig; a test cluster; and three nodes.
//
//	site -dir DIR [-openshift 4.17.0] [-registry 'auth: {user: puller}']
//
// The programs in DIR/bin hold the made-up release's key in place of Red Hat's, so
// that every command is the one that a real site wants. site.bundle.tar has the
// release 4.17.0 and update.bundle.tar 4.17.1; their roots are in the file roots.
// It runs until standard input closes, or ^C. While it runs, things go wrong so:
//
//	touch DIR/nodes/node2/off                 no power; rm brings it back
//	rm -r DIR/nodes/node2/store               a new disk, with off before
//	echo 127.10.21.186 > DIR/nodes/node2/address
//	curl -X PATCH -d '{"stuckDrain": {"node1": true}}' $(cat DIR/control)/state
//
// Package control has all that can be said to the cluster.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"drayage/test/cluster/harness"
)

// addresses of the nodes, on loopback: one port has to be free on all of them.
var addresses = []string{"127.10.21.174", "127.10.21.175", "127.10.21.176"}

// pace lets a person see what happens; a real node takes minutes.
const pace = `{"renderDelayMillis": 5000, "stepMillis": 1500}`

type options struct {
	dir, src, openshift, registry string
	size                          int64
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "", "`folder` of the site; it is made")
	flag.StringVar(&o.src, "src", ".", "`folder` of Drayage's source")
	flag.StringVar(&o.openshift, "openshift", "4.17.0", "the cluster's `version`")
	flag.StringVar(&o.registry, "registry", "auth: {user: puller}", "`text` below registry in site.yaml")
	flag.Int64Var(&o.size, "size", 48<<20, "`bytes` of the made-up layers")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, closed := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that counts
		closed()
	}()
	if err := run(ctx, o); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.dir == "" || flag.NArg() > 0 {
		return errors.New("want -dir DIR, and no other words")
	}
	if err := os.MkdirAll(filepath.Join(o.dir, "auth"), 0o700); err != nil {
		return err
	}
	if err := o.pack(ctx); err != nil {
		return err
	}
	c, err := harness.Start(ctx, harness.Options{Version: o.openshift, State: pace})
	if err != nil {
		return err
	}
	defer c.Stop()
	config, err := os.ReadFile(c.Kubeconfig)
	if err != nil {
		return err
	}
	if err := errors.Join(o.write("auth/kubeconfig", string(config)), o.write("control", c.Control+"\n")); err != nil {
		return err
	}
	return o.serve(ctx, c.Kubeconfig)
}

func (o options) write(name, text string) error {
	return os.WriteFile(filepath.Join(o.dir, name), []byte(text), 0o600)
}
