package oci

import (
	"context"
	"net/http"
)

// DeleteManifest takes an index or image manifest, named by its digest, away
// from a repository. Many registries do not allow it, by default or at all, so
// it makes one attempt.
func (c *Client) DeleteManifest(ctx context.Context, r Repository, ref string) error {
	req := request(http.MethodDelete, r.Path, "manifests/"+ref)
	resp, err := c.do(ctx, r, actionsPush, req, http.StatusAccepted, http.StatusOK, http.StatusNoContent)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
