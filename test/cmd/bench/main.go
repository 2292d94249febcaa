// Command bench measures bundle and import beside other tools, on real
// registries on loopback, and judges the result by bars that are written down
// in bars.go.
//
//	DRAYAGE_TEST_BIN=test/bin bench -bin bin [-quick] [-write docs/benchmarks.md]
//
// A source is filled with images that do not compress. Every tool that is on
// PATH then brings them into files, and from there to three empty nodes: in
// turn, several rounds, so that what else the machine does falls upon all of
// them. Medians are printed. Two things are measured with links in between that
// pass so many bytes a second and no more.
//
// After a push every node is asked for every image by name, where a tool keeps
// names: one that is missing fails the tool, and digests that are not the
// source's are counted and said.
//
// What a child used comes from the kernel: CPU and peak memory from wait4, bytes
// read and written from /proc/PID/io once it has ended. What it fetched comes
// from the source's access log.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// fullSize and quickSize are bytes of layers, before they are shared.
	fullSize  = 1536 << 20
	quickSize = 200 << 20
)

type options struct {
	bin, dir, nodes, peers, until, write string
	size                                 int64
	last                                 time.Duration
	rounds                               int
	quick, links                         bool
}

func main() {
	o := parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, o)
	if ctx.Err() != nil {
		fmt.Fprintln(os.Stderr, "bench: cancelled")
		os.Exit(130)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse() options {
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "`folder` of the programs bundle and import")
	flag.StringVar(&o.dir, "dir", os.TempDir(), "`folder` to work in; needs about twelve times -size")
	flag.Int64Var(&o.size, "size", fullSize, "`bytes` of unique content")
	flag.IntVar(&o.rounds, "rounds", 3, "how `many` times each tool runs")
	flag.DurationVar(&o.last, "for", time.Hour, "begin no more rounds after this `time`")
	flag.BoolVar(&o.quick, "quick", false, "200 MB and one round, unless -size and -rounds say otherwise: for CI")
	flag.StringVar(&o.nodes, "nodes", "v3", "registries of the nodes: v3, or v2 for Debian's docker-registry on PATH")
	flag.StringVar(&o.peers, "peers", strings.Join(peerNames(), ","), "other `tools` to run, as far as they are on PATH")
	flag.BoolVar(&o.links, "links", true, "measure with limited links too")
	flag.StringVar(&o.until, "until", "", "the last `step` of each tool, for work on one of them: build, push; all if empty")
	flag.StringVar(&o.write, "write", "", "`file` to write the result to, as Markdown")
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if o.quick && !given["size"] {
		o.size = quickSize
	}
	if o.quick && !given["rounds"] {
		o.rounds = 1
	}
	return o
}

func (o options) check() error {
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("%q: no arguments are taken", flag.Arg(0))
	case o.nodes != "v2" && o.nodes != "v3":
		return fmt.Errorf("-nodes %s: is neither v2 nor v3", o.nodes)
	case o.size < 16<<20 || o.rounds < 1:
		return errors.New("-size, -rounds: at least 16 MiB, and one round")
	}
	return nil
}

func run(ctx context.Context, o options) error {
	if err := o.check(); err != nil {
		return err
	}
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return err
	}
	tools, absent, err := pick(bin, o.peers)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "drayage-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w := &world{ctx: ctx, dir: dir, o: o}
	defer w.close()
	if err := w.start(); err != nil {
		return err
	}
	r := &report{world: w, tools: tools, absent: absent, machine: thisMachine(tools)}
	err = r.measure()
	r.print(os.Stdout) // what there is, even if something went wrong after half an hour
	if err != nil || o.write == "" {
		return err
	}
	return r.save(o.write)
}
