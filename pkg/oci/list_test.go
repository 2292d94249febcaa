package oci

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestListsAreReadToTheirEnd(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		want   []string
		err    string
	}{
		"three pages": {func(w http.ResponseWriter, r *http.Request) {
			at := r.URL.Query().Get("last")
			next := map[string]string{"": "a", "a": "b", "b": "c"}[at]
			if next != "c" {
				w.Header().Set("Link", `</v2/a/b/tags/list?last=`+next+`&n=1>; rel="next"`)
			}
			fmt.Fprintf(w, `{"tags":["%s"]}`, next)
		}, []string{"a", "b", "c"}, ""},
		"a page that leads to itself": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", `</v2/a/b/tags/list?last=a>; rel="next"`)
			fmt.Fprint(w, `{"tags":["a"]}`)
		}, []string{"a", "a"}, ""},
		"no end": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", `</v2/a/b/tags/list?last=`+r.URL.Query().Get("last")+`x>; rel="next"`)
			fmt.Fprintf(w, `{"tags":[%s"q%s"]}`, strings.Repeat(`"t",`, 30_000), r.URL.RawQuery)
		}, nil, "a/b/tags/list: more than 100000 names"},
		"a page without end": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"tags":["%s"]}`, strings.Repeat("a", maxPage))
		}, nil, "a/b/tags/list: a page of it has more than 8388608 bytes"},
		"no JSON":       {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, nil, "a/b/tags/list: invalid character"},
		"no repository": {func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, nil, ""},
		"not allowed":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, nil, "403"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/v2/a/b/tags/list" {
					c.answer(w, r)
					return true
				}
				return false
			})
			host := strings.TrimPrefix(f.URL, "http://")
			got, err := quickClient(t, ClientOptions{}).Tags(t.Context(), Repository{Host: host, Path: "a/b", Insecure: true})
			if (err == nil) != (c.err == "") || err != nil && !(strings.HasPrefix(err.Error(), host+": ") && strings.Contains(err.Error(), c.err)) || !slices.Equal(got, c.want) {
				t.Errorf("%d names, %v", len(got), err)
			}
		})
	}
}

// A blob that one repository does not give, another one gives; what is wrong
// comes to its reader before the last byte does.
func TestBlobsAreReadFromAnyRepositoryAndProven(t *testing.T) {
	content := "the content"
	d := ocispec.Descriptor{Digest: digest.FromString(content), Size: int64(len(content))}
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/v2/good/blobs/" + d.Digest.String():
			fmt.Fprint(w, content)
		case "/v2/bad/blobs/" + d.Digest.String():
			fmt.Fprint(w, "the cantent")
		default:
			return false
		}
		return true
	})
	client := quickClient(t, ClientOptions{})
	read := func(paths ...string) (string, error) {
		var all []Repository
		for _, p := range paths {
			all = append(all, Repository{Host: strings.TrimPrefix(f.URL, "http://"), Path: p, Insecure: true})
		}
		r, err := client.ReadBlob(t.Context(), all, d)
		if err != nil {
			return "", err
		}
		defer r.Close()
		raw, err := io.ReadAll(r)
		return string(raw), err
	}
	if got, err := read("none", "good"); err != nil || got != content {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := read("bad"); err == nil || !strings.Contains(err.Error(), "content is sha256:") {
		t.Errorf("got %v", err)
	}
	if _, err := read(); err == nil {
		t.Error("from nowhere")
	}
}

func TestTheEndOfACertificateIsSeenWhoeverMadeIt(t *testing.T) {
	f := newFake(t, nil)
	if _, err := CertificateEnd(t.Context(), strings.TrimPrefix(f.URL, "http://"), 5*time.Second); err == nil {
		t.Error("plain HTTP has none")
	}
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	end, err := CertificateEnd(t.Context(), strings.TrimPrefix(s.URL, "https://"), 5*time.Second)
	if err != nil || !end.Equal(s.Certificate().NotAfter) {
		t.Errorf("%v, %v", end, err)
	}
}
