package oci

import (
	"hash"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// provenReader hashes what passes. The last bytes are held back until they are
// proven, so that whoever forwards the content never completes a wrong blob.
type provenReader struct {
	r    io.Reader
	want ocispec.Descriptor
	hash hash.Hash
	at   int64
	err  error
}

func (p *provenReader) Read(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.r.Read(b)
	p.hash.Write(b[:n])
	p.at += int64(n)
	switch {
	case p.at == p.want.Size:
		if got := digest.NewDigest(digest.SHA256, p.hash); got != p.want.Digest {
			p.err = &ContentError{Want: p.want, Size: p.at, Got: got}
			return 0, p.err
		}
		p.err = io.EOF
		return n, nil
	case err == io.EOF: // and not a broken connection, which is an EOF to net/http
		p.err = &ContentError{Want: p.want, Size: p.at}
		return n, p.err
	}
	return n, err
}

func (p *provenReader) Close() error { return nil }
