package manifest

import (
	"fmt"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// Ref is an image reference taken apart: where an image is and which one of it.
type Ref struct {
	// Repository is host/path, always in full: docker.io/library/registry.
	Repository string
	// Tag is empty when the reference has none.
	Tag string
	// Digest is empty when the reference has none.
	Digest digest.Digest
}

// ParseRef reads a reference as the ecosystem writes it, filling in docker.io
// and library/ where they are left out. A reference with neither tag nor digest
// is an error: "latest" is no thing to carry to a place that cannot ask again.
func ParseRef(s string) (Ref, error) {
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil && !printable(err.Error()) { // it quotes what it is about
		return Ref{}, fmt.Errorf("%q: invalid reference format", s)
	}
	if err != nil {
		return Ref{}, fmt.Errorf("%q: %w", s, err)
	}
	r := Ref{Repository: named.Name()}
	if t, ok := named.(reference.Tagged); ok {
		r.Tag = t.Tag()
	}
	if d, ok := named.(reference.Digested); ok {
		r.Digest = d.Digest()
	}
	if r.Tag == "" && r.Digest == "" {
		return Ref{}, fmt.Errorf("%q: has neither a tag nor a digest", s)
	}
	if r.Digest != "" && r.Digest.Algorithm() != digest.SHA256 {
		return Ref{}, fmt.Errorf("%q: digest algorithm %s, want sha256", s, r.Digest.Algorithm())
	}
	return r, nil
}

// String is the one full form of the reference, which ParseRef reads back.
func (r Ref) String() string {
	s := r.Repository
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest.String()
	}
	return s
}

// Host is the registry's host, with its port if it has one.
func (r Ref) Host() string {
	host, _ := splitRepository(r.Repository)
	return host
}

// Path is the repository without its host.
func (r Ref) Path() string {
	_, path := splitRepository(r.Repository)
	return path
}

func splitRepository(repo string) (host, path string) {
	named, err := reference.ParseNormalizedNamed(repo)
	if err != nil { // a Ref that ParseRef did not make
		return "", repo
	}
	return reference.Domain(named), reference.Path(named)
}
