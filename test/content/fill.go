package content

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// References of the other images of a made-up world.
const (
	RegistryRef  = "docker.io/library/registry:3"
	taggedRef    = "registry.access.redhat.com/ubi9/ubi-minimal:9.4"
	digestedRepo = "quay.io/openshift/origin-must-gather"
)

// How a world's bytes are shared out: a half to the release, a quarter to the
// catalog and what it names, an eighth each to the registry image and the
// additional images.
const (
	defaultSize  = 4 << 20
	releasePart  = 2
	catalogPart  = 4
	registryPart = 8
	extraPart    = 8
)

// Options says what [Fill] makes. The zero value is a world of 4 MiB.
type Options struct {
	// Size is the bytes of all layers together, before compression, 4 MiB if
	// zero. It is shared out to what says no size of its own.
	Size int64
	// Incompressible makes layers that do not compress.
	Incompressible bool
	Release        ReleaseOptions
	Catalog        CatalogOptions
	Push           PushOptions
}

// Filled is what a registry was filled with.
type Filled struct {
	Release *Release
	// Registry is the image of the registry that nodes run, for two
	// architectures and with attestations as docker's build adds them.
	Registry Named
	Catalog  *Catalog
	// Additional are an image by tag (for two architectures) and one by digest.
	Additional []Named
	// Images are all that was pushed, sorted by reference, each once.
	Images []Named
	// Hosts are the upstream hosts of the images, sorted: those that
	// RegistriesConf must be told besides its own are among them.
	Hosts []string
	// ImageSet is an ImageSetConfiguration (mirror.openshift.io/v2alpha1) that
	// asks for the release, the catalog's packages but the last by name (or the
	// one that there is), and the additional images. It leaves the registry image out:
	// that one travels unasked.
	ImageSet string
}

// Fill makes a small world and pushes it to the registry at addr (host:port).
func Fill(ctx context.Context, addr string, o Options) (*Filled, error) {
	f, err := Make(o)
	if err != nil {
		return nil, err
	}
	return f, Push(ctx, addr, o.Push, f.Images...)
}

// Make makes what Fill pushes, without pushing it.
func Make(o Options) (*Filled, error) {
	o.Size = or(o.Size, defaultSize)
	o.Release.Size = or(o.Release.Size, o.Size/releasePart)
	o.Catalog.Size = or(o.Catalog.Size, o.Size/catalogPart)
	o.Release.Incompressible = o.Release.Incompressible || o.Incompressible
	o.Catalog.Incompressible = o.Catalog.Incompressible || o.Incompressible
	f := &Filled{}
	var err error
	if f.Release, err = MakeRelease(o.Release); err != nil {
		return nil, err
	}
	if f.Catalog, err = MakeCatalog(o.Catalog); err != nil {
		return nil, err
	}
	if f.Registry, err = MakeRegistryImage(o.Size/registryPart, o.Incompressible); err != nil {
		return nil, err
	}
	if f.Additional, err = additional(o.Size/extraPart, o.Incompressible); err != nil {
		return nil, err
	}
	f.Images = unique(slices.Concat(f.Release.Images(), f.Catalog.Images(), f.Additional, []Named{f.Registry}))
	f.Hosts = hostsOf(f.Images)
	packages := f.Catalog.Packages
	if len(packages) > 1 {
		packages = packages[:len(packages)-1]
	}
	f.ImageSet = imageSet(f, packages)
	return f, nil
}

// MakeRegistryImage makes docker.io/library/registry:3: an OCI index of images
// for amd64 and arm64, of size bytes of layers together, with attestations.
func MakeRegistryImage(size int64, incompressible bool) (Named, error) {
	m := newFillers(incompressible)
	o := ImageOptions{OCI: true, Entrypoint: []string{"/entrypoint.sh"}, Cmd: []string{"/etc/distribution/config.yml"}}
	var children []Content
	for _, a := range []string{"amd64", "arm64"} {
		o.Arch = a
		img, err := Image("registry "+a, o, m.layer("alpine/"+a, size/4), m.layer("registry/"+a, size/4))
		if err != nil {
			return Named{}, err
		}
		children = append(children, img)
	}
	x, err := Index(true, children...)
	if err != nil {
		return Named{}, err
	}
	if x, err = attested(x); err != nil {
		return Named{}, err
	}
	repo, tag, _ := strings.Cut(RegistryRef, ":")
	return tagged(repo, tag, x)
}

func additional(size int64, incompressible bool) ([]Named, error) {
	m := newFillers(incompressible)
	multi, err := MultiArch("ubi", ImageOptions{}, []string{"amd64", "arm64"}, func(arch string) []*Layer {
		return []*Layer{m.layer("ubi/"+arch, size/3)}
	})
	if err != nil {
		return nil, err
	}
	single, err := Image("must-gather", ImageOptions{OCI: true}, m.layer("ubi/amd64", size/3), m.layer("must-gather", size/3))
	if err != nil {
		return nil, err
	}
	repo, tag, _ := strings.Cut(taggedRef, ":")
	byTag, err := tagged(repo, tag, multi)
	if err != nil {
		return nil, err
	}
	byDigest, err := untagged(digestedRepo, single)
	return []Named{byTag, byDigest}, err
}

func imageSet(f *Filled, packages []string) string {
	var b strings.Builder
	b.WriteString("apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n")
	minor := strings.Join(strings.SplitN(f.Release.Version, ".", 3)[:2], ".")
	fmt.Fprintf(&b, "  platform:\n    architectures:\n    - %s\n    channels:\n    - name: stable-%s\n", f.Release.Arch, minor)
	fmt.Fprintf(&b, "      minVersion: %[1]s\n      maxVersion: %[1]s\n", f.Release.Version)
	fmt.Fprintf(&b, "  operators:\n  - catalog: %s\n    packages:\n", f.Catalog.Image.Ref)
	for _, p := range packages {
		fmt.Fprintf(&b, "    - name: %s\n", p)
	}
	b.WriteString("  additionalImages:\n")
	for _, n := range f.Additional {
		fmt.Fprintf(&b, "  - name: %s\n", n.Ref)
	}
	return b.String()
}
