package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/bundle"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// run runs one command.
func run(command *cli.Command, args ...string) (out string, err error) {
	var o, e bytes.Buffer
	app := &cli.App{Name: "bundle", Writer: &o, ErrWriter: &e, Commands: []*cli.Command{command},
		ExitErrHandler: func(*cli.Context, error) {}}
	err = app.Run(append([]string{"bundle", command.Name}, args...))
	return o.String(), err
}

// Nothing is asked of any registry for a command line that cannot work.
func TestCommandLinesThatCannotWork(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("REGISTRY_AUTH_FILE", "")
	for name, text := range map[string]string{"imageset.yaml": "kind: Site\n", "plan.json": "{}", "auth.json": "not JSON"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Mkdir("folder", 0o755), os.Symlink("elsewhere", "link")); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		command    *cli.Command
		line, want string
	}{
		{buildCommand(), "-c imageset.yaml", "build: where to? bundle build -c imageset.yaml -o /media/usb/site.bundle.tar"},
		{buildCommand(), "-o site.tar", "build: give either an image set (-c) or a saved plan (--plan)"},
		{buildCommand(), "-o site.tar -c imageset.yaml --plan plan.json", "build: give either an image set (-c) or a saved plan (--plan)"},
		{buildCommand(), "-o site.tar --plan plan.json --registry-image registry:2",
			"build: --registry-image goes with -c: a saved plan (--plan) says all that itself"},
		{buildCommand(), "-o site.tar imageset.yaml", `build: takes no argument, but was given "imageset.yaml"`},
		{buildCommand(), "-o folder -c imageset.yaml", "folder: is there and is no regular file"},
		{buildCommand(), "-o link -c imageset.yaml", "link: is a symbolic link; give the file that it leads to"},
		{buildCommand(), "-o imageset.yaml/site.tar -c imageset.yaml", "imageset.yaml: is no folder"},
		{buildCommand(), "-o gone/site.tar -c imageset.yaml", "stat gone: no such file or directory"},
		{buildCommand(), "-o site.tar -c imageset.yaml --jobs 0", "--jobs 0: want 1 to 64"},
		{buildCommand(), "-o site.tar -c imageset.yaml --jobs 65", "--jobs 65: want 1 to 64"},
		{buildCommand(), "-o site.tar -c imageset.yaml --timeout 10ms", "--timeout 10ms: want a second at least"},
		{buildCommand(), "-o site.tar -c gone.yaml", "gone.yaml"},
		{buildCommand(), "-o site.tar -c imageset.yaml", "imageset.yaml:"},
		{buildCommand(), "-o site.tar -c imageset.yaml --authfile auth.json", "auth.json: is no file of registry credentials"},
		{buildCommand(), "-o site.tar -c imageset.yaml --authfile gone.json", "gone.json"},
		{buildCommand(), "-o site.tar -c imageset.yaml --registries-conf gone.conf", "gone.conf"},
		{buildCommand(), "-o site.tar --plan gone.json", "gone.json"},
		{buildCommand(), "-o site.tar --plan plan.json", "plan.json: packing list: format version 0, this program reads 1"},
		{planCommand(), "", "plan: which image set? bundle plan -c imageset.yaml"},
		{planCommand(), "-c imageset.yaml more", `plan: takes no argument, but was given "more"`},
		{planCommand(), "-c imageset.yaml --jobs -1", "--jobs -1: want 1 to 64"},
		{planCommand(), "-c imageset.yaml", "imageset.yaml:"},
		{inspectCommand(), "", "inspect: which FILE? see bundle inspect --help"},
		{inspectCommand(), "site.tar --json", "inspect: --json comes after FILE; flags come first: bundle inspect --json site.tar"},
	}
	for _, c := range cases {
		t.Run(c.command.Name+" "+c.line, func(t *testing.T) {
			out, err := run(c.command, strings.Fields(c.line)...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if code := cmdline.ExitCode(err); code != cmdline.ExitUsage || out != "" {
				t.Errorf("code %d, out %q, want 2 and silence", code, out)
			}
		})
	}
	if left, _ := filepath.Glob("*"); len(left) != 5 {
		t.Errorf("the folder holds %q", left)
	}
}

