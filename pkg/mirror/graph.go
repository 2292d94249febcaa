package mirror

import (
	"errors"
	"fmt"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

// UpdateService is what the cluster's own update service, the OpenShift Update
// Service, has to be told. It has two ways to images. The one with the update
// graph is pulled like any other, so mirror rules hold for it. The releases it
// reads itself, from the registry that it is given, where no mirror rule holds:
// every image that has a tag in the repository, layer by layer. So these are
// release images alone, and the registry is a node's.
type UpdateService struct {
	Image manifest.Image
	// Source is the repository under which the cluster asks for the image: a
	// host where nothing listens, and the repository on the nodes.
	Source string
	// Releases is the repository with the releases, on the first node: what the
	// update service calls a release begins with it, and a mirror rule makes all
	// nodes answer for it.
	Releases string
}

// ErrPlainHTTP says that the site's registries are of no use to the update
// service, which speaks TLS to them and has no way to be told otherwise.
var ErrPlainHTTP = errors.New("the update service speaks TLS to registries, and the site says plainHTTP")

// NewUpdateService is the update service of a site; nil when no update graph
// travels. The error is [ErrPlainHTTP], a name that does not parse, or a site
// without nodes or a catalog host.
func NewUpdateService(m *manifest.Manifest, s *site.Site) (*UpdateService, error) {
	img, there := m.GraphImage()
	switch {
	case !there:
		return nil, nil
	case s.Registry.PlainHTTP:
		return nil, ErrPlainHTTP
	case len(s.Nodes) == 0:
		return nil, errors.New("update graph: the site has no node")
	}
	source, err := graphSource(s)
	if err != nil {
		return nil, err
	}
	return &UpdateService{Image: img, Source: source, Releases: s.Nodes[0].Host(s.Registry) + "/" + s.Repositories.Updates}, nil
}

func graphSource(s *site.Site) (string, error) {
	if s.CatalogHost == "" {
		return "", errors.New("update graph: the site has no catalogHost, under which the cluster would know it")
	}
	return s.CatalogHost + "/" + s.Repositories.Graph, nil
}

// updatePlacements are the places of the releases that the update service reads.
func updatePlacements(m *manifest.Manifest, r site.Repositories) ([]Placement, error) {
	if _, there := m.GraphImage(); !there {
		return nil, nil
	}
	var all []Placement
	var errs []error
	for _, img := range m.Releases() {
		p := Placement{Image: img, Repository: r.Updates, Tag: img.Release}
		if err := p.check(); err != nil {
			errs = append(errs, fmt.Errorf("image %s: %w", img.Name, err))
			continue
		}
		all = append(all, p)
	}
	return all, errors.Join(errs...)
}

// graphNeeds are the sources that the update service makes the cluster ask for.
func graphNeeds(m *manifest.Manifest, s *site.Site) ([]need, error) {
	if _, there := m.GraphImage(); !there {
		return nil, nil
	}
	source, err := graphSource(s)
	if err != nil {
		return nil, err
	}
	needs := []need{{ConcernGraph, "", source, s.Repositories.Graph}}
	switch u, err := NewUpdateService(m, s); {
	case errors.Is(err, ErrPlainHTTP): // there is no update service that would ask
	case err != nil:
		return nil, err
	default:
		needs = append(needs, need{ConcernGraph, "", u.Releases, s.Repositories.Updates})
	}
	return needs, nil
}
