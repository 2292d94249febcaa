package oci

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// CertificateEnd asks a host for the end of the certificate that it shows,
// whoever made it: whether it is trusted is another question. Nothing is sent.
func CertificateEnd(ctx context.Context, host string, timeout time.Duration) (time.Time, error) {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	dialer := &tls.Dialer{NetDialer: &net.Dialer{}, Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // an expired one has an end too
	conn, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return time.Time{}, noAnswerError(ctx, host, "", nil, err)
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].NotAfter, nil
}
