// Command registry is a CNCF distribution registry in a process of its own, for
// tests, benchmarks and demonstrations.
//
//	registry -config FILE [-accesslog FILE]
//	registry -root DIR [-addr 127.0.0.1:0] [-htpasswd FILE] [-delete] [-sparse] [-accesslog FILE]
//
// It stores in DIR on the file system, without a descriptor cache, so what lies
// in DIR is what it serves. It listens on loopback addresses only, in plain HTTP.
// With -config everything is as distribution's own configuration file says, TLS
// among it; the address still has to be one of loopback.
// Manifests are checked as distribution does by default: an image manifest needs
// its blobs and an index its children. With -sparse, an index does not.
//
// It prints "ready ADDRESS" on standard output when it answers and then reads
// standard input: it ends when that closes, or on SIGTERM or an interrupt. To
// the line "sync" it replies "synced" once no request is being served, so the
// access log is complete then, or "busy" if requests are still running after
// five seconds. Start it with standard input open: from /dev/null it ends at once.
//
// The access log has one line for each finished request, METHOD PATH STATUS
// BYTES: the path as sent, without the query; BYTES is the response's body.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	"github.com/sirupsen/logrus"

	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
)

const (
	// drainTime is how long running requests may go on after the end was asked for.
	drainTime = 2 * time.Second
	// flushTime is for the last bytes of a response whose handler has returned.
	flushTime = 50 * time.Millisecond
	// syncTime is how long "sync" waits for running requests.
	syncTime = 5 * time.Second
)

type options struct {
	root, addr, htpasswd, accessLog string
	config                          string
	delete, sparse                  bool
}

func main() {
	o, err := parse(os.Args[1:])
	if err != nil {
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("registry", flag.ContinueOnError)
	f.StringVar(&o.root, "root", "", "`folder` to store in")
	f.StringVar(&o.addr, "addr", "127.0.0.1:0", "loopback `address` to listen on; port 0 takes a free one")
	f.StringVar(&o.htpasswd, "htpasswd", "", "`file` of users with bcrypt passwords; without it everybody may do everything")
	f.StringVar(&o.accessLog, "accesslog", "", "`file` to append one line a request to")
	f.StringVar(&o.config, "config", "", "distribution's own configuration `file`, in place of -root and all that goes with it")
	f.BoolVar(&o.delete, "delete", false, "allow blobs, manifests and tags to be deleted")
	f.BoolVar(&o.sparse, "sparse", false, "take indexes without the images that they name")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if (o.root == "") == (o.config == "") || f.NArg() > 0 {
		fmt.Fprintln(f.Output(), "registry: wants -root or -config, and no argument")
		f.Usage()
		return o, errors.New("wrong arguments")
	}
	return o, nil
}

// run serves until ctx ends or in closes.
func run(ctx context.Context, o options, in io.Reader, out io.Writer) error {
	// Nobody collects traces here, and the default exporter would look for a collector.
	os.Setenv("OTEL_TRACES_EXPORTER", "none")
	// It reports each 404 as an error; the access log has them too.
	logrus.SetLevel(logrus.FatalLevel)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := o.configuration()
	if err != nil {
		return err
	}
	l, err := listen(c.HTTP.Addr)
	if err != nil {
		return err
	}
	app, err := newApp(ctx, c)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	entries, err := openAccessLog(o.accessLog)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	s := &http.Server{Handler: entries.wrap(app), ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan error, 1)
	go func() { served <- serve(s, l, c) }()
	if err := answers(ctx, l.Addr(), c); err != nil {
		return errors.Join(err, s.Close())
	}
	entries.start()
	fmt.Fprintln(out, "ready", l.Addr())
	go func() { defer cancel(); obey(in, out, entries) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		err = shutdown(s, entries)
	}
	return errors.Join(err, entries.close())
}

// obey replies to the lines of in until it closes.
func obey(in io.Reader, out io.Writer, entries *accessLog) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if lines.Text() != "sync" {
			continue
		}
		if entries.settle(syncTime) {
			fmt.Fprintln(out, "synced")
		} else {
			fmt.Fprintln(out, "busy")
		}
	}
}

// shutdown lets running requests end. It does not wait for connections on which
// nothing was ever asked, as http.Server's own Shutdown would: clients keep such.
func shutdown(s *http.Server, entries *accessLog) error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		entries.settle(drainTime)
		time.Sleep(flushTime)
	}()
	if err := s.Shutdown(ctx); err != nil {
		return s.Close()
	}
	return nil
}

func listen(addr string) (net.Listener, error) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", addr, err)
	}
	if !ap.Addr().IsLoopback() {
		return nil, fmt.Errorf("address %s: not a loopback address", addr)
	}
	return net.Listen("tcp", addr)
}

// newApp turns distribution's panics over a configuration into errors.
func newApp(ctx context.Context, c *configuration.Configuration) (app *handlers.App, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("configuration: %v", r)
		}
	}()
	app = handlers.NewApp(ctx, c)
	app.RegisterHealthChecks() // none, unless the configuration has them
	return app, nil
}

// answers returns once the registry replies to anything at addr.
func answers(ctx context.Context, addr net.Addr, c *configuration.Configuration) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme(c)+"://"+addr.String()+"/v2/", nil)
	if err != nil {
		return err
	}
	r, err := anyCertificate().Do(q)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK && r.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("%s: %s", q.URL, r.Status)
	}
	return nil
}
