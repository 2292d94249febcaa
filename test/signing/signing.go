// Package signing signs made-up releases, as Red Hat signs real ones, and serves
// the signatures from a store on loopback.
package signing

import (
	"bytes"
	"crypto"
	"fmt"
	"net"
	"net/http"
	"sync"

	"golang.org/x/crypto/openpgp"
	"golang.org/x/crypto/openpgp/armor"
	"golang.org/x/crypto/openpgp/packet"
)

// Store is a key of its own and the signatures made with it.
type Store struct {
	key    *openpgp.Entity
	server *http.Server
	url    string

	mu    sync.Mutex
	files map[string][]byte
}

// Start makes a key and serves a store that is still empty.
func Start() (*Store, error) {
	key, err := openpgp.NewEntity("Made up", "", "nobody@example.com", config())
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Store{key: key, url: "http://" + l.Addr().String() + "/signatures", files: map[string][]byte{}}
	s.server = &http.Server{Handler: s}
	go s.server.Serve(l)
	return s, nil
}

func config() *packet.Config {
	return &packet.Config{RSABits: 2048, DefaultHash: crypto.SHA256}
}

// URL is the store's address, for --signature-store.
func (s *Store) URL() string { return s.url }

// Close ends the server.
func (s *Store) Close() error { return s.server.Close() }

// PublicKey is the armored key, for --release-key.
func (s *Store) PublicKey() ([]byte, error) {
	var b bytes.Buffer
	w, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
	if err != nil {
		return nil, err
	}
	if err := s.key.Serialize(w); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Sign signs that a digest (sha256:...) is a release, named by its reference
// with a tag, and puts the signature into the store.
func (s *Store) Sign(digest, reference string) error {
	var b bytes.Buffer
	w, err := openpgp.Sign(&b, s.key, nil, config())
	if err != nil {
		return err
	}
	fmt.Fprintf(w, `{"critical":{"type":"atomic container signature","image":{"docker-manifest-digest":%q},"identity":{"docker-reference":%q}},"optional":{"creator":"made up","timestamp":1}}`, digest, reference)
	if err := w.Close(); err != nil {
		return err
	}
	s.Put(digest, b.Bytes())
	return nil
}

// Put puts any bytes in the place of a digest's first signature.
func (s *Store) Put(digest string, raw []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files["/signatures/sha256="+digest[len("sha256:"):]+"/signature-1"] = raw
}

// ServeHTTP serves the signatures.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	raw, ok := s.files[r.URL.Path]
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Write(raw)
}
