package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"drayage/test/content"
	"drayage/test/registry"
)

// nodeCount is how many nodes there are.
const nodeCount = 3

// world is the source, the nodes and the files that tools are given.
type world struct {
	ctx    context.Context
	dir    string
	o      options
	source *registry.Registry
	nodes  []node
	set    *set
}

func (w *world) close() {
	if w.source != nil {
		w.source.Close()
	}
	for _, n := range w.nodes {
		n.Close()
	}
}

// say tells what goes on, on standard error: standard output is the result's.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (w *world) start() error {
	say("work in %s", w.dir)
	var err error
	if w.source, err = registry.Start(w.ctx, registry.Options{Root: filepath.Join(w.dir, "source")}); err != nil {
		return err
	}
	for i := range nodeCount {
		n, err := startNode(w.ctx, w.o.nodes, filepath.Join(w.dir, fmt.Sprint("node", i+1)))
		if err != nil {
			return err
		}
		w.nodes = append(w.nodes, n)
	}
	began := time.Now()
	if w.set, err = makeSet(w.o.size); err != nil {
		return err
	}
	if err := content.Push(w.ctx, w.source.Addr(), content.PushOptions{}, w.set.images...); err != nil {
		return err
	}
	say("source filled: %d images, %d bytes unique, in %.0f s", len(w.set.images), w.set.unique, time.Since(began).Seconds())
	return w.files()
}

// files are those that scripts read.
func (w *world) files() error {
	var list, imageSet strings.Builder
	imageSet.WriteString("apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  additionalImages:\n")
	for i, n := range w.set.images {
		fmt.Fprintf(&list, "%d %s %s %s\n", i, n.Ref, strings.TrimPrefix(n.Ref, host+"/"), n.Digest)
		if i != images { // that one is given as the registry image
			fmt.Fprintf(&imageSet, "  - name: %s\n", n.Ref)
		}
	}
	return errors.Join(
		w.write("images", list.String()),
		w.write("imageset.yaml", imageSet.String()),
		w.write("registries.conf", registriesConf(w.source.Addr())),
		w.write("site.yaml", siteFile(w.addrs())),
	)
}

func (w *world) write(name, text string) error {
	return os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o644)
}

func (w *world) addrs() []string {
	var all []string
	for _, n := range w.nodes {
		all = append(all, n.Addr())
	}
	return all
}

// clear empties all nodes.
func (w *world) clear() error {
	for _, n := range w.nodes {
		if err := n.clear(w.ctx); err != nil {
			return err
		}
	}
	return nil
}

func registriesConf(addr string) string { return string(content.RegistriesConf(addr)) }

func siteFile(addrs []string) string {
	var b strings.Builder
	b.WriteString("apiVersion: drayage/v1alpha1\nkind: Site\nopenshift: \"4.9\"\nnodes:\n")
	for i, a := range addrs {
		fmt.Fprintf(&b, "- {name: node%d, address: %q}\n", i+1, a)
	}
	b.WriteString("registry: {managed: false, plainHTTP: true}\n")
	return b.String()
}
