package main

import (
	"fmt"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/progress"
	"drayage/internal/ui"
	"drayage/pkg/catalog"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
	"drayage/pkg/release"
)

var (
	catalogFlag = &cli.StringFlag{Name: "catalog", Usage: "the catalog: `IMAGE`, in place of the first argument"}
	packageFlag = &cli.StringFlag{Name: "package", Usage: "the operator package: `NAME`, in place of the argument"}
)

// listed is a catalog image that was read.
type listed struct {
	Ref    manifest.Ref
	Digest digest.Digest
	*catalog.Listing
}

// readCatalog reads what a catalog has for one architecture.
func readCatalog(c *cli.Context, name string) (*listed, error) {
	arch, ok := release.GraphArch(c.String("arch"))
	if !ok || arch == "multi" {
		return nil, cmdline.Usagef("--arch %.64q: want amd64, arm64, ppc64le or s390x", c.String("arch"))
	}
	ref, err := manifest.ParseRef(name)
	if err != nil {
		return nil, &cmdline.UsageError{Err: fmt.Errorf("catalog %w", err)}
	}
	if err := cmdline.CheckTimeout(c); err != nil {
		return nil, err
	}
	source, err := newSource(c, "", nil)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	u := cmdline.UI(c)
	defer u.Close()
	l, err := fetchCatalog(c, oci.NewContent(source), ref, "linux/"+arch, u.Progress())
	if err != nil {
		return nil, &cmdline.SourceError{Err: err}
	}
	return l, nil
}

func fetchCatalog(c *cli.Context, content *oci.Content, ref manifest.Ref, platform string, p progress.Func) (*listed, error) {
	root, err := content.Resolve(c.Context, ref.String())
	if err != nil {
		return nil, err
	}
	image, err := content.ForPlatform(root, platform)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	if err := content.AddImage(c.Context, ref.Repository, oci.Root{Descriptor: image}); err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	bytes, err := oci.ImageBytes(oci.Root{Descriptor: image}, content.Manifest)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	p.Note("", fmt.Sprintf("reading catalog %s: %s", ref, ui.Bytes(bytes)))
	l, err := catalog.List(c.Context, content, ref.String(), image)
	return &listed{ref, root.Digest, l}, err
}

// readPackage reads what a catalog has of the one package that a command is about.
func readPackage(c *cli.Context) (*listed, *catalog.ListedPackage, error) {
	args, err := cmdline.Args(c, "CATALOG", "PACKAGE")
	if err != nil {
		return nil, nil, err
	}
	l, err := readCatalog(c, args[0])
	if err != nil {
		return nil, nil, err
	}
	p, err := l.Package(args[1])
	if err != nil {
		return nil, nil, notListed(l, err)
	}
	return l, p, nil
}

// notListed says of which catalog something was asked that it does not have.
func notListed(l *listed, err error) error {
	return &cmdline.SourceError{Err: fmt.Errorf("%s: %w", l.Ref, err)}
}

// headOf is the name and the version of a head, which may be missing.
func headOf(head *catalog.ListedVersion) (name, version string) {
	if head == nil {
		return "", ""
	}
	return head.Name, head.Version
}
