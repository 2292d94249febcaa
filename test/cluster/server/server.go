// Package server is the test cluster: a real kube-apiserver and etcd on loopback
// with the real CRDs of OpenShift and OLM, the objects of a compact cluster of
// three nodes, and stand-ins for the machine-config operator (package mco), the
// catalog operator (package olm) and the kubelets' disk statistics.
//
// Clients do not speak to the API server itself but to a proxy in front of it,
// because a real one asks no kubelet on loopback. The proxy's address stays when
// the API server goes away and comes back.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"drayage/test/cluster/control"
	"drayage/test/cluster/kube"
	"drayage/test/cluster/mco"
	"drayage/test/cluster/olm"

	mcv1 "github.com/openshift/api/machineconfiguration/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Options says what the cluster is like.
type Options struct {
	// Dir is an empty folder for all that it writes; it is made.
	Dir string
	// Version is the OpenShift version that it says it has: 4.17.0.
	Version string
	// Nodes are the names of its nodes.
	Nodes []string
	// Without are plural names of CRDs that it does not have though its version would.
	Without []string
	// State is what the stand-ins do at first.
	State control.State
}

// minor is 17 of 4.17.0. Check has looked at it.
func (o Options) minor() int {
	m, _ := strconv.Atoi(strings.SplitN(o.Version, ".", 3)[1])
	return m
}

// Check returns what is wrong with the options.
func (o Options) Check() error {
	var errs []error
	parts := strings.SplitN(o.Version, ".", 3)
	if len(parts) != 3 || parts[0] != "4" {
		errs = append(errs, fmt.Errorf("version %q: want 4.MINOR.PATCH", o.Version))
	} else if _, err := strconv.Atoi(parts[1]); err != nil {
		errs = append(errs, fmt.Errorf("version %q: %w", o.Version, err))
	}
	if o.Dir == "" {
		errs = append(errs, errors.New("no folder"))
	}
	if len(o.Nodes) == 0 {
		errs = append(errs, errors.New("no nodes"))
	}
	return errors.Join(errs...)
}

// cluster is what runs.
type cluster struct {
	o     Options
	users users
	api   *apiServer
	front *front
	store *control.Store
}

// Run starts a cluster, prints "ready KUBECONFIG CONTROL" to out, and serves
// until in closes or ctx ends.
func Run(ctx context.Context, o Options, in io.Reader, out io.Writer) error {
	if err := o.Check(); err != nil {
		return err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // from the start: whoever wanted the cluster may be gone before it is ready
		io.Copy(io.Discard, in)
		cancel()
	}()
	c := &cluster{o: o, users: newUsers(), store: control.NewStore(control.Default())}
	direct, stop, err := c.startAPI(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := c.fill(ctx, direct); err != nil {
		return err
	}
	line, err := c.open(direct)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, line)
	<-ctx.Done()
	return nil
}

// startAPI starts etcd and the API server.
func (c *cluster) startAPI(ctx context.Context) (*rest.Config, func(), error) {
	e, etcd, err := startEtcd(c.o.Dir)
	if err != nil {
		return nil, nil, err
	}
	tokens, err := c.users.writeTokens(c.o.Dir)
	if err == nil {
		c.api, err = newAPIServer(c.o.Dir, etcd, tokens)
	}
	if err != nil {
		e.Close()
		return nil, nil, err
	}
	stop := func() {
		c.api.kill()
		e.Close()
	}
	direct, err := c.api.start(ctx, c.users.admin())
	if err != nil {
		stop()
		return nil, nil, err
	}
	return direct, stop, nil
}

// fill makes what the cluster consists of, starts the stand-ins and waits until
// the pools have settled.
func (c *cluster) fill(ctx context.Context, direct *rest.Config) error {
	config := rest.CopyConfig(direct)
	config.BearerToken = c.users.admin()
	if err := installCRDs(ctx, config, c.o.minor(), c.o.Without); err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := seed(ctx, client, c.o); err != nil {
		return err
	}
	go mco.New(client, c.store, c.o.minor()).Run(ctx)
	go olm.New(client, c.store).Run(ctx)
	if c.o.hasClusterCatalogs() {
		go olm.NewCatalogd(client, c.store).Run(ctx)
	}
	// The installation goes well, whatever is to go wrong after it.
	if err := settled(ctx, kube.Client{Dynamic: client}); err != nil {
		return err
	}
	c.store.ClearJournal()
	c.store.Set(c.o.State)
	return nil
}

// settled waits until every pool has a configuration and all its nodes have it.
func settled(ctx context.Context, c kube.Client) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for {
		pools, err := kube.List[mcv1.MachineConfigPool](ctx, c, kube.MachineConfigPools)
		if err != nil {
			return err
		}
		updated := 0
		for _, p := range pools {
			if p.Status.Configuration.Name != "" && p.Status.ObservedGeneration == p.Generation {
				updated++
			}
		}
		if updated == len(pools) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d pools have settled: %w", updated, len(pools), ctx.Err())
		case <-time.After(pollTime):
		}
	}
}

// open lets clients in, and gives the line that says where.
func (c *cluster) open(direct *rest.Config) (string, error) {
	var err error
	if c.front, err = newFront(direct, c.store); err != nil {
		return "", err
	}
	if err := c.front.open(); err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go http.Serve(l, control.Handler(c.store, c.restart))
	kubeconfig, err := c.users.writeKubeconfigs(c.o.Dir, "https://"+c.front.addr, c.front.ca)
	return fmt.Sprintf("ready %s http://%s", kubeconfig, l.Addr()), err
}
