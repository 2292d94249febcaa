package oci

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// maxErrorBody bounds how much of a registry's error answer is read, in bytes.
const maxErrorBody = 16 << 10

// HTTPError is a request that a registry answered with something else than was
// asked for, or did not answer. It reads as
//
//	10.0.0.2:5000: PUT ocp4/openshift/manifests/4.12.0-x86_64: 507 disk full
//	quay.io: token for a/b: auth.quay.io: 401 UNAUTHORIZED: invalid credentials
type HTTPError struct {
	Host string
	// Method is empty when the registry could not be entered: the request
	// itself was not made, or its token had run out.
	Method string
	// Path is the request's path below /v2/, without its query.
	Path string
	// Server is who answered, or did not, when it was not Host: a token server,
	// or where a redirect led.
	Server string
	// Status is the HTTP status, 0 when there was no answer.
	Status int
	// Message is what the registry said, made safe to print.
	Message string
	// Err is the cause when there was no answer.
	Err error
	// RetryAfter is how long the server asked to wait, 0 if it did not say.
	RetryAfter time.Duration

	// tried says that the request was repeated as often as it is worth: what
	// repeats a larger step must not repeat this one again.
	tried bool
	// expired says that what the registry refused had let us in before. That is
	// worth one more attempt.
	expired bool
	// lost says that a registry no longer knows an upload that it had begun: it is
	// worth beginning again.
	lost bool
	// step is what was done in place of a request when Method is empty.
	step string
}

// Error is the one line that names the request and the cause.
func (e *HTTPError) Error() string {
	s := e.Host + ": "
	switch {
	case e.Method != "":
		s += e.Method + " " + e.Path + ": "
	case e.step != "":
		s += e.step + ": "
	}
	if e.Server != "" {
		s += e.Server + ": "
	}
	if e.Status != 0 {
		s += strconv.Itoa(e.Status) + " "
	}
	if e.Err != nil {
		return visible(s + e.Err.Error())
	}
	return visible(s + e.Message)
}

// Unwrap returns the cause.
func (e *HTTPError) Unwrap() error { return e.Err }

// temporary says whether the same request may succeed when it is made again.
func (e *HTTPError) temporary() bool {
	if e.tried {
		return false
	}
	if e.lost {
		return true
	}
	switch e.Status {
	case http.StatusUnauthorized:
		return e.expired
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case 0:
		return e.Err != nil && !errors.Is(e.Err, errStalled) && retryableCause(e.Err)
	}
	return false
}

// linkErrors are what a bad link does to a connection. Closed is one that
// net/http found to be cut while it was still writing to it.
var linkErrors = []error{
	io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE,
	syscall.EHOSTUNREACH, syscall.ENETUNREACH,
}

// retryableCause is true for what a bad link does: connections refused, cut or
// timed out, name servers that do not answer. A wrong certificate or name stays
// wrong.
func retryableCause(err error) bool {
	var timeout interface{ Timeout() bool }
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
		return dns.IsTemporary || dns.IsTimeout
	}
	return slices.ContainsFunc(linkErrors, func(e error) bool { return errors.Is(err, e) }) ||
		(errors.As(err, &timeout) && timeout.Timeout()) ||
		strings.Contains(err.Error(), "server closed idle connection")
}

// answerError makes an HTTPError of an unwanted answer and closes its body.
func answerError(host string, req *http.Request, resp *http.Response) error {
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	e := &HTTPError{
		Host: host, Method: req.Method, Path: apiPath(req.URL),
		Status: resp.StatusCode, Message: answerMessage(resp.StatusCode, body),
		RetryAfter: retryAfter(resp.Header.Get("Retry-After")),
	}
	e.name(resp.Request.URL)
	return e
}

// noAnswerError makes an HTTPError of a request that got no answer, or that did
// not get as far as being made. The URL that net/http puts into its errors may
// hold a signed query: it is left out. When ctx has ended and it was not
// silence that ended it, the error is ctx's own.
func noAnswerError(ctx context.Context, host, method string, u *url.URL, err error) error {
	e := &HTTPError{Host: host, Method: method, Path: apiPath(u)}
	if ctx.Err() != nil {
		// Not errors.As: another request's silence may be why ctx has ended.
		stalled, ok := context.Cause(ctx).(stalledError)
		if !ok {
			return ctx.Err()
		}
		e.Err = stalled
		return e
	}
	for ue := (*url.Error)(nil); errors.As(err, &ue); err = ue.Err {
		if at, bad := url.Parse(ue.URL); bad == nil {
			e.name(at)
		}
	}
	e.Err = err
	if te := (*transport.Error)(nil); errors.As(err, &te) {
		e.handshake(te)
	}
	return e
}

// handshake notes the answer to what comes before a request, the question for a
// token: the request itself was not answered.
func (e *HTTPError) handshake(te *transport.Error) {
	if e.Method != "" {
		e.Method, e.step = "", "token"
	}
	e.Err, e.Status, e.Message = nil, te.StatusCode, http.StatusText(te.StatusCode)
	if te.Request != nil {
		e.name(te.Request.URL)
	}
	if len(te.Errors) > 0 {
		e.Message = specMessage(string(te.Errors[0].Code), te.Errors[0].Message)
	}
}

// name notes which server a URL names, unless it is the registry.
func (e *HTTPError) name(u *url.URL) {
	e.Server = ""
	if u.Host != e.Host {
		e.Server = u.Host
	}
}

func apiPath(u *url.URL) string {
	if u == nil {
		return ""
	}
	return strings.TrimPrefix(u.Path, "/v2/")
}

// answerMessage takes code and message out of the distribution
// specification's error document, or falls back to the status text.
func answerMessage(status int, body []byte) string {
	var doc struct {
		Errors []struct{ Code, Message string } `json:"errors"`
	}
	if json.Unmarshal(body, &doc) == nil && len(doc.Errors) > 0 {
		return specMessage(doc.Errors[0].Code, doc.Errors[0].Message)
	}
	if text := http.StatusText(status); text != "" {
		return text
	}
	return "unknown status"
}

func specMessage(code, message string) string {
	if code == "" || message == "" {
		return printable(code + message)
	}
	return printable(code + ": " + message)
}

// visible keeps a server's words from steering the terminal.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// printable keeps a server's words from steering the terminal or filling it.
func printable(s string) string {
	s = visible(s)
	const most = 200
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "..."
	}
	return s
}

// retryAfter reads the header's two forms: seconds, or a date.
func retryAfter(v string) time.Duration {
	if s, err := strconv.Atoi(v); err == nil && s > 0 {
		return time.Duration(min(s, 24*3600)) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

// NotFound tells whether a registry said that it does not have what was asked.
// A host that is no registry says 404 too: it was not asked for content yet.
func NotFound(err error) bool {
	e := (*HTTPError)(nil)
	return errors.As(err, &e) && e.Status == http.StatusNotFound && e.Method != ""
}
