package oci

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// caOf is the certificate of a fake under TLS, which is its own CA.
func caOf(f *fake) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
}

// guarded lets in who says puller:secret.
func guarded(w http.ResponseWriter, r *http.Request) bool {
	if user, password, _ := r.BasicAuth(); user == "puller" && password == "secret" {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

func TestAHostHasItsOwnCAAndCredentials(t *testing.T) {
	f := startFake(t, guarded, httptest.NewTLSServer)
	host := strings.TrimPrefix(f.URL, "https://")
	stranger := startFake(t, nil, httptest.NewTLSServer)
	good := HostAccess{caOf(f), "puller", "secret"}
	for name, c := range map[string]struct {
		host, want string
		access     HostAccess
	}{
		"all right":       {host, "", good},
		"no CA":           {host, "tls: failed to verify certificate: x509: ", HostAccess{nil, "puller", "secret"}},
		"no password":     {host, "401", HostAccess{CA: good.CA}},
		"wrong password":  {host, "401", HostAccess{good.CA, "puller", "guess"}},
		"of another host": {strings.TrimPrefix(stranger.URL, "https://"), "tls: failed to verify certificate: x509: ", good},
	} {
		t.Run(name, func(t *testing.T) {
			client := quickClient(t, ClientOptions{Hosts: map[string]HostAccess{host: c.access}})
			_, err := client.HasBlob(t.Context(), Repository{Host: c.host, Path: "a/b"}, ocispec.DescriptorEmptyJSON)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), c.host+": ")):
				t.Errorf("got %v, want it to have %q", err, c.want)
			case CertificateError(err) != strings.Contains(c.want, "x509"):
				t.Errorf("CertificateError is %t of %v", CertificateError(err), err)
			}
		})
	}
}

// What the site says of a host counts before what lies about on this machine.
func TestAHostsPasswordCountsBeforeTheKeychain(t *testing.T) {
	f := startFake(t, guarded, httptest.NewTLSServer)
	host := strings.TrimPrefix(f.URL, "https://")
	file := filepath.Join(t.TempDir(), "auth.json")
	if err := os.WriteFile(file, []byte(`{"auths": {"`+host+`": {"username": "puller", "password": "old"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	client := quickClient(t, ClientOptions{AuthFile: file, Hosts: map[string]HostAccess{host: {caOf(f), "puller", "secret"}}})
	if _, err := client.HasBlob(t.Context(), Repository{Host: host, Path: "a/b"}, ocispec.DescriptorEmptyJSON); err != nil {
		t.Error(err)
	}
}

func TestACAThatIsNoneIsRefused(t *testing.T) {
	aloneAtHome(t)
	_, err := NewClient(ClientOptions{Hosts: map[string]HostAccess{"10.0.0.1:5000": {CA: []byte("x")}}})
	if want := "10.0.0.1:5000: its CA holds no certificate in PEM"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
