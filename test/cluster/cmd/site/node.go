package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"drayage/test/cluster/kube"
	"drayage/test/cluster/machineconfig"
	"drayage/test/registry"

	mcv1 "github.com/openshift/api/machineconfiguration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// look is the pause between two looks at what a node should do.
	look = 200 * time.Millisecond
	// filesOnNode is where a MachineConfig puts the registry's files.
	filesOnNode = "/etc/drayage-registry/"
	currentName = "machineconfiguration.openshift.io/currentConfig"
)

// node stands in for a node's systemd and podman: its registry runs as the node's
// configuration says, as long as there is power.
type node struct {
	name, dir string
	c         kube.Client
	running   *registry.Registry
	with      map[string][]byte // what it runs with
}

// serve is the nodes' life. It ends with ctx.
func (o options) serve(ctx context.Context, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	d, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	var nodes []*node
	for i, a := range addresses {
		n := &node{name: fmt.Sprintf("node%d", i+1), c: kube.Client{Dynamic: d, Manager: "site"}}
		n.dir = filepath.Join(o.dir, "nodes", n.name)
		if err := errors.Join(os.MkdirAll(n.dir, 0o755), os.WriteFile(filepath.Join(n.dir, "address"), []byte(a+"\n"), 0o644)); err != nil {
			return err
		}
		nodes = append(nodes, n)
	}
	fmt.Printf("ready: cd %s; PATH=$PWD/bin:$PATH; cat roots\n", o.dir)
	for ctx.Err() == nil {
		for _, n := range nodes {
			if err := n.follow(ctx); err != nil && ctx.Err() == nil { // the API server may be away; the next look may be better
				fmt.Fprintf(os.Stderr, "%s: %v\n", n.name, err)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(look):
		}
	}
	for _, n := range nodes {
		err = errors.Join(err, n.stop())
	}
	return err
}

// follow makes the registry run as it should now.
func (n *node) follow(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(n.dir, "off")); err == nil {
		return n.stop()
	}
	files, err := n.files(ctx)
	if err != nil || maps.EqualFunc(files, n.with, slices.Equal) {
		return err
	}
	if err := n.stop(); err != nil {
		return err
	}
	for base, raw := range files {
		if err := os.WriteFile(filepath.Join(n.dir, base), raw, 0o600); err != nil {
			return err
		}
	}
	store := filepath.Join(n.dir, "store")
	if err := os.MkdirAll(store, 0o755); err != nil {
		return err
	}
	if n.running, err = registry.Start(context.Background(), registry.Options{Root: store, Config: filepath.Join(n.dir, "config.yml")}); err == nil {
		n.with = files
	}
	return err
}

func (n *node) stop() error {
	n.with = nil
	if n.running == nil {
		return nil
	}
	r := n.running
	n.running = nil
	return r.Close()
}

// files are those of the node's current configuration, with this machine's
// places in them; none while the node reboots or has no registry.
func (n *node) files(ctx context.Context) (map[string][]byte, error) {
	at, err := kube.Get[corev1.Node](ctx, n.c, kube.Nodes, "", n.name)
	if err != nil || at == nil || !ready(at) {
		return nil, err
	}
	mc, err := kube.Get[mcv1.MachineConfig](ctx, n.c, kube.MachineConfigs, "", at.Annotations[currentName])
	if err != nil || mc == nil {
		return nil, err
	}
	config, err := machineconfig.Parse(mc)
	if err != nil {
		return nil, err
	}
	address, err := os.ReadFile(filepath.Join(n.dir, "address"))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, f := range config.Storage.Files {
		if base, mine := strings.CutPrefix(f.Path, filesOnNode); mine {
			if files[base], err = machineconfig.File(config, f.Path); err != nil {
				return nil, err
			}
		}
	}
	if len(files) == 0 {
		return nil, nil
	}
	here := strings.NewReplacer("0.0.0.0:", strings.TrimSpace(string(address))+":", "/etc/distribution", n.dir, "/var/lib/registry", filepath.Join(n.dir, "store"))
	files["config.yml"] = []byte(here.Replace(string(files["config.yml"])))
	return files, nil
}

func ready(n *corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}
