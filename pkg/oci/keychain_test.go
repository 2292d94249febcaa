package oci

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
)

// target is a repository as credentials are looked up for it.
type target struct{ host, path string }

func (r target) String() string      { return r.host + "/" + r.path }
func (r target) RegistryStr() string { return r.host }

// user is whose credentials are found, "nobody" if there are none.
func user(t *testing.T, k authn.Keychain, r target) string {
	t.Helper()
	a, err := k.Resolve(r)
	if err != nil {
		return "error: " + err.Error()
	}
	if a == authn.Anonymous {
		return "nobody"
	}
	cfg, err := authn.Authorization(t.Context(), a)
	if err != nil {
		return "error: " + err.Error()
	}
	if cfg.IdentityToken != "" {
		return "token " + cfg.IdentityToken
	}
	if cfg.Password != "secret-of-"+cfg.Username {
		t.Errorf("%s has the password %q", cfg.Username, cfg.Password)
	}
	return cfg.Username
}

func TestTheMostSpecificEntryWins(t *testing.T) {
	aloneAtHome(t)
	k, err := newKeychain(authFile(t, map[string]string{
		"quay.io": "host", "quay.io/team": "team", "quay.io/team/app": "app", "quay.io:8443": "port",
		"ghcr.io/other/app": "stranger", "https://old.test/v1/": "old", "http://older.test:5000": "older",
		"docker.io/me": "me", "https://index.docker.io/v1/": "hub",
	}))
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ host, path, want string }{
		{"quay.io", "x/y", "host"},
		{"quay.io", "team/x", "team"},
		{"quay.io", "team/app", "app"},
		{"quay.io", "team/app/more", "app"},
		{"quay.io", "teams/app", "host"},
		{"quay.io:8443", "team/app", "port"},
		{"sub.quay.io", "team/app", "nobody"},
		{"ghcr.io", "other/app", "stranger"},
		// What is for one path on a host is for nobody else there.
		{"ghcr.io", "mine/app", "nobody"},
		{"old.test", "a", "old"},
		{"older.test:5000", "a", "older"},
		{"older.test", "a", "nobody"},
		{dockerServer, "library/busybox", "hub"},
		{"index.docker.io", "library/busybox", "hub"},
		{dockerServer, "me/app", "me"},
		{dockerServer, "me", "me"},
	}
	for _, c := range cases {
		if got := user(t, k, target{c.host, c.path}); got != c.want {
			t.Errorf("%s/%s: %s, want %s", c.host, c.path, got, c.want)
		}
	}
}

func TestDockersRegistryIsKnownByAllItsNames(t *testing.T) {
	aloneAtHome(t)
	for _, key := range []string{"docker.io", "index.docker.io", dockerServer, "https://index.docker.io/v1/", "docker.io/library", "docker.io/library/busybox"} {
		k, err := newKeychain(authFile(t, map[string]string{key: "me"}))
		if err != nil {
			t.Fatal(err)
		}
		if got := user(t, k, target{dockerServer, "library/busybox"}); got != "me" {
			t.Errorf("%s: %s", key, got)
		}
	}
}

// A source that asks Docker's server is known there by the name docker.io.
func TestSourcesSendDockersCredentials(t *testing.T) {
	s := quickSource(t, "", ClientOptions{AuthFile: authFile(t, map[string]string{"docker.io": "me"})})
	places, err := s.places("busybox:1")
	if err != nil {
		t.Fatal(err)
	}
	reg, err := registryName(places[0].Repository)
	if err != nil {
		t.Fatal(err)
	}
	repo := reg.Repo(places[0].Path)
	if got := user(t, s.client.keychain, target{repo.RegistryStr(), places[0].Path}); got != "me" || repo.String() != dockerServer+"/library/busybox" {
		t.Errorf("%s: %s", repo, got)
	}
}

