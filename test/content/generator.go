package content

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"math/rand/v2"
)

// generator gives the same endless bytes for the same seed, in every Go
// version: ChaCha8 is specified.
func generator(seed string) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256([]byte(seed)))
}

// words is what prose is made of.
var words = [...]string{
	"anchor", "ballast", "berth", "bilge", "bollard", "bow", "buoy", "cargo", "chart", "cleat", "container", "crane",
	"deck", "derrick", "dock", "draft", "fender", "freight", "galley", "gangway", "harbour", "hatch", "hawser", "helm",
	"hold", "hull", "jetty", "keel", "lading", "lighter", "manifest", "mast", "mooring", "pallet", "pier", "pilot",
	"port", "quay", "rigging", "rudder", "sail", "sheave", "sling", "spar", "stern", "stowage", "tackle", "tide",
	"trade", "tug", "vessel", "wake", "watch", "wharf", "winch", "yard",
}

// prose reads as endless words, so it compresses as text does.
type prose struct {
	r    *rand.Rand
	rest []byte
}

func (p *prose) Read(b []byte) (int, error) {
	for len(p.rest) < len(b) {
		p.rest = append(p.rest, words[p.r.IntN(len(words))]...)
		p.rest = append(p.rest, ' ')
	}
	n := copy(b, p.rest)
	p.rest = append(p.rest[:0], p.rest[n:]...)
	return n, nil
}

// pathRune keeps what is plain in a path.
func pathRune(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '/', r == '-':
		return r
	}
	return '-'
}

func hexOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// hexSum is the sha256 of a string in hex.
func hexSum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}
