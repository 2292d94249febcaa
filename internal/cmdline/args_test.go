package cmdline

import (
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// group is a program with commands below a command.
func group(got *[]string) *cli.App {
	return &cli.App{Name: "prog", Commands: []*cli.Command{{Name: "list", Action: Group, Subcommands: []*cli.Command{
		{Name: "none", Action: NoArgs},
		{Name: "two", Flags: []cli.Flag{&cli.StringFlag{Name: "catalog"}, &cli.StringFlag{Name: "package"}, &cli.BoolFlag{Name: "json"}},
			Action: func(c *cli.Context) (err error) {
				*got, err = Args(c, "CATALOG", "PACKAGE")
				return err
			}},
	}}}}
}

func TestArgs(t *testing.T) {
	for line, want := range map[string]string{
		"a b":                         "a b",
		"--json a b":                  "a b",
		"--package b a":               "a b",
		"--catalog a b":               "a b",
		"--package b --catalog a":     "a b",
		"--package=b --catalog=a -":   "!list two: takes CATALOG and PACKAGE, these are too many: -",
		"a":                           "!list two: which PACKAGE? see prog list two --help",
		"":                            "!list two: which CATALOG? see prog list two --help",
		"--package b":                 "!list two: which CATALOG? see prog list two --help",
		"a b c":                       "!list two: takes CATALOG and PACKAGE, these are too many: c",
		"--json a b --package c":      "!list two: --package comes after CATALOG PACKAGE; flags come first: prog list two --json --package c a b",
		"--frob a b":                  "!list two: flag provided but not defined: -frob; see prog list two --help",
		"--package":                   "!list two: flag needs an argument: -package; see prog list two --help",
		"--json --catalog a b --json": "!list two: --json comes after CATALOG PACKAGE; flags come first: prog list two --json --catalog a --json b",
	} {
		var got []string
		out, _, err := run(group(&got), append([]string{"list", "two"}, strings.Fields(line)...)...)
		wrong, refused := strings.CutPrefix(want, "!")
		switch {
		case refused && (err == nil || err.Error() != wrong || ExitCode(err) != ExitUsage || out != ""):
			t.Errorf("%s: out %q\ngot  %v\nwant %s", line, out, err, wrong)
		case !refused && (err != nil || strings.Join(got, " ") != want):
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
}

func TestGroupSaysWhatThereIs(t *testing.T) {
	for line, want := range map[string]string{
		"list":        "list: what? there are: none, two; see prog list --help",
		"list tow":    `list: there is no "tow"; there are: none, two`,
		"list none a": `list none: takes no argument, but was given "a"`,
		"list --frob": "list: flag provided but not defined: -frob; see prog list --help",
	} {
		var got []string
		out, _, err := run(group(&got), strings.Fields(line)...)
		if err == nil || err.Error() != want || ExitCode(err) != ExitUsage || out != "" {
			t.Errorf("%s: out %q\ngot  %v\nwant %s", line, out, err, want)
		}
	}
}
