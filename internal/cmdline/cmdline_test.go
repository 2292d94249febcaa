package cmdline

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// program is a program with a command of each sort.
func program(ran *[]string) *cli.App {
	note := func(s string) { *ran = append(*ran, s) }
	flags := func() []cli.Flag {
		return []cli.Flag{JSONFlag, RootFlag, &cli.IntFlag{Name: "jobs"}, &cli.StringFlag{Name: "output", Aliases: []string{"o"}}}
	}
	return &cli.App{Name: "prog", Commands: []*cli.Command{
		{Name: "open", Flags: flags(), Action: func(c *cli.Context) error {
			arg, err := Arg(c, "FILE")
			note(arg)
			return err
		}},
		{Name: "make", Flags: flags(), Action: func(c *cli.Context) error {
			err := NoArgs(c)
			note("made")
			return err
		}},
		{Name: "root", Flags: flags(), Action: func(c *cli.Context) error {
			d, err := Root(c)
			note(d.String())
			return err
		}},
	}}
}

// run runs the program as Main does, into buffers.
func run(app *cli.App, args ...string) (out, errs string, err error) {
	var o, e bytes.Buffer
	prepare(app)
	app.Writer, app.ErrWriter = &o, &e
	err = app.Run(append([]string{app.Name}, args...))
	return o.String(), e.String(), err
}

func TestCommandLinesThatAreRefused(t *testing.T) {
	cases := []struct{ name, line, want string }{
		{"unknown command", "frob", `"frob" is no command; there are: open, make, root`},
		{"unknown command with a flag", "frob --jobs 3", `"frob" is no command; there are: open, make, root`},
		{"no command", "", "which command? there are: open, make, root"},
		{"unknown flag", "open --frob site.tar", "open: flag provided but not defined: -frob; see prog open --help"},
		{"unknown flag before the command", "--frob open", "flag provided but not defined: -frob; see prog --help"},
		{"flag without its value", "open --jobs", "open: flag needs an argument: -jobs; see prog open --help"},
		{"value that is no number", "open --jobs many site.tar",
			`open: invalid value "many" for flag -jobs: parse error; see prog open --help`},
		{"flag after the argument", "open site.tar --json", "open: --json comes after FILE; flags come first: prog open --json site.tar"},
		{"flag with a value after the argument", "open site.tar --jobs 3",
			"open: --jobs comes after FILE; flags come first: prog open --jobs 3 site.tar"},
		{"flags before and after the argument", "open --jobs 3 site.tar -o out --json",
			"open: -o comes after FILE; flags come first: prog open --jobs 3 -o out --json site.tar"},
		{"no argument", "open", "open: which FILE? see prog open --help"},
		{"flags and no argument", "open --json", "open: which FILE? see prog open --help"},
		{"two arguments", "open a.tar b.tar", "open: one FILE at a time, these are too many: b.tar"},
		{"argument where none is taken", "make site.tar", `make: takes no argument, but was given "site.tar"`},
		{"root that is none", "root --root 1234", `--root: "1234" is no digest, want sha256: and 64 hex digits`},
		{"root that is too short", "root --root sha256:12", `--root: "sha256:12" is no digest, want sha256: and 64 hex digits`},
		{"root of another kind", "root --root sha512:" + strings.Repeat("0", 128),
			`--root: "sha512:` + strings.Repeat("0", 128) + `" is no digest, want sha256: and 64 hex digits`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var ran []string
			out, _, err := run(program(&ran), strings.Fields(c.line)...)
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if got := ExitCode(err); got != ExitUsage {
				t.Errorf("exit code %d, want %d", got, ExitUsage)
			}
			if out != "" {
				t.Errorf("standard output got %q", out)
			}
		})
	}
}

