package access

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"drayage/pkg/site"
)

// maxFile bounds each of the files, in bytes. Certificates have one or two KB.
const maxFile = 256 << 10

// Client is what one needs to talk to a site's registries.
type Client struct {
	// CA is PEM; empty means that the registries speak plain HTTP.
	CA []byte
	// User and Password are empty when the registries let everybody in.
	User, Password string
}

// ReadClient reads the files that a client needs. The error joins everything
// that is wrong with them; each line names the field and the file.
func ReadClient(s *site.Site) (Client, error) {
	var c Client
	var errs []error
	if !s.Registry.PlainHTTP {
		raw, err := read(s, "registry.tls.ca", s.Registry.TLS.CA)
		if err == nil {
			_, err = parseCertificates(raw)
			err = about("registry.tls.ca", s.Path(s.Registry.TLS.CA), err)
		}
		c.CA = raw
		errs = append(errs, err)
	}
	if auth := s.Registry.Auth; auth.User != "" {
		c.User = auth.User
		raw, err := read(s, "registry.auth.password", auth.Password)
		if err == nil {
			c.Password, err = ParsePassword(raw)
			err = about("registry.auth.password", s.Path(auth.Password), err)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return Client{}, err
	}
	return c, nil
}

// Server is what a site's registries need themselves, beside what a client needs.
type Server struct {
	Client
	// Certificate and Key are PEM, empty over plain HTTP.
	Certificate, Key []byte
	// HTPasswd is empty when everybody is let in.
	HTPasswd []byte
}

// ReadServer reads the files that the registries need. The error joins
// everything that is wrong with them, but what the clock and the site say: that
// is for [Server.Check].
func ReadServer(s *site.Site) (Server, error) {
	client, err := ReadClient(s)
	server, errs := Server{Client: client}, []error{err}
	if t := s.Registry.TLS; !s.Registry.PlainHTTP {
		var certErr, keyErr error
		server.Certificate, certErr = read(s, "registry.tls.certificate", t.Certificate)
		server.Key, keyErr = read(s, "registry.tls.key", t.Key)
		if certErr == nil && keyErr == nil {
			_, err := tls.X509KeyPair(server.Certificate, server.Key)
			certErr = about("registry.tls.certificate", s.Path(t.Certificate), err)
		}
		errs = append(errs, certErr, keyErr)
	}
	if auth := s.Registry.Auth; auth.User != "" {
		raw, err := read(s, "registry.auth.htpasswd", auth.HTPasswd)
		if err == nil && client.Password != "" {
			err = about("registry.auth.htpasswd", s.Path(auth.HTPasswd), checkHTPasswd(raw, auth.User, client.Password))
		}
		server.HTPasswd = raw
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return Server{}, err
	}
	return server, nil
}

// Check lists what is wrong with the server's certificate: it has expired or
// will before the next month is over, its CA is not the site's, or it does not
// name a node. There is nothing to check without a certificate.
func (sv Server) Check(s *site.Site, now time.Time) []error {
	if len(sv.Certificate) == 0 {
		return nil
	}
	const field = "registry.tls.certificate"
	file := s.Path(s.Registry.TLS.Certificate)
	certs, err := parseCertificates(sv.Certificate)
	if err != nil {
		return []error{about(field, file, err)}
	}
	var errs []error
	for _, err := range append(times(certs[0], now), chain(certs, sv.CA)) {
		errs = append(errs, about(field, file, err))
	}
	for _, err := range missing(certs[0], s) {
		errs = append(errs, about(field, file, err))
	}
	return compact(errs)
}

// soon is how long before its end a certificate is a finding.
const soon = 30 * 24 * time.Hour

// ErrSoon is a certificate that still holds, but not for long.
var ErrSoon = errors.New("within 30 days")

func times(c *x509.Certificate, now time.Time) []error {
	switch {
	case now.Before(c.NotBefore):
		return []error{fmt.Errorf("holds from %s on, and this host's clock says %s", day(c.NotBefore), day(now))}
	case now.After(c.NotAfter):
		return []error{fmt.Errorf("expired on %s", day(c.NotAfter))}
	case now.Add(soon).After(c.NotAfter):
		return []error{fmt.Errorf("expires on %s, %w", day(c.NotAfter), ErrSoon)}
	}
	return nil
}

// chain checks who signed, at a time when the certificate held: that it has
// expired is another finding.
func chain(certs []*x509.Certificate, ca []byte) error {
	o := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: certs[0].NotAfter}
	o.Roots.AppendCertsFromPEM(ca)
	for _, c := range certs[1:] {
		o.Intermediates.AddCert(c)
	}
	if _, err := certs[0].Verify(o); err != nil {
		return fmt.Errorf("is not proven by registry.tls.ca: %w", err)
	}
	return nil
}

// missing lists the hosts under which the cluster asks, and push, and which the
// certificate does not name.
func missing(c *x509.Certificate, s *site.Site) []error {
	var errs []error
	if s.Registry.LocalhostFirst && c.VerifyHostname("localhost") != nil {
		errs = append(errs, errors.New("does not name localhost, which registry.localhostFirst puts first"))
	}
	for _, n := range s.Nodes {
		host, _, _ := net.SplitHostPort(n.Host(s.Registry))
		if c.VerifyHostname(host) != nil {
			errs = append(errs, fmt.Errorf("does not name %s, the address of %s", host, n.Name))
		}
	}
	return errs
}

func compact(errs []error) []error {
	var found []error
	for _, err := range errs {
		if err != nil {
			found = append(found, err)
		}
	}
	return found
}

func parseCertificates(raw []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for rest := raw; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("has a PEM block of type %.32q, want CERTIFICATE only", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("holds no certificate in PEM")
	}
	return certs, nil
}

// FileError is a file that a site names and that cannot be opened.
type FileError struct {
	Field string
	Err   error
}

// Error names the field and the file.
func (e *FileError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// read reads a file that a field names.
func read(s *site.Site, field, name string) ([]byte, error) {
	f, err := os.Open(s.Path(name))
	if err != nil {
		return nil, &FileError{field, err}
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", field, err)
	case len(raw) > maxFile:
		return nil, fmt.Errorf("%s: %s: more than %d bytes", field, f.Name(), maxFile)
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, fmt.Errorf("%s: %s: is empty", field, f.Name())
	}
	return raw, nil
}

func about(field, file string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", field, file, err)
}
