package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/bundle"
	"drayage/pkg/icsp"
	"drayage/pkg/importer"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
	"drayage/pkg/render"
)

// run runs one command.
func run(command *cli.Command, args ...string) (out, errs string, err error) {
	var o, e bytes.Buffer
	app := &cli.App{Name: "import", Writer: &o, ErrWriter: &e, Commands: []*cli.Command{command},
		ExitErrHandler: func(*cli.Context, error) {}}
	err = app.Run(append([]string{"import", command.Name}, args...))
	return o.String(), e.String(), err
}

const siteText = `
apiVersion: drayage/v1alpha1
kind: Site
openshift: "4.9"
registry: {plainHTTP: true}
nodes:
- {name: node1, address: 10.0.0.1}
- {name: node2, address: 10.0.0.2}
`

// What a person wrote is looked at before the bundle is.
func TestCommandLinesThatCannotWork(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("REGISTRY_AUTH_FILE", "")
	for name, text := range map[string]string{"site.yaml": siteText, "bad.yaml": "kind: Site\n", "auth.json": "not JSON"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct {
		command    *cli.Command
		line, want string
	}{
		{runCommand(), "--yes", "run: which FILE? see import run --help"},
		{runCommand(), "--yes site.tar", "run: which site? import run --site site.yaml ..."},
		{runCommand(), "--site site.yaml site.tar", "run: nobody can be asked here; look with import apply --dry-run, then give --yes"},
		{runCommand(), "--yes --registry-timeout 1ms --site site.yaml site.tar", "--registry-timeout 1ms: want a second at least, as in 10m"},
		{runCommand(), "--yes --node-timeout 1ms --jobs 0 --site site.yaml site.tar", "--node-timeout 1ms: want a second at least, as in 40m\n--jobs 0: want 1 to 64"},
		{applyCommand(), "--yes --stage x --site site.yaml site.tar", `apply: --stage "x": there are nodes, mirrors, catalogs`},
		{pushCommand(), "", "push: which FILE? see import push --help"},
		{pushCommand(), "site.tar", "push: which site? import push --site site.yaml ..."},
		{pushCommand(), "site.tar --site site.yaml", "push: --site comes after FILE; flags come first: import push --site site.yaml site.tar"},
		{pushCommand(), "--site gone.yaml site.tar", "gone.yaml"},
		{pushCommand(), "--site bad.yaml site.tar", "bad.yaml:"},
		{pushCommand(), "--site site.yaml --node node3 site.tar", `node "node3": not in the site, which has node1, node2`},
		{pushCommand(), "--site site.yaml --jobs 0 site.tar", "--jobs 0: want 1 to 64"},
		{pushCommand(), "--site site.yaml --timeout 0s site.tar", "--timeout 0s: want a second at least"},
		{pushCommand(), "--site site.yaml --authfile auth.json site.tar", "auth.json: is no file of registry credentials"},
		{pushCommand(), "--site site.yaml --root 12 site.tar", `--root: "12" is no digest, want sha256: and 64 hex digits`},
		{pushCommand(), "--site site.yaml gone.tar", "open gone.tar: no such file or directory"},
		{renderCommand(), "", "render: which FILE? see import render --help"},
		{renderCommand(), "--site site.yaml site.tar", "render: where to? import render --site site.yaml -o DIR FILE (-o - for standard output)"},
		{renderCommand(), "-o out site.tar", "render: which site? import render --site site.yaml ..."},
		{renderCommand(), "-o out --site bad.yaml site.tar", "bad.yaml:"},
		{renderCommand(), "-o out --site site.yaml gone.tar", "open gone.tar: no such file or directory"},
		{cmdline.Verify("import"), "gone.tar", "open gone.tar: no such file or directory"},
	}
	for _, c := range cases {
		t.Run(c.command.Name+" "+c.line, func(t *testing.T) {
			out, _, err := run(c.command, strings.Fields(c.line)...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if code := cmdline.ExitCode(err); code != cmdline.ExitUsage || out != "" {
				t.Errorf("code %d, out %q, want 2 and silence", code, out)
			}
		})
	}
	if left, _ := filepath.Glob("*"); len(left) != 3 {
		t.Errorf("the folder holds %q", left)
	}
}

func objects(names ...string) []render.Object {
	var all []render.Object
	for i, n := range names {
		all = append(all, render.Object{
			Object: icsp.Object{Kind: "Thing", Name: n, YAML: []byte("kind: Thing\nname: " + n + "\n")},
			File:   fmt.Sprintf("%02d-thing-%s.yaml", i+1, n), Stage: render.StageMirrors,
		})
	}
	return all
}

// rendering writes objects as render does.
func rendering(t *testing.T, objects []render.Object, args ...string) (out, errs string, err error) {
	t.Helper()
	return run(&cli.Command{Name: "render", Flags: []cli.Flag{&cli.StringFlag{Name: "o"}, cmdline.JSONFlag}, Action: func(c *cli.Context) error {
		return output(c, c.String("o"), objects)
	}}, args...)
}

func TestRenderedFilesTakeTheirOwnPlaceOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "manifests")
	if _, _, err := rendering(t, objects("one", "two", "three"), "-o", dir); err != nil {
		t.Fatal(err)
	}
	foreign := map[string]string{
		"02-mine.yaml": "# written by hand\nkind: X\n", "03-empty.yaml": "", "notes.txt": renderedBy, "04-mine.yml": renderedBy,
	}
	for name, text := range foreign {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, errs, err := rendering(t, objects("one", "other"), "-o", dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := dir + "/01-thing-one.yaml\n" + dir + "/02-thing-other.yaml\n"; out != want {
		t.Errorf("out %q, want %q", out, want)
	}
	want := dir + "/02-thing-two.yaml: removed, an earlier render wrote it\n" + dir + "/03-thing-three.yaml: removed, an earlier render wrote it\n"
	if errs != want {
		t.Errorf("err %q, want %q", errs, want)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"01-thing-one.yaml", "02-mine.yaml", "02-thing-other.yaml", "03-empty.yaml", "04-mine.yml", "notes.txt"}; !slices.Equal(names, want) {
		t.Errorf("the folder holds %q, want %q", names, want)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "02-thing-other.yaml"))
	if want := renderedBy + "kind: Thing\nname: other\n"; err != nil || string(raw) != want {
		t.Errorf("%q, %v, want %q", raw, err, want)
	}
}

func TestRenderedToStandardOutput(t *testing.T) {
	out, errs, err := rendering(t, objects("one", "two"), "-o", "-")
	if want := "---\nkind: Thing\nname: one\n---\nkind: Thing\nname: two\n"; err != nil || out != want || errs != "" {
		t.Errorf("out %q, err %q, %v", out, errs, err)
	}
	out, _, err = rendering(t, objects("one"), "--json")
	var got map[string][]renderedObject
	if err != nil || json.Unmarshal([]byte(out), &got) != nil {
		t.Fatalf("%q, %v", out, err)
	}
	want := renderedObject{File: "01-thing-one.yaml", Stage: "mirrors", Kind: "Thing", Name: "one", YAML: "kind: Thing\nname: one\n"}
	if rows := got["objects"]; len(rows) != 1 || rows[0] != want {
		t.Errorf("got %+v", got)
	}
	if out, _, err := rendering(t, nil, "--json"); err != nil || out != "{\n  \"objects\": []\n}\n" {
		t.Errorf("no objects: %q, %v", out, err)
	}
}

func TestPushResultsArePrinted(t *testing.T) {
	b := &bundle.Bundle{Archive: &oci.Archive{Root: "sha256:1"}, Manifest: &manifest.Manifest{
		Omitted: []manifest.Omission{{Name: "quay.io/a/b:1", Role: manifest.RoleAdditional, Reason: "404 not found"}},
	}}
	results := []importer.NodeResult{
		{Node: "node1", Host: "10.0.0.1:5000", Whole: true, Images: 8, BytesSent: 2_000_000, Seconds: 1.25},
		{Node: "node3", Host: "10.0.0.3:5000", Images: 8},
		{Node: "node2", Host: "10.0.0.2:5000", Error: "10.0.0.2:5000: connection refused"},
	}
	command := func() *cli.Command {
		return &cli.Command{Name: "push", Flags: []cli.Flag{cmdline.JSONFlag}, Action: func(c *cli.Context) error { return printPush(c, b, results) }}
	}
	const want = "NODE   REGISTRY       IMAGES  SENT  SECONDS  STATE\n" +
		"node1  10.0.0.1:5000  8       2MB   1.2      whole\n" +
		"node3  10.0.0.3:5000  8       0B    0.0      filled, not checked\n" +
		"node2  10.0.0.2:5000  0       0B    0.0      NOT WHOLE\n" +
		"root sha256:1\n"
	if out, _, err := run(command()); err != nil || out != want {
		t.Errorf("%v, got\n%swant\n%s", err, out, want)
	}
	out, _, err := run(command(), "--json")
	var got pushResult
	if err != nil || json.Unmarshal([]byte(out), &got) != nil || got.Root != "sha256:1" || !slices.Equal(got.Nodes, results) ||
		len(got.Omitted) != 1 || got.Omitted[0].Name != "quay.io/a/b:1" {
		t.Errorf("%q, %v", out, err)
	}
}
