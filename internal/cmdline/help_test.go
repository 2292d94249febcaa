package cmdline

import (
	"bytes"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestHelpFitsATerminal(t *testing.T) {
	long := strings.Repeat("what it does and why ", 12)
	var out bytes.Buffer
	app := &cli.App{Name: "x", Usage: "x", Commands: []*cli.Command{{
		Name: "verb", Usage: "do it",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "several-of-them", Usage: "`FILE`, " + long + "end"},
			&cli.BoolFlag{Name: "insecure-skip-signature", Usage: long + "end"},
			&cli.IntFlag{Name: "jobs", Value: 6, Usage: "`N` at a time"},
		},
	}}}
	prepare(app)
	app.Writer = &out
	if err := app.Run([]string{"x", "verb", "--help"}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > helpWidth+1 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
	for _, want := range []string{"   --several-of-them FILE     FILE, what it does", "why end\n   --insecure-skip-signature  what it does", "\n   --jobs N                   N at a time (default: 6)\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