func TestCommandLinesThatAreTaken(t *testing.T) {
	root := "sha256:" + strings.Repeat("ab", 32)
	for line, want := range map[string]string{
		"open site.tar":          "site.tar",
		"open --json site.tar":   "site.tar",
		"open -o out ./-odd.tar": "./-odd.tar",
		"open -":                 "-",
		"make":                   "made",
		"make --jobs 3":          "made",
		"root":                   "",
		"root --root " + root:    root,
	} {
		var ran []string
		out, errs, err := run(program(&ran), strings.Fields(line)...)
		if err != nil || len(ran) != 1 || ran[0] != want {
			t.Errorf("%s: ran %q, %v, want %q", line, ran, err, want)
		}
		if out+errs != "" {
			t.Errorf("%s: printed %q", line, out+errs)
		}
	}
}

// captured runs Main and returns what reached the process's own streams.
func captured(t *testing.T, app *cli.App, args ...string) (code int, out, errs string) {
	t.Helper()
	dir := t.TempDir()
	stdout, stderr := os.Stdout, os.Stderr
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	var err error
	if os.Stdout, err = os.Create(filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	if os.Stderr, err = os.Create(filepath.Join(dir, "err")); err != nil {
		t.Fatal(err)
	}
	code = Main(app, append([]string{app.Name}, args...))
	var text [2]string
	for i, f := range []*os.File{os.Stdout, os.Stderr} {
		f.Close()
		raw, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		text[i] = string(raw)
	}
	return code, text[0], text[1]
}

func TestMainEndsWithTheCodeAndALine(t *testing.T) {
	var ran []string
	code, out, errs := captured(t, program(&ran), "frob")
	if want := "prog: \"frob\" is no command; there are: open, make, root\n"; code != ExitUsage || out != "" || errs != want {
		t.Errorf("code %d, out %q, err %q, want 2 and %q", code, out, errs, want)
	}
	if code, out, errs := captured(t, program(&ran), "open", "site.tar"); code != ExitOK || out+errs != "" {
		t.Errorf("code %d, out %q, err %q, want silence", code, out, errs)
	}
}

func TestHelpIsAResultAndItsAbsenceIsNot(t *testing.T) {
	var ran []string
	code, out, errs := captured(t, program(&ran), "--help")
	if code != ExitOK || !strings.Contains(out, "open") || errs != "" {
		t.Errorf("--help: code %d, out %q, err %q", code, out, errs)
	}
	code, out, errs = captured(t, program(&ran))
	if code != ExitUsage || out != "" || !strings.Contains(errs, "USAGE") {
		t.Errorf("no command: code %d, out %q, err %q, want the help on standard error", code, out, errs)
	}
}

func TestWarningsAreNoResult(t *testing.T) {
	app := &cli.App{Name: "prog", Commands: []*cli.Command{{Name: "warn", Action: func(c *cli.Context) error {
		Warn(c, []string{"a", "b"})
		return nil
	}}}}
	out, errs, err := run(app, "warn")
	if err != nil || out != "" || errs != "warning: a\nwarning: b\n" {
		t.Errorf("out %q, err %q, %v", out, errs, err)
	}
}

func TestJSONIsOneDocument(t *testing.T) {
	var b bytes.Buffer
	if err := PrintJSON(&b, map[string]string{"a": "<b>"}); err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"a\": \"<b>\"\n}\n"; b.String() != want {
		t.Errorf("got %q, want %q", &b, want)
	}
}

func TestVerifyOfWhatIsNoBundle(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "site.tar")
	if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	for arg, want := range map[string]int{path: ExitBundle, dir: ExitUsage, filepath.Join(dir, "gone"): ExitUsage} {
		app := &cli.App{Name: "prog", Commands: []*cli.Command{Verify("prog")}}
		_, _, err := run(app, "verify", arg)
		if err == nil || !strings.Contains(err.Error(), arg) || ExitCode(err) != want {
			t.Errorf("%s: %v with code %d, want %d", arg, err, ExitCode(err), want)
		}
	}
}
