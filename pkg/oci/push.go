package oci

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const actionsPush = "push,pull"

// Mount makes a blob of another repository of the same registry appear in this
// one, without a byte being sent. False means that the registry would not: it
// opened an upload in place of it, or it refused. If it refuses everything,
// whoever sends the blob then learns why.
func (c *Client) Mount(ctx context.Context, r Repository, d digest.Digest, from string) (bool, error) {
	mounted := false
	err := c.retry(ctx, func() error {
		query := url.Values{"mount": {d.String()}, "from": {from}}
		resp, err := c.beginUpload(ctx, r, query)
		if err != nil {
			return err
		}
		mounted = resp.StatusCode == http.StatusCreated
		if !mounted {
			c.cancelUpload(ctx, r, resp)
		}
		return nil
	})
	if e := (*HTTPError)(nil); errors.As(err, &e) && e.Status/100 == 4 && e.Method != "" && !e.tried {
		return false, nil
	}
	return mounted, err
}

// PutBlob uploads a blob in one request. open is called for each attempt and
// gives the content from its beginning; the registry checks its digest.
func (c *Client) PutBlob(ctx context.Context, r Repository, d ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
	return c.retry(ctx, func() error {
		resp, err := c.beginUpload(ctx, r, nil)
		if err != nil {
			return err
		}
		return c.finishUpload(ctx, r, resp, d, open)
	})
}

func (c *Client) beginUpload(ctx context.Context, r Repository, query url.Values) (*http.Response, error) {
	req := request(http.MethodPost, r.Path, "blobs/uploads/")
	req.URL.RawQuery = query.Encode()
	resp, err := c.do(ctx, r, actionsPush, req, http.StatusAccepted, http.StatusCreated)
	if err == nil {
		resp.Body.Close()
	}
	return resp, err
}

// cancelUpload gives up a session that a refused mount has opened. It is a
// courtesy: registries forget sessions by themselves.
func (c *Client) cancelUpload(ctx context.Context, r Repository, begun *http.Response) {
	location, err := begun.Location()
	if err != nil {
		return
	}
	req := &http.Request{Method: http.MethodDelete, URL: location, Header: http.Header{}}
	if resp, err := c.do(ctx, r, actionsPush, req, http.StatusNoContent); err == nil {
		resp.Body.Close()
	}
}

func (c *Client) finishUpload(ctx context.Context, r Repository, begun *http.Response, d ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
	location, err := begun.Location()
	if err != nil {
		return noAnswerError(ctx, r.Host, http.MethodPost, begun.Request.URL, err)
	}
	// Appended, and not parsed and put together again: the query may be signed.
	if location.RawQuery != "" {
		location.RawQuery += "&"
	}
	location.RawQuery += "digest=" + url.QueryEscape(d.Digest.String())
	req := &http.Request{
		Method: http.MethodPut, URL: location, ContentLength: d.Size, GetBody: open,
		Header: http.Header{"Content-Type": {"application/octet-stream"}},
	}
	if d.Size == 0 { // a body of no length would be sent as one of unknown length
		body, err := open()
		if err != nil {
			return err
		}
		body.Close()
		req.GetBody = nil
	}
	resp, err := c.do(ctx, r, actionsPush, req, http.StatusCreated, http.StatusNoContent)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// PutManifest uploads an index or image manifest under a tag or its digest.
func (c *Client) PutManifest(ctx context.Context, r Repository, ref, mediaType string, raw []byte) error {
	return c.retry(ctx, func() error {
		req := request(http.MethodPut, r.Path, "manifests/"+ref)
		req.Header.Set("Content-Type", mediaType)
		req.ContentLength = int64(len(raw))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
		resp, err := c.do(ctx, r, actionsPush, req, http.StatusCreated, http.StatusOK, http.StatusAccepted)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}
