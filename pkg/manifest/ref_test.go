package manifest

import (
	_ "crypto/sha512" // linked into both programs by crypto/tls
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

func TestParseRef(t *testing.T) {
	d := digest.FromString("x")
	cases := []struct {
		in         string
		want       Ref
		full       string
		host, path string
	}{
		{"registry:2", Ref{"docker.io/library/registry", "2", ""}, "docker.io/library/registry:2", "docker.io", "library/registry"},
		{"acme/tool:v1", Ref{"docker.io/acme/tool", "v1", ""}, "docker.io/acme/tool:v1", "docker.io", "acme/tool"},
		{"docker.io/registry:2", Ref{"docker.io/library/registry", "2", ""}, "docker.io/library/registry:2", "docker.io", "library/registry"},
		{"index.docker.io/registry:2", Ref{"docker.io/library/registry", "2", ""}, "docker.io/library/registry:2", "docker.io", "library/registry"},
		{"quay.io/a/b/c:v1", Ref{"quay.io/a/b/c", "v1", ""}, "quay.io/a/b/c:v1", "quay.io", "a/b/c"},
		{"localhost/a:1", Ref{"localhost/a", "1", ""}, "localhost/a:1", "localhost", "a"},
		{"localhost:5000/a:1", Ref{"localhost:5000/a", "1", ""}, "localhost:5000/a:1", "localhost:5000", "a"},
		{"10.0.0.1:5000/a/b@" + d.String(), Ref{"10.0.0.1:5000/a/b", "", d}, "10.0.0.1:5000/a/b@" + d.String(), "10.0.0.1:5000", "a/b"},
		{"quay.io/a/b:v1@" + d.String(), Ref{"quay.io/a/b", "v1", d}, "quay.io/a/b:v1@" + d.String(), "quay.io", "a/b"},
	}
	for _, c := range cases {
		got, err := ParseRef(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got != c.want || got.String() != c.full {
			t.Errorf("%s: got %+v (%s), want %+v (%s)", c.in, got, got, c.want, c.full)
		}
		if got.Host() != c.host || got.Path() != c.path {
			t.Errorf("%s: host %q path %q, want %q %q", c.in, got.Host(), got.Path(), c.host, c.path)
		}
		if again, err := ParseRef(got.String()); err != nil || again != got {
			t.Errorf("%s: read back it is %+v, %v", c.in, again, err)
		}
	}
}

func TestParseRefRefuses(t *testing.T) {
	sha512 := digest.SHA512.FromString("x").String()
	cases := []struct{ in, want string }{
		{"quay.io/a/b", `"quay.io/a/b": has neither a tag nor a digest`},
		{"quay.io/a/b@" + sha512, `"quay.io/a/b@` + sha512 + `": digest algorithm sha512, want sha256`},
		{"quay.io/a/b@sha256:1234", `"quay.io/a/b@sha256:1234": invalid reference format`},
		{"", `"": invalid reference format`},
		{"quay.io/a/b:", `"quay.io/a/b:": invalid reference format`},
		{"quay.io/\x1b[2J/b:1", `"quay.io/\x1b[2J/b:1": invalid reference format`},
		{"quay.io/A/b:1", `"quay.io/A/b:1": invalid reference format: repository name (A/b) must be lowercase`},
		{"quay.io/a/../b:1", `"quay.io/a/../b:1": invalid reference format`},
		{"https://quay.io/a:1", `"https://quay.io/a:1": invalid reference format`},
		{"quay.io/a:1\n", `"quay.io/a:1\n": invalid reference format`},
		{strings.Repeat("a", 64), `"` + strings.Repeat("a", 64) + `": invalid repository name (` + strings.Repeat("a", 64) + `), cannot specify 64-byte hexadecimal strings`},
		{"quay.io/" + strings.Repeat("a", 300) + ":1", `"quay.io/` + strings.Repeat("a", 300) + `:1": repository name must not be more than 255 characters`},
	}
	for _, c := range cases {
		if r, err := ParseRef(c.in); err == nil || err.Error() != c.want {
			t.Errorf("%q: got %+v, %v\nwant %s", c.in, r, err, c.want)
		}
	}
}
