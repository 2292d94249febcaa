package oci

import (
	"context"
	"errors"
	"io"
	"net/http"

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
	return resp.ContentLength, true, nil
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
