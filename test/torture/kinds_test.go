package torture

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"drayage/test/faults"
)

// kind is a kind of request.
type kind struct {
	name, method string
	path         string // found in the path
	match        func(*http.Request) bool
}

func inQuery(key string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.URL.Query().Has(key) }
}

func without(match func(*http.Request) bool) func(*http.Request) bool {
	return func(r *http.Request) bool { return !match(r) }
}

func ranged(r *http.Request) bool { return r.Header.Get("Range") != "" }

// Names of kinds of which somebody speaks.
const (
	blobGET = "blob GET"
	rest    = "rest of a blob GET"
)

// kinds are all that the programs ask of a registry, and what they may come to ask.
var kinds = []kind{
	{"ping", "GET", `^/v2/$`, nil},
	{"token", "GET", `^/token$`, nil},
	{"manifest GET by tag", "GET", `/manifests/[^/:]+$`, nil},
	{"manifest GET", "GET", `/manifests/sha256:`, nil},
	{"manifest HEAD", "HEAD", `/manifests/`, nil},
	{"manifest PUT by tag", "PUT", `/manifests/[^/:]+$`, nil},
	{"manifest PUT", "PUT", `/manifests/sha256:`, nil},
	{"manifest DELETE", "DELETE", `/manifests/`, nil},
	{"blob HEAD", "HEAD", `/blobs/sha256:`, nil},
	{blobGET, "GET", `/blobs/sha256:`, without(ranged)},
	{rest, "GET", `/blobs/sha256:`, ranged},
	{"upload POST", "POST", `/blobs/uploads/$`, without(inQuery("mount"))},
	{"mount POST", "POST", `/blobs/uploads/$`, inQuery("mount")},
	{"upload PATCH", "PATCH", `/blobs/uploads/.`, nil},
	{"upload PUT", "PUT", `/blobs/uploads/.`, nil},
	{"upload GET", "GET", `/blobs/uploads/.`, nil},
	{"upload DELETE", "DELETE", `/blobs/uploads/.`, nil},
	{"catalog GET", "GET", `^/v2/_catalog$`, nil},
	{"tags GET", "GET", `/tags/list$`, nil},
	{"referrers GET", "GET", `/referrers/`, nil},
}

// rule makes a fault befall requests of a kind.
func (k kind) rule(f faults.Fault, times int) faults.Rule {
	return faults.Rule{Method: k.method, PathRegexp: k.path, Match: k.match, Times: times, Fault: f}
}

// failure is a way in which a request fails.
type failure struct {
	name  string
	fault func(kind) faults.Fault
	// heals says that a request may be made again, and succeeds then.
	heals bool
	// quiet says that it may go unnoticed: nothing may depend on what is wrong.
	quiet bool
	// missing says that it looks like an answer: that something is not there, or
	// is something else.
	missing bool
	// says is what the one line of a permanent failure has to say, one of these;
	// empty where the answer looks like another.
	says []string
}

var failures = []failure{
	{"dropped", always(faults.Drop()), true, false, false, []string{"EOF", "connection reset", "broken pipe", "closed"}},
	{"cut", cut, true, false, false, []string{"EOF", "connection reset", "broken pipe", "closed"}},
	{"hang", always(faults.Hang()), false, false, false, []string{"no byte for " + shortTimeout}},
	{"401", always(faults.Status(401, nil)), false, false, false, []string{"401"}},
	{"404", always(faults.Status(404, nil)), false, false, true, []string{"404", "is not there"}},
	{"429", always(faults.Status(429, nil)), true, false, false, []string{"429"}},
	{"429, Retry-After", always(faults.Status(429, http.Header{"Retry-After": {"1"}})), true, false, false, []string{"429"}},
	{"500", always(faults.Status(500, nil)), true, false, false, []string{"500"}},
	{"507", always(faults.Status(507, nil)), false, false, false, []string{"507"}},
	{"wrong digest header", always(faults.WrongDigestHeader()), false, true, true, nil},
	{"longer", always(faults.WrongLength(10)), false, true, true, nil},
	{"shorter", always(faults.WrongLength(-1)), false, true, true, nil},
}

// shortTimeout is --timeout where a registry falls silent: long enough for one
// on a busy machine that does not.
const shortTimeout = "3s"

func always(f faults.Fault) func(kind) faults.Fault { return func(kind) faults.Fault { return f } }

// cut breaks off in the middle of what is sent, either way.
func cut(k kind) faults.Fault {
	switch k.method {
	case "PUT", "PATCH":
		return faults.CutUpload(10)
	case "GET":
		return faults.CutAfter(1)
	}
	return nil // nothing to cut: there is no body
}

// guarded stands before a registry and wants a token, as most upstream ones do.
func guarded(t *testing.T, addr string) string {
	t.Helper()
	pass := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: addr})
			r.Out.Host = r.In.Host
			r.Out.Header.Del("Authorization")
		},
		FlushInterval: -1,
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/token":
			json.NewEncoder(w).Encode(map[string]string{"token": "let-me-in"})
		case r.Header.Get("Authorization") != "Bearer let-me-in":
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="guard"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			pass.ServeHTTP(w, r)
		}
	}))
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}
