package main

import (
	"fmt"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/internal/ui"
	"drayage/pkg/bundle"
)

var spaceFlag = &cli.BoolFlag{Name: "space", Usage: "say what takes the space: what each role and image has of its own, and what it shares"}

// nameWidth is how much of a name is printed, in characters, so that a line has
// at most 100.
const nameWidth = 58

// fit leaves out the middle of a name that is too long.
func fit(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	r := []rune(s)
	front := (most - 3) * 2 / 3
	return string(r[:front]) + "..." + string(r[len(r)-(most-3-front):])
}

// printSpace prints what takes the space, the largest first.
func printSpace(c *cli.Context, b *bundle.Bundle) error {
	s, err := b.Space()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(c.App.Writer, s)
	}
	out := c.App.Writer
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "OWN\tSHARED\tALL\t  WHAT")
	for _, role := range s.Roles {
		fmt.Fprintf(w, "%s\t%s\t%s\t  %s, images: %d\n", ui.Bytes(role.Own), ui.Bytes(role.Shared), ui.Bytes(role.Own+role.Shared), role.Role, len(role.Images))
		for _, i := range role.Images {
			fmt.Fprintf(w, "%s\t%s\t%s\t    %s\n", ui.Bytes(i.Own), ui.Bytes(i.Shared), ui.Bytes(i.Own+i.Shared), fit(title(i.Image), nameWidth))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\n%s in all: %s of one image alone, %s shared by several\n", ui.Bytes(s.Own+s.Shared), ui.Bytes(s.Own), ui.Bytes(s.Shared))
	return err
}
