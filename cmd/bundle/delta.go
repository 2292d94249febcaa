package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/bundle"
	"drayage/pkg/manifest"
	"drayage/pkg/plan"
)

func baseFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "base", Usage: "leave out what the bundle or packing list in `FILE` holds; may be given several times"}
}

// readBases reads --base.
func readBases(c *cli.Context) ([]*bundle.Base, error) {
	var bases []*bundle.Base
	for _, path := range c.StringSlice("base") {
		b, err := readBase(path)
		if err != nil {
			return nil, &cmdline.BaseError{Err: err}
		}
		bases = append(bases, b)
	}
	return bases, nil
}

// readBase reads a bundle or a packing list. A packing list that is wrong, or not
// there, is the mistake of whoever named it, a bundle that is wrong is damaged, and
// a file that cannot be read is neither.
func readBase(path string, dirs ...string) (*bundle.Base, error) {
	b, err := bundle.ReadBase(path, dirs...)
	switch unread := (*fs.PathError)(nil); {
	case err == nil:
		return b, nil
	case errors.As(err, new(*bundle.InvalidError)), errors.As(err, &unread) && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return nil, &cmdline.UsageError{Err: err}
}

// thin leaves out of a plan what bases hold. What comes back opens what is left,
// the documents of the delta among it.
func thin(c *cli.Context, p *plan.Plan, bases []*bundle.Base) (*manifest.Manifest, bundle.OpenFunc, error) {
	if len(bases) == 0 {
		return p.Manifest, p.Content.Open, nil
	}
	m, documents, err := bundle.Thin(p.Manifest, p.Content.Manifest, bases)
	if err != nil {
		return nil, nil, err
	}
	if documents == nil {
		cmdline.Warn(c, []string{"no base holds anything of it: nothing is left out"})
		return m, p.Content.Open, nil
	}
	d := digest.FromBytes(documents)
	return m, func(ctx context.Context, desc ocispec.Descriptor) (io.ReadCloser, error) {
		if desc.Digest == d {
			return io.NopCloser(bytes.NewReader(documents)), nil
		}
		return p.Content.Open(ctx, desc)
	}, nil
}

func printBases(c *cli.Context, bases []manifest.Base) error {
	for _, b := range bases {
		if _, err := fmt.Fprintf(c.App.Writer, "left out: %d blobs, %s, held by %s\n", b.Blobs, ui.Bytes(b.Bytes), b.Root); err != nil {
			return err
		}
	}
	return nil
}
