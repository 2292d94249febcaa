package oci

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Media types of the Docker family, which the image spec does not name.
const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
	dockerLayer    = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	dockerForeign  = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
	dockerSchema1  = "application/vnd.docker.distribution.manifest.v1"
)

// MaxManifest bounds an image manifest or index, in bytes. It is the limit that
// the distribution specification asks registries to accept.
const MaxManifest = 4 << 20

// Kind tells what a piece of content is to the image that names it.
type Kind int

// The kinds of content.
const (
	KindIndex    Kind = iota // an image index: names image manifests
	KindManifest             // an image manifest: names a config and layers
	KindConfig               // an image's config: small JSON
	KindLayer                // everything else
)

// Link is one thing that an index or image manifest points at.
type Link struct {
	Descriptor ocispec.Descriptor
	Kind       Kind
}

// KindOf tells an index from an image manifest by media type. ok is false for
// everything else, which has no links.
func KindOf(mediaType string) (k Kind, ok bool) {
	switch mediaType {
	case ocispec.MediaTypeImageIndex, dockerList:
		return KindIndex, true
	case ocispec.MediaTypeImageManifest, dockerManifest:
		return KindManifest, true
	}
	return KindLayer, false
}

// Links reads an index or image manifest and returns what it points at: the
// children of an index, or config and layers of an image, in their order. What
// lies elsewhere by licence (foreign layers) is left out: no registry is asked
// for it. Sizes and digests are checked for form only.
func Links(mediaType string, raw []byte) ([]Link, error) {
	kind, ok := KindOf(mediaType)
	if !ok {
		return nil, fmt.Errorf("media type %q is neither an image index nor an image manifest", mediaType)
	}
	var doc struct {
		SchemaVersion int                  `json:"schemaVersion"`
		MediaType     string               `json:"mediaType"`
		Manifests     []ocispec.Descriptor `json:"manifests"`
		Config        *ocispec.Descriptor  `json:"config"`
		Layers        []ocispec.Descriptor `json:"layers"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	switch {
	case doc.SchemaVersion != 2:
		return nil, fmt.Errorf("schema version %d, want 2", doc.SchemaVersion)
	case doc.MediaType != "" && doc.MediaType != mediaType:
		return nil, fmt.Errorf("says it is %q and is listed as %q", doc.MediaType, mediaType)
	case kind == KindIndex:
		return indexLinks(doc.Manifests)
	case doc.Config == nil || len(doc.Manifests) > 0:
		return nil, errors.New("is no image manifest: it has no config, or children")
	}
	return imageLinks(*doc.Config, doc.Layers)
}

func indexLinks(children []ocispec.Descriptor) ([]Link, error) {
	var links []Link
	for _, d := range children {
		kind, ok := KindOf(d.MediaType)
		if !ok {
			kind = KindLayer
		}
		links = append(links, Link{d, kind})
	}
	return links, checkLinks(links)
}

func imageLinks(config ocispec.Descriptor, layers []ocispec.Descriptor) ([]Link, error) {
	links := []Link{{config, KindConfig}}
	for _, d := range layers {
		if !foreign(d) {
			links = append(links, Link{d, KindLayer})
		}
	}
	return links, checkLinks(links)
}

func foreign(d ocispec.Descriptor) bool {
	return d.MediaType == dockerForeign || strings.Contains(d.MediaType, ".nondistributable.")
}

func checkLinks(links []Link) error {
	var errs []error
	for _, l := range links {
		if err := checkDescriptor(l.Descriptor); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func checkDescriptor(d ocispec.Descriptor) error {
	if err := d.Digest.Validate(); err != nil {
		return fmt.Errorf("%q: %w", d.Digest, err)
	}
	if d.Digest.Algorithm() != digest.SHA256 {
		return fmt.Errorf("%s: digest algorithm %s, want sha256", d.Digest, d.Digest.Algorithm())
	}
	if d.Size < 0 {
		return fmt.Errorf("%s: size %d", d.Digest, d.Size)
	}
	return nil
}

// documentType is the media type that an index or image manifest gives itself,
// or that its shape shows: OCI documents may leave it out.
func documentType(raw []byte) string {
	var doc struct {
		SchemaVersion int             `json:"schemaVersion"`
		MediaType     string          `json:"mediaType"`
		Manifests     json.RawMessage `json:"manifests"`
		Config        json.RawMessage `json:"config"`
	}
	if json.Unmarshal(raw, &doc) != nil {
		return ""
	}
	switch {
	case doc.MediaType != "":
		return doc.MediaType
	case doc.SchemaVersion == 1:
		return dockerSchema1
	case doc.Manifests != nil:
		return ocispec.MediaTypeImageIndex
	case doc.Config != nil:
		return ocispec.MediaTypeImageManifest
	}
	return ""
}
