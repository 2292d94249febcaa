package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"drayage/test/content"
	"drayage/test/registry"
)

// TestScripts runs the cases of testdata/script: one file for each verb and for
// each thing that once went wrong. Every case has a folder with imageset.yaml
// and registries.conf for the made-up source ($SOURCE), and site.yaml for three
// empty nodes. $CATALOG_DIGEST is that of its catalog.
//
//	code N PROGRAM ARGS...   runs a program, which must exit with N; what it
//	                         printed is then in the files out and err
func TestScripts(t *testing.T) {
	src, filled := sharedSource(t)
	testscript.Run(t, testscript.Params{
		Dir:  filepath.Join("testdata", "script"),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code},
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("SOURCE", src.Addr())
			e.Setenv("CATALOG_DIGEST", filled.Catalog.Image.Digest)
			addrs, err := emptyNodes(e)
			if err != nil {
				return err
			}
			return errors.Join(
				put(e, "imageset.yaml", filled.ImageSet),
				put(e, "registries.conf", string(content.RegistriesConf(src.Addr(), filled.Hosts...))),
				put(e, "site.yaml", siteText(addrs...)),
			)
		},
	})
}

func put(e *testscript.Env, name, text string) error {
	return os.WriteFile(filepath.Join(e.WorkDir, name), []byte(text), 0o644)
}

func emptyNodes(e *testscript.Env) ([]string, error) {
	var addrs []string
	for range 3 {
		r, err := registry.Start(e.T().(testing.TB).Context(), registry.Options{})
		if err != nil {
			return nil, err
		}
		e.Defer(func() { r.Close() })
		addrs = append(addrs, r.Addr())
	}
	return addrs, nil
}

func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	var out, errs bytes.Buffer
	cmd := exec.Command(filepath.Join(bin, args[1]), args[2:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), &out, &errs
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("WORK"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	ts.Logf("[stdout]\n%s[stderr]\n%s", out.String(), errs.String())
	ts.Check(os.WriteFile(ts.MkAbs("out"), out.Bytes(), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs("err"), errs.Bytes(), 0o644))
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