func TestEntriesOfAllForms(t *testing.T) {
	aloneAtHome(t)
	auth := base64.StdEncoding.EncodeToString([]byte("me:secret-of-me"))
	cases := []struct{ name, entry, want string }{
		{"auth", `{"auth":"` + auth + `"}`, "me"},
		{"a pull secret's", `{"auth":"` + auth + `","email":"me@example.test"}`, "me"},
		{"in the clear", `{"username":"me","password":"secret-of-me"}`, "me"},
		{"an identity token", `{"identitytoken":"x"}`, "token x"},
		{"empty", `{}`, "nobody"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			k, err := newKeychain(writeFile(t, "auth.json", `{"auths":{"quay.io":`+c.entry+`}}`))
			if err != nil {
				t.Fatal(err)
			}
			if got := user(t, k, target{"quay.io", "a/b"}); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestAuthFilesThatCannotBeReadAreNamed(t *testing.T) {
	aloneAtHome(t)
	const secret = "c3VwZXJzZWNyZXQ"
	cases := []struct{ name, path, want string }{
		{"not there", filepath.Join(t.TempDir(), "gone.json"), "gone.json: no such file"},
		{"no JSON", writeFile(t, "bad.json", `{"auths"`), "bad.json: is no file of registry credentials"},
		{"auth that is none", writeFile(t, "odd.json", `{"auths":{"quay.io":{"auth":"`+secret+`="}}}`), "odd.json: is no file of registry credentials"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewClient(ClientOptions{AuthFile: c.path})
			mustSay(t, err, c.want)
			mustNotSay(t, err, secret, "supersecret")
			t.Setenv("REGISTRY_AUTH_FILE", c.path)
			_, err = NewClient(ClientOptions{})
			mustSay(t, err, c.want)
		})
	}
}

func TestCredentialsAreFoundWhereTheEcosystemKeepsThem(t *testing.T) {
	put := func(dir, name, user string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(authFile(t, map[string]string{"quay.io/" + user: user, "shared.test": user}))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	aloneAtHome(t)
	if k, err := newKeychain(""); err != nil || user(t, k, target{"quay.io", "a"}) != "nobody" {
		t.Errorf("nowhere: %v", err)
	}
	put(os.Getenv("DOCKER_CONFIG"), "config.json", "docker")
	put(os.Getenv("XDG_RUNTIME_DIR"), "containers/auth.json", "podman")
	put(os.Getenv("XDG_CONFIG_HOME"), "containers/auth.json", "config")
	put(os.Getenv("HOME"), ".docker/config.json", "home")
	k, err := newKeychain("")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"docker/x": "docker", "podman/x": "podman", "config/x": "config", "home/x": "nobody", "x": "nobody"} {
		if got := user(t, k, target{"quay.io", path}); got != want {
			t.Errorf("quay.io/%s: %s, want %s", path, got, want)
		}
	}
	if got := user(t, k, target{"shared.test", "a"}); got != "docker" {
		t.Errorf("the first file is to win, %s did", got)
	}
	t.Setenv("DOCKER_CONFIG", "")
	t.Setenv("REGISTRY_AUTH_FILE", authFile(t, map[string]string{"quay.io": "env"}))
	k, err = newKeychain("")
	if got := user(t, k, target{"quay.io", "podman/x"}); got != "env" || err != nil {
		t.Errorf("REGISTRY_AUTH_FILE: %s, %v", got, err)
	}
	k, err = newKeychain(authFile(t, map[string]string{"quay.io": "flag"}))
	if got := user(t, k, target{"quay.io", "podman/x"}); got != "flag" || err != nil {
		t.Errorf("a file that was named: %s, %v", got, err)
	}
}

// A helper is a program; the one that is named here says whom it was asked for.
func TestHelpersAreAsked(t *testing.T) {
	aloneAtHome(t)
	bin := t.TempDir()
	script := "#!/bin/sh\nread host\ncase $host in\nquay.io/team) echo '{\"Username\":\"team\",\"Secret\":\"secret-of-team\"}';;\n*) echo 'credentials not found in native keychain'; exit 1;;\nesac\n"
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-test"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, conf := range []string{`{"credsStore":"test"}`, `{"credHelpers":{"quay.io/team":"test"},"auths":{}}`} {
		k, err := newKeychain(writeFile(t, "config.json", conf))
		if err != nil {
			t.Fatal(err)
		}
		if got := user(t, k, target{"quay.io", "team/app"}); got != "team" {
			t.Errorf("%s: %s", conf, got)
		}
		if got := user(t, k, target{"quay.io", "other/app"}); got != "nobody" {
			t.Errorf("%s: %s", conf, got)
		}
	}
	k, err := newKeychain(writeFile(t, "config.json", `{"credsStore":"that-is-not-there"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := user(t, k, target{"quay.io", "a"}); !strings.HasPrefix(got, "error: ") {
		t.Errorf("no helper: %s", got)
	}
}
