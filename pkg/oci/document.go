package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Document is [Client.Document] for a source. notFound tells an answer that says
// so from all other errors.
func (s *Source) Document(ctx context.Context, address, accept string, most int64) (raw []byte, notFound bool, err error) {
	raw, err = s.client.Document(ctx, address, accept, most)
	return raw, NotFound(err), err
}

// Document fetches a document that is no registry's: a release's signature, an
// update graph. It is read with the same care as from a registry: repeated when
// the link is bad, given up on silence, at most most bytes. The error is an
// [HTTPError] whose Path is the URL's path, without its query.
func (c *Client) Document(ctx context.Context, address, accept string, most int64) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", address, errors.Unwrap(err))
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return nil, fmt.Errorf("%q: want an https URL", u.Redacted())
	}
	var raw []byte
	err = c.retry(ctx, func() (err error) {
		raw, err = c.documentOnce(ctx, u, accept, most)
		return err
	})
	return raw, err
}

func (c *Client) documentOnce(ctx context.Context, u *url.URL, accept string, most int64) ([]byte, error) {
	req := &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{"Accept": {accept}}}
	hc := &http.Client{Transport: c.roundTripper(Repository{Host: u.Host}), CheckRedirect: checkRedirect}
	if u.Scheme == "http" { // in an address that a person wrote it is meant
		hc.Transport = c.secure.RoundTripper
	}
	resp, err := c.ask(ctx, hc, u.Host, req, http.StatusOK)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > most {
		return nil, &HTTPError{Host: u.Host, Method: req.Method, Path: apiPath(u), Err: fmt.Errorf("more than %d bytes", most)}
	}
	return raw, nil
}