// With --volume-dir, -o is a name there: what has this name elsewhere is nobody's.
func TestVolumesGoIntoTheirFoldersOnly(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{"site.tar", "volumes"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_, err := run(buildCommand(), strings.Fields("-c gone.yaml --volume-size 1MiB --volume-dir volumes -o site.tar")...)
	if err == nil || err.Error() != "open gone.yaml: no such file or directory" {
		t.Errorf("got %v", err)
	}
}

// A bundle that cannot be read is no mistake of who named it, for no verb.
func TestBasesThatCannotBeRead(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := errors.Join(os.Symlink("loop", "loop"), os.WriteFile("list", []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"loop": cmdline.ExitOther, "gone": cmdline.ExitUsage, "list": cmdline.ExitUsage, ".": cmdline.ExitUsage} {
		_, diff := run(diffCommand(), path, path)
		_, build := run(buildCommand(), "-c", "imageset.yaml", "-o", "site.tar", "--base", path)
		if cmdline.ExitCode(diff) != want || cmdline.ExitCode(build) != want || !errors.As(build, new(*cmdline.BaseError)) {
			t.Errorf("%s: want %d; diff: %v, build --base: %v", path, want, diff, build)
		}
	}
}

func TestPlanThatIsTooLargeIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plan.json")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(manifest.MaxSize + 1); err != nil {
		t.Fatal(err)
	}
	want := path + ": 67108865 bytes, a plan has at most 67108864"
	if _, err := readPlan(path); err == nil || err.Error() != want || cmdline.ExitCode(err) != cmdline.ExitUsage {
		t.Errorf("got %v, want %s", err, want)
	}
}

func image(role manifest.Role, name string, bytes int64) manifest.Image {
	return manifest.Image{Name: name, Role: role, Bytes: bytes, Descriptor: ocispec.Descriptor{Digest: digest.FromString(name)}}
}

func sample() *manifest.Manifest {
	catalog := image(manifest.RoleCatalog, "quay.io/r/index:v4.9", 0)
	catalog.TargetTag = "june"
	component := image(manifest.RoleComponent, "quay.io/a/b@sha256:1", 3000)
	component.Release, component.Component = "4.9.0-x86_64", "etcd"
	return &manifest.Manifest{
		Images: []manifest.Image{
			image(manifest.RoleRegistry, "docker.io/library/registry:3", 1000), component, catalog,
			image(manifest.RoleAdditional, "quay.io/acme/one:v1", 10), image(manifest.RoleAdditional, "quay.io/acme/two:v1", 20),
		},
		Catalogs: []manifest.Catalog{{Name: "quay.io/r/index:v4.9", Source: "sha256:2", Platforms: []string{"linux/amd64", "linux/arm64"}, Packages: []manifest.Package{{Name: "tool", Channels: []manifest.Channel{
			{Name: "fast"}, {Name: "stable", Bundles: []string{"tool.v1.0.0", "tool.v1.1.0"}},
		}}}}},
		Omitted: []manifest.Omission{
			{Name: "quay.io/acme/none@sha256:" + strings.Repeat("0123456789", 6), Role: manifest.RoleOperator, Catalog: "quay.io/r/index:v4.9",
				Bundles: []string{"tool.v1.0.0", "tool.v1.1.0", "c", "d"}, Reason: "404 not found"},
			{Name: "quay.io/acme/three:v1", Role: manifest.RoleAdditional, Reason: "403 denied"},
		},
		Blobs: []ocispec.Descriptor{{Size: 2000}, {Size: 500}},
	}
}

func TestRolesAreSummedUpInTheirOrder(t *testing.T) {
	got := byRole(sample())
	want := []roleResult{{manifest.RoleRegistry, 1, 1000}, {manifest.RoleComponent, 1, 3000}, {manifest.RoleCatalog, 1, 0}, {manifest.RoleAdditional, 2, 30}}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
}

