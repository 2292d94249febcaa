package oci

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
)

// request makes a request to a path below a repository; Client.do adds the host.
func request(method, repo, path string) *http.Request {
	return &http.Request{
		Method: method,
		URL:    &url.URL{Path: "/v2/" + repo + "/" + path},
		Header: http.Header{},
	}
}

// do makes one request below /v2/<path>/ and returns any answer whose status is
// among want. The caller closes the body; until then the registry's silence is
// counted. A request's body comes from its GetBody, as often as it is needed.
// actions is "pull" or "push,pull".
func (c *Client) do(ctx context.Context, r Repository, actions string, req *http.Request, want ...int) (*http.Response, error) {
	s, err := c.enter(ctx, r, actions)
	if err != nil {
		return nil, err
	}
	s.address(req, r.Host)
	resp, err := c.ask(ctx, s.http, r.Host, req, want...)
	switch e, answered := err.(*HTTPError); {
	case err == nil:
		s.worked.Store(true)
	case !answered:
	case e.Status != http.StatusUnauthorized:
		s.worked.Store(true)
	case s.worked.Load():
		// A token that has run out and could not be replaced: begin anew.
		c.repos.forget(repoKey{hostKey{r.Host, r.Insecure}, r.Path, actions})
		e.expired = true
	}
	return resp, err
}

// ask makes one request of a host and watches over it; see do.
func (c *Client) ask(ctx context.Context, hc *http.Client, host string, req *http.Request, want ...int) (*http.Response, error) {
	ctx, dog := watch(ctx, c.timeout)
	if err := openBody(req, dog); err != nil {
		dog.close()
		return nil, err
	}
	resp, err := hc.Do(req.WithContext(ctx))
	if err != nil {
		err = noAnswerError(ctx, host, req.Method, req.URL, err)
		dog.close()
		return nil, err
	}
	resp.Body = &answerBody{ReadCloser: resp.Body, ctx: ctx, dog: dog, host: host, req: req}
	dog.rest()
	if slices.Contains(want, resp.StatusCode) {
		return resp, nil
	}
	return nil, answerError(host, req, resp)
}

// session is one repository that has been entered.
type session struct {
	http   *http.Client
	scheme string
	// worked says that the registry has let a request of this session in.
	worked atomic.Bool
}

// address fills in scheme and host, if the URL is not a Location that has them.
// A registry behind a proxy that ends TLS often names itself with http.
func (s *session) address(req *http.Request, host string) {
	if req.URL.Host == "" || req.URL.Host == host {
		req.URL.Scheme, req.URL.Host = s.scheme, host
	}
	req.Host = req.URL.Host
}

// openBody gives a request its body, whose reading the watchdog sees.
func openBody(req *http.Request, dog *watchdog) (err error) {
	open := req.GetBody
	if open == nil {
		return nil
	}
	req.GetBody = func() (io.ReadCloser, error) {
		dog.rest() // content may wait for other nodes
		defer dog.wait()
		body, err := open()
		if err != nil {
			return nil, err
		}
		return &sentBody{ReadCloser: body, dog: dog}, nil
	}
	req.Body, err = req.GetBody()
	return err
}

// answerBody is the body of an answer: its errors name the request.
type answerBody struct {
	io.ReadCloser
	ctx  context.Context
	dog  *watchdog
	host string
	req  *http.Request
}

func (b *answerBody) Read(p []byte) (int, error) {
	b.dog.wait()
	n, err := b.ReadCloser.Read(p)
	b.dog.rest()
	if err != nil && !errors.Is(err, io.EOF) {
		err = noAnswerError(b.ctx, b.host, b.req.Method, b.req.URL, err)
	}
	return n, err
}

func (b *answerBody) Close() error {
	err := b.ReadCloser.Close()
	b.dog.close()
	return err
}

// sentBody is the body of a request. While it is read, the registry has
// nothing to answer for.
type sentBody struct {
	io.ReadCloser
	dog  *watchdog
	sent bool
}

func (b *sentBody) Read(p []byte) (int, error) {
	b.dog.rest()
	defer b.dog.wait()
	return b.ReadCloser.Read(p)
}

// resending sends a request's body from its beginning each time. A registry
// that refuses a token does so when the body is on its way, and the request is
// made again above us, with the same body.
type resending struct{ http.RoundTripper }

func (t resending) RoundTrip(req *http.Request) (*http.Response, error) {
	if body, ok := req.Body.(*sentBody); ok {
		if body.sent && req.GetBody != nil {
			fresh, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			again := *req
			again.Body = fresh
			req = &again
		}
		body.sent = true
	}
	return t.RoundTripper.RoundTrip(req)
}
