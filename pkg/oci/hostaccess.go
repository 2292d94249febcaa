package oci

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
)

// HostAccess is how one host proves itself and who we are there.
type HostAccess struct {
	// CA is PEM: the certificates by which the host proves itself, and no other
	// does. Empty means those that this machine trusts.
	CA []byte
	// User and Password let us in. Without a user, credentials are looked up as
	// for any other host.
	User, Password string
}

// trusting makes a way for each CA among the hosts' access.
func (c *Client) trusting(connections int) error {
	c.trusted = map[string]http.RoundTripper{}
	for host, a := range c.access {
		if _, done := c.trusted[string(a.CA)]; done || len(a.CA) == 0 {
			continue
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(a.CA) {
			return fmt.Errorf("%s: its CA holds no certificate in PEM", host)
		}
		c.trusted[string(a.CA)] = tlsOnly{c.transport(connections, &tls.Config{RootCAs: pool})}
	}
	return nil
}

func (c *Client) credentials(host string, target authn.Resource) (authn.Authenticator, error) {
	if a := c.access[host]; a.User != "" {
		return &authn.Basic{Username: a.User, Password: a.Password}, nil
	}
	return c.keychain.Resolve(target)
}

// CertificateError tells whether a host did not prove itself: a wrong CA, a
// wrong name, or a certificate that has expired.
func CertificateError(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError))
}
