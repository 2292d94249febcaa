package importer

import (
	"context"
	"errors"
	"net/http"

	"drayage/pkg/oci"
	"drayage/pkg/site"
)

// ErrSilent is a registry that does not answer.
var ErrSilent = errors.New("its registry does not answer")

// Answer asks each node's registry, all at once, whether it is there. The errors
// are in the order of the nodes, nil for one that answers. One that does not let
// us in, or does not prove itself, answers too: waiting mends neither.
func Answer(ctx context.Context, client *oci.Client, s *site.Site, nodes []site.Node) []error {
	return onAll(len(nodes), func(i int) error {
		// What is asked for need not be there.
		_, err := client.ManifestDigest(ctx, registryOf(s, nodes[i]).in(s.Repositories.Release), "drayage-asks-whether-anybody-is-there")
		if err != nil && !answers(err) {
			return err
		}
		return nil
	})
}

func answers(err error) bool {
	var h *oci.HTTPError
	return oci.CertificateError(err) || errors.Is(err, oci.ErrPlainHTTP) ||
		errors.As(err, &h) && h.Status > 0 && h.Status < http.StatusInternalServerError
}
