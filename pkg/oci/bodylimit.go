package oci

import (
	"errors"
	"fmt"
	"math/bits"
	"net/http"
	"sync"
)

const (
	// firstChunk is the largest chunk of a blob that is sent to a host that has
	// refused a larger request, in bytes. Each refusal halves it.
	firstChunk = 64 << 20
	// leastChunk is the smallest one that is tried, in bytes. What refuses it
	// would refuse many image manifests too, and those cannot be sent in chunks.
	leastChunk = 256 << 10
)

// bodyLimits remembers for each host how large the body of a request may be. A
// proxy before a registry refuses larger ones with 413, whatever they are about.
type bodyLimits struct {
	mu sync.Mutex
	m  map[hostKey]bodyLimit
}

// bodyLimit is what is known of one host, in bytes.
type bodyLimit struct {
	most  int64 // 0 until something was refused
	taken int64 // the largest body that it took
}

func (l *bodyLimits) get(k hostKey) bodyLimit {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.m[k]
}

func (l *bodyLimits) took(k hostKey, n int64) {
	l.change(k, func(b *bodyLimit) { b.taken = max(b.taken, n) })
}

// refused notes that n bytes are too many.
func (l *bodyLimits) refused(k hostKey, n int64) {
	l.change(k, func(b *bodyLimit) {
		less := chunkBelow(n)
		if b.most == 0 || less < b.most {
			b.most = less
		}
		b.taken = min(b.taken, b.most)
	})
}

func (l *bodyLimits) change(k hostKey, how func(*bodyLimit)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = map[hostKey]bodyLimit{}
	}
	b := l.m[k]
	how(&b)
	l.m[k] = b
}

// chunkBelow is the largest power of two below n, within the bounds of chunks.
func chunkBelow(n int64) int64 {
	return min(firstChunk, max(leastChunk, int64(1)<<(bits.Len64(uint64(max(n, 2)-1))-1)))
}

// tooLarge tells whether a request was refused for the size of its body.
func tooLarge(err error) bool {
	e := (*HTTPError)(nil)
	return errors.As(err, &e) && e.Status == http.StatusRequestEntityTooLarge
}

// sized says how large the body was that was too large.
func sized(err error, n int64) error {
	if e := (*HTTPError)(nil); tooLarge(err) && errors.As(err, &e) {
		e.Message += fmt.Sprintf(" (of %d bytes)", n)
	}
	return err
}
