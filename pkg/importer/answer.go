package importer

import (
	"context"
	"errors"
	"net/http"

	"golang.org/x/sync/errgroup"

	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// ErrSilent is a registry that does not answer.
var ErrSilent = errors.New("its registry does not answer")

// Answer asks each node's registry, all at once, whether it is there. The errors
// are in the order of the nodes, nil for one that answers. One that does not let
// us in, or does not prove itself, answers too: waiting mends neither.
func Answer(ctx context.Context, client *oci.Client, s *site.Site, nodes []site.Node) []error {
	errs := make([]error, len(nodes))
	var g errgroup.Group // each node's error is kept beside it: none stops the others
	for i, n := range nodes {
		g.Go(func() error {
			// What is asked for need not be there.
			r := oci.Repository{Host: n.Host(s.Registry), Insecure: s.Registry.PlainHTTP, Path: s.Repositories.Release}
			_, err := client.ManifestDigest(ctx, r, "drayage-asks-whether-anybody-is-there")
			if err != nil && !answers(err) {
				errs[i] = err
			}
			return nil
		})
	}
	_ = g.Wait()
	return errs
}

func answers(err error) bool {
	var h *oci.HTTPError
	return oci.CertificateError(err) || errors.Is(err, oci.ErrPlainHTTP) ||
		errors.As(err, &h) && h.Status > 0 && h.Status < http.StatusInternalServerError
}
