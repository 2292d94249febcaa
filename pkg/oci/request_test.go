package oci

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// trusting makes a client trust a test server's certificate.
func trusting(c *Client, servers ...*fake) *Client {
	for _, s := range servers {
		c.secure = tlsOnly{resending{s.Client().Transport}}
	}
	return c
}

func newTLSFake(t *testing.T, answer func(w http.ResponseWriter, r *http.Request) bool) *fake {
	t.Helper()
	return startFake(t, answer, httptest.NewTLSServer)
}

func TestBasicCredentialsThatAreWrongAreRefusedAtOnce(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		if _, password, _ := r.BasicAuth(); password == "secret-of-right" {
			return false
		}
		status(401, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)(w, r)
		return true
	})
	c := quickClient(t, ClientOptions{AuthFile: authFile(t, map[string]string{f.host(): "wrong"})})
	_, _, err := c.Manifest(t.Context(), f.repo("a"), "v1")
	mustSay(t, err, f.host()+": GET a/manifests/v1: 401 UNAUTHORIZED: authentication required")
	mustNotSay(t, err, "wrong")
	if n := f.count("GET", "/manifests/"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	c = quickClient(t, ClientOptions{AuthFile: authFile(t, map[string]string{f.host(): "right"})})
	if err := c.PutBlob(t.Context(), f.repo("a"), blobOf("x"), opener([]byte("x"))); err != nil {
		t.Error(err)
	}
}

// A token lasts a minute and a push takes hours: it runs out in the middle of
// anything, an upload among them, whose body has then been read already.
func TestTokensThatRunOutAreReplaced(t *testing.T) {
	for uses := 1; uses <= 5; uses++ {
		s := &tokenServer{uses: uses}
		f := newFake(t, s.answer)
		c, w := quickClient(t, ClientOptions{}), small()
		fill(t, c, f.repo("a"), w)
		for _, i := range w.images {
			_, raw, err := c.Manifest(t.Context(), f.repo("a"), i.Descriptor.Digest.String())
			if err != nil || int64(len(raw)) != i.Descriptor.Size {
				t.Errorf("%d uses: %s: %d bytes, %v", uses, i.Name, len(raw), err)
			}
		}
		if s.made < 3 {
			t.Errorf("%d uses: only %d tokens were made", uses, s.made)
		}
	}
}

func TestTokensOfAllForms(t *testing.T) {
	for _, form := range []string{`{"token":%q}`, `{"access_token":%q}`, `{"token":%[1]q,"access_token":%[1]q,"expires_in":300}`} {
		s := &tokenServer{form: form}
		f := newFake(t, s.answer)
		_, err := quickClient(t, ClientOptions{}).HasBlob(t.Context(), f.repo("a/b"), blobOf("x"))
		if err != nil {
			t.Errorf("%s: %v", form, err)
		}
		if s.made != 1 || s.scopes[0] != "repository:a/b:pull" {
			t.Errorf("%s: %d tokens for %q", form, s.made, s.scopes)
		}
	}
}

func TestATokenThatCannotBeHadIsNamed(t *testing.T) {
	const half = "half-a-secret"
	cases := []struct {
		name   string
		token  http.HandlerFunc
		knocks int
		want   string
	}{
		{"refused", status(401, `{"errors":[{"code":"UNAUTHORIZED","message":"bad\u001b[2J password"}]}`), 1, "401 UNAUTHORIZED: bad [2J password"},
		{"server in trouble", status(503, half), attempts, "503 Service Unavailable"},
		{"no token in it", status(200, `{"refresh_token":"`+half+`"}`), 1, "was given none"},
		{"no document", status(200, "<html>"+half+"\x1b"), 1, "invalid character"},
		{"cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, attempts, "EOF"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := newFake(t, func(w http.ResponseWriter, r *http.Request) bool { c.token(w, r); return true })
			// By name: the token server of another address is not asked when it is private.
			at := strings.Replace(server.host(), "127.0.0.1", "localhost", 1)
			f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+at+`/t?account=signed",service="x"`)
				w.WriteHeader(401)
				return true
			})
			client := quickClient(t, ClientOptions{AuthFile: authFile(t, map[string]string{f.host(): "me"})})
			_, _, err := client.Manifest(t.Context(), f.repo("a/b"), "v1")
			mustSay(t, err, f.host()+": token for a/b: ", c.want)
			mustNotSay(t, err, half, "secret-of", "account")
			if c.name != "no token in it" && c.name != "no document" {
				mustSay(t, err, at+": ")
			}
			if n := server.count("GET", "/t"); n != c.knocks {
				t.Errorf("asked %d times, want %d", n, c.knocks)
			}
		})
	}
}

