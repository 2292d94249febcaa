package plan

import (
	"context"
	"errors"
	"fmt"

	"drayage/pkg/imageset"
	"drayage/pkg/manifest"
	"drayage/pkg/release"
)

// GraphOptions say where update graphs come from and how they are read. But for
// Data and BaseImage they count only when channels ask for more than one version
// by name.
type GraphOptions struct {
	// URL is the update service.
	URL string
	// Data is the address of the update graph's data, which travels when the
	// image set asks for it, or a file with it. Empty means as
	// [graphdata.DefaultURL] tells from URL.
	Data string
	// BaseImage is what the data is put on; empty means [graphdata.DefaultBase].
	BaseImage string
	// Files are saved graphs by the names of their channels, used in place of
	// the service. The name "" stands for any channel that is not named.
	Files map[string]string
	// Conditional lets upgrade paths use conditional edges.
	Conditional bool
}

// releaseRefs are the release images that the image set asks for. exact is true
// when their tags are the names that they must have.
func (p *planner) releaseRefs(ctx context.Context, cfg *imageset.Config) (refs []manifest.Ref, exact bool, err error) {
	if ref, ok := cfg.ReleaseRef(); ok {
		return []manifest.Ref{ref}, cfg.Mirror.Platform.Release == "", nil
	}
	var requests []release.ChannelRequest
	for _, r := range cfg.ReleaseRequests() {
		requests = append(requests, release.ChannelRequest{
			Name: r.Channel, MinVersion: r.MinVersion, MaxVersion: r.MaxVersion, ShortestPath: r.ShortestPath, Full: r.Full,
		})
	}
	if len(requests) == 0 {
		return nil, false, nil
	}
	graphs, err := p.graphs(ctx, release.Channels(requests), cfg.Architecture())
	if err != nil {
		return nil, false, err
	}
	selected, err := release.Select(requests, graphs, release.SelectOptions{Conditional: p.Graph.Conditional})
	if err != nil {
		return nil, false, err
	}
	p.hops = selected.Hops
	p.warnings = append(p.warnings, selected.Warnings...)
	for _, n := range selected.Releases {
		tag := n.Version + "-" + release.TagArchitecture(cfg.Architecture())
		refs = append(refs, manifest.Ref{Repository: n.Payload.Repository, Tag: tag, Digest: n.Payload.Digest})
	}
	return refs, true, nil
}

// graphs fetches the graphs of channels, or reads saved ones.
func (p *planner) graphs(ctx context.Context, channels []string, arch string) (map[string]*release.Graph, error) {
	graphs := map[string]*release.Graph{}
	var errs []error
	for _, name := range channels {
		g, err := p.graph(ctx, name, arch)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		graphs[name] = g
	}
	return graphs, errors.Join(errs...)
}

func (p *planner) graph(ctx context.Context, channel, arch string) (*release.Graph, error) {
	if path, ok := p.Graph.Files[channel]; ok {
		return release.ReadGraph(path)
	}
	if path, ok := p.Graph.Files[""]; ok {
		return release.ReadGraph(path)
	}
	p.Progress.Note("", fmt.Sprintf("reading the update graph of %s for %s", channel, arch))
	get := func(ctx context.Context, url, accept string, most int64) ([]byte, error) {
		raw, _, err := p.source.Document(ctx, url, accept, most)
		return raw, err
	}
	return release.FetchGraph(ctx, get, p.Graph.URL, channel, arch)
}
