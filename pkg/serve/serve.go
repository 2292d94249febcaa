// Package serve is a registry over an open bundle: read-only, straight from the
// tar, nothing is unpacked. It is for an installation from a laptop, and for
// nodes that have no registry yet.
//
// Images stand where [mirror.Placements] puts them on a node, so the mirror
// rules of a site hold for this registry too, with another host.
//
// It answers GET and HEAD of the OCI distribution specification's pull part
// (manifests by tag and digest, blobs with ranges), tags and the list of
// repositories; everything else is refused. A blob that is read whole is proven
// while it passes, and its last bytes are held back if it is wrong. What is read
// by ranges is for the client to prove, as all clients of registries do.
package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/bundle"
	"drayage/pkg/mirror"
	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// Registry serves one bundle. It is safe for use by many goroutines.
type Registry struct {
	// Damage is told of each blob that turns out wrong or unreadable while it is
	// served whole, each time. It may be nil, and is called by many goroutines.
	Damage func(error)

	bundle *bundle.Bundle
	repos  map[string]*repository
}

// repository is what one name holds.
type repository struct {
	tags      map[string]digest.Digest
	manifests map[digest.Digest]ocispec.Descriptor
	blobs     map[digest.Digest]ocispec.Descriptor
}

// New makes a registry of a bundle, whose images stand in a site's repositories.
// A delta is refused. Its errors are those of places that two images want, and of
// image manifests that the bundle does not hold.
func New(b *bundle.Bundle, r site.Repositories) (*Registry, error) {
	if d := b.Manifest.Delta; d != nil {
		n, bytes := d.LeftOut()
		return nil, fmt.Errorf("a delta cannot be served: it leaves out %d blobs, %d bytes, that are on nodes only", n, bytes)
	}
	placements, err := mirror.Placements(b.Manifest, r)
	if err != nil {
		return nil, err
	}
	reg := &Registry{bundle: b, repos: map[string]*repository{}}
	for _, p := range placements {
		if err := reg.place(p); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Image.Name, b.Damage(err))
		}
	}
	return reg, nil
}

func (g *Registry) place(p mirror.Placement) error {
	repo := g.repos[p.Repository]
	if repo == nil {
		repo = &repository{map[string]digest.Digest{}, map[digest.Digest]ocispec.Descriptor{}, map[digest.Digest]ocispec.Descriptor{}}
		g.repos[p.Repository] = repo
	}
	repo.tags[p.Tag] = p.Image.Descriptor.Digest
	root := oci.Root{Descriptor: p.Image.Descriptor, Platforms: p.Image.Platforms}
	return oci.Walk(root, g.bundle.Archive.Manifest, func(l oci.Link) {
		if l.Kind == oci.KindIndex || l.Kind == oci.KindManifest {
			repo.manifests[l.Descriptor.Digest] = l.Descriptor
		} else {
			repo.blobs[l.Descriptor.Digest] = l.Descriptor
		}
	})
}

// ServeHTTP answers one request.
func (g *Registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "this registry is read-only")
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/v2/")
	switch {
	case !ok && r.URL.Path != "/v2":
		refuse(w, http.StatusNotFound, "UNSUPPORTED", "the registry is below /v2/")
	case path == "" || !ok:
		answer(w, struct{}{})
	case path == "_catalog":
		answer(w, map[string]any{"repositories": slices.Sorted(maps.Keys(g.repos))})
	default:
		g.repository(w, r, path)
	}
}

// repository answers a request for <name>/<kind>/<reference>.
func (g *Registry) repository(w http.ResponseWriter, r *http.Request, path string) {
	parts := strings.Split(path, "/")
	if len(parts) < 3 {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "no such path")
		return
	}
	name, kind, ref := strings.Join(parts[:len(parts)-2], "/"), parts[len(parts)-2], parts[len(parts)-1]
	repo := g.repos[name]
	switch {
	case repo == nil:
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "no such repository")
	case kind == "manifests":
		g.manifest(w, repo, ref)
	case kind == "blobs":
		g.blob(w, r, repo, digest.Digest(ref))
	case kind == "tags" && ref == "list":
		answer(w, map[string]any{"name": name, "tags": slices.Sorted(maps.Keys(repo.tags))})
	default:
		refuse(w, http.StatusNotFound, "UNSUPPORTED", "no such path")
	}
}

func (g *Registry) manifest(w http.ResponseWriter, repo *repository, ref string) {
	d := digest.Digest(ref)
	if tagged, ok := repo.tags[ref]; ok {
		d = tagged
	}
	desc, ok := repo.manifests[d]
	if !ok {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "no such image")
		return
	}
	raw, err := g.bundle.Archive.Manifest(desc)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "UNKNOWN", g.bundle.Damage(err).Error())
		return
	}
	h := w.Header()
	h.Set("Content-Type", desc.MediaType)
	h.Set("Docker-Content-Digest", desc.Digest.String())
	h.Set("Content-Length", strconv.Itoa(len(raw)))
	_, _ = w.Write(raw) // a client that has gone needs no answer
}

func (g *Registry) blob(w http.ResponseWriter, r *http.Request, repo *repository, d digest.Digest) {
	desc, ok := repo.blobs[d]
	if !ok {
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN", "no such blob")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Docker-Content-Digest", d.String())
	h.Set("ETag", `"`+d.String()+`"`)
	if r.Method == http.MethodHead || r.Header.Get("Range") != "" {
		content, err := g.bundle.Archive.Section(desc)
		if err != nil {
			refuse(w, http.StatusInternalServerError, "UNKNOWN", g.bundle.Damage(err).Error())
			return
		}
		http.ServeContent(w, r, "", time.Time{}, content)
		return
	}
	g.whole(w, r, desc)
}

// whole sends a blob and proves it on the way. One that is wrong ends short, so
// that no client takes it for good.
func (g *Registry) whole(w http.ResponseWriter, r *http.Request, desc ocispec.Descriptor) {
	content, err := g.bundle.Archive.Open(r.Context(), desc)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "UNKNOWN", g.bundle.Damage(err).Error())
		return
	}
	defer content.Close()
	w.Header().Set("Content-Length", strconv.FormatInt(desc.Size, 10))
	medium := &faultyReader{r: content}
	_, _ = io.Copy(w, medium) // a client that has gone needs no answer
	if medium.err == nil {
		return
	}
	if g.Damage != nil && r.Context().Err() == nil {
		g.Damage(g.bundle.Damage(medium.err))
	}
	panic(http.ErrAbortHandler)
}

// faultyReader keeps the error of a reader, which io.Copy mixes with those of
// whom it writes to.
type faultyReader struct {
	r   io.Reader
	err error
}

func (f *faultyReader) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a client that has gone needs no answer
}

// refuse answers in the form that clients of registries know.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
}
