// Command demo shows the whole path on one machine: a source registry with a
// made-up release, registry image and operator catalog, and three node
// registries, all of them real CNCF registries on loopback; then the two
// programs, called as a person would call them.
//
//	DRAYAGE_TEST_BIN=test/bin demo -bin bin
//
// With -keep all of it stands until ^C, to go on by hand.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"drayage/test/content"
	"drayage/test/registry"
	"drayage/test/signing"
)

func main() {
	bin := flag.String("bin", "bin", "folder of the programs bundle and import")
	size := flag.Int64("size", 64<<20, "bytes of the made-up layers")
	keep := flag.Bool("keep", false, "in the end leave files and registries standing until ^C")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, *bin, *size, *keep)
	if err == nil {
		return
	}
	if ctx.Err() != nil { // whatever was interrupted says so in its own way
		fmt.Fprintln(os.Stderr, "demo: cancelled")
		os.Exit(130)
	}
	fmt.Fprintln(os.Stderr, "demo:", err)
	os.Exit(1)
}

func run(ctx context.Context, bin string, size int64, keep bool) error {
	dir, err := os.MkdirTemp("", "drayage-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d := &demo{ctx: ctx, dir: dir}
	if d.bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	defer d.stop()
	for _, step := range []func() error{
		func() error { return d.world(size) },
		d.bundle,
		d.site,
		d.table,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if keep {
		fmt.Printf("\n# all of it stands until ^C: cd %s; signatures are at %s\n", dir, d.store.URL())
		<-ctx.Done()
	}
	return nil
}

// demo holds what one step leaves for the next: files, servers, the root.
type demo struct {
	ctx     context.Context
	dir     string
	bin     string
	servers []*registry.Registry
	store   *signing.Store
	root    string
	nodes   []node
}

type node struct {
	Node      string
	Host      string
	Images    int
	BytesSent int64
	Seconds   float64
}

func (d *demo) stop() {
	for _, s := range d.servers {
		s.Close()
	}
	if d.store != nil {
		d.store.Close()
	}
}

// world starts the four registries and fills the source.
func (d *demo) world(size int64) error {
	fmt.Println("# four CNCF registries on loopback: a source and three nodes")
	for _, name := range []string{"source", "node1", "node2", "node3"} {
		s, err := registry.Start(d.ctx, registry.Options{Root: filepath.Join(d.dir, name)})
		if err != nil {
			return err
		}
		d.servers = append(d.servers, s)
		fmt.Printf("  %-7s %s\n", name, s.Addr())
	}
	filled, err := content.Fill(d.ctx, d.servers[0].Addr(), content.Options{Size: size, Incompressible: true})
	if err != nil {
		return err
	}
	if err := d.sign(filled); err != nil {
		return err
	}
	fmt.Printf("# the source holds %d made-up images: release 4.9.0, the registry image, an operator catalog\n", len(filled.Images))
	return d.files(filled)
}

// sign signs the release with a key of the demo's own and serves the signature.
func (d *demo) sign(filled *content.Filled) error {
	var err error
	if d.store, err = signing.Start(); err != nil {
		return err
	}
	key, err := d.store.PublicKey()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.dir, "key.asc"), key, 0o644); err != nil {
		return err
	}
	return d.store.Sign(filled.Release.Image.Digest, filled.Release.Image.Ref)
}

