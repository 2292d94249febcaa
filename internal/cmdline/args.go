package cmdline

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Args returns the arguments of a command that takes several, one for each of
// names (CATALOG). Each may be given by the flag of that name in lower case
// instead; the arguments then stand for the others, in order. Flags behind
// arguments are refused as by [Arg].
func Args(c *cli.Context, names ...string) ([]string, error) {
	left := c.Args().Slice()
	if err := flagsFirst(c, left, strings.Join(names, " ")); err != nil {
		return nil, err
	}
	var values []string
	for _, name := range names {
		value := c.String(strings.ToLower(name))
		if value == "" && len(left) > 0 {
			value, left = left[0], left[1:]
		}
		if value == "" {
			return nil, Usagef("%s: which %s? see %s %s --help", path(c), name, c.App.Name, path(c))
		}
		values = append(values, value)
	}
	if len(left) > 0 {
		return nil, Usagef("%s: takes %s, these are too many: %s", path(c), strings.Join(names, " and "), strings.Join(left, " "))
	}
	return values, nil
}

// flagsFirst refuses flags behind arguments: the library would take them for
// arguments.
func flagsFirst(c *cli.Context, args []string, what string) error {
	for i, a := range args {
		if strings.HasPrefix(a, "-") && a != "-" {
			line := slices.Concat(before(c, len(args)), args[i:], args[:i])
			return Usagef("%s: %s comes after %s; flags come first: %s %s %s",
				path(c), a, what, c.App.Name, path(c), strings.Join(line, " "))
		}
	}
	return nil
}

// path is the names of a command and of those above it: list versions.
func path(c *cli.Context) string {
	if c.Command == nil {
		return ""
	}
	if p, ok := strings.CutPrefix(c.Command.HelpName, c.App.HelpName+" "); ok && p != "" {
		return p
	}
	return c.Command.Name
}

// Group is what a command does that has others below it, when none of them is
// named.
func Group(c *cli.Context) error {
	var names []string
	for _, cmd := range c.Command.Subcommands {
		names = append(names, cmd.Name)
	}
	if c.Args().Present() {
		return Usagef("%s: there is no %q; there are: %s", path(c), c.Args().First(), strings.Join(names, ", "))
	}
	return Usagef("%s: what? there are: %s; see %s %s --help", path(c), strings.Join(names, ", "), c.App.Name, path(c))
}
