package access

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // names a key, proves nothing
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"drayage/pkg/site"
)

const (
	// skew is how far back a certificate begins: a node's clock may be behind.
	skew = 24 * time.Hour
	// MaxDays bounds how long a server certificate holds: 50 years. The CA holds
	// twice as long.
	MaxDays = 18250
)

// Files are a site's certificates and keys, each as PEM.
type Files struct {
	CA, CAKey        []byte
	Certificate, Key []byte
}

// Names are the hosts that a site's server certificate has to name: localhost,
// 127.0.0.1, and each node's address and name.
func Names(s *site.Site) []string {
	names := []string{"localhost", "127.0.0.1"}
	seen := map[string]bool{"localhost": true, "127.0.0.1": true}
	for _, n := range s.Nodes {
		host, _, _ := net.SplitHostPort(n.Host(s.Registry))
		for _, name := range []string{host, n.Name} {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// Make makes a CA and a server certificate for names from it, which holds from a
// day ago for this many days, 1 to [MaxDays].
func Make(names []string, days int, now time.Time) (Files, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Files{}, err
	}
	template, err := newTemplate("Drayage registry CA", 2*days, now)
	if err != nil {
		return Files{}, err
	}
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	if template.SubjectKeyId, err = keyID(key); err != nil {
		return Files{}, err
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return Files{}, err
	}
	f := Files{CA: encode("CERTIFICATE", raw)}
	if f.CAKey, err = encodeKey(key); err != nil {
		return Files{}, err
	}
	return Renew(f, names, days, now)
}

// Renew makes a new server certificate and key from the CA in f. It does not
// hold longer than the CA.
func Renew(f Files, names []string, days int, now time.Time) (Files, error) {
	ca, caKey, err := readCA(f)
	if err != nil {
		return Files{}, err
	}
	if now.After(ca.NotAfter) {
		return Files{}, fmt.Errorf("the CA expired on %s", day(ca.NotAfter))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Files{}, err
	}
	template, err := newTemplate("Drayage registry", days, now)
	if err != nil {
		return Files{}, err
	}
	if template.NotAfter.After(ca.NotAfter) {
		template.NotAfter = ca.NotAfter
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), caKey)
	if err != nil {
		return Files{}, err
	}
	f.Certificate = encode("CERTIFICATE", raw)
	f.Key, err = encodeKey(key)
	return f, err
}

func readCA(f Files) (*x509.Certificate, any, error) {
	certs, err := parseCertificates(f.CA)
	if err != nil {
		return nil, nil, err
	}
	block, _ := pem.Decode(f.CAKey)
	if block == nil {
		return nil, nil, errors.New("the CA's key is no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("the CA's key: %w", err)
	}
	public, ok := key.(interface{ Public() crypto.PublicKey })
	own, comparable := certs[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !comparable || !own.Equal(public.Public()) {
		return nil, nil, errors.New("the CA and the CA's key do not belong together")
	}
	return certs[0], key, nil
}

func newTemplate(name string, days int, now time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-skew).UTC().Truncate(time.Second),
		NotAfter:     now.AddDate(0, 0, days).UTC().Truncate(time.Second),
	}, nil
}

// keyID tells two CAs apart that have the same name, as those of two sites do.
func keyID(key *ecdsa.PrivateKey) ([]byte, error) {
	raw, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	sum := sha1.Sum(raw) //nolint:gosec // as RFC 5280 proposes
	return sum[:], nil
}

func encode(kind string, raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return encode("PRIVATE KEY", raw), nil
}

// Until is when a certificate in PEM ends.
func Until(certificate []byte) (time.Time, error) {
	certs, err := parseCertificates(certificate)
	if err != nil {
		return time.Time{}, err
	}
	return certs[0].NotAfter, nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
