package importer

import (
	"golang.org/x/sync/errgroup"

	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// registry is that of one node.
type registry struct {
	Host      string
	PlainHTTP bool
}

func registryOf(s *site.Site, n site.Node) registry {
	return registry{Host: n.Host(s.Registry), PlainHTTP: s.Registry.PlainHTTP}
}

// in is one of its repositories.
func (r registry) in(path string) oci.Repository {
	return oci.Repository{Host: r.Host, Path: path, Insecure: r.PlainHTTP}
}

// onAll works on n nodes at once. Each node's error is kept in its place: none
// stops the others.
func onAll(n int, do func(i int) error) []error {
	errs := make([]error, n)
	var g errgroup.Group
	for i := range n {
		g.Go(func() error {
			errs[i] = do(i)
			return nil
		})
	}
	_ = g.Wait()
	return errs
}
