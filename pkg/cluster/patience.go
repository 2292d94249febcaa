package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"drayage/internal/progress"
)

// limits are how long things may take; tests have shorter ones.
type limits struct {
	// poll is the pause between two looks at the cluster.
	poll time.Duration
	// away is for how long an API server may be gone: all masters reboot one
	// after the other, and its address moves.
	away time.Duration
	// firstRetry and lastRetry are the shortest and longest pause between two tries.
	firstRetry, lastRetry time.Duration
	// renderHint and renderEnd: the controller renders within seconds. After the
	// first its log is pointed at, after the second it is given up.
	renderHint, renderEnd time.Duration
	// drain is when a drain is called stuck. The controller itself gives up
	// after an hour.
	drain time.Duration
	// degraded is for how long a pool may be degraded: a try that fails once is
	// made again by the node.
	degraded time.Duration
	// catalogs is how long catalogs have until they are ready.
	catalogs time.Duration
	// letGo is how long it is tried to let the pool run again.
	letGo time.Duration
}

var defaultLimits = limits{
	poll: 5 * time.Second, away: 15 * time.Minute, firstRetry: time.Second, lastRetry: 15 * time.Second,
	renderHint: time.Minute, renderEnd: 10 * time.Minute, drain: 10 * time.Minute, degraded: time.Minute,
	catalogs: 10 * time.Minute, letGo: 2 * time.Minute,
}

// gone tells a server that does not answer, or not now, from one that says no.
func gone(err error) bool {
	if err == nil || isCertificateError(err) {
		return false
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return isPassing(err, status)
	}
	var u *url.Error
	var n net.Error
	return errors.As(err, &u) || errors.As(err, &n) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded)
}

// isPassing: 500 is what a server answers to a malformed apply, too, so that
// one counts only when etcd is named.
func isPassing(err error, status apierrors.APIStatus) bool {
	switch s := status.Status(); {
	case apierrors.IsServerTimeout(err), apierrors.IsTimeout(err), apierrors.IsTooManyRequests(err), apierrors.IsServiceUnavailable(err):
		return true
	case s.Code == 502, s.Code == 503, s.Code == 504:
		return true
	case s.Code == 500:
		return strings.Contains(s.Message, "etcd") || strings.Contains(s.Message, "connection refused")
	}
	return false
}

func isCertificateError(err error) bool {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var verification *tls.CertificateVerificationError
	return errors.As(err, &unknown) || errors.As(err, &invalid) || errors.As(err, &host) || errors.As(err, &verification)
}

// persist calls f until the server answers, and then returns what it said. It
// tells when the server goes away and when it is back.
func (c *Cluster) persist(ctx context.Context, p progress.Func, f func(context.Context) error) error {
	var since time.Time
	for pause := c.limits.firstRetry; ; pause = min(2*pause, c.limits.lastRetry) {
		err := f(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !gone(err) {
			if !since.IsZero() {
				p.Note("", "the API server answers again")
			}
			return err
		}
		switch {
		case since.IsZero():
			since = time.Now()
			p.Note("", fmt.Sprintf("the API server does not answer (%s); it is asked again for %s", rootCause(err), c.limits.away))
		case time.Since(since) > c.limits.away:
			return &FindingsError{[]Finding{{Object: c.Info.URL, Found: fmt.Sprintf("did not answer for %s: %s", c.limits.away, rootCause(err)),
				Do: "see that the API server runs, then run the same command again"}}}
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
