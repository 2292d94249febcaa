package mirror

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

// Concern says what a group of rules is for.
type Concern string

// The concerns, in the order in which groups are listed.
const (
	ConcernRelease    Concern = "release"
	ConcernRegistry   Concern = "registry"
	ConcernOperators  Concern = "operators"
	ConcernCatalog    Concern = "catalog"
	ConcernGraph      Concern = "graph"
	ConcernAdditional Concern = "additional"
)

var concerns = []Concern{ConcernRelease, ConcernRegistry, ConcernOperators, ConcernCatalog, ConcernGraph, ConcernAdditional}

// A release names its components under productRepositories, and a cluster asks
// for a release as releaseRepository@digest, wherever it was fetched from.
const (
	productRepositories = "quay.io/openshift-release-dev/"
	releaseRepository   = productRepositories + "ocp-release"
)

// Rule says where a node holds what the cluster asks for under a source.
type Rule struct {
	// Source is a repository in full: quay.io/openshift-release-dev/ocp-release.
	Source string
	// Repositories are the ones on a node, without a host, each once, in the
	// order in which they are to be tried. More than one means that groups
	// place the same source differently, as for an image that is an operator's
	// and an additional one as well.
	Repositories []string
}

// Group is the rules of one concern, sorted by source, never empty.
type Group struct {
	Concern Concern
	// Name is the [Catalog]'s for ConcernOperators, and empty for the others.
	Name  string
	Rules []Rule
}

// need is a source that one group wants to find in a repository.
type need struct {
	concern            Concern
	group              string
	source, repository string
}

// Rules groups what the cluster has to know to find every image of m on the
// site's nodes: release, registry, operators (a group for each catalog, by
// name), catalog, graph, additional. A source belongs to the first group that needs
// it; a later one adds its repository there if it is another one, and a group
// with no source of its own is left out. The rules are for digests: see
// [TagOnly]. The error joins names that do not parse, what [Catalogs] finds,
// and operator images whose catalog is not there.
func Rules(m *manifest.Manifest, s *site.Site) ([]Group, error) {
	catalogs, err := Catalogs(m, s)
	if err != nil {
		return nil, err
	}
	needs, err := imageNeeds(m, s.Repositories, catalogs)
	if err != nil {
		return nil, err
	}
	for _, c := range catalogs {
		needs = append(needs, need{ConcernCatalog, "", c.Source, c.Repository})
	}
	graph, err := graphNeeds(m, s)
	if err != nil {
		return nil, err
	}
	needs = append(needs, graph...)
	slices.SortFunc(needs, compareNeeds)
	return fold(needs), nil
}

func imageNeeds(m *manifest.Manifest, r site.Repositories, catalogs []Catalog) ([]need, error) {
	names := map[string]string{}
	for _, c := range catalogs {
		names[c.Image.Name] = c.Name
	}
	var needs []need
	var errs []error
	for _, img := range m.Images {
		switch img.Role {
		case manifest.RoleCatalog, manifest.RoleGraph:
			continue // the cluster asks for it under the catalog host
		case manifest.RoleSignature:
			continue // it is found where the image is that it signs
		}
		n, err := imageNeed(img, r, names)
		if err != nil {
			errs = append(errs, fmt.Errorf("image %s: %w", img.Name, err))
			continue
		}
		needs = append(needs, n)
		if img.Role == manifest.RoleComponent && strings.HasPrefix(n.source, productRepositories) {
			needs = append(needs, need{ConcernRelease, "", releaseRepository, n.repository})
		}
	}
	return needs, errors.Join(errs...)
}

func imageNeed(img manifest.Image, r site.Repositories, catalogs map[string]string) (need, error) {
	ref, err := manifest.ParseRef(img.Name)
	if err != nil {
		return need{}, err
	}
	n := need{source: ref.Repository}
	if n.repository, err = repository(img, ref, r); err != nil {
		return need{}, err
	}
	switch img.Role {
	case manifest.RoleRelease, manifest.RoleComponent:
		n.concern = ConcernRelease
	case manifest.RoleRegistry:
		n.concern = ConcernRegistry
	case manifest.RoleAdditional:
		n.concern = ConcernAdditional
	case manifest.RoleOperator:
		n.concern, n.group = ConcernOperators, catalogs[img.Catalog]
		if n.group == "" {
			return need{}, fmt.Errorf("came through the catalog %s, which is not there", img.Catalog)
		}
	}
	return n, nil
}

func compareNeeds(a, b need) int {
	return cmp.Or(
		cmp.Compare(slices.Index(concerns, a.concern), slices.Index(concerns, b.concern)),
		cmp.Compare(a.group, b.group),
		cmp.Compare(a.source, b.source),
		cmp.Compare(a.repository, b.repository),
	)
}

// fold makes groups of sorted needs, each source in the first that names it.
func fold(sorted []need) []Group {
	var groups []Group
	type place struct{ group, rule int }
	owner := map[string]place{}
	for _, n := range sorted {
		if p, owned := owner[n.source]; owned {
			rule := &groups[p.group].Rules[p.rule]
			if !slices.Contains(rule.Repositories, n.repository) {
				rule.Repositories = append(rule.Repositories, n.repository)
			}
			continue
		}
		last := len(groups) - 1
		if last < 0 || groups[last].Concern != n.concern || groups[last].Name != n.group {
			groups = append(groups, Group{Concern: n.concern, Name: n.group})
			last++
		}
		owner[n.source] = place{last, len(groups[last].Rules)}
		groups[last].Rules = append(groups[last].Rules, Rule{n.source, []string{n.repository}})
	}
	return groups
}

// TagOnly lists the additional images that the image set names by a tag alone,
// in the manifest's order. Rules are for digests, so a cluster that asks for
// one of these by its tag goes to the source and not to a node; it finds the
// image by its digest. Names that do not parse are left to [Rules].
func TagOnly(m *manifest.Manifest) []manifest.Image {
	var found []manifest.Image
	for _, img := range m.Images {
		ref, err := manifest.ParseRef(img.Name)
		if err == nil && img.Role == manifest.RoleAdditional && ref.Digest == "" {
			found = append(found, img)
		}
	}
	return found
}
