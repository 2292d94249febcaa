package oci

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"
)

// Wrong content of one place is asked for at the next one, each at most once
// while another is left, and whoever gave it is named.
func TestWrongContentIsAskedForElsewhere(t *testing.T) {
	type answer = func(http.ResponseWriter, *http.Request) bool
	const content = "0123456789"
	lie, lie2 := times(-1, "GET", "/blobs/", status(200, "012345678X")), times(-1, "GET", "/blobs/", status(200, "012345678Y"))
	right := flaky(content, true)
	for name, c := range map[string]struct {
		answers []answer
		asked   []int
		from    int // who is named, none if all is well in the end; by index
	}{
		"a bad mirror":                {[]answer{lie, right}, []int{1, 1}, -1},
		"two bad mirrors":             {[]answer{lie, lie2, right}, []int{1, 1, 1}, -1},
		"the registry itself is bad":  {[]answer{right, lie}, []int{1, 0}, -1},
		"a mirror without it":         {[]answer{times(-1, "GET", "/blobs/", status(404, "")), lie}, []int{2, 2}, 1},
		"one place, twice":            {[]answer{lie}, []int{2}, 0},
		"a bad mirror, then the same": {[]answer{lie, lie2}, []int{1, 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var fakes []*fake
			var hosts []string
			for _, a := range c.answers {
				fakes = append(fakes, newFake(t, a))
				hosts = append(hosts, fakes[len(fakes)-1].host())
			}
			s := quickSource(t, mirrored("quay.io", hosts...), ClientOptions{})
			r, err := s.readAhead(t.Context(), []string{"quay.io/a"}, blobOf(content))
			if c.from < 0 {
				if err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(r); string(got) != content || err != nil {
					t.Errorf("read %q, %v", got, err)
				}
			} else if e := (*ContentError)(nil); !errors.As(err, &e) || e.From != hosts[c.from] || e.Want.Digest != digest.FromString(content) {
				t.Errorf("error is %v, want one that names %s", err, hosts[c.from])
			}
			for i, f := range fakes {
				if n := f.count("GET", "/blobs/"); n != c.asked[i] {
					t.Errorf("place %d was asked %d times, want %d", i, n, c.asked[i])
				}
			}
		})
	}
}
