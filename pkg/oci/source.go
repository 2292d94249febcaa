package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
)

// Source is where content comes from on the connected side: every registry in
// the world, reached as registries.conf says.
type Source struct {
	client *Client
	conf   *types.SystemContext
	spool  *spool
	local  LocalFunc

	distrust distrust
}

// SourceOptions say how a Source reaches registries.
type SourceOptions struct {
	ClientOptions
	// RegistriesConf is a registries.conf (version 2), read with what lies in
	// the folder of the same name and ".d" beside it, and nothing else. Empty
	// means the ecosystem's own places, CONTAINERS_REGISTRIES_CONF among them.
	RegistriesConf string
	// SpoolDir is where blobs are kept that were read before the bundle was
	// begun (a release's last layer, a catalog's layers), so that they are
	// fetched once. The file there has no name and goes with the process.
	// Empty means the system's folder for temporary files.
	SpoolDir string
	// Local gives blobs that are on this machine already, proven, so that they
	// are not fetched again. It may be nil.
	Local LocalFunc
}

// LocalFunc gives a blob, proven, and false when it does not have it.
type LocalFunc = func(context.Context, ocispec.Descriptor) (io.ReadCloser, bool)

// NewSource makes a Source. It fails when a file that was named cannot be read
// or makes no sense, before any registry is asked.
func NewSource(o SourceOptions) (*Source, error) {
	client, err := NewClient(o.ClientOptions)
	if err != nil {
		return nil, err
	}
	conf := &types.SystemContext{}
	if o.RegistriesConf != "" {
		if _, err := os.Stat(o.RegistriesConf); err != nil {
			return nil, err
		}
		conf.SystemRegistriesConfPath = o.RegistriesConf
		conf.SystemRegistriesConfDirPath = o.RegistriesConf + ".d"
	}
	if _, err := sysregistriesv2.GetRegistries(conf); err != nil {
		return nil, fmt.Errorf("registries.conf: %w", err)
	}
	if o.Local == nil {
		o.Local = func(context.Context, ocispec.Descriptor) (io.ReadCloser, bool) { return nil, false }
	}
	return &Source{client: client, conf: conf, spool: &spool{dir: o.SpoolDir}, local: o.Local}, nil
}

// Close gives back what the Source holds on disk.
func (s *Source) Close() error { return s.spool.close() }

// Resolve asks which image a reference (host/path with a tag, a digest or both)
// stands for, and fetches its manifest; of both, the digest counts. Mirrors are tried in their order and
// the registry itself last; the error names every one that was tried.
func (s *Source) Resolve(ctx context.Context, ref string) (ocispec.Descriptor, []byte, error) {
	places, err := s.places(ref)
	if err != nil {
		return ocispec.Descriptor{}, nil, err
	}
	var errs []error
	for _, p := range places {
		desc, raw, err := s.client.Manifest(ctx, p.Repository, p.ref)
		if err == nil {
			if desc.MediaType, err = manifestType(desc.MediaType, raw); err == nil {
				return desc, raw, nil
			}
			err = fmt.Errorf("%s: %w", p.Host, err)
		}
		if ctx.Err() != nil {
			return desc, nil, ctx.Err()
		}
		errs = append(errs, err)
	}
	return ocispec.Descriptor{}, nil, fmt.Errorf("%s: %w", ref, joinLine(errs))
}

// openAny reads a blob that these repositories have, from where it can be had: for
// each its mirrors in their order, then the registry itself. A connection that is
// cut is taken up again where it was cut. The content is not proven: the reader of
// it knows the digest, and whether to hash it.
func (s *Source) openAny(ctx context.Context, repositories []string, d ocispec.Descriptor) (io.ReadCloser, error) {
	if r, ok := s.spool.open(d.Digest); ok {
		return r, nil
	}
	var all []place
	for _, repository := range repositories {
		places, err := s.places(repository + "@" + d.Digest.String())
		if err != nil {
			return nil, err
		}
		all = append(all, places...)
	}
	return &resumingReader{ctx: ctx, client: s.client, places: s.distrust.order(d.Digest, all), desc: d, distrust: &s.distrust}, nil
}

// readAhead fetches a blob, proves it, and keeps it, so that a later openAny of
// the same digest is served from here.
func (s *Source) readAhead(ctx context.Context, repositories []string, d ocispec.Descriptor) (io.ReadCloser, error) {
	if err := checkDescriptor(d); err != nil {
		return nil, err
	}
	if r, ok := s.local(ctx, d); ok {
		return r, nil
	}
	return s.spool.fill(ctx, d, func() (io.ReadCloser, error) { return s.openAny(ctx, repositories, d) })
}

// place is one registry where a reference can be had.
type place struct {
	Repository
	ref string // tag or digest
}

// places applies registries.conf to a reference.
func (s *Source) places(ref string) ([]place, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	if reference.IsNameOnly(named) {
		return nil, fmt.Errorf("%s: has neither a tag nor a digest", ref)
	}
	reg, err := sysregistriesv2.FindRegistry(s.conf, named.Name())
	if err != nil {
		return nil, fmt.Errorf("registries.conf: %w", err)
	}
	if reg == nil {
		return []place{newPlace(named, false)}, nil
	}
	if reg.Blocked && len(reg.Mirrors) == 0 {
		return nil, fmt.Errorf("%s: registries.conf blocks %s", ref, reg.Prefix)
	}
	sources, err := reg.PullSourcesFromReference(withoutTag(named))
	if err != nil {
		return nil, fmt.Errorf("registries.conf: %w", err)
	}
	if reg.Blocked { // the registry itself comes last; its mirrors are allowed
		sources = sources[:len(sources)-1]
	}
	var places []place
	for _, src := range sources {
		places = append(places, newPlace(src.Reference, src.Endpoint.Insecure))
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("%s: registries.conf leaves no registry to ask", ref)
	}
	return places, nil
}

