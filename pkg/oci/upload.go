package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// PutBlob uploads a blob. open gives the content from an offset on; it is called
// again for each attempt that needs bytes which have passed already, and the
// registry checks the digest of the whole.
//
// It is sent by one POST and one PUT. Three things make it otherwise:
//
//   - An answer of 413, most often of a proxy before the registry. The host is
//     remembered, and what is larger goes there in chunks (PATCH), whose size is
//     halved until it is taken; but not below 256 KiB, nor below what the registry
//     asks for (OCI-Chunk-Min-Length). Where that is refused too, it is the error.
//   - A connection that is cut. The registry is first asked whether it has the
//     blob after all, since the answer may be what was lost, and then how much of
//     it it has (GET of the upload). It goes on from there where the registry
//     keeps what it has got, and otherwise begins again.
//   - An attempt after such a one waits for the registry's 100-continue before it
//     sends anything: a proxy that cuts the connection with its 413 is then heard.
//
// There are as many attempts as for any request, and as many again whenever the
// registry has kept more than before, up to maxCuts in all and another one for each
// bytesPerCut that it has: a large layer gets over a bad link, and one that brings
// nothing ends the upload. When the last one fails, or ctx ends, the upload is taken
// back, which may take abandonTime more.
func (c *Client) PutBlob(ctx context.Context, r Repository, d ocispec.Descriptor, open func(at int64) (io.ReadCloser, error)) error {
	return c.putBlob(ctx, &upload{c: c, r: r, d: d, host: hostKey{r.Host, r.Insecure}, content: blobContent{open: open}})
}

// PutPassingBlob is PutBlob for content that passes by and most likely cannot be
// opened again. What may be larger than the host takes waits for its
// 100-continue, so that a 413 costs none of the content.
func (c *Client) PutPassingBlob(ctx context.Context, r Repository, d ocispec.Descriptor, open func(at int64) (io.ReadCloser, error)) error {
	return c.putBlob(ctx, &upload{c: c, r: r, d: d, host: hostKey{r.Host, r.Insecure}, content: blobContent{open: open}, passing: true})
}

func (c *Client) putBlob(ctx context.Context, u *upload) error {
	err := c.bringBlob(ctx, u)
	u.content.close() // before anything else is waited for: others may read with us
	if err != nil {
		u.abandon(ctx, err)
	}
	return err
}

