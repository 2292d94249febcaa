// Package graphdata makes the image from which a cluster's own update service,
// the OpenShift Update Service, takes its update graph.
//
// # The data
//
// Red Hat's update service hands it out as a gzipped tar: a file version, a
// folder channels with a file for each channel, a folder blocked-edges with
// what is known against single updates, and more. [Parse] takes nothing on
// trust: sizes and entries are bounded, names stay inside, and there are regular
// files and folders only.
//
// The tar itself is made anew by every replica of the service, with its own
// times and in its own order. So what tells one state of the data from another
// is the digest of what is in it, [Data.Digest]: that of the layer below, which
// knows neither times nor owners.
//
// # The image
//
// [Make] puts the data below /var/lib/cincinnati-graph-data, as one layer on a
// base image that has bash and cp, with the command that the update service's
// operator expects of an init container: to copy the data to where the service
// looks for it. The same data and base give the same image.
package graphdata

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/oci"
)

// DefaultBase is the image that the data is put on, as the documentation of
// OpenShift has it.
const DefaultBase = "registry.access.redhat.com/ubi9/ubi:latest"

// Get fetches a document of at most so many bytes.
type Get func(ctx context.Context, url, accept string, most int64) ([]byte, error)

// DefaultURL is where an update service that answers for graphs at one address
// (https://api.openshift.com/api/upgrades_info/v1/graph) hands out its data:
// the same address with graph-data in place of graph or v1/graph. Any other
// address tells nothing, and that is an error.
func DefaultURL(graphURL string) (string, error) {
	u, err := url.Parse(graphURL)
	if err != nil || u.Host == "" {
		return "", errors.New("address of the update service: want one that begins with https://host")
	}
	above, ok := strings.CutSuffix(u.Path, "/graph")
	if !ok {
		return "", fmt.Errorf("update service %s: the path does not end with /graph, so where its data is cannot be told", u.Redacted())
	}
	u.Path, u.RawPath, u.RawQuery, u.Fragment = strings.TrimSuffix(above, "/v1")+"/graph-data", "", "", ""
	return u.String(), nil
}

// IsURL tells an address from the path of a file.
func IsURL(from string) bool { return strings.Contains(from, "://") }

// Shown is an address or a path as an error may name it: without a password.
func Shown(from string) string {
	scheme, _, ok := strings.Cut(from, "://")
	if !ok {
		return from
	}
	u, err := url.Parse(from)
	if err != nil {
		return scheme + "://..."
	}
	return u.Redacted()
}

// Read fetches and parses the data from a URL, or reads a file that holds what
// was fetched once. Errors name the place, without a password.
func Read(ctx context.Context, get Get, from string) (*Data, error) {
	raw, err := read(ctx, get, from)
	if err != nil {
		return nil, fmt.Errorf("graph data: %w", err)
	}
	d, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Shown(from), err)
	}
	return d, nil
}

func read(ctx context.Context, get Get, from string) ([]byte, error) {
	if IsURL(from) {
		return get(ctx, from, "*/*", MaxCompressed)
	}
	f, err := os.Open(from)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxCompressed+1)) // one more than Parse takes
}

// Request is what an image is made of.
type Request struct {
	// Base is the base's full reference, Image its image manifest for one platform.
	Base  string
	Image ocispec.Descriptor
	Data  *Data
}

// copyCommand is what the operator of the update service runs in an init
// container, with the service's volume at the second path.
const copyCommand = "exec cp -rp /" + folder + "/* /var/lib/cincinnati/graph-data"

// Make makes the image and adds it to the content, where the manifests of the
// base have to be. Whatever entrypoint the base has is taken away.
func Make(ctx context.Context, c *oci.Content, r Request) (ocispec.Descriptor, error) {
	img, err := c.ReadImage(ctx, r.Image)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("%s: %w", r.Base, err)
	}
	desc, err := c.Append(img, r.Data.layer, oci.AppendOptions{
		Entrypoint: []string{},
		Cmd:        []string{"/bin/bash", "-c", copyCommand},
		Labels: map[string]string{
			"org.opencontainers.image.base.name":   r.Base,
			"org.opencontainers.image.base.digest": r.Image.Digest.String(),
		},
		Comment: "drayage: update graph",
	})
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("%s: %w", r.Base, err)
	}
	return desc, nil
}
