package access

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"drayage/pkg/site"
)

var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// siteOf is a site with files in a folder of its own.
func siteOf(t *testing.T, more string) *site.Site {
	t.Helper()
	path := filepath.Join(t.TempDir(), "site.yaml")
	text := "apiVersion: drayage/v1alpha1\nkind: Site\nopenshift: \"4.17\"\nnodes:\n" +
		"- {name: node1, address: 10.0.0.1}\n- {name: node2.example.com, address: 'node2.example.com:5001'}\n" + more
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := site.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *site.Site, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(s.Path(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.Path(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func made(t *testing.T, names []string, days int) Files {
	t.Helper()
	f, err := Make(names, days, today)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func files(f Files) map[string][]byte {
	return map[string][]byte{"tls/ca.crt": f.CA, "tls/registry.crt": f.Certificate, "tls/registry.key": f.Key}
}

func TestNamesAreAllThatTheRegistriesAreAskedUnder(t *testing.T) {
	want := []string{"localhost", "127.0.0.1", "10.0.0.1", "node1", "node2.example.com"}
	if got := Names(siteOf(t, "")); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWhatIsMadeIsGood(t *testing.T) {
	s := siteOf(t, "")
	put(t, s, files(made(t, Names(s), 3650)))
	server, err := ReadServer(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, now := range []time.Time{today, today.Add(-12 * time.Hour), today.AddDate(9, 10, 0)} {
		if errs := server.Check(s, now); errs != nil {
			t.Errorf("%s: %v", now, errs)
		}
	}
	pair, err := tls.X509KeyPair(server.Certificate, server.Key)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := pair.Leaf.NotAfter, today.AddDate(0, 0, 3650); !got.Equal(want) {
		t.Errorf("holds until %s, want %s", got, want)
	}
}

func TestARenewedCertificateIsOfTheSameCA(t *testing.T) {
	s := siteOf(t, "")
	old := made(t, []string{"localhost"}, 100)
	renewed, err := Renew(old, Names(s), 3650, today)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(renewed.CA, old.CA) || bytes.Equal(renewed.Key, old.Key) || bytes.Equal(renewed.Certificate, old.Certificate) {
		t.Error("want the CA that there was, another key and another certificate")
	}
	put(t, s, files(renewed))
	server, err := ReadServer(s)
	if err != nil {
		t.Fatal(err)
	}
	if errs := server.Check(s, today); errs != nil {
		t.Error(errs)
	}
	// The CA holds 200 days, and nothing longer than it.
	if errs := server.Check(s, today.AddDate(0, 0, 199)); len(errs) != 1 || !strings.Contains(errs[0].Error(), "expires on 2026-09-17") {
		t.Errorf("got %v", errs)
	}
	if _, err := Renew(old, Names(s), 10, today.AddDate(1, 0, 0)); err == nil || err.Error() != "the CA expired on 2026-09-17" {
		t.Errorf("got %v", err)
	}
}

func TestRenewingTakesTheCAsOwnKeyOnly(t *testing.T) {
	one, two := made(t, nil, 10), made(t, nil, 10)
	for want, f := range map[string]Files{
		"the CA and the CA's key do not belong together": {CA: one.CA, CAKey: two.CAKey},
		"the CA's key is no PEM":                         {CA: one.CA},
		"holds no certificate in PEM":                    {CAKey: one.CAKey},
	} {
		if _, err := Renew(f, nil, 10, today); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestCheckFindsAllThatIsWrong(t *testing.T) {
	s := siteOf(t, "")
	for name, c := range map[string]struct {
		names []string
		now   time.Time
		want  []string
	}{
		"expired": {Names(s), today.AddDate(0, 0, 101), []string{"expired on 2026-06-09"}},
		"soon":    {Names(s), today.AddDate(0, 0, 80), []string{"expires on 2026-06-09, within 30 days"}},
		"a clock that is behind": {Names(s), today.AddDate(-1, 0, 0),
			[]string{"holds from 2026-02-28 on, and this host's clock says 2025-03-01"}},
		"nodes that are not named": {[]string{"10.0.0.9"}, today, []string{
			"does not name localhost, which registry.localhostFirst puts first",
			"does not name 10.0.0.1, the address of node1",
			"does not name node2.example.com, the address of node2.example.com"}},
		"both": {[]string{"localhost", "node2.example.com"}, today.AddDate(1, 0, 0), []string{
			"expired on 2026-06-09", "does not name 10.0.0.1, the address of node1"}},
	} {
		t.Run(name, func(t *testing.T) {
			put(t, s, files(made(t, c.names, 100)))
			server, err := ReadServer(s)
			if err != nil {
				t.Fatal(err)
			}
			var got, want []string
			for _, err := range server.Check(s, c.now) {
				got = append(got, err.Error())
			}
			for _, w := range c.want {
				want = append(want, "registry.tls.certificate: "+s.Path("tls/registry.crt")+": "+w)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			if name == "soon" && !errors.Is(server.Check(s, c.now)[0], ErrSoon) {
				t.Error("is not ErrSoon")
			}
		})
	}
}

func TestACertificateOfAnotherCAIsFound(t *testing.T) {
	s := siteOf(t, "")
	f := made(t, Names(s), 100)
	f.CA = made(t, Names(s), 100).CA
	put(t, s, files(f))
	server, err := ReadServer(s)
	if err != nil {
		t.Fatal(err)
	}
	if errs := server.Check(s, today); len(errs) != 1 || !strings.Contains(errs[0].Error(), "is not proven by registry.tls.ca: x509: ") {
		t.Errorf("got %v", errs)
	}
}

const withUser = "registry: {auth: {user: puller}}\n"

func TestFilesThatAreWrongAreAllNamed(t *testing.T) {
	s := siteOf(t, withUser)
	good := made(t, Names(s), 100)
	line, err := HTPasswd("puller", "secret")
	if err != nil {
		t.Fatal(err)
	}
	at := func(field, file, what string) string { return field + ": " + s.Path(file) + ": " + what }
	for name, c := range map[string]struct {
		spoil map[string][]byte
		want  []string
	}{
		"nothing": {nil, nil},
		"empty": {map[string][]byte{"tls/ca.crt": nil, "tls/registry.key": []byte("\n"), "auth/password": nil}, []string{
			at("registry.tls.ca", "tls/ca.crt", "is empty"),
			at("registry.auth.password", "auth/password", "is empty"),
			at("registry.tls.key", "tls/registry.key", "is empty")}},
		"no PEM": {map[string][]byte{"tls/ca.crt": []byte("x")}, []string{at("registry.tls.ca", "tls/ca.crt", "holds no certificate in PEM")}},
		"a key as a CA": {map[string][]byte{"tls/ca.crt": good.Key}, []string{
			at("registry.tls.ca", "tls/ca.crt", `has a PEM block of type "PRIVATE KEY", want CERTIFICATE only`)}},
		"a key of another": {map[string][]byte{"tls/registry.key": good.CAKey}, []string{
			at("registry.tls.certificate", "tls/registry.crt", "tls: private key does not match public key")}},
		"too large": {map[string][]byte{"tls/registry.crt": bytes.Repeat([]byte("x"), maxFile+1)}, []string{
			at("registry.tls.certificate", "tls/registry.crt", "more than 262144 bytes")}},
		"another password": {map[string][]byte{"auth/password": []byte("guess\n")}, []string{
			at("registry.auth.htpasswd", "auth/htpasswd", "has another password for puller than the file of the password")}},
		"another user": {map[string][]byte{"auth/htpasswd": bytes.Replace(line, []byte("puller"), []byte("pusher"), 1)}, []string{
			at("registry.auth.htpasswd", "auth/htpasswd", "has no entry of puller")}},
		"two lines": {map[string][]byte{"auth/password": []byte("a\nb\n")}, []string{
			at("registry.auth.password", "auth/password", "is more than one line of text")}},
		"a long password": {map[string][]byte{"auth/password": bytes.Repeat([]byte("x"), 73)}, []string{
			at("registry.auth.password", "auth/password", "73 bytes, a password has at most 72")}},
	} {
		t.Run(name, func(t *testing.T) {
			put(t, s, files(good))
			put(t, s, map[string][]byte{"auth/password": []byte("secret\n"), "auth/htpasswd": line})
			put(t, s, c.spoil)
			server, err := ReadServer(s)
			got := "<nil>"
			if err != nil {
				got = err.Error()
			}
			want := strings.Join(c.want, "\n")
			if want == "" {
				want = "<nil>"
			}
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if err == nil && (server.User != "puller" || server.Password != "secret" || len(server.HTPasswd) == 0) {
				t.Errorf("got %+v", server.Client)
			}
			if strings.Contains(got, "secret") || strings.Contains(got, "guess") {
				t.Errorf("a password is in %s", got)
			}
		})
	}
}

func TestMissingFilesAreAllNamed(t *testing.T) {
	s := siteOf(t, withUser)
	_, err := ReadServer(s)
	for _, want := range []string{"registry.tls.ca: ", "registry.tls.certificate: ", "registry.tls.key: ", "registry.auth.password: ", "registry.auth.htpasswd: "} {
		if !strings.Contains(fmt.Sprint(err), want+"open ") {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v is not ErrNotExist", err)
	}
}

func TestPlainHTTPNeedsNoFiles(t *testing.T) {
	s := siteOf(t, "registry: {plainHTTP: true}\n")
	server, err := ReadServer(s)
	if err != nil || server.CA != nil || server.Certificate != nil || server.Check(s, today) != nil {
		t.Errorf("got %+v, %v", server, err)
	}
}

// A registry computes the hash for each request.
func TestLongPasswordsHaveAFastHash(t *testing.T) {
	for password, want := range map[string]string{"secret": "puller:$2a$10$", NewPassword(): "puller:$2a$04$"} {
		if line, err := HTPasswd("puller", password); err != nil || !strings.HasPrefix(string(line), want) {
			t.Errorf("%s: %s, %v", password, line, err)
		}
	}
}

func TestNewPasswordsDiffer(t *testing.T) {
	a, b := NewPassword(), NewPassword()
	if a == b || len(a) < 20 {
		t.Errorf("got %s and %s", a, b)
	}
	if _, err := ParsePassword([]byte(a + "\n")); err != nil {
		t.Error(err)
	}
}