// A token that cannot be replaced is not the absence of what was asked for.
func TestALostTokenServerIsNoMissingContent(t *testing.T) {
	s := &tokenServer{uses: 2}
	var gone atomic.Bool
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" && gone.Load() {
			status(404, "")(w, r)
			return true
		}
		return s.answer(w, r)
	})
	c := quickClient(t, ClientOptions{})
	for range 2 {
		if there, err := c.HasBlob(t.Context(), f.repo("a"), blobOf("x")); there || err != nil {
			t.Fatalf("%t, %v", there, err)
		}
	}
	gone.Store(true)
	_, err := c.HasBlob(t.Context(), f.repo("a"), blobOf("x"))
	mustSay(t, err, f.host()+": token: 404 Not Found")
}

// A registry whose challenge does not say which scope it wants gives a token
// that is worth nothing to whoever only repeats what the challenge says.
func TestATokenIsReplacedWithTheScopeItHad(t *testing.T) {
	var made, oldest atomic.Int32
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			n := int32(0)
			if r.URL.Query().Get("scope") != "" {
				n = made.Add(1)
			}
			fmt.Fprintf(w, `{"token":"%d"}`, n)
			return true
		}
		n, _ := strconv.Atoi(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if n > int(oldest.Load()) {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="x"`)
		w.WriteHeader(401)
		return true
	})
	c := quickClient(t, ClientOptions{})
	for n := range int32(3) {
		oldest.Store(n)
		if _, err := c.HasBlob(t.Context(), f.repo("a"), blobOf("x")); err != nil {
			t.Errorf("after %d tokens: %v", n, err)
		}
	}
	oldest.Store(100)
	_, err := c.HasBlob(t.Context(), f.repo("a"), blobOf("x"))
	mustSay(t, err, "401 Unauthorized")
}

func TestCredentialsStayWithTheirHost(t *testing.T) {
	content := "content"
	elsewhere := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "PUT" {
			io.Copy(io.Discard, r.Body)
			status(201, "")(w, r)
		} else {
			io.WriteString(w, content)
		}
		return true
	})
	schemes := map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"basic": func(w http.ResponseWriter, r *http.Request) bool {
			if _, _, ok := r.BasicAuth(); ok {
				return false
			}
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(401)
			return true
		},
		"token": (&tokenServer{}).answer,
	}
	for name, guard := range schemes {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
				switch {
				case guard(w, r):
				case r.Method == "GET" && strings.Contains(r.URL.Path, "/blobs/"):
					http.Redirect(w, r, elsewhere.URL+"/bucket?sig=signed", http.StatusTemporaryRedirect)
				case r.Method == "POST":
					w.Header().Set("Location", elsewhere.URL+"/upload?sig=signed")
					w.WriteHeader(202)
				default:
					return false
				}
				return true
			})
			elsewhere.clear()
			c := quickClient(t, ClientOptions{AuthFile: authFile(t, map[string]string{f.host(): "me"})})
			r, err := c.OpenBlob(t.Context(), f.repo("a"), blobOf(content), 0)
			if err != nil {
				t.Fatal(err)
			}
			r.Close()
			if err := c.PutBlob(t.Context(), f.repo("a"), blobOf(content), opener([]byte(content))); err != nil {
				t.Fatal(err)
			}
			if len(elsewhere.requests) != 2 {
				t.Fatalf("%d requests went to the other host, want 2", len(elsewhere.requests))
			}
			for _, r := range elsewhere.requests {
				if got := r.Header.Get("Authorization"); got != "" {
					t.Errorf("%s %s: sent %q to another host", r.Method, r.URL.Path, got)
				}
			}
		})
	}
}

// What a redirect leads to is named, and its signed query is not.
func TestRedirectsThatFailNameWhereTheyLed(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	store := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		status(403, `<Error>AccessDenied signed</Error>`)(w, r)
		return true
	})
	cases := []struct{ name, to, server, want string }{
		{"refused", store.URL, store.host(), "403 Forbidden"},
		{"not there", "http://" + closed.Addr().String(), closed.Addr().String(), "connection refused"},
		{"no address", "http://%zz", "", "invalid URL"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, times(-1, "GET", "/blobs/", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", c.to+"/bucket/key?X-Signature=signed")
				w.WriteHeader(307)
			}))
			d := blobOf("x")
			_, err := quickClient(t, ClientOptions{}).OpenBlob(t.Context(), f.repo("a"), d, 0)
			mustSay(t, err, f.host()+": GET a/blobs/"+d.Digest.String()+": "+c.server, c.want)
			if c.server != "" {
				mustNotSay(t, err, "signed", "bucket")
			}
		})
	}
}

func TestEndlessRedirectsEnd(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v2/" {
			return false
		}
		http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		return true
	})
	_, err := quickClient(t, ClientOptions{}).OpenBlob(t.Context(), f.repo("a"), blobOf("x"), 0)
	mustSay(t, err, "redirected 5 times")
}

// Whoever is not marked insecure is never spoken to without TLS.
func TestPlainHTTPIsNotSpokenUnasked(t *testing.T) {
	plain := newFake(t, nil)
	r := plain.repo("a")
	r.Insecure = false
	c := quickClient(t, ClientOptions{AuthFile: authFile(t, map[string]string{plain.host(): "me"})})
	_, _, err := c.Manifest(t.Context(), r, "v1")
	mustSay(t, err, plain.host()+": speaks plain HTTP only and is not marked insecure")
	if n := len(plain.requests); n != 0 {
		t.Errorf("%d requests went out without TLS", n)
	}
}

func TestTLSIsNotLeft(t *testing.T) {
	content := "content"
	plain := newFake(t, func(w http.ResponseWriter, r *http.Request) bool { io.WriteString(w, content); return true })
	location := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(map[string]int{"POST": 202, "GET": 307}[r.Method])
		}
	}
	challenge := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+plain.URL+`/token",service="x"`)
		w.WriteHeader(401)
	}
	cases := []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		want   string
	}{
		{"by a redirect", times(-1, "GET", "/blobs/", location(plain.URL+"/x")), "redirected from https to http"},
		{"by a redirect at the door", times(-1, "GET", "/v2/", location(plain.URL+"/x")), "is to be reached without TLS"},
		{"by a Location", times(-1, "POST", "/blobs/", location(plain.URL+"/x?sig=signed")), "is to be reached without TLS"},
		{"for a token", times(-1, "GET", "/v2/", challenge), "not allowed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newTLSFake(t, c.answer)
			client := trusting(quickClient(t, ClientOptions{AuthFile: authFile(t, map[string]string{f.host(): "me"})}), f)
			r := Repository{Host: f.host(), Path: "a"}
			err := client.PutBlob(t.Context(), r, blobOf(content), opener([]byte(content)))
			if err == nil {
				_, err = client.OpenBlob(t.Context(), r, blobOf(content), 0)
			}
			mustSay(t, err, f.host(), c.want)
			mustNotSay(t, err, "signed")
			if n := len(plain.requests); n != 0 {
				t.Errorf("%d requests went out without TLS", n)
			}
		})
	}
}

// A registry behind a proxy that ends TLS believes that it is spoken to without.
func TestARegistryMayNameItselfWithoutTLS(t *testing.T) {
	f := newTLSFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "POST" {
			return false
		}
		w.Header().Set("Location", "http://"+r.Host+"/v2/a/blobs/uploads/1")
		w.WriteHeader(202)
		return true
	})
	c := trusting(quickClient(t, ClientOptions{}), f)
	r := Repository{Host: f.host(), Path: "a"}
	if err := c.PutBlob(t.Context(), r, blobOf("x"), opener([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	if there, err := c.HasBlob(t.Context(), r, blobOf("x")); !there || err != nil {
		t.Errorf("%t, %v", there, err)
	}
}

func TestACertificateThatNobodySignedIsFinal(t *testing.T) {
	f := newTLSFake(t, nil)
	c := quickClient(t, ClientOptions{})
	r := Repository{Host: f.host(), Path: "a"}
	_, _, err := c.Manifest(t.Context(), r, "v1")
	mustSay(t, err, f.host(), "certificate")
	r.Insecure = true
	if _, err := c.HasBlob(t.Context(), r, ocispec.Descriptor{Digest: blobOf("x").Digest}); err != nil {
		t.Errorf("marked insecure: %v", err)
	}
}
