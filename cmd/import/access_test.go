package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"drayage/internal/cmdline"
	"drayage/pkg/site"
)

const tlsSite = `
apiVersion: drayage/v1alpha1
kind: Site
openshift: "4.17"
registry: {auth: {user: puller}}
nodes: [{name: node1, address: 10.0.0.1}]
`

// inSite makes a folder with sites and goes there.
func inSite(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"site.yaml": tlsSite, "plain.yaml": siteText} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAccessCommandsThatCannotWork(t *testing.T) {
	inSite(t)
	cases := []struct {
		command    *cli.Command
		line, want string
	}{
		{tlsCommand(), "", "tls: which site? import tls --site site.yaml ..."},
		{tlsCommand(), "--site site.yaml x", `tls: takes no argument, but was given "x"`},
		{tlsCommand(), "--site site.yaml --days 0", "--days 0: want 1 to 18250"},
		{tlsCommand(), "--site site.yaml --days 99999", "--days 99999: want 1 to 18250"},
		{tlsCommand(), "--site plain.yaml", "tls: registry.plainHTTP in the site says that its registries have none"},
		{tlsCommand(), "--site site.yaml --renew", "open tls/ca.crt: no such file or directory\nopen tls/ca.key: no such file or directory"},
		{htpasswdCommand(), "--site plain.yaml", "htpasswd: registry.auth.user in the site names nobody"},
		{htpasswdCommand(), "--site site.yaml x", `htpasswd: takes no argument, but was given "x"`},
		{registryImageCommand(), "site.tar", "registry-image: which site? import registry-image --site site.yaml ..."},
		{registryImageCommand(), "--site plain.yaml gone.tar", "open gone.tar: no such file or directory"},
		{pushCommand(), "--site site.yaml gone.tar", "registry.tls.ca: open tls/ca.crt: no such file or directory\nregistry.auth.password: open auth/password: no such file or directory"},
	}
	for _, c := range cases {
		t.Run(c.command.Name+" "+c.line, func(t *testing.T) {
			out, _, err := run(c.command, strings.Fields(c.line)...)
			if err == nil || err.Error() != c.want || cmdline.ExitCode(err) != cmdline.ExitUsage || out != "" {
				t.Errorf("got  %v (%d), %q\nwant %s", err, cmdline.ExitCode(err), out, c.want)
			}
		})
	}
	if left, _ := filepath.Glob("*"); len(left) != 2 {
		t.Errorf("the folder holds %q", left)
	}
}

func TestTLSSaysWhatTheSiteHasToName(t *testing.T) {
	inSite(t)
	if out, _, err := run(tlsCommand(), "--site", "site.yaml"); err != nil || strings.Contains(out, "under registry") {
		t.Errorf("%v: where the site has its files there is nothing to say:\n%s", err, out)
	}
	out, _, err := run(tlsCommand(), "--site", "site.yaml", "-o", "other")
	want := "in site.yaml, under registry:\n  tls: {ca: other/ca.crt, certificate: other/registry.crt, key: other/registry.key}\n"
	if err != nil || !strings.HasSuffix(out, want) {
		t.Errorf("%v: got\n%s", err, out)
	}
}

func TestAPasswordThatIsThereIsTaken(t *testing.T) {
	inSite(t)
	if err := os.Mkdir("auth", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("auth/password", []byte("mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, err := run(htpasswdCommand(), "--site", "site.yaml", "--json")
	var got htpasswdResult
	if err != nil || json.Unmarshal([]byte(out), &got) != nil || got.Made || got.User != "puller" {
		t.Errorf("%v: %s", err, out)
	}
	if _, _, err := run(tlsCommand(), "--site", "site.yaml"); err != nil {
		t.Fatal(err)
	}
	s, err := site.Read("site.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if server, _, err := readServer(s); err != nil || server.Password != "mine" {
		t.Errorf("%v: %+v", err, server.Client)
	}
	if err := os.WriteFile("auth/password", []byte("a\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(htpasswdCommand(), "--site", "site.yaml", "--renew"); err == nil || err.Error() != "auth/password: is more than one line of text" {
		t.Errorf("got %v", err)
	}
}
