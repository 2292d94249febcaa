package oci

import (
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
)

// distrust remembers which places gave a blob with wrong content. They are asked
// for that blob last from then on: a bad mirror must not be asked again while the
// registry itself was never tried.
type distrust struct {
	mu    sync.Mutex
	wrong map[digest.Digest][]place
}

// order puts the places that are distrusted last.
func (t *distrust) order(d digest.Digest, places []place) []place {
	t.mu.Lock()
	defer t.mu.Unlock()
	var first, last []place
	for _, p := range places {
		if slices.Contains(t.wrong[d], p) {
			last = append(last, p)
		} else {
			first = append(first, p)
		}
	}
	return append(first, last...)
}

// note distrusts the places that gave a blob's bytes, and tells whether one of
// those that are left is not distrusted.
func (t *distrust) note(d digest.Digest, gave, left []place) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wrong == nil {
		t.wrong = map[digest.Digest][]place{}
	}
	t.wrong[d] = append(t.wrong[d], gave...)
	return slices.ContainsFunc(left, func(p place) bool { return !slices.Contains(t.wrong[d], p) })
}

// blame says of wrong content where it came from, and whether it is left to be
// asked for somewhere else. Which of several places gave the wrong byte of a
// blob that was taken up again nobody knows: all are blamed.
func (e *ContentError) blame(r io.Reader) *ContentError {
	from, ok := r.(*resumingReader)
	if !ok || len(from.gave) == 0 {
		return e
	}
	hosts := make([]string, len(from.gave))
	for i, p := range from.gave {
		hosts[i] = p.Host
	}
	e.From = strings.Join(slices.Compact(hosts), ", ")
	e.elsewhere = from.distrust.note(e.Want.Digest, from.gave, from.places)
	return e
}
