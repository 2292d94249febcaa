package oci

import (
	"net/http"
	"testing"
)

// A registry, or a proxy before it, that does not say the length in answer to a
// HEAD is asked for a byte.
func TestStatBlobWithoutContentLength(t *testing.T) {
	const content = "0123456789"
	cases := map[string]struct {
		size  int64
		there bool // for HasBlob
		part  http.HandlerFunc
	}{
		"a part": {10, true, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-0/10")
			w.WriteHeader(http.StatusPartialContent)
			w.Write([]byte("0"))
		}},
		"the whole":               {10, true, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(content)) }},
		"another size":            {9, false, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(content[1:])) }},
		"no part":                 {-1, true, status(http.StatusRequestedRangeNotSatisfiable, "")},
		"no total":                {-1, true, partOf("*")},
		"a total that is no size": {-1, true, partOf("-5")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, r *http.Request) bool {
				switch {
				case r.URL.Path == "/v2/":
					return false
				case r.Method == http.MethodHead:
					w.(http.Flusher).Flush() // the header goes without a length
				default:
					if got := r.Header.Get("Range"); got != "bytes=0-0" {
						t.Errorf("asked for %q", got)
					}
					c.part(w, r)
				}
				return true
			})
			client, repo, d := quickClient(t, ClientOptions{}), Repository{Host: f.host(), Path: "a", Insecure: true}, blobOf(content)
			size, found, err := client.StatBlob(t.Context(), repo, d.Digest)
			if size != c.size || !found || err != nil {
				t.Errorf("size %d, found %v, %v", size, found, err)
			}
			if there, err := client.HasBlob(t.Context(), repo, d); there != c.there || err != nil {
				t.Errorf("there %v, %v", there, err)
			}
		})
	}
}

// partOf is an answer with a part of a blob whose total is said so.
func partOf(total string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", "bytes 0-0/"+total)
		w.WriteHeader(http.StatusPartialContent)
		w.Write([]byte("0"))
	}
}
