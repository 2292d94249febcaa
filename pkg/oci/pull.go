package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const actionsPull = "pull"

// accepted are the media types of what we can carry, asked for by name since
// some registries convert what a client does not name.
var accepted = strings.Join([]string{
	ocispec.MediaTypeImageIndex, dockerList, ocispec.MediaTypeImageManifest, dockerManifest,
}, ", ")

// Manifest fetches an index or image manifest by tag or digest, at most
// MaxManifest bytes. What comes back has the digest that was asked for; by tag,
// the digest is computed from the bytes, and a registry that names another one
// in its answer is not believed.
func (c *Client) Manifest(ctx context.Context, r Repository, ref string) (ocispec.Descriptor, []byte, error) {
	var desc ocispec.Descriptor
	var raw []byte
	err := retry(ctx, func() (err error) {
		desc, raw, err = c.manifestOnce(ctx, r, ref)
		return err
	})
	return desc, raw, err
}

func (c *Client) manifestOnce(ctx context.Context, r Repository, ref string) (ocispec.Descriptor, []byte, error) {
	var desc ocispec.Descriptor
	ctx, dog := watch(ctx, c.timeout)
	defer dog.close()
	req := request(http.MethodGet, r.Path, "manifests/"+ref)
	req.Header.Set("Accept", accepted)
	resp, err := c.do(ctx, r, actionsPull, req, http.StatusOK)
	if err != nil {
		return desc, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(watchedReader{resp.Body, dog}, MaxManifest+1))
	if err != nil {
		return desc, nil, noAnswerError(ctx, r.Host, req.Method, req.URL, err)
	}
	if len(raw) > MaxManifest {
		return desc, nil, fmt.Errorf("%s: manifest %s: more than %d bytes", r, ref, MaxManifest)
	}
	desc = ocispec.Descriptor{MediaType: contentType(resp), Digest: digest.FromBytes(raw), Size: int64(len(raw))}
	return desc, raw, checkAnswer(r, ref, desc, resp.Header.Get("Docker-Content-Digest"))
}

func contentType(resp *http.Response) string {
	t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

func checkAnswer(r Repository, ref string, desc ocispec.Descriptor, header string) error {
	if strings.HasPrefix(ref, "sha256:") && desc.Digest.String() != ref {
		return fmt.Errorf("%s: manifest %s: its content is %s", r, ref, desc.Digest)
	}
	if header != "" && strings.HasPrefix(header, "sha256:") && header != desc.Digest.String() {
		return fmt.Errorf("%s: manifest %s: its content is %s, the registry says %s", r, ref, desc.Digest, printable(header))
	}
	return nil
}

// ManifestDigest asks which digest a tag or digest stands for on a registry.
// Empty means that the registry does not have it.
func (c *Client) ManifestDigest(ctx context.Context, r Repository, ref string) (digest.Digest, error) {
	req := request(http.MethodHead, r.Path, "manifests/"+ref)
	req.Header.Set("Accept", accepted)
	resp, err := c.head(ctx, r, req)
	if err != nil || resp == nil {
		return "", err
	}
	return digest.Digest(resp.Header.Get("Docker-Content-Digest")), nil
}

// HasBlob asks whether a repository holds a blob of just this size.
func (c *Client) HasBlob(ctx context.Context, r Repository, d ocispec.Descriptor) (bool, error) {
	resp, err := c.head(ctx, r, request(http.MethodHead, r.Path, "blobs/"+d.Digest.String()))
	if err != nil || resp == nil {
		return false, err
	}
	return resp.ContentLength == d.Size, nil
}

// head returns nil for what is not there.
func (c *Client) head(ctx context.Context, r Repository, req *http.Request) (*http.Response, error) {
	var resp *http.Response
	err := retry(ctx, func() (err error) {
		ctx, dog := watch(ctx, c.timeout)
		defer dog.close()
		resp, err = c.do(ctx, r, actionsPull, req.Clone(ctx), http.StatusOK)
		if err == nil {
			resp.Body.Close()
		}
		return err
	})
	if NotFound(err) {
		return nil, nil
	}
	return resp, err
}

// OpenBlob begins to read a blob at an offset. It makes one attempt and proves
// nothing about the content: Source.Open does both.
func (c *Client) OpenBlob(ctx context.Context, r Repository, d ocispec.Descriptor, offset int64) (io.ReadCloser, error) {
	ctx, dog := watch(ctx, c.timeout)
	req := request(http.MethodGet, r.Path, "blobs/"+d.Digest.String())
	if offset > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
	}
	resp, err := c.do(ctx, r, actionsPull, req, http.StatusOK, http.StatusPartialContent)
	if err != nil {
		dog.close()
		return nil, err
	}
	body := &blobBody{Reader: watchedReader{resp.Body, dog}, ctx: ctx, dog: dog, resp: resp, host: r.Host}
	if err := body.seek(offset); err != nil {
		body.Close()
		return nil, err
	}
	return body, nil
}

// blobBody is the body of a blob's answer; its errors name the request.
type blobBody struct {
	io.Reader
	ctx  context.Context
	dog  *watchdog
	resp *http.Response
	host string
}

// seek makes sure that the body begins at offset: a registry may ignore a Range.
func (b *blobBody) seek(offset int64) error {
	if b.resp.StatusCode == http.StatusOK {
		_, err := io.CopyN(io.Discard, b, offset)
		return err
	}
	if got := b.resp.Header.Get("Content-Range"); !strings.HasPrefix(got, "bytes "+strconv.FormatInt(offset, 10)+"-") {
		return &HTTPError{Host: b.host, Method: http.MethodGet, Path: apiPath(b.resp.Request.URL),
			Err: fmt.Errorf("asked for bytes from %d, was given %q", offset, printable(got))}
	}
	return nil
}

func (b *blobBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = noAnswerError(b.ctx, b.host, http.MethodGet, b.resp.Request.URL, err)
	}
	return n, err
}

func (b *blobBody) Close() error {
	err := b.resp.Body.Close()
	b.dog.close()
	return err
}

// request makes a request to a path below a repository; Client.do adds the host.
func request(method, repo, path string) *http.Request {
	return &http.Request{
		Method: method,
		URL:    &url.URL{Path: "/v2/" + repo + "/" + path},
		Header: http.Header{},
	}
}
