package main

import (
	"errors"
	"io"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"drayage/internal/cmdline"
	"drayage/pkg/bundle"
	"drayage/pkg/manifest"
)

// checkStream refuses what cannot be done on the way through a pipe.
func checkStream(c *cli.Context) error {
	if c.IsSet("volume-size") || c.IsSet("volume-dir") {
		return cmdline.Usagef("build: -o - writes one stream, and no volumes")
	}
	if c.Bool("checksum") {
		return cmdline.Usagef("build: --checksum goes beside a file, and -o - writes none")
	}
	if f, ok := c.App.Writer.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return cmdline.Usagef("build: -o - is for a pipe, and standard output is a terminal")
	}
	return nil
}

// runStream writes the bundle to standard output. The result goes to standard
// error, since standard output is the bundle.
func runStream(c *cli.Context) error {
	bases, err := readBases(c)
	if err != nil {
		return err
	}
	out := cmdline.Piped(c, c.App.Writer)
	c.App.Writer = c.App.ErrWriter
	u := cmdline.UI(c)
	defer u.Close()
	source, err := newSource(c, "", nil)
	if err != nil {
		return err
	}
	defer source.Close()
	p, err := planOrPin(c, source, u.Progress())
	if err != nil {
		return err
	}
	m, open, err := thin(c, p, bases)
	if err != nil {
		return err
	}
	written, err := streamed(c, m, open, out, bundle.WriteOptions{Progress: u.Progress(), Owners: p.Owners()})
	if err != nil {
		return err
	}
	u.Close()
	cmdline.Warn(c, p.Warnings)
	cmdline.WarnUnsigned(c, p.Manifest)
	cmdline.WarnOmitted(c, p.Manifest)
	warnPlaces(c, p.Manifest)
	return errors.Join(printWritten(c, written, p.Manifest.Omitted), cmdline.CheckOmitted(p.Manifest))
}

// streamed writes the stream as it is, or packed.
func streamed(c *cli.Context, m *manifest.Manifest, open bundle.OpenFunc, out io.Writer, o bundle.WriteOptions) (*bundle.Written, error) {
	if !c.Bool("zstd") {
		return bundle.Stream(c.Context, m, open, out, o)
	}
	packed, err := bundle.Pack(out)
	if err != nil {
		return nil, err
	}
	written, err := bundle.Stream(c.Context, m, open, packed, o)
	if err != nil { // an end would be taken for a good one
		return nil, err
	}
	return written, packed.Close()
}