// withoutTag drops the tag of a reference that has a digest too: the digest
// says it all, and registries.conf's rules do not take both.
func withoutTag(named reference.Named) reference.Named {
	d, ok := named.(reference.Digested)
	if !ok {
		return named
	}
	canonical, err := reference.WithDigest(reference.TrimNamed(named), d.Digest())
	if err != nil { // it was parsed with this digest
		return named
	}
	return canonical
}

// Docker's registry: its name is one thing, its server another.
const (
	dockerHost   = "docker.io"
	dockerServer = "registry-1.docker.io"
)

func newPlace(named reference.Named, insecure bool) place {
	p := place{Repository: Repository{Host: reference.Domain(named), Path: reference.Path(named), Insecure: insecure}}
	if p.Host == dockerHost {
		p.Host = dockerServer
	}
	switch r := named.(type) {
	case reference.Digested:
		p.ref = r.Digest().String()
	case reference.Tagged:
		p.ref = r.Tag()
	}
	return p
}

// joinLine joins errors into one line. The last one is the registry itself,
// which a reader wants to see first.
func joinLine(errs []error) error {
	switch len(errs) {
	case 0:
		return errors.New("no registry to ask")
	case 1:
		return errs[0]
	}
	last := errs[len(errs)-1]
	return fmt.Errorf("%w (and before it: %w)", last, joinLine(errs[:len(errs)-1]))
}

// resumingReader reads a blob through cut connections and from the next place
// when one does not have it.
type resumingReader struct {
	ctx    context.Context
	client *Client
	places []place
	desc   ocispec.Descriptor

	distrust *distrust
	gave     []place // those that gave bytes

	body   io.ReadCloser
	moved  bool  // bytes have come from body
	at     int64 // bytes given to the reader so far
	failed int   // attempts since the last byte
	cuts   int64 // attempts in all
	errs   []error
}

// A transfer whose connections pass a byte or two each would have no end: it may
// be cut maxCuts times, and once more for each bytesPerCut that came through.
const (
	maxCuts     = 24
	bytesPerCut = 16 << 10
)

func (r *resumingReader) Read(p []byte) (int, error) {
	for {
		if r.body == nil {
			if err := r.open(); err != nil {
				return 0, err
			}
		}
		n, err := r.body.Read(p)
		if n > 0 || err == nil {
			r.at += int64(n)
			r.moved, r.failed = true, 0
			if len(r.gave) == 0 || r.gave[len(r.gave)-1] != r.places[0] {
				r.gave = append(r.gave, r.places[0])
			}
			return n, nil // an error comes again with the next call
		}
		if r.at >= r.desc.Size {
			return 0, io.EOF // all is here, however the connection ended
		}
		// A connection that fell silent on the way was most likely cut without a
		// word. A registry that does not even begin is not asked again.
		if errors.Is(err, io.EOF) || (r.moved && errors.Is(err, errStalled)) {
			err = r.cut()
		}
		r.close()
		if err := r.pause(err); err != nil {
			return 0, err
		}
	}
}

// Seek sets where reading begins, before the first byte is read.
func (r *resumingReader) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekStart || r.body != nil || offset < 0 || offset > r.desc.Size {
		return r.at, errors.New("a download is set once, before it begins")
	}
	r.at = offset
	return offset, nil
}

// open opens the blob at the place in turn, going to the next one when this
// one says for good that it cannot serve it.
func (r *resumingReader) open() error {
	for {
		body, err := r.client.openBlobAt(r.ctx, r.places[0].Repository, r.desc, r.at)
		if err == nil {
			r.body, r.moved = body, false
			return nil
		}
		if err := r.pause(err); err != nil {
			return err
		}
	}
}

// pause decides what an error means: wait and try again (nil), try the next
// place (nil), or the end (the error).
func (r *resumingReader) pause(err error) error {
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	r.failed++
	r.cuts++
	if wait, again := r.client.backoff(r.failed, err); again && r.cuts <= maxCuts+r.at/bytesPerCut {
		return sleep(r.ctx, wait)
	}
	r.errs = append(r.errs, err)
	if len(r.places) == 1 {
		return joinLine(r.errs)
	}
	r.places, r.failed = r.places[1:], 0
	return nil
}

func (r *resumingReader) cut() error {
	p := r.places[0]
	return &HTTPError{Host: p.Host, Method: "GET", Path: p.Path + "/blobs/" + r.desc.Digest.String(),
		Err: fmt.Errorf("ended after %d of %d bytes: %w", r.at, r.desc.Size, io.ErrUnexpectedEOF)}
}

func (r *resumingReader) close() {
	if r.body != nil {
		r.body.Close()
		r.body = nil
	}
}

func (r *resumingReader) Close() error {
	r.close()
	return nil
}

// manifestType settles the media type of a manifest: what the answer said, or
// what the document says of itself.
func manifestType(header string, raw []byte) (string, error) {
	if _, ok := KindOf(header); ok {
		return header, nil
	}
	if t := documentType(raw); t != "" {
		if _, ok := KindOf(t); ok {
			return t, nil
		}
		header = t
	}
	return "", fmt.Errorf("%s: %w", digest.FromBytes(raw), unreadableType(header))
}
