package oci

import (
	"context"
	"net/http"
)

// DeleteManifest takes an index or image manifest, named by its digest, away
// from a repository. Many registries do not allow it, by default or at all.
func (c *Client) DeleteManifest(ctx context.Context, r Repository, ref string) error {
	return c.retry(ctx, func() error {
		resp, err := c.do(ctx, r, actionsPush, request(http.MethodDelete, r.Path, "manifests/"+ref), http.StatusAccepted, http.StatusOK, http.StatusNoContent)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}
