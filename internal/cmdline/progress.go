package cmdline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"drayage/internal/ui"
)

// ProgressFlag is the flag of commands that take long.
var ProgressFlag = &cli.StringFlag{
	Name: "progress", Value: string(ui.Auto), Usage: "tell progress on standard error as `FORMAT`: " + formats(),
	Action: func(_ *cli.Context, s string) error {
		if !slices.Contains(ui.Formats, ui.Format(s)) {
			return Usagef("--progress %q: want %s", s, formats())
		}
		return nil
	},
}

func formats() string {
	var names []string
	for _, f := range ui.Formats {
		names = append(names, string(f))
	}
	last := len(names) - 1
	return fmt.Sprintf("%s or %s", strings.Join(names[:last], ", "), names[last])
}

// UI shows progress as the flag says, or, for a command without it, as fits.
func UI(c *cli.Context) *ui.UI {
	format := ui.Auto
	if c.IsSet("progress") {
		format = ui.Format(c.String("progress"))
	}
	return ui.New(stderr(c), format)
}
