// Package cmdline is what the two programs share at the command line: how they
// start and end, what they print, and which number they exit with.
//
// The rules, in docs/exit-codes.md for users:
//
//   - Standard output carries results only: a table, or one JSON document with
//     --json. All else goes to standard error.
//   - An error is one line for each thing that is wrong, and perhaps a hint.
//   - ^C ends the work, says so, and exits with 130. A second ^C ends the program.
package cmdline

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
)

// Main runs a program and returns its exit code.
func Main(app *cli.App, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal is the system's to deal with
	if len(args) > 0 && filepath.Base(args[0]) == installedPrefix+app.Name {
		app.Name = installedPrefix + app.Name
	}
	prepare(app)
	err := app.RunContext(ctx, args)
	if err == nil {
		return ExitOK
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = &cancelledError{err}
	}
	report(app.ErrWriter, app.Name, err)
	return ExitCode(err)
}

// installedPrefix is before the programs' names when they are installed: the
// bare ones belong to Ruby and ImageMagick.
const installedPrefix = "drayage-"

var errCancelled = errors.New("cancelled")

// cancelledError is what ^C made of the work, said in a word.
type cancelledError struct{ err error }

func (e *cancelledError) Error() string { return errCancelled.Error() }

func (e *cancelledError) Is(target error) bool { return target == errCancelled }

func (e *cancelledError) Unwrap() error { return e.err }

// prepare sets what this version of the library does not hand down to commands.
func prepare(app *cli.App) {
	app.Writer, app.ErrWriter = os.Stdout, os.Stderr
	app.HideHelpCommand = true
	app.DisableSliceFlagSeparator = true // a comma is part of a path
	app.Version = version()
	app.ExitErrHandler = func(*cli.Context, error) {}
	app.OnUsageError = usageError
	app.Action = noCommand
	line := cli.FlagStringer
	cli.FlagStringer = func(f cli.Flag) string { return describeFlag(line(f)) }
	prepareCommands(app.Commands)
}

func prepareCommands(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = usageError
		c.HideHelpCommand = true
		prepareCommands(c.Subcommands)
	}
}

func usageError(c *cli.Context, err error, _ bool) error {
	if c.Command == nil || c.Command.Name == "" || c.Command.Name == c.App.Name {
		return Usagef("%w; see %s --help", err, c.App.Name)
	}
	return Usagef("%s: %w; see %s %s --help", path(c), err, c.App.Name, path(c))
}

// noCommand is what runs when the first argument is no command.
func noCommand(c *cli.Context) error {
	var names []string
	for _, cmd := range c.App.VisibleCommands() {
		names = append(names, cmd.Name)
	}
	if c.Args().Present() {
		return Usagef("%q is no command; there are: %s", c.Args().First(), strings.Join(names, ", "))
	}
	c.App.Writer = c.App.ErrWriter
	_ = cli.ShowAppHelp(c)
	return Usagef("which command? there are: %s", strings.Join(names, ", "))
}

// Version is set by the Makefile; a program that was built otherwise says what
// Go knows.
var Version = ""

func version() string {
	info, ok := debug.ReadBuildInfo()
	if Version != "" || !ok {
		return cmp.Or(Version, "unknown")
	}
	return strings.Trim(info.Main.Version, "()")
}

// Arg returns a command's one argument. A flag behind it is refused with the
// line as it should be: the library would take it for an argument and pass over
// it in silence.
func Arg(c *cli.Context, what string) (string, error) {
	args := c.Args().Slice()
	if err := flagsFirst(c, args, what); err != nil {
		return "", err
	}
	switch len(args) {
	case 1:
		return args[0], nil
	case 0:
		return "", Usagef("%s: which %s? see %s %s --help", c.Command.Name, what, c.App.Name, c.Command.Name)
	}
	return "", Usagef("%s: one %s at a time, these are too many: %s", c.Command.Name, what, strings.Join(args[1:], " "))
}

// before is what the person wrote between the command and its last n arguments.
func before(c *cli.Context, n int) []string {
	lineage := c.Lineage()
	if len(lineage) < 2 {
		return nil
	}
	all := lineage[1].Args().Slice() // the command's name, and all behind it
	return all[1:max(1, len(all)-n)]
}

// NoArgs refuses arguments to a command that takes flags only.
func NoArgs(c *cli.Context) error {
	if c.Args().Present() {
		return Usagef("%s: takes no argument, but was given %q", path(c), c.Args().First())
	}
	return nil
}

// CheckLimits checks --jobs and --timeout.
func CheckLimits(c *cli.Context) error {
	if jobs := c.Int("jobs"); jobs < 1 || jobs > 64 {
		return Usagef("--jobs %d: want 1 to 64", jobs)
	}
	return CheckTimeout(c)
}

// CheckTimeout checks --timeout.
func CheckTimeout(c *cli.Context) error {
	if timeout := c.Duration("timeout"); timeout < time.Second {
		return Usagef("--timeout %s: want a second at least, as in 90s or 5m", timeout)
	}
	return nil
}

// PrintJSON writes one JSON document.
func PrintJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// Warn prints warnings, one line each.
func Warn(c *cli.Context, warnings []string) {
	for _, w := range warnings {
		fmt.Fprintf(c.App.ErrWriter, "warning: %s\n", w)
	}
}

// JSONFlag is the flag that every command has.
var JSONFlag = &cli.BoolFlag{Name: "json", Usage: "print the result as one JSON document"}

// stderr is the program's standard error as a file, which a terminal is.
func stderr(c *cli.Context) *os.File {
	if f, ok := c.App.ErrWriter.(*os.File); ok {
		return f
	}
	return os.Stderr
}
