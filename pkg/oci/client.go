package oci

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// DefaultTimeout is how long a registry may be silent before a request to it
// is given up.
const DefaultTimeout = 60 * time.Second

// ClientOptions say how registries are reached.
type ClientOptions struct {
	// AuthFile is a file of credentials in the form of docker's config.json: a
	// pull secret. Empty means the ecosystem's own places: REGISTRY_AUTH_FILE,
	// docker's config.json, podman's auth.json.
	AuthFile string
	// Timeout is how long a registry may be silent. 0 means DefaultTimeout. A
	// connection that cannot be made is given up after a quarter of it, or 15
	// seconds if that is less, and tried again like all that a bad link breaks; only
	// where the quarter is less than a second, it has the whole time.
	Timeout time.Duration
	// Hosts are the hosts of which more is known, by host:port.
	Hosts map[string]HostAccess
	// Connections bounds the idle connections kept to one host. 0 means 16.
	Connections int
}

// Client makes requests to registries: it finds out once per host how the host
// is spoken to and once per repository how one is let in, retries what a bad
// link breaks, and gives up on silence. It is safe for use by many goroutines.
type Client struct {
	keychain authn.Keychain
	timeout  time.Duration
	secure   tlsOnly
	insecure http.RoundTripper
	access   map[string]HostAccess
	trusted  map[string]http.RoundTripper // by CA
	hosts    memo[hostKey, *transport.Challenge]
	repos    memo[repoKey, *session]
	bodies   bodyLimits

	firstBackoff time.Duration
}

type hostKey struct {
	host     string
	insecure bool
}

type repoKey struct {
	hostKey
	path, actions string
}

// NewClient makes a client. It fails when the file of credentials cannot be read,
// or when a CA of o.Hosts is none.
func NewClient(o ClientOptions) (*Client, error) {
	keychain, err := newKeychain(o.AuthFile)
	if err != nil {
		return nil, err
	}
	c := &Client{keychain: keychain, access: o.Hosts, timeout: o.Timeout, firstBackoff: firstBackoff}
	if c.timeout <= 0 {
		c.timeout = DefaultTimeout
	}
	if o.Connections <= 0 {
		o.Connections = 16
	}
	c.secure = tlsOnly{c.transport(o.Connections, nil)}
	// Only for a host that a person marked insecure; see Repository.Insecure.
	c.insecure = c.transport(o.Connections, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec
	return c, c.trusting(o.Connections)
}

func (c *Client) transport(connections int, t *tls.Config) http.RoundTripper {
	// All attempts to connect together take no longer than silence may last.
	// Everything else is the watchdog's: two clocks for one silence would race.
	connect := min(c.timeout/attempts, 15*time.Second)
	if connect < time.Second { // too short for a slow link
		connect = 0
	}
	dialer := &net.Dialer{Timeout: connect, KeepAlive: 15 * time.Second}
	return transport.NewUserAgent(resending{&http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSClientConfig:     t,
		TLSHandshakeTimeout: connect,
		MaxIdleConnsPerHost: connections,
		IdleConnTimeout:     90 * time.Second,
		// For requests that say Expect: 100-continue; see upload.go.
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true, // a digest is over the bytes as they lie in the registry
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
	}}, "drayage")
}

// tlsOnly is the way to every host that nobody marked insecure: whatever a
// registry names, by a redirect, a Location or a token server, nothing goes
// there without TLS, and no credentials.
type tlsOnly struct{ http.RoundTripper }

func (t tlsOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, errNoTLS
	}
	return t.RoundTripper.RoundTrip(req)
}

var errNoTLS = errors.New("is to be reached without TLS and is not marked insecure")

// Repository is one repository on one host.
type Repository struct {
	Host string
	// Path is the repository's name on the host.
	Path string
	// Insecure allows plain HTTP and certificates that prove nothing.
	Insecure bool
}

// String is host/path.
func (r Repository) String() string { return r.Host + "/" + r.Path }

// challenge asks a host once how it is spoken to.
func (c *Client) challenge(ctx context.Context, r Repository) (*transport.Challenge, error) {
	key := hostKey{r.Host, r.Insecure}
	return c.hosts.get(ctx, key, func() (*transport.Challenge, error) {
		var ch *transport.Challenge
		err := c.retry(ctx, func() (err error) {
			ch, err = c.ping(ctx, r)
			return err
		})
		return ch, err
	})
}

func (c *Client) ping(ctx context.Context, r Repository) (*transport.Challenge, error) {
	reg, err := registryName(r)
	if err != nil {
		return nil, err
	}
	ctx, dog := watch(ctx, c.timeout)
	defer dog.close()
	way := &busyWay{RoundTripper: c.roundTripper(r)}
	ch, err := transport.Ping(ctx, reg, way)
	switch {
	case err == nil:
		return ch, nil
	case errors.Is(err, http.ErrSchemeMismatch) && !r.Insecure:
		return nil, &HTTPError{Host: r.Host, Err: ErrPlainHTTP}
	}
	return nil, way.enterError(ctx, r, "GET /v2/", lastError(err))
}

// busyWay remembers how long the last answer asked to wait: the errors of the
// library that enters registries do not say it.
type busyWay struct {
	http.RoundTripper
	after atomic.Int64 // a time.Duration
}

func (b *busyWay) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(req)
	if err == nil {
		b.after.Store(int64(retryAfter(resp.Header.Get("Retry-After"))))
	}
	return resp, err
}

