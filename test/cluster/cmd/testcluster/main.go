// Command testcluster is an OpenShift cluster without nodes, for tests: a real
// kube-apiserver with etcd, the real CRDs, and stand-ins for the operators that
// matter here.
//
//	testcluster -dir DIR [-openshift 4.17.0] [-without PLURAL,...] [-state JSON]
//
// It listens on loopback only. It prints
//
//	ready KUBECONFIG CONTROL
//
// and serves until standard input closes; so it ends with the test that started
// it, even if that is killed. From /dev/null it ends at once. KUBECONFIG has the
// contexts admin, viewer, nostats, nobody and stranger (see package server), and
// beside it lies a kubeconfig-USER for each. CONTROL is the address where a test
// says what goes wrong: see package control, which is plain HTTP and JSON.
//
// The CRDs are read from the module cache (GOMODCACHE, or what GOPATH says).
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"drayage/test/cluster/control"
	"drayage/test/cluster/server"

	"k8s.io/klog/v2"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == server.APIServerVerb {
		end(server.RunAPIServer(os.Args[2:]))
		return
	}
	o, err := parse(os.Args[1:])
	if err != nil {
		os.Exit(2)
	}
	// That watches break when the API server goes away is what tests are for.
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	end(server.Run(ctx, o, os.Stdin, os.Stdout))
}

func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "testcluster:", err)
		os.Exit(1)
	}
}

func parse(args []string) (server.Options, error) {
	var o server.Options
	f := flag.NewFlagSet("testcluster", flag.ContinueOnError)
	f.StringVar(&o.Dir, "dir", "", "`folder` for all that is written; it is made")
	f.StringVar(&o.Version, "openshift", "4.17.0", "OpenShift `version` that the cluster says it has")
	without := f.String("without", "", "plural `names` of CRDs to leave out, with commas")
	nodes := f.String("nodes", "node1,node2,node3", "`names` of the nodes, with commas")
	state := f.String("state", "{}", "part of the control state, as `JSON`")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	fail := func(err error) (server.Options, error) {
		fmt.Fprintln(f.Output(), "testcluster:", err)
		return o, err
	}
	o.Nodes = strings.Split(*nodes, ",")
	if *without != "" {
		o.Without = strings.Split(*without, ",")
	}
	s := control.NewStore(control.Default())
	if err := s.Patch([]byte(*state)); err != nil {
		return fail(err)
	}
	o.State = s.State()
	if err := o.Check(); err != nil {
		return fail(err)
	}
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return fail(err)
	}
	return o, nil
}
