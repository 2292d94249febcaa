package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/imageset"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
	"drayage/pkg/release"
)

// GraphOptions say where update graphs come from and how they are read. The update
// service is not asked when one channel asks for one version by name.
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
	// the service. The name "" stands for any channel that is not named. A name
	// may have an architecture behind it, stable-4.14/arm64 or /arm64; without one
	// it is for any.
	Files map[string]string
	// Conditional lets upgrade paths use conditional edges.
	Conditional bool
}

// wantedRelease is a release image that the image set asks for.
type wantedRelease struct {
	ref manifest.Ref
	// arch is for which architecture it has to be, as Go names it, or multi; empty
	// is any.
	arch string
	// exact says that its tag is the name that it must have.
	exact bool
	// platforms are those that travel of a multi-architecture release; none is all.
	platforms []string
}

// platformsOf are those that are to be read of the image that was found.
func (w wantedRelease) platformsOf(desc ocispec.Descriptor) []string {
	if kind, _ := oci.KindOf(desc.MediaType); kind == oci.KindIndex {
		return w.platforms
	}
	return nil
}

// releaseRefs are the release images that the image set asks for.
func (p *planner) releaseRefs(ctx context.Context, cfg *imageset.Config) ([]wantedRelease, error) {
	platform := cfg.Mirror.Platform
	platforms := imageset.PlatformNames(platform.Platforms)
	if platform.Release != "" {
		ref, _ := cfg.ReleaseRef() // it was parsed when the image set was read
		w := wantedRelease{ref: ref, platforms: platforms}
		if len(platform.Architectures) > 0 {
			w.arch = cfg.Architectures()[0]
		}
		return []wantedRelease{w}, nil
	}
	var all []wantedRelease
	var errs []error
	for _, arch := range cfg.Architectures() {
		refs, err := p.channelRefs(ctx, cfg, arch)
		if err != nil && len(cfg.Architectures()) > 1 {
			err = eachLine(arch, err)
		}
		errs = append(errs, err)
		for _, ref := range refs {
			w := wantedRelease{ref: ref, arch: arch, exact: true}
			if arch == release.MultiArchitecture {
				w.platforms = platforms
			}
			all = append(all, w)
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(cfg.Architectures()) > 1 {
		p.sortHops()
	}
	return all, errors.Join(append(errs, p.unusedGraphs(cfg))...)
}

// unusedGraphs refuses saved graphs that nobody asks for: whoever mistypes a
// channel would be answered by the update service, and not know it.
func (p *planner) unusedGraphs(cfg *imageset.Config) error {
	var requests []release.ChannelRequest
	for _, r := range cfg.ReleaseRequests() {
		requests = append(requests, release.ChannelRequest{Name: r.Channel, MinVersion: r.MinVersion, MaxVersion: r.MaxVersion})
	}
	channels := release.Channels(requests)
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(p.Graph.Files)) {
		channel, arch, _ := strings.Cut(key, "/")
		if (channel != "" && !slices.Contains(channels, channel)) || (arch != "" && !slices.Contains(cfg.Architectures(), arch)) {
			errs = append(errs, fmt.Errorf("saved graph of %s: the image set does not need it; it needs %s", key, strings.Join(channels, ", ")))
		}
	}
	return errors.Join(errs...)
}

// channelRefs are the release images of the channels, for one architecture.
func (p *planner) channelRefs(ctx context.Context, cfg *imageset.Config, arch string) (refs []manifest.Ref, err error) {
	asked := slices.DeleteFunc(cfg.ReleaseRequests(), func(r imageset.ReleaseRequest) bool { return r.Architecture != arch })
	if len(asked) == 1 {
		_, saved := p.savedGraph(asked[0].Channel, arch)
		if version, one := asked[0].Version(); one && !saved {
			ref, err := asked[0].Image(version)
			return []manifest.Ref{ref}, err
		}
	}
	var requests []release.ChannelRequest
	for _, r := range asked {
		requests = append(requests, release.ChannelRequest{
			Name: r.Channel, MinVersion: r.MinVersion, MaxVersion: r.MaxVersion, ShortestPath: r.ShortestPath, Full: r.Full,
		})
	}
	if len(requests) == 0 {
		return nil, nil
	}
	graphs, err := p.graphs(ctx, release.Channels(requests), arch)
	if err != nil {
		return nil, err
	}
	if err := checkChannels(requests, graphs); err != nil {
		return nil, err
	}
	selected, err := release.Select(requests, graphs, release.SelectOptions{Conditional: p.Graph.Conditional})
	if err != nil {
		return nil, err
	}
	p.addHops(selected.Hops)
	for _, w := range selected.Warnings {
		if len(cfg.Architectures()) > 1 {
			w = arch + ": " + w
		}
		p.warnings = append(p.warnings, w)
	}
	for _, n := range selected.Releases {
		tag := n.Version + "-" + release.TagArchitecture(arch)
		refs = append(refs, manifest.Ref{Repository: n.Payload.Repository, Tag: tag, Digest: n.Payload.Digest})
	}
	return refs, nil
}

// checkChannels refuses graphs of other channels than those that are asked for: a
// saved one may be any, and its head would travel as that of the channel. Graphs
// that do not tell their channels pass.
func checkChannels(requests []release.ChannelRequest, graphs map[string]*release.Graph) error {
	var errs []error
	for _, r := range requests {
		var names []string
		for _, c := range graphs[r.Name].ChannelList("") {
			names = append(names, c.Name)
		}
		if len(names) > 0 && !slices.Contains(names, r.Name) {
			errs = append(errs, fmt.Errorf("%s: its graph is of other channels: %s", r.Name, strings.Join(names, ", ")))
		}
	}
	return errors.Join(errs...)
}

// addHops adds the upgrades for one architecture to those for others.
func (p *planner) addHops(hops []release.Hop) {
	for _, h := range hops {
		if !slices.ContainsFunc(p.hops, func(o release.Hop) bool { return reflect.DeepEqual(o, h) }) {
			p.hops = append(p.hops, h)
		}
	}
}

func (p *planner) sortHops() {
	slices.SortStableFunc(p.hops, func(a, b release.Hop) int {
		return cmp.Or(release.CompareVersions(a.From, b.From), release.CompareVersions(a.To, b.To))
	})
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
	if path, ok := p.savedGraph(channel, arch); ok {
		return release.ReadGraph(path)
	}
	p.Progress.Note("", fmt.Sprintf("reading the update graph of %s for %s", channel, arch))
	return release.FetchGraph(ctx, p.document, p.Graph.URL, channel, arch)
}

// savedGraph is the file that has the graph of a channel.
func (p *planner) savedGraph(channel, arch string) (path string, ok bool) {
	for _, name := range []string{channel + "/" + arch, channel, "/" + arch, ""} {
		if path, ok = p.Graph.Files[name]; ok {
			return path, true
		}
	}
	return "", false
}

// document fetches what lies in no registry.
func (p *planner) document(ctx context.Context, url, accept string, most int64) ([]byte, error) {
	raw, _, err := p.source.Document(ctx, url, accept, most)
	return raw, err
}
