package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"drayage/test/content"
	"drayage/test/registry"
	"drayage/test/signing"
)

// world is a source with a signed release and a catalog, and the bundle of it.
var world struct {
	once   sync.Once
	source *registry.Registry
	store  *signing.Store
	filled *content.Filled
	err    error
}

func sharedWorld(t *testing.T) *content.Filled {
	t.Helper()
	world.once.Do(func() {
		ctx := context.Background()
		if world.source, world.err = registry.Start(ctx, registry.Options{}); world.err != nil {
			return
		}
		if world.store, world.err = signing.Start(); world.err != nil {
			return
		}
		if world.filled, world.err = content.Fill(ctx, world.source.Addr(), content.Options{}); world.err != nil {
			return
		}
		release := world.filled.Release.Image
		world.err = world.store.Sign(release.Digest, release.Ref)
	})
	if world.err != nil {
		t.Fatal(world.err)
	}
	return world.filled
}

// bundle builds the world's bundle, signed, in a folder.
func bundle(t *testing.T, dir string) *content.Filled {
	t.Helper()
	filled := sharedWorld(t)
	key, err := world.store.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "key.asc", string(key))
	write(t, dir, "imageset.yaml", filled.ImageSet)
	write(t, dir, "registries.conf", string(content.RegistriesConf(world.source.Addr(), filled.Hosts...)))
	program(t, dir, "bundle", "build", "-c", "imageset.yaml", "--registries-conf", "registries.conf",
		"--release-key", "key.asc", "--signature-store", world.store.URL(), "-o", "site.tar")
	return filled
}

// rendered writes site.yaml and renders the bundle's objects for an OpenShift
// version; it gives their files in order.
func rendered(t *testing.T, dir, version string, addrs ...string) []string {
	t.Helper()
	var nodes strings.Builder
	for i, addr := range addrs {
		fmt.Fprintf(&nodes, "- {name: node%d, address: %q}\n", i+1, addr)
	}
	write(t, dir, "site.yaml", fmt.Sprintf("apiVersion: drayage/v1alpha1\nkind: Site\nopenshift: %q\nregistry: {plainHTTP: true, localhostFirst: false}\nnodes:\n%s", version, &nodes))
	out := "manifests-" + version
	program(t, dir, "import", "render", "--release-key", "key.asc", "--site", "site.yaml", "-o", out, "site.tar")
	files, err := filepath.Glob(filepath.Join(dir, out, "*.*")) // not the folder optional
	if err != nil || len(files) == 0 {
		t.Fatalf("rendered files: %v, %v", files, err)
	}
	return files
}
