package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
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
// in its answer is not believed. Content that is wrong is asked for once more.
func (c *Client) Manifest(ctx context.Context, r Repository, ref string) (ocispec.Descriptor, []byte, error) {
	var desc ocispec.Descriptor
	var raw []byte
	once := func() error {
		return c.retry(ctx, func() (err error) {
			desc, raw, err = c.manifestOnce(ctx, r, ref)
			return err
		})
	}
	err := once()
	if errors.As(err, new(*wrongManifestError)) {
		err = once()
	}
	return desc, raw, err
}

// wrongManifestError is an index or image manifest that is another one than was
// asked for, or than the registry says.
type wrongManifestError struct{ problem string }

func (e *wrongManifestError) Error() string { return e.problem }

func wrongManifest(format string, a ...any) error {
	return &wrongManifestError{fmt.Sprintf(format, a...)}
}

func (c *Client) manifestOnce(ctx context.Context, r Repository, ref string) (ocispec.Descriptor, []byte, error) {
	var desc ocispec.Descriptor
	req := request(http.MethodGet, r.Path, "manifests/"+ref)
	req.Header.Set("Accept", accepted)
	resp, err := c.do(ctx, r, actionsPull, req, http.StatusOK)
	if err != nil {
		return desc, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, MaxManifest+1))
	if err != nil {
		return desc, nil, err
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
		return wrongManifest("%s: manifest %s: its content is %s", r, ref, desc.Digest)
	}
	if header != "" && strings.HasPrefix(header, "sha256:") && header != desc.Digest.String() {
		return wrongManifest("%s: manifest %s: its content is %s, the registry says %s", r, ref, desc.Digest, printable(header))
	}
	return nil
}

// ManifestDigest asks which digest a tag or digest stands for on a registry.
// Empty means that the registry does not have it.
func (c *Client) ManifestDigest(ctx context.Context, r Repository, ref string) (digest.Digest, error) {
	desc, _, err := c.StatManifest(ctx, r, ref)
	return desc.Digest, err
}

// HasBlob asks whether a repository holds a blob of just this size. Where the
// registry does not say a size, that it is there has to do.
func (c *Client) HasBlob(ctx context.Context, r Repository, d ocispec.Descriptor) (bool, error) {
	size, found, err := c.StatBlob(ctx, r, d.Digest)
	return found && (size == d.Size || size < 0), err
}

// head returns nil for what is not there.
func (c *Client) head(ctx context.Context, r Repository, req *http.Request) (*http.Response, error) {
	var resp *http.Response
	err := c.retry(ctx, func() (err error) {
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
// nothing about the content: what a [Source] opens goes on where it is cut, and
// whoever writes it proves it.
func (c *Client) OpenBlob(ctx context.Context, r Repository, d ocispec.Descriptor, offset int64) (io.ReadCloser, error) {
	req := request(http.MethodGet, r.Path, "blobs/"+d.Digest.String())
	if offset > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
	}
	resp, err := c.do(ctx, r, actionsPull, req, http.StatusOK, http.StatusPartialContent)
	if err != nil {
		return nil, err
	}
	if err := seek(resp, offset); err != nil {
		resp.Body.Close()
		if e := (*HTTPError)(nil); errors.As(err, &e) || ctx.Err() != nil {
			return nil, err
		}
		return nil, &HTTPError{Host: r.Host, Method: req.Method, Path: apiPath(req.URL), Err: err}
	}
	return resp.Body, nil
}

// seek makes sure that the body begins at offset: a registry may ignore a Range.
func seek(resp *http.Response, offset int64) error {
	if resp.StatusCode == http.StatusOK {
		n, err := io.CopyN(io.Discard, resp.Body, offset)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("has %d bytes, want to go on at %d", n, offset)
		}
		return err
	}
	if got := resp.Header.Get("Content-Range"); !strings.HasPrefix(got, "bytes "+strconv.FormatInt(offset, 10)+"-") {
		return &rangeError{offset, printable(got)}
	}
	return nil
}

// rangeError is a part of a blob that is not the one that was asked for.
type rangeError struct {
	want int64
	got  string
}

func (e *rangeError) Error() string {
	return fmt.Sprintf("asked for bytes from %d, was given %q", e.want, e.got)
}

// refusesParts tells whether an error may be that a registry gives blobs as a
// whole only.
func refusesParts(err error) bool {
	if errors.As(err, new(*rangeError)) {
		return true
	}
	e := (*HTTPError)(nil)
	return errors.As(err, &e) && (e.Status == http.StatusRequestedRangeNotSatisfiable || e.Status == http.StatusBadRequest || e.Status == http.StatusNotImplemented)
}

// openBlobAt is OpenBlob, and reads from the beginning where that has to be.
func (c *Client) openBlobAt(ctx context.Context, r Repository, d ocispec.Descriptor, offset int64) (io.ReadCloser, error) {
	body, err := c.OpenBlob(ctx, r, d, offset)
	if offset == 0 || !refusesParts(err) {
		return body, err
	}
	whole, again := c.OpenBlob(ctx, r, d, 0)
	if again != nil {
		return nil, again
	}
	if _, again := io.CopyN(io.Discard, whole, offset); again != nil {
		whole.Close()
		if errors.Is(again, io.EOF) {
			again = io.ErrUnexpectedEOF
		}
		return nil, &HTTPError{Host: r.Host, Method: http.MethodGet, Path: r.Path + "/blobs/" + d.Digest.String(), Err: again}
	}
	return whole, nil
}
