package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"

	"drayage/test/registry"
)

// node is a registry that can be emptied.
type node interface {
	Addr() string
	// clear empties it and starts it again at the same address.
	clear(context.Context) error
	// writes are the requests since clear or the last call that were to change
	// something; -1 if it does not count them.
	writes() (int, error)
	Close() error
}

func startNode(ctx context.Context, kind, root string) (node, error) {
	if kind == "v2" {
		return startDebian(ctx, root)
	}
	r, err := registry.Start(ctx, registry.Options{Root: root})
	if err != nil {
		return nil, err
	}
	return &cncf{r}, nil
}

// cncf is CNCF's registry as the tests have it.
type cncf struct{ *registry.Registry }

func (c *cncf) clear(ctx context.Context) error {
	if err := c.Stop(); err != nil {
		return err
	}
	if err := os.RemoveAll(c.Root()); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.Root()), 0o755); err != nil {
		return err
	}
	if err := c.Restart(ctx); err != nil {
		return err
	}
	return c.ClearRequests()
}

func (c *cncf) writes() (n int, err error) {
	all, err := c.Requests()
	if err != nil {
		return 0, err
	}
	for _, q := range all {
		if q.Method != http.MethodGet && q.Method != http.MethodHead {
			n++
		}
	}
	return n, c.ClearRequests()
}
