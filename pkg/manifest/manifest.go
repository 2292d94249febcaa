// Package manifest is the packing list: the document that says what travels in
// a bundle, whence each image came, and the digest and size of every byte.
//
// A Manifest stands on both sides of the air gap. Planning makes one from an
// image set, a bundle carries it, and everything on site (names on the nodes,
// mirror rules, what to push) is computed from it and from the site's own facts.
// It holds nothing about any site.
//
// # The document
//
// It is JSON, one object, at most [MaxSize] bytes:
//
//	formatVersion  1; a reader refuses any other
//	features       what a reader must know to use the bundle; an unknown one is refused by name
//	images         every image that somebody asked for or that an image asked for names, sorted
//	signatures     those of the releases, as their stores have them
//	unsigned       the releases whose signature somebody chose not to check
//	catalogs       how each pruned catalog image was made, so that it can be made again
//	graph          how the image with the update graph was made, likewise
//	omitted        the images that were asked for and could not be had, and why
//	delta          what is left out because an earlier bundle holds it
//	blobs          every blob of the bundle but the packing list itself, in the order of the tar
//
// Encoding is canonical: the same Manifest gives the same bytes, and [Decode]
// refuses a document that [Manifest.Validate] finds wrong.
package manifest

import (
	"cmp"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Limits and identifiers of the format.
const (
	// FormatVersion is the version of the document that this package writes and reads.
	FormatVersion = 1
	// MediaType is the media type of the encoded document.
	MediaType = "application/vnd.drayage.manifest.v1+json"
	// ArtifactType is the type of the OCI artifact that carries the document in a bundle.
	ArtifactType = "application/vnd.drayage.bundle.v1"
	// MaxSize bounds the encoded document, in bytes: a release has some 200
	// images and 800 blobs (150 KB), so this is room for a few hundred releases.
	MaxSize = 64 << 20
)

// Role says why an image travels. Roles are ordered: a site needs the registry
// first and what is about other images last.
type Role string

// The roles, in the order in which a site needs them.
const (
	RoleRegistry   Role = "registry"   // the registry that the nodes run
	RoleRelease    Role = "release"    // an OpenShift release image
	RoleComponent  Role = "component"  // an image that a release names
	RoleGraph      Role = "graph"      // the update graph for the cluster's own update service, made by us
	RoleCatalog    Role = "catalog"    // a pruned operator catalog, made by us
	RoleOperator   Role = "operator"   // an operator bundle image or an image related to one
	RoleAdditional Role = "additional" // an image that the image set names itself
	RoleSignature  Role = "signature"  // a sigstore attachment: the signature of another image of the bundle
)

// Roles lists every role in order.
var Roles = []Role{
	RoleRegistry, RoleRelease, RoleComponent, RoleGraph, RoleCatalog, RoleOperator, RoleAdditional, RoleSignature,
}

// Ours says whether images of a role are made by planning: nobody upstream has
// them, and nobody upstream signed them.
func (r Role) Ours() bool { return r == RoleGraph || r == RoleCatalog }

// Manifest is the packing list of one bundle.
type Manifest struct {
	FormatVersion int      `json:"formatVersion"`
	Features      []string `json:"features,omitempty"`
	Images        []Image  `json:"images"`
	// Signatures are those of the releases: at least one for each that is not
	// in Unsigned. Nothing here says that they are good; package signature does.
	Signatures []Signature `json:"signatures,omitempty"`
	// Unsigned names the releases (4.12.0-x86_64) whose signature was not
	// checked because a person typed that it should not be.
	Unsigned []string  `json:"unsigned,omitempty"`
	Catalogs []Catalog `json:"catalogs,omitempty"`
	// Graph is there exactly when an image with the role graph is.
	Graph *UpdateGraph `json:"graph,omitempty"`
	// Omitted are the images that were asked for and are left out, sorted by
	// role, name and catalog.
	Omitted []Omission `json:"omitted,omitempty"`
	// Delta is nil for a bundle that holds everything. Else the feature "delta" is set.
	Delta *Delta               `json:"delta,omitempty"`
	Blobs []ocispec.Descriptor `json:"blobs"`
}

// Image is one image of a bundle.
type Image struct {
	// Name is the full source reference, as [Ref.String] writes it: the name
	// under which the bundle's index.json lists the image. A catalog's name is
	// the reference of the catalog it was pruned from, the update graph's is made
	// up: [UpdateGraph.Name].
	Name string `json:"name"`
	Role Role   `json:"role"`
	// Release is "<version>-<arch>" (4.12.0-x86_64), for a release and its components.
	Release string `json:"release,omitempty"`
	// Component is the name that the release gives to a component image (etcd).
	Component string `json:"component,omitempty"`
	// Catalog is the Name of the catalog through which an operator image came.
	Catalog string `json:"catalog,omitempty"`
	// TargetRepository and TargetTag are where an additional image or a catalog
	// stands on a node when the image set says so; empty means by the rules of
	// package mirror.
	TargetRepository string `json:"targetRepository,omitempty"`
	TargetTag        string `json:"targetTag,omitempty"`
	// Descriptor points at the image manifest or index.
	Descriptor ocispec.Descriptor `json:"descriptor"`
	// Platforms are those of an index that travel, as os/arch[/variant], sorted;
	// none when it travels whole, and then an image manifest has none either. The
	// index itself is never edited: it names images that are not in the bundle.
	Platforms []string `json:"platforms,omitempty"`
	// Bytes is the size of all that travels of the image, each blob counted once:
	// indexes, image manifests, configs and layers.
	Bytes int64 `json:"bytes"`
}

// Signature is one signature of a release.
type Signature struct {
	// Release is what it is about: <version>-<arch>.
	Release string `json:"release"`
	// Data is the OpenPGP message, at most [MaxSignature] bytes.
	Data []byte `json:"data"`
}

// Limits of signatures: what release stores give and clusters read.
const (
	MaxSignature  = 50 << 10 // bytes
	MaxSignatures = 9        // of one release
)

// Catalog records how a pruned catalog image was made. The same source and the
// same packages give the same image.
type Catalog struct {
	// Name is the Name of the pruned image among Images.
	Name string `json:"name"`
	// Source is the digest to which the name resolved: the unpruned image or index.
	Source digest.Digest `json:"source"`
	// Platforms are those that were read and rebuilt, as os/arch[/variant],
	// sorted, at least one. Of several an index was made.
	Platforms []string `json:"platforms"`
	// Packages is what was kept, sorted by name.
	Packages []Package `json:"packages"`
}

// Package is what a pruned catalog keeps of one operator package.
type Package struct {
	Name           string    `json:"name"`
	DefaultChannel string    `json:"defaultChannel"`
	Channels       []Channel `json:"channels"`
}

// Channel is what is kept of one channel: bundle names, sorted.
type Channel struct {
	Name    string   `json:"name"`
	Bundles []string `json:"bundles"`
}

// Sort puts images into their one order: role, release, component, name, catalog.
func (m *Manifest) Sort() {
	slices.SortFunc(m.Images, compareImages)
	// Stable: a store numbers the signatures of a release.
	slices.SortStableFunc(m.Signatures, func(a, b Signature) int { return cmp.Compare(a.Release, b.Release) })
	slices.Sort(m.Unsigned)
	slices.SortFunc(m.Omitted, compareOmissions)
	slices.SortFunc(m.Catalogs, func(a, b Catalog) int { return cmp.Compare(a.Name, b.Name) })
}

func compareImages(a, b Image) int {
	return cmp.Or(
		cmp.Compare(slices.Index(Roles, a.Role), slices.Index(Roles, b.Role)),
		cmp.Compare(a.Release, b.Release),
		cmp.Compare(a.Component, b.Component),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Catalog, b.Catalog),
	)
}

// Releases are the release images, in order.
func (m *Manifest) Releases() []Image {
	var releases []Image
	for _, i := range m.Images {
		if i.Role == RoleRelease {
			releases = append(releases, i)
		}
	}
	return releases
}

// TotalBytes is the sum over images: what would travel if nothing were shared.
func (m *Manifest) TotalBytes() int64 {
	var n int64
	for _, i := range m.Images {
		n += i.Bytes
	}
	return n
}
