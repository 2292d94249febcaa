package importer

import (
	"context"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// feedReader is one node's reader of a blob that several nodes read. Whoever
// comes to the end of what is there reads on for all.
type feedReader struct {
	ctx context.Context
	f   *fan
	fd  *feed
	p   *pusher
	d   ocispec.Descriptor

	rest []byte        // of the chunk that this node is at
	at   int64         // bytes given so far
	own  io.ReadCloser // since this node fell out of step
}

func (r *feedReader) Read(b []byte) (int, error) {
	for len(r.rest) == 0 && r.own == nil {
		if r.at == r.d.Size {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	if r.own != nil {
		return r.own.Read(b)
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	r.at += int64(n)
	return n, nil
}

// next takes the next chunk, and reads it if nobody has.
func (r *feedReader) next() error {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	if r.at > 0 { // done with the chunk it was at
		r.step()
	}
	for {
		if err := r.f.await(r.ctx, r.fd, r.p, r.ready); err != nil {
			return err
		}
		at, in := r.fd.behind[r.p]
		switch {
		case !in:
			return r.goAlone()
		case r.fd.err != nil:
			return r.fd.err
		case at < r.fd.end():
			r.rest = r.fd.chunks[at-r.fd.first]
			return nil
		}
		r.readOn()
	}
}

// step goes on to the next chunk.
func (r *feedReader) step() {
	if at, in := r.fd.behind[r.p]; in {
		r.fd.behind[r.p] = at + 1
		r.fd.forget()
	}
}

// ready says whether there is something to do for this node, and if not, who
// keeps it from being so; a medium that is slow is nobody's fault.
func (r *feedReader) ready() (bool, []*pusher) {
	fd := r.fd
	at, in := fd.behind[r.p]
	switch {
	case !in, fd.err != nil, at < fd.end():
		return true, nil
	case len(fd.chunks) < window:
		return !fd.reading, nil
	}
	return false, fd.slowest()
}

// readOn reads one chunk of the medium for all.
func (r *feedReader) readOn() {
	fd := r.fd
	fd.reading = true
	b := make([]byte, min(chunk, fd.left))
	r.f.mu.Unlock()
	_, err := io.ReadFull(fd.content, b)
	r.f.mu.Lock()
	fd.reading = false
	fd.left -= int64(len(b))
	fd.err = err
	if err == nil {
		fd.chunks = append(fd.chunks, b)
	}
	fd.wake()
}

// goAlone reads the blob by itself from here. What was given already is read
// again, since it has to be hashed.
func (r *feedReader) goAlone() error {
	own, err := r.f.alone(r.ctx, r.d)
	if err != nil {
		return err
	}
	r.own = own
	r.f.mu.Unlock()
	defer r.f.mu.Lock()
	_, err = io.CopyN(io.Discard, own, r.at)
	return err
}

// Close lets the others go on without this node.
func (r *feedReader) Close() error {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	r.fd.release(r.p)
	if r.own != nil {
		return r.own.Close()
	}
	return nil
}
