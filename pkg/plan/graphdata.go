package plan

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/graphdata"
	"drayage/pkg/imageset"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// graphImage adds the image with the update graph, if the image set asks for it.
func (p *planner) graphImage(ctx context.Context, cfg *imageset.Config) error {
	if !cfg.Mirror.Platform.Graph {
		return nil
	}
	data, _, err := p.graphData(ctx)
	if err != nil {
		return err
	}
	ref, err := manifest.ParseRef(cmp.Or(p.Graph.BaseImage, graphdata.DefaultBase))
	if err != nil {
		return err
	}
	base, err := p.content.Resolve(ctx, ref.String())
	if err != nil {
		return err
	}
	g := manifest.UpdateGraph{Base: ref.String(), BaseDigest: base.Digest, Platforms: p.clusterPlatforms(cfg), Data: data.Digest()}
	desc, err := p.makeGraph(ctx, ref, base, g.Platforms, data)
	if err != nil {
		return err
	}
	p.list.Graph = &g
	p.add(manifest.Image{Name: g.Name(), Role: manifest.RoleGraph, Descriptor: desc})
	return nil
}

// graphData reads the update graph's data from where it is, which comes back
// too. The address is told from that of the update service if nobody says it.
func (p *planner) graphData(ctx context.Context) (data *graphdata.Data, from string, err error) {
	if from = p.Graph.Data; from == "" {
		if from, err = graphdata.DefaultURL(p.Graph.URL); err != nil {
			return nil, "", err
		}
	}
	p.Progress.Note("", "reading the data of the update graph")
	data, err = graphdata.Read(ctx, p.document, from)
	return data, from, err
}

// makeGraph puts the data on the base image, for one platform or, as an index,
// for several. The base itself does not travel; its layers do.
func (p *planner) makeGraph(ctx context.Context, ref manifest.Ref, base ocispec.Descriptor, platforms []string, data *graphdata.Data) (ocispec.Descriptor, error) {
	if kind, _ := oci.KindOf(base.MediaType); kind != oci.KindIndex && len(platforms) > 1 {
		return base, fmt.Errorf("%s: is one image, the releases are for %s", ref, strings.Join(platforms, ", "))
	}
	var children []ocispec.Descriptor
	for _, platform := range platforms {
		img, err := p.content.ForPlatform(base, platform)
		if err != nil {
			return base, fmt.Errorf("%s: %w", ref, err)
		}
		if err := p.content.AddImage(ctx, ref.Repository, oci.Root{Descriptor: img}); err != nil {
			return base, err
		}
		made, err := graphdata.Make(ctx, p.content, graphdata.Request{Base: ref.String(), Image: img, Data: data})
		if err != nil {
			return base, err
		}
		made.Platform = img.Platform
		children = append(children, made)
	}
	if len(children) > 1 {
		return p.content.Index(base.MediaType, children)
	}
	children[0].Platform = nil
	return children[0], nil
}

// remakeGraph makes the image with the update graph again and compares it with
// the plan.
func (p *planner) remakeGraph(ctx context.Context, m *manifest.Manifest) error {
	planned, there := m.GraphImage()
	if m.Graph == nil || !there {
		return nil
	}
	data, from, err := p.graphData(ctx)
	if err != nil {
		return err
	}
	if data.Digest() != m.Graph.Data {
		return fmt.Errorf("graph data: %s is %s, planned was %s: it has changed since", graphdata.Shown(from), data.Digest(), m.Graph.Data)
	}
	ref, err := manifest.ParseRef(m.Graph.Base)
	if err != nil {
		return err
	}
	pinned := manifest.Ref{Repository: ref.Repository, Digest: m.Graph.BaseDigest}
	base, err := p.content.Resolve(ctx, pinned.String())
	if err != nil {
		return err
	}
	desc, err := p.makeGraph(ctx, ref, base, m.Graph.Platforms, data)
	if err != nil {
		return err
	}
	if desc.Digest != planned.Descriptor.Digest {
		return fmt.Errorf("%s: made again it is %s, planned was %s: the plan was made by another version of this program", planned.Name, desc.Digest, planned.Descriptor.Digest)
	}
	return nil
}
