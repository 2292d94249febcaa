package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"drayage/test/content"
	"drayage/test/registry"
	"drayage/test/signing"
)

// redHatKey is the file that the programs embed, in Drayage's source.
const redHatKey = "pkg/signature/keys/redhat-release-key-2.asc"

// pack does what the connected side does, and writes site.yaml.
func (o options) pack(ctx context.Context) error {
	source, err := registry.Start(ctx, registry.Options{})
	if err != nil {
		return err
	}
	defer source.Close()
	store, err := signing.Start()
	if err != nil {
		return err
	}
	defer store.Close()
	if err := o.programs(ctx, store); err != nil {
		return err
	}
	var roots strings.Builder
	for _, b := range []struct{ name, version string }{{"site", "4.17.0"}, {"update", "4.17.1"}} {
		filled, err := content.Fill(ctx, source.Addr(), content.Options{Size: o.size, Incompressible: true, Release: content.ReleaseOptions{Version: b.version}})
		if err != nil {
			return err
		}
		if err := store.Sign(filled.Release.Image.Digest, filled.Release.Image.Ref); err != nil {
			return err
		}
		root, err := o.build(ctx, b.name, source.Addr(), store.URL(), filled)
		if err != nil {
			return err
		}
		fmt.Fprintf(&roots, "%s.bundle.tar %s\n", b.name, root)
	}
	minor := strings.Join(strings.SplitN(o.openshift, ".", 3)[:2], ".")
	text := fmt.Sprintf("apiVersion: drayage/v1alpha1\nkind: Site\nopenshift: %q\nnodes:\n", minor)
	for i, a := range addresses {
		text += fmt.Sprintf("- {name: node%d, address: %s}\n", i+1, a)
	}
	if err := o.write("site.yaml", text+"registry: {"+o.registry+"}\n"); err != nil {
		return err
	}
	return o.write("roots", roots.String())
}

// programs builds both with the store's key in place of Red Hat's.
func (o options) programs(ctx context.Context, store *signing.Store) error {
	key, err := store.PublicKey()
	if err != nil {
		return err
	}
	src, err := filepath.Abs(o.src)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(src, redHatKey): filepath.Join(dir, "key.asc")}})
	if err != nil {
		return err
	}
	if err := o.write("key.asc", string(key)); err != nil {
		return err
	}
	if err := o.write("overlay.json", string(overlay)); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-overlay", filepath.Join(dir, "overlay.json"), "-o", filepath.Join(dir, "bin")+"/", "./cmd/bundle", "./cmd/import")
	cmd.Dir, cmd.Env = src, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	return nil
}

// build makes one bundle and gives its root.
func (o options) build(ctx context.Context, name, source, store string, filled *content.Filled) (string, error) {
	if err := o.write("imageset-"+name+".yaml", filled.ImageSet); err != nil {
		return "", err
	}
	if err := o.write("registries.conf", string(content.RegistriesConf(source, filled.Hosts...))); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "bin/bundle", "build", "-c", "imageset-"+name+".yaml", "--registries-conf", "registries.conf",
		"--signature-store", store, "--json", "-o", name+".bundle.tar")
	cmd.Dir = o.dir
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("bundle build: %w: %s", err, said.String())
	}
	var r struct{ Root string }
	return r.Root, json.Unmarshal(out, &r)
}
