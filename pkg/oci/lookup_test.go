package oci

import (
	"io"
	"net/http"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A tag that is not there costs one HEAD, one that is there a HEAD and a GET.
func TestLookupAsksEachPlaceOnce(t *testing.T) {
	w := newWorld()
	w.image("quay.io/a/x:v1", "layer")
	good := newFake(t, nil)
	fill(t, quickClient(t, ClientOptions{}), good.repo("a/x"), w)
	empty := newFake(t, nil)
	for _, c := range []struct {
		name         string
		conf         string
		tag          string
		found        bool
		heads, gets  int // of good
		heads2, get2 int // of empty
	}{
		{"there", mirrored("quay.io", good.host()), "v1", true, 1, 1, 0, 0},
		{"not there", mirrored("quay.io", good.host()), "v2", false, 1, 0, 0, 0},
		{"only the registry has it", mirrored("quay.io", empty.host(), good.host()), "v1", true, 1, 1, 1, 0},
		{"only a mirror has it", mirrored("quay.io", good.host(), empty.host()), "v1", true, 1, 1, 0, 0},
		{"nobody has it", mirrored("quay.io", good.host(), empty.host()), "v2", false, 1, 0, 1, 0},
		{"a mirror for digests only", mirrored("quay.io", empty.host(), good.host()) + "pull-from-mirror = \"digest-only\"\n", "v1", true, 1, 1, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			good.clear()
			empty.clear()
			desc, raw, found, err := quickSource(t, c.conf, ClientOptions{}).Lookup(t.Context(), "quay.io/a/x:"+c.tag)
			if err != nil || found != c.found {
				t.Fatalf("found %t, %v", found, err)
			}
			if found && (desc.Digest != w.images[0].Descriptor.Digest || desc.MediaType != ocispec.MediaTypeImageManifest || int64(len(raw)) != desc.Size) {
				t.Errorf("got %+v, %d bytes", desc, len(raw))
			}
			got := []int{good.count("HEAD", "/manifests/"), good.count("GET", "/manifests/"), empty.count("HEAD", "/manifests/"), empty.count("GET", "/manifests/")}
			if want := []int{c.heads, c.gets, c.heads2, c.get2}; got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || got[3] != want[3] {
				t.Errorf("requests %v, want %v", got, want)
			}
		})
	}
}

// What is no answer about the tag is not taken for one: only the last place,
// the registry itself, settles it.
func TestLookupBelievesOnlyAnAnswer(t *testing.T) {
	html := func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		io.WriteString(rw, "<html>log in here</html>")
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc // to HEAD and to GET
		asked  int              // HEADs
		want   string
	}{
		"refused":          {status(403, ""), 1, "HEAD a/x/manifests/v1: 403 Forbidden"},
		"in trouble":       {status(500, ""), attempts, "HEAD a/x/manifests/v1: 500 Internal Server Error"},
		"a page to log in": {html, 1, `media type "text/html" is neither an image index nor an image manifest`},
		"another digest": {func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Docker-Content-Digest", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
			rw.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
			io.WriteString(rw, "{}")
		}, 1, "its content is sha256:44136fa"},
		"sha512": {func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Docker-Content-Digest", "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e")
		}, 1, "digest algorithm sha512, want sha256"},
	} {
		t.Run(name, func(t *testing.T) {
			head, get := times(-1, "HEAD", "/manifests/", c.answer), times(-1, "GET", "/manifests/", c.answer)
			ill := newFake(t, func(w http.ResponseWriter, r *http.Request) bool { return head(w, r) || get(w, r) })
			empty := newFake(t, nil)
			_, _, found, err := quickSource(t, mirrored("quay.io", empty.host(), ill.host()), ClientOptions{}).Lookup(t.Context(), "quay.io/a/x:v1")
			mustSay(t, err, "quay.io/a/x:v1: ", c.want)
			if found || NotFound(err) {
				t.Errorf("found %t, %v", found, err)
			}
			if n := ill.count("HEAD", "/manifests/"); n != c.asked {
				t.Errorf("%d HEADs, want %d", n, c.asked)
			}
			_, _, found, err = quickSource(t, mirrored("quay.io", ill.host(), empty.host()), ClientOptions{}).Lookup(t.Context(), "quay.io/a/x:v1")
			if found || err != nil {
				t.Errorf("a mirror is ill and the registry does not have it: %t, %v", found, err)
			}
		})
	}
}