// inspect prints what a packing list says, also one that says little.
func TestInspectPrints(t *testing.T) {
	b := &bundle.Bundle{Archive: &oci.Archive{Root: digest.FromString("root")}, Manifest: sample()}
	show := func(args ...string) string {
		out, err := run(&cli.Command{Name: "inspect", Flags: []cli.Flag{cmdline.JSONFlag}, Action: func(c *cli.Context) error {
			return printBundle(c, "site.tar", b)
		}}, args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	text := show()
	for _, want := range []string{
		"ROLE        DIGEST        SIZE  IMAGE\n",
		"  3kB   4.9.0-x86_64 etcd\n",
		"  10B   quay.io/acme/one:v1\n",
		"\ncatalog quay.io/r/index:v4.9, pruned from sha256:2 for linux/amd64, linux/arm64:\n  stands at the usual repository:june\n",
		"  tool, channel fast: 0 versions,\n",
		"  tool, channel stable: 2 versions, tool.v1.0.0 tool.v1.1.0\n",
		"\nleft out, though it was asked for:\n  quay.io/acme/none@sha256:012345678901 (operator): 404 not found\n" +
			"    will not install or run: tool.v1.0.0 of tool, tool.v1.1.0 of tool, c, and 1 more\n" +
			"  quay.io/acme/three:v1 (additional): 403 denied\n",
		"\n5 images, 0 blobs, 0B; 4.03kB if nothing were shared\nroot " + digest.FromString("root").String() + "\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	var r inspectResult
	if err := json.Unmarshal([]byte(show("--json")), &r); err != nil {
		t.Fatal(err)
	}
	if r.Path != "site.tar" || r.Root != b.Root || r.TotalBytes != 4030 || len(r.Roles) != 4 || r.Images != 5 || len(r.Manifest.Images) != 5 || len(r.Manifest.Omitted) != 2 {
		t.Errorf("got %+v", r)
	}
}

func TestInspectOfWhatIsNoBundle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "site.tar")
	if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := run(inspectCommand(), path); cmdline.ExitCode(err) != cmdline.ExitBundle || out != "" {
		t.Errorf("%v, %q", err, out)
	}
}

func TestWrittenIsPrinted(t *testing.T) {
	w := &bundle.Written{Path: "site.tar", Root: "sha256:1", SHA256: "ab", Bytes: 12_000, Images: 3, Blobs: 4}
	command := func() *cli.Command {
		return &cli.Command{Name: "build", Flags: []cli.Flag{cmdline.JSONFlag}, Action: func(c *cli.Context) error { return printWritten(c, w, nil) }}
	}
	if out, err := run(command()); err != nil || out != "site.tar: 3 images, 4 blobs, 12kB\nroot sha256:1\n" {
		t.Errorf("%q, %v", out, err)
	}
	out, err := run(command(), "--json")
	var got bundle.Written
	if err != nil || json.Unmarshal([]byte(out), &got) != nil || !reflect.DeepEqual(got, *w) {
		t.Errorf("%q, %v", out, err)
	}
}

// However long names are, what is printed fits a screen.
func TestListingsAreNotWide(t *testing.T) {
	m := sample()
	byDigest := "registry.redhat.io/openshift4/ose-kubernetes-nmstate-handler-rhel9@sha256:" + strings.Repeat("0123456789abcdef", 4)
	img := image(manifest.RoleOperator, byDigest, 1<<30)
	img.Descriptor.Digest = digest.Digest(byDigest[strings.IndexByte(byDigest, '@')+1:])
	m.Images = append(m.Images, img)
	var versions []string
	for i := range 30 {
		versions = append(versions, fmt.Sprintf("kubernetes-nmstate-operator.4.17.0-2024%08d", i))
	}
	m.Catalogs[0].Source = img.Descriptor.Digest
	m.Catalogs[0].Packages[0].Channels[0].Bundles = versions
	m.Omitted[0].Name, m.Omitted[0].Bundles = byDigest, versions
	var b bytes.Buffer
	if err := printImages(&b, m); err != nil {
		t.Fatal(err)
	}
	printCatalogs(&b, m)
	printOmitted(&b, m)
	for line := range strings.Lines(b.String()) {
		if n := len(strings.TrimSuffix(line, "\n")); n > width {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, want := range append(versions, "1.074GB  registry.redhat.io/openshift4/ose-kubernetes-nmstate-handler-rhel9\n") {
		if !strings.Contains(b.String(), want) {
			t.Errorf("want %q in\n%s", want, b.String())
		}
	}
}