// bringBlob makes attempts until one succeeds or there is no more hope.
func (c *Client) bringBlob(ctx context.Context, u *upload) error {
	var gains gains
	var before error
	for n := 1; ; n++ {
		err := u.attempt(ctx)
		if err == nil {
			return nil
		}
		if before != nil && errors.Is(err, ErrPassed) { // what made another attempt necessary says more
			return fmt.Errorf("%w; %w", before, ErrPassed)
		}
		before = err
		u.content.close() // nobody reads on for us while we wait
		if gains.more(u.at) {
			n = 1
		}
		wait, again := c.backoff(n, err)
		if !again {
			return err
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// gains tells attempts that brought something from those in vain.
type gains struct {
	best   int64 // how far it has got, in bytes
	cuts   int64 // attempts in all
	losses int   // how often it was less than before
}

// more counts an attempt that began with so many bytes in place, and says whether
// that is more than those before it had. A registry may lose what it had; as often
// as attempts are made, what comes after that counts from there.
func (g *gains) more(at int64) bool {
	g.cuts++
	switch {
	case at < g.best && g.losses < attempts:
		g.best, g.losses = at, g.losses+1
	case at > g.best && g.cuts <= maxCuts+at/bytesPerCut:
		g.best = at
		return true
	}
	return false
}

// upload is one blob on its way to one repository.
type upload struct {
	c       *Client
	r       Repository
	d       ocispec.Descriptor
	host    hostKey
	content blobContent

	session *url.URL // where it goes on; nil before it has begun
	at      int64    // what the registry has got, in bytes
	least   int64    // the smallest chunk that it takes, but for the last one
	sent    bool     // an attempt may have got as far as the registry
	careful bool     // one had no answer
	passing bool     // the content passes by
}

// attempt brings the blob to the registry, from wherever the last one got to.
func (u *upload) attempt(ctx context.Context) error {
	if u.sent {
		there, err := u.c.HasBlob(ctx, u.r, u.d)
		if err != nil || there {
			return err
		}
		if err := u.takeUp(ctx); err != nil {
			return err
		}
	}
	if u.session == nil {
		if err := u.begin(ctx); err != nil {
			return err
		}
	}
	u.sent = true
	for {
		done, err := u.next(ctx)
		if err != nil || done {
			return u.judge(ctx, err)
		}
	}
}

func (u *upload) begin(ctx context.Context) error {
	resp, err := u.c.beginUpload(ctx, u.r, nil)
	if err != nil {
		return err
	}
	if u.session, err = resp.Location(); err != nil {
		return noAnswerError(ctx, u.r.Host, http.MethodPost, resp.Request.URL, err)
	}
	u.at = 0
	u.least, _ = strconv.ParseInt(resp.Header.Get("OCI-Chunk-Min-Length"), 10, 64)
	return nil
}

// takeUp asks how far the session has got. One that the registry has given up, or
// that holds nothing, is left, and cancelled: nothing must come of it behind our
// back.
func (u *upload) takeUp(ctx context.Context) error {
	if u.session == nil {
		return nil
	}
	session := u.session
	u.session, u.at = nil, 0
	resp, err := u.c.do(ctx, u.r, actionsPush, &http.Request{Method: http.MethodGet, URL: session, Header: http.Header{}}, http.StatusNoContent, http.StatusAccepted, http.StatusOK)
	if e := (*HTTPError)(nil); errors.As(err, &e) && e.Status != 0 && e.Status/100 != 5 && e.Status != http.StatusTooManyRequests {
		_ = u.c.cancelUpload(ctx, u.r, session)
		return nil
	}
	if err != nil {
		u.session = session
		return err
	}
	resp.Body.Close()
	if at := received(resp.Header.Get("Range")); at > 0 && at <= u.d.Size {
		u.session, u.at = session, at
		if next, err := resp.Location(); err == nil {
			u.session = next
		}
		return nil
	}
	if next, err := resp.Location(); err == nil {
		session = next
	}
	_ = u.c.cancelUpload(ctx, u.r, session)
	return nil
}

// received reads a session's Range, 0-1023. Nothing at all is said as 0-0, which
// is one byte as well: that one is worth no question.
func received(header string) int64 {
	first, last, ok := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	n, err := strconv.ParseInt(last, 10, 64)
	if !ok || first != "0" || err != nil || n < 1 {
		return 0
	}
	return n + 1
}

// next makes the next request: the last one, with all that is left, if a body may
// be so large, and a chunk otherwise. Too large a one is followed by a smaller one.
func (u *upload) next(ctx context.Context) (done bool, err error) {
	limit := u.c.bodies.get(u.host)
	n := u.d.Size - u.at
	if limit.most > 0 {
		n = min(n, max(limit.most, u.least))
	}
	done = u.at+n == u.d.Size
	if done {
		err = u.put(ctx, n, limit)
	} else {
		err = u.patch(ctx, n, limit)
	}
	switch {
	case err == nil:
		u.c.bodies.took(u.host, n)
	case tooLarge(err) && n > max(leastChunk, u.least):
		u.c.bodies.refused(u.host, n)
		return false, nil
	}
	return done, sized(err, n)
}

// put sends the rest of the blob and ends the upload.
func (u *upload) put(ctx context.Context, n int64, limit bodyLimit) error {
	location := *u.session
	// Appended, and not parsed and put together again: the query may be signed.
	if location.RawQuery != "" {
		location.RawQuery += "&"
	}
	location.RawQuery += "digest=" + url.QueryEscape(u.d.Digest.String())
	resp, err := u.c.do(ctx, u.r, actionsPush, u.request(http.MethodPut, &location, n, limit), http.StatusCreated, http.StatusNoContent)
	if errors.Is(err, errStalled) && u.content.passed(u.d.Size) && u.arrives(ctx) {
		return nil
	}
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// arrives waits for a blob of which a registry has got everything and was silent
// since: it may be bringing a large layer onto a slow disk. It is given as long
// again. Nothing is sent meanwhile, there must not be two writers.
func (u *upload) arrives(ctx context.Context) bool {
	ctx, stop := context.WithTimeout(ctx, u.c.timeout)
	defer stop()
	for {
		if there, err := u.c.HasBlob(ctx, u.r, u.d); err != nil || there {
			return there
		}
		if sleep(ctx, u.c.timeout/20) != nil {
			return false
		}
	}
}

// patch sends one chunk.
func (u *upload) patch(ctx context.Context, n int64, limit bodyLimit) error {
	resp, err := u.c.do(ctx, u.r, actionsPush, u.request(http.MethodPatch, u.session, n, limit), http.StatusAccepted, http.StatusNoContent, http.StatusCreated)
	if err != nil {
		return err
	}
	if next, err := resp.Location(); err == nil {
		u.session = next
	}
	u.at += n
	return resp.Body.Close()
}

// request has the next n bytes of the blob as its body.
func (u *upload) request(method string, to *url.URL, n int64, limit bodyLimit) *http.Request {
	req := &http.Request{
		Method: method, URL: to, ContentLength: n,
		Header: http.Header{"Content-Type": {"application/octet-stream"}},
	}
	if n == 0 { // a body of no length would be sent as one of unknown length
		return req
	}
	req.GetBody = func() (io.ReadCloser, error) { return u.content.part(u.at, n) }
	if u.at > 0 || method == http.MethodPatch {
		req.Header.Set("Content-Range", fmt.Sprintf("%d-%d", u.at, u.at+n-1))
	}
	if u.careful || (u.passing || limit.most > 0) && n > limit.taken {
		req.Header.Set("Expect", "100-continue")
		req.ProtoMajor, req.ProtoMinor = 1, 1 // or net/http does not wait for it
	}
	return req
}

// judge says what an attempt's error means for the next one: a session that does
// not take what it said it lacks is given up. One that got more meanwhile, from a
// connection that was thought dead, is asked again.
func (u *upload) judge(ctx context.Context, err error) error {
	e := (*HTTPError)(nil)
	if !errors.As(err, &e) {
		return err
	}
	u.careful = u.careful || e.Status == 0
	switch e.Status {
	case http.StatusRequestedRangeNotSatisfiable:
		e.lost = u.at > 0
	case http.StatusBadRequest, http.StatusNotFound:
		if e.lost = u.at > 0; e.lost {
			_ = u.c.cancelUpload(ctx, u.r, u.session)
			u.session = nil
		}
	}
	return err
}
