package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
type HTTPError struct {
	Host   string
	Method string
	// Path is the request's path below /v2/, without its query.
	Path string
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
}

// Error is the one line that names the request and the cause.
func (e *HTTPError) Error() string {
	s := e.Host + ": "
	if e.Method != "" {
		s += e.Method + " " + e.Path + ": "
	}
	if e.Status != 0 {
		s += strconv.Itoa(e.Status) + " "
	}
	if e.Err != nil {
		return s + e.Err.Error()
	}
	return s + e.Message
}

// Unwrap returns the cause.
func (e *HTTPError) Unwrap() error { return e.Err }

// temporary says whether the same request may succeed when it is made again.
func (e *HTTPError) temporary() bool {
	if e.tried {
		return false
	}
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case 0:
		return !errors.Is(e.Err, errStalled) && retryableCause(e.Err)
	}
	return false
}

// retryableCause is true for what a bad link does: connections refused, cut or
// timed out. A wrong certificate or name stays wrong.
func retryableCause(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		(errors.As(err, &timeout) && timeout.Timeout()) ||
		strings.Contains(err.Error(), "server closed idle connection")
}

// answerError makes an HTTPError of an unwanted answer and closes its body.
func answerError(host string, resp *http.Response) error {
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	return &HTTPError{
		Host: host, Method: resp.Request.Method, Path: apiPath(resp.Request.URL),
		Status: resp.StatusCode, Message: answerMessage(resp.StatusCode, body),
		RetryAfter: retryAfter(resp.Header.Get("Retry-After")),
	}
}

// noAnswerError makes an HTTPError of a request that got no answer. The URL
// that net/http puts into its errors may hold a signed query: it is left out.
func noAnswerError(ctx context.Context, host, method string, u *url.URL, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, context.Canceled) {
			return context.Canceled
		}
		err = cause
	}
	var ue *url.Error
	for errors.As(err, &ue) {
		err = ue.Err
	}
	if te := (*transport.Error)(nil); errors.As(err, &te) {
		return &HTTPError{Host: host, Method: method, Path: apiPath(u), Status: te.StatusCode, Message: tokenMessage(te)}
	}
	return &HTTPError{Host: host, Method: method, Path: apiPath(u), Err: err}
}

func tokenMessage(te *transport.Error) string {
	for _, d := range te.Errors {
		return printable(fmt.Sprintf("%s: %s", d.Code, d.Message))
	}
	return http.StatusText(te.StatusCode)
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
		e := doc.Errors[0]
		return printable(strings.TrimSuffix(e.Code+": "+e.Message, ": "))
	}
	if text := http.StatusText(status); text != "" {
		return text
	}
	return "unknown status"
}

// printable keeps a server's words from steering the terminal or filling it.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
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
func NotFound(err error) bool {
	e := (*HTTPError)(nil)
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}