// enterError is what keeps us out of a repository before the first request.
func (b *busyWay) enterError(ctx context.Context, r Repository, step string, err error) error {
	err = noAnswerError(ctx, r.Host, "", nil, err)
	if e := (*HTTPError)(nil); errors.As(err, &e) {
		e.step, e.RetryAfter = step, time.Duration(b.after.Load())
	}
	return err
}

// ErrPlainHTTP is a registry without TLS that nobody marked insecure. An answer
// without TLS proves nothing about who gave it, so somebody must want it.
var ErrPlainHTTP = errors.New("speaks plain HTTP only and is not marked insecure")

// lastError takes the answer of the last scheme that was tried: for a registry
// without TLS the first one's says only that it has no TLS.
func lastError(err error) error {
	if many, ok := err.(interface{ As(any) bool }); ok {
		var te *transport.Error
		if many.As(&te) {
			return te
		}
		var unproven *tls.CertificateVerificationError
		if many.As(&unproven) {
			return unproven
		}
		var op *net.OpError
		if many.As(&op) {
			return op
		}
	}
	// Of a link that broke while we spoke without TLS: the first scheme's error
	// would hide that the same again may succeed.
	for _, link := range linkErrors {
		if errors.Is(err, link) {
			return link
		}
	}
	return err
}

func registryName(r Repository) (name.Registry, error) {
	var opts []name.Option
	if r.Insecure {
		opts = append(opts, name.Insecure)
	}
	reg, err := name.NewRegistry(r.Host, opts...)
	if err != nil {
		return reg, fmt.Errorf("%s: %w", r.Host, err)
	}
	return reg, nil
}

// enter returns the session of a repository. What it takes is repeated here and
// not once more with the request.
func (c *Client) enter(ctx context.Context, r Repository, actions string) (*session, error) {
	key := repoKey{hostKey{r.Host, r.Insecure}, r.Path, actions}
	return c.repos.get(ctx, key, func() (*session, error) {
		ch, err := c.challenge(ctx, r)
		if err != nil {
			return nil, err
		}
		var s *session
		err = c.retry(ctx, func() (err error) {
			s, err = c.login(ctx, r, actions, ch)
			return err
		})
		return s, err
	})
}

func (c *Client) login(ctx context.Context, r Repository, actions string, ch *transport.Challenge) (*session, error) {
	reg, err := registryName(r)
	if err != nil {
		return nil, err
	}
	auth, err := c.credentials(r.Host, reg.Repo(r.Path))
	if err != nil {
		return nil, fmt.Errorf("%s: credentials: %w", r, err)
	}
	rt := c.roundTripper(r)
	tok := &transport.Token{}
	if isBearer(ch) {
		if tok, err = c.token(ctx, r, reg, actions, auth, ch); err != nil {
			return nil, err
		}
	}
	rt, err = transport.FromToken(reg, auth, rt, ch, tok)
	if err != nil {
		return nil, &HTTPError{Host: r.Host, Err: err}
	}
	s := &session{http: &http.Client{Transport: rt, CheckRedirect: checkRedirect}, scheme: "https"}
	if ch.Insecure {
		s.scheme = "http"
	}
	return s, nil
}

func (c *Client) token(ctx context.Context, r Repository, reg name.Registry, actions string, auth authn.Authenticator, ch *transport.Challenge) (*transport.Token, error) {
	ctx, dog := watch(ctx, c.timeout)
	defer dog.close()
	scopes := []string{reg.Repo(r.Path).Scope(actions)}
	way := &busyWay{RoundTripper: c.roundTripper(r)}
	tok, err := transport.Exchange(ctx, reg, auth, way, scopes, ch)
	if err != nil {
		// The error quotes what was sent in place of a token, which may be half of one.
		if strings.HasPrefix(err.Error(), "no token in") {
			err = errors.New("was given none")
		}
		return nil, way.enterError(ctx, r, strings.TrimSuffix("token for "+r.Path, " for "), err)
	}
	if tok.Token == "" { // some servers know only OAuth's name for it
		tok.Token = tok.AccessToken
	}
	return tok, nil
}

func (c *Client) roundTripper(r Repository) http.RoundTripper {
	if r.Insecure {
		return c.insecure
	}
	if way, ok := c.trusted[string(c.access[r.Host].CA)]; ok {
		return way
	}
	return c.secure
}

// checkRedirect keeps a request that began under TLS under TLS.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= 5 {
		return errors.New("redirected 5 times")
	}
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return fmt.Errorf("redirected from https to %s", req.URL.Scheme)
	}
	return nil
}

// memo computes a value once per key, however many ask for it at once. An error
// is not remembered.
type memo[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]*memoEntry[V]
}

type memoEntry[V any] struct {
	done  chan struct{}
	value V
	err   error
}

func (m *memo[K, V]) get(ctx context.Context, key K, make_ func() (V, error)) (V, error) {
	for {
		e, mine := m.claim(key)
		if mine {
			e.value, e.err = make_()
			if e.err != nil {
				m.forget(key)
			}
			close(e.done)
			return e.value, e.err
		}
		select {
		case <-e.done:
			// The one who asked first may have been cancelled; we were not.
			cancelled := errors.Is(e.err, context.Canceled) || errors.Is(e.err, context.DeadlineExceeded)
			if !cancelled || ctx.Err() != nil {
				return e.value, e.err
			}
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		}
	}
}

func (m *memo[K, V]) claim(key K) (e *memoEntry[V], mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.m[key]; ok {
		return e, false
	}
	if m.m == nil {
		m.m = map[K]*memoEntry[V]{}
	}
	e = &memoEntry[V]{done: make(chan struct{})}
	m.m[key] = e
	return e, true
}

func (m *memo[K, V]) forget(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.m, key)
}
