// Package mirror is the law of names on a node: under which repository and tag
// each image of a packing list stands there, and which source is found where.
// It computes and asks nobody: the same manifest and the same site give the
// same answer.
//
// # Placements
//
// A role decides the place ([Placements]):
//
//	release     <release repository>:<version>-<arch>
//	component   <release repository>:<version>-<arch>-<component>
//	graph       <graph repository>:<tag>
//	registry    <registry repository>:<tag>
//	catalog     <operators repository>/<index name>:<tag>, or what the image set says
//	operator    <operators repository and source path, flattened to two components>:<tag>
//	additional  <source path>:<tag>, or what the image set says
//	signature   beside the image that it signs: <its repository>:sha256-<hex>.sig
//
// With a graph, each release stands at <updates repository>:<version>-<arch> as
// well, see [UpdateService].
//
// Releases and components have the names of "oc adm release mirror", operator
// images those of "oc adm catalog mirror", so that nodes that were filled with these
// tools hold the same images under the same names. [Tag] gives the tag. The
// index name is the last component of the catalog's path, or of the repository
// that the image set gives it.
//
// # Rules
//
// A cluster asks for an image under its source. A [Rule] says in which
// repositories of a node it is found instead, a [Group] holds the rules of one
// concern ([Rules]). A source stands in one rule only, with all its
// repositories: a cluster that finds two lists for one source merges them in an
// order that nobody promises.
//
// # Catalogs
//
// The cluster knows a pruned catalog under a made-up host, since its digest is
// not the one of the catalog that it was pruned from ([Catalogs]).
package mirror

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/distribution/reference"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

// Placement is one place of one image on a node: Repository:Tag.
type Placement struct {
	Image manifest.Image
	// Repository is without a host: ocp4/openshift.
	Repository string
	Tag        string
}

// Placements says where every image of m stands on a node, sorted by repository,
// tag, source and catalog. Each image has one placement for each role that it is
// listed with, but a sigstore attachment has one in every repository that holds
// what it signs, and a release has two when an update graph travels. Two images
// may share a place when their digest is the same. The error joins every name
// that is no valid reference and every place that two images with different
// digests want.
func Placements(m *manifest.Manifest, r site.Repositories) ([]Placement, error) {
	var all []Placement
	var errs []error
	var attachments []manifest.Image
	for _, img := range m.Images {
		if img.Role == manifest.RoleSignature {
			attachments = append(attachments, img)
			continue
		}
		p, err := place(img, r)
		if err != nil {
			errs = append(errs, fmt.Errorf("image %s: %w", img.Name, err))
			continue
		}
		all = append(all, p)
	}
	images := all
	for _, img := range attachments {
		places, err := attachmentPlaces(img, images)
		if err != nil {
			errs = append(errs, fmt.Errorf("image %s: %w", img.Name, err))
		}
		all = append(all, places...)
	}
	updates, err := updatePlacements(m, r)
	all, errs = append(all, updates...), append(errs, err)
	slices.SortStableFunc(all, comparePlacements)
	if err := errors.Join(append(errs, collisions(all)...)...); err != nil {
		return nil, err
	}
	return all, nil
}

func place(img manifest.Image, r site.Repositories) (Placement, error) {
	ref, err := manifest.ParseRef(img.Name)
	if err != nil {
		return Placement{}, err
	}
	p := Placement{Image: img, Tag: Tag(ref)}
	if p.Repository, err = repository(img, ref, r); err != nil {
		return Placement{}, err
	}
	switch img.Role {
	case manifest.RoleRelease:
		p.Tag = img.Release
	case manifest.RoleComponent:
		p.Tag = img.Release + "-" + img.Component
	}
	if img.TargetTag != "" {
		p.Tag = img.TargetTag
	}
	return p, p.check()
}

// check asks the grammar of references, since releases and components are
// free text in the packing list, and repositories in the site file.
func (p Placement) check() error {
	repo, err := reference.WithName("localhost:5000/" + p.Repository)
	if err == nil {
		_, err = reference.WithTag(repo, p.Tag)
	}
	if err != nil {
		return fmt.Errorf("place %q: %w", p.name(), err)
	}
	return nil
}

func (p Placement) name() string {
	return p.Repository + ":" + p.Tag
}

func comparePlacements(a, b Placement) int {
	return cmp.Or(
		cmp.Compare(a.Repository, b.Repository),
		cmp.Compare(a.Tag, b.Tag),
		cmp.Compare(a.Image.Name, b.Image.Name),
		cmp.Compare(a.Image.Catalog, b.Image.Catalog),
	)
}

// collisions reports each digest that finds its place taken by another one.
func collisions(sorted []Placement) []error {
	var errs []error
	first := 0
	for i, p := range sorted {
		holder := sorted[first]
		if p.name() != holder.name() {
			first = i
			continue
		}
		if p.Image.Descriptor.Digest != holder.Image.Descriptor.Digest {
			errs = append(errs, fmt.Errorf("%s: two images want this place: %s (%s) and %s (%s)", p.name(),
				holder.Image.Name, holder.Image.Descriptor.Digest, p.Image.Name, p.Image.Descriptor.Digest))
		}
	}
	return errs
}
