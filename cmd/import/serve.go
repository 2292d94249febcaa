package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/bundle"
	"drayage/pkg/serve"
	"drayage/pkg/site"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "be a read-only registry, straight from the file, until ^C",
		ArgsUsage: "FILE",
		Description: "For an installation from a laptop, and for nodes that have no registry yet. Images\n" +
			"stand where they stand on a node, so a site's mirror rules hold with this host in\n" +
			"place of a node's. Others reach it only under an address that --listen names.\n\n" +
			"   import serve --listen 10.10.21.10:5000 --cert tls.crt --key tls.key /media/usb/site.bundle.tar\n" +
			"   import serve --plain-http /media/usb/site.bundle.tar      this machine only, without TLS",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "site", Usage: "the site's description in `FILE`, if its repositories have names of their own"},
			cmdline.RootFlag, cmdline.KeyFlag, cmdline.SkipFlag, cmdline.VolumeDirFlag,
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:5000", Usage: "the `HOST:PORT` to listen on"},
			&cli.StringFlag{Name: "cert", Usage: "the server's certificate, and what signed it, in `FILE`"},
			&cli.StringFlag{Name: "key", Usage: "the certificate's key in `FILE`"},
			&cli.BoolFlag{Name: "plain-http", Usage: "without TLS; nodes must be told that this registry is insecure"},
			cmdline.JSONFlag,
		},
		Action: runServe,
	}
}

func runServe(c *cli.Context) error {
	if _, err := cmdline.Arg(c, "FILE"); err != nil {
		return err
	}
	config, err := serveTLS(c)
	if err != nil {
		return err
	}
	repositories := site.DefaultRepositories()
	if c.String("site") != "" {
		s, err := readSite(c)
		if err != nil {
			return err
		}
		repositories = s.Repositories
	}
	b, err := openBundle(c)
	if err != nil {
		return err
	}
	defer b.Close()
	registry, err := serve.New(b, repositories)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.String("listen"))
	if err != nil {
		return cmdline.Usagef("--listen %s: %w", c.String("listen"), err)
	}
	if err := printServing(c, l, b, config); err != nil {
		return errors.Join(err, l.Close())
	}
	return serveUntilDone(c, l, config, registry)
}

// serveTLS reads the certificate. Whoever wants none has to say so.
func serveTLS(c *cli.Context) (*tls.Config, error) {
	cert, key, plain := c.String("cert"), c.String("key"), c.Bool("plain-http")
	switch {
	case plain && cert+key != "":
		return nil, cmdline.Usagef("serve: --plain-http uses no certificate: leave out --cert and --key, or itself")
	case plain:
		return nil, nil
	case cert == "" || key == "":
		return nil, cmdline.Usagef("serve: give a certificate (--cert and --key), or say --plain-http")
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, &cmdline.UsageError{Err: fmt.Errorf("--cert %s: %w", cert, err)}
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// servingResult is what --json prints once it listens; docs/json.md describes it.
type servingResult struct {
	URL    string `json:"url"`
	Root   string `json:"root"`
	Images int    `json:"images"`
}

func printServing(c *cli.Context, l net.Listener, b *bundle.Bundle, config *tls.Config) error {
	scheme := "https"
	if config == nil {
		scheme = "http"
	}
	r := servingResult{URL: scheme + "://" + l.Addr().String(), Root: b.Root.String(), Images: len(b.Manifest.Images)}
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, r)
	}
	_, err := fmt.Fprintf(c.App.Writer, "serving %d images read-only on %s until ^C\nroot %s\n", r.Images, r.URL, r.Root)
	return err
}

// serveUntilDone serves until ^C, which is how this ends well.
func serveUntilDone(c *cli.Context, l net.Listener, config *tls.Config, h *serve.Registry) error {
	if config != nil {
		l = tls.NewListener(l, config)
	}
	log := &serveLog{next: h, c: c, clients: map[string]bool{}, damage: map[string]bool{}}
	h.Damage = log.damaged
	server := &http.Server{Handler: log, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(c.Context, func() {
		grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		stopped <- errors.Join(server.Shutdown(grace), server.Close())
	})
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if err := <-stopped; err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	fmt.Fprintln(c.App.ErrWriter, log.summary())
	return nil
}
