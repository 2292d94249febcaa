package oci

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// StatManifest asks for an index or image manifest by tag or digest, without its
// bytes. found is false when the registry does not have it. The size is -1 when
// the registry does not say it.
func (c *Client) StatManifest(ctx context.Context, r Repository, ref string) (desc ocispec.Descriptor, found bool, err error) {
	req := request(http.MethodHead, r.Path, "manifests/"+ref)
	req.Header.Set("Accept", accepted)
	resp, err := c.head(ctx, r, req)
	if err != nil || resp == nil {
		return desc, false, err
	}
	desc = ocispec.Descriptor{MediaType: contentType(resp), Digest: digest.Digest(resp.Header.Get("Docker-Content-Digest")), Size: -1}
	if resp.ContentLength > 0 {
		desc.Size = resp.ContentLength
	}
	if desc.Digest.Validate() == nil {
		return desc, true, nil
	}
	// The registry has it and does not say which one it is.
	desc, _, err = c.Manifest(ctx, r, ref)
	return desc, err == nil, err
}

// StatBlob asks for the size of a blob, in bytes. found is false when the
// repository does not have it. The size is -1 when the registry does not say it.
func (c *Client) StatBlob(ctx context.Context, r Repository, d digest.Digest) (size int64, found bool, err error) {
	resp, err := c.head(ctx, r, request(http.MethodHead, r.Path, "blobs/"+d.String()))
	if err != nil || resp == nil {
		return 0, false, err
	}
	if resp.ContentLength >= 0 {
		return resp.ContentLength, true, nil
	}
	size, err = c.sizeByPart(ctx, r, d)
	return size, err == nil, err
}

// sizeByPart asks for one byte of a blob, since the answer says how many there
// are: some proxies take the length away from the answer to a HEAD. It is -1
// where that answer has none either.
func (c *Client) sizeByPart(ctx context.Context, r Repository, d digest.Digest) (int64, error) {
	req := request(http.MethodGet, r.Path, "blobs/"+d.String())
	req.Header.Set("Range", "bytes=0-0")
	var resp *http.Response
	err := c.retry(ctx, func() (err error) {
		if resp, err = c.do(ctx, r, actionsPull, req.Clone(ctx), http.StatusOK, http.StatusPartialContent); err == nil {
			resp.Body.Close()
		}
		return err
	})
	switch {
	case refusesParts(err):
		return -1, nil
	case err != nil:
		return -1, err
	case resp.StatusCode == http.StatusOK:
		return resp.ContentLength, nil
	}
	_, total, _ := strings.Cut(resp.Header.Get("Content-Range"), "/")
	if n, err := strconv.ParseInt(total, 10, 64); err == nil && n >= 0 {
		return n, nil
	}
	return -1, nil
}

// ReadBlob reads a blob from the first of these repositories that gives it. A
// connection that is cut is taken up again where it was cut. The content is
// proven: at its end comes io.EOF when it was right and a [ContentError] when it
// was not. Nothing is asked before the first read.
func (c *Client) ReadBlob(ctx context.Context, repositories []Repository, d ocispec.Descriptor) (io.ReadCloser, error) {
	if err := checkDescriptor(d); err != nil {
		return nil, err
	}
	if len(repositories) == 0 {
		return nil, errors.New("no repository to read from")
	}
	var places []place
	for _, r := range repositories {
		places = append(places, place{Repository: r, ref: d.Digest.String()})
	}
	r := &resumingReader{ctx: ctx, client: c, places: places, desc: d}
	return &provenBody{&provenReader{r: r, want: d, hash: digest.SHA256.Hash()}, r}, nil
}

// provenBody closes what it reads from.
type provenBody struct {
	*provenReader
	body io.Closer
}

func (b *provenBody) Close() error { return b.body.Close() }
