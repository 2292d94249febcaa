package oci

import (
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// elsewhere is content that images name and that is not an entry of the tar.
type elsewhere struct {
	documents map[digest.Digest][]byte
	leftOut   map[digest.Digest]int64
}

// Complete tells an archive of content that is no entry of its tar: documents
// are image indexes and image manifests, by their digests; leftOut are blobs that
// need not be there, and their sizes. It comes before all reading.
func (a *Archive) Complete(documents map[digest.Digest][]byte, leftOut map[digest.Digest]int64) {
	a.documents, a.leftOut = documents, leftOut
}

// LeftOut tells whether a blob need not be in the tar, and its size in bytes.
func (a *Archive) LeftOut(d digest.Digest) (size int64, ok bool) {
	size, ok = a.leftOut[d]
	return size, ok
}

// Has tells whether a blob is an entry of the tar.
func (a *Archive) Has(d digest.Digest) bool {
	_, ok := a.entries[d]
	return ok
}

func (a *Archive) document(d ocispec.Descriptor) ([]byte, bool) {
	raw, ok := a.documents[d.Digest]
	return raw, ok && int64(len(raw)) == d.Size
}

// elsewhere judges what need not be in the tar: there is nothing to be read.
// Whoever called Complete has compared sizes.
func (v *verification) elsewhere(d ocispec.Descriptor) bool {
	if _, ok := v.a.document(d); ok {
		v.links(d)
		return true
	}
	_, ok := v.a.LeftOut(d.Digest)
	return ok && !v.a.Has(d.Digest)
}