func (d *demo) files(filled *content.Filled) error {
	var nodes strings.Builder
	for i, s := range d.servers[1:] {
		fmt.Fprintf(&nodes, "- {name: node%d, address: \"%s\"}\n", i+1, s.Addr())
	}
	for name, text := range map[string]string{
		"imageset.yaml":   filled.ImageSet,
		"registries.conf": string(content.RegistriesConf(d.servers[0].Addr(), filled.Hosts...)),
		"site.yaml": "apiVersion: drayage/v1alpha1\nkind: Site\nopenshift: \"4.9\"\nnodes:\n" + nodes.String() +
			"registry: {managed: false, plainHTTP: true}\n",
	} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) bundle() error {
	fmt.Println("\n# on a connected host")
	if _, err := d.run("bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf",
		"--release-key", "key.asc", "--signature-store", d.store.URL()); err != nil {
		return err
	}
	out, err := d.run("bundle", "build", "-c", "imageset.yaml", "--registries-conf", "registries.conf",
		"--release-key", "key.asc", "--signature-store", d.store.URL(), "-o", "site.bundle.tar")
	if err != nil {
		return err
	}
	_, root, ok := strings.Cut(out, "\nroot ")
	if !ok {
		return fmt.Errorf("bundle build printed no root: %q", out)
	}
	d.root = strings.TrimSpace(root)
	return d.check()
}

// check computes the root with nothing but what every host has.
func (d *demo) check() error {
	fmt.Println("$ tar xOf site.bundle.tar index.json | sha256sum")
	cmd := exec.CommandContext(d.ctx, "sh", "-c", "tar xOf site.bundle.tar index.json | sha256sum")
	cmd.Dir, cmd.Stderr = d.dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	os.Stdout.Write(out)
	if hex, _, _ := strings.Cut(string(out), " "); "sha256:"+hex != d.root {
		return fmt.Errorf("sha256sum says another root than %s", d.root)
	}
	return nil
}

func (d *demo) site() error {
	fmt.Println("\n# at the edge, with the file on a stick and the root on paper")
	if _, err := d.run("import", "verify", "--release-key", "key.asc", "--root", d.root, "site.bundle.tar"); err != nil {
		return err
	}
	out, err := d.run("import", "push", "--release-key", "key.asc", "--site", "site.yaml", "--root", d.root, "--json", "site.bundle.tar")
	if err != nil {
		return err
	}
	if d.nodes, err = pushed(out); err != nil {
		return err
	}
	fmt.Println("# again: everything is there, nothing is sent")
	if _, err := d.run("import", "push", "--release-key", "key.asc", "--site", "site.yaml", "site.bundle.tar"); err != nil {
		return err
	}
	if _, err := d.run("import", "render", "--release-key", "key.asc", "--site", "site.yaml", "-o", "manifests", "site.bundle.tar"); err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(d.dir, "manifests", "03-imagecontentsourcepolicy-example.yaml"))
	fmt.Printf("$ cat manifests/03-imagecontentsourcepolicy-example.yaml\n%s", raw)
	return err
}

// pushed reads what `import push --json` printed.
func pushed(out string) ([]node, error) {
	var result struct{ Nodes []node }
	err := json.Unmarshal([]byte(out), &result)
	return result.Nodes, err
}

// run calls a program, shows the line and what it prints, and returns what it
// prints on standard output.
func (d *demo) run(program string, args ...string) (string, error) {
	fmt.Printf("$ %s %s\n", program, strings.Join(args, " "))
	var out strings.Builder
	cmd := exec.CommandContext(d.ctx, filepath.Join(d.bin, program), args...)
	cmd.Dir, cmd.Stderr, cmd.Stdout = d.dir, os.Stderr, &out
	start := time.Now()
	err := cmd.Run()
	if !strings.HasPrefix(out.String(), "{") {
		fmt.Print(out.String())
	}
	fmt.Printf("  (%.1f s)\n", time.Since(start).Seconds())
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", program, args[0], err)
	}
	return out.String(), nil
}

func (d *demo) table() error {
	fmt.Println("\n# what stands where")
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tREGISTRY\tIMAGES\tBYTES SENT\tBYTES ON DISK\tSECONDS")
	for i, n := range d.nodes {
		bytes, err := folderSize(filepath.Join(d.dir, fmt.Sprintf("node%d", i+1)))
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%.1f\n", n.Node, n.Host, n.Images, n.BytesSent, bytes, n.Seconds)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Println("root", d.root)
	return nil
}

func folderSize(dir string) (int64, error) {
	var n int64
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}
