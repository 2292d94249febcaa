package oci

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/opencontainers/go-digest"
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
			if location, err := resp.Location(); err == nil {
				_ = c.cancelUpload(ctx, r, location)
			}
		}
		return nil
	})
	if e := (*HTTPError)(nil); errors.As(err, &e) && e.Status/100 == 4 && e.Method != "" && !e.tried {
		return false, nil
	}
	return mounted, err
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

// cancelUpload gives up a session. After a refused mount it is a courtesy:
// registries forget sessions by themselves. After an upload that was cut it sees
// to it that what may still be under way there does not become a second writer.
func (c *Client) cancelUpload(ctx context.Context, r Repository, session *url.URL) error {
	req := &http.Request{Method: http.MethodDelete, URL: session, Header: http.Header{}}
	resp, err := c.do(ctx, r, actionsPush, req, http.StatusNoContent, http.StatusAccepted, http.StatusOK)
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
			return sized(err, int64(len(raw)))
		}
		return resp.Body.Close()
	})
}
