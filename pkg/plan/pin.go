package plan

import (
	"context"
	"errors"
	"fmt"

	"drayage/pkg/catalog"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// Pin makes the content of a saved packing list available again: every image by
// the digest that was planned, every pruned catalog made anew from the source
// that was planned, the image with the update graph from the base that was planned
// and the data as it is now. It fails when anything differs from the plan, so that
// what is built is what was looked at.
func Pin(ctx context.Context, m *manifest.Manifest, source *oci.Source, o Options) (*Plan, error) {
	if err := o.Signatures.Keyring.CheckManifest(m, o.Signatures.Now); err != nil {
		return nil, err
	}
	if len(m.Unsigned) > 0 && !o.Signatures.Skip {
		return nil, fmt.Errorf("release %s was planned without checking its signature, with --insecure-skip-signature: to build it, type that again", m.Unsigned[0])
	}
	o.SkipSigstore = true // those that travel are in the list
	p := newPlanner(source, o)
	p.Progress.Phase("pin", 0)
	if err := p.remakeGraph(ctx, m); err != nil {
		return nil, err
	}
	for _, c := range m.Catalogs {
		if err := p.remake(ctx, m, c); err != nil {
			return nil, err
		}
	}
	p.list = *m
	p.list.Images = append([]manifest.Image(nil), m.Images...)
	made, err := p.finish(ctx)
	if err != nil {
		return nil, err
	}
	return made, same(m, made.Manifest)
}

// remake makes a pruned catalog again and compares it with the plan.
func (p *planner) remake(ctx context.Context, m *manifest.Manifest, c manifest.Catalog) error {
	ref, err := manifest.ParseRef(c.Name)
	if err != nil {
		return err
	}
	pinned := manifest.Ref{Repository: ref.Repository, Digest: c.Source}
	source, err := p.content.Resolve(ctx, pinned.String())
	if err != nil {
		return err
	}
	pruned, _, err := p.pruneAll(ctx, ref, source, catalog.Request{Selection: c.Packages}, c.Platforms)
	if err != nil {
		return err
	}
	for _, i := range m.Images {
		if i.Role == manifest.RoleCatalog && i.Name == c.Name && i.Descriptor.Digest != pruned.Descriptor.Digest {
			return fmt.Errorf("%s: pruned again it is %s, planned was %s: the plan was made by another version of this program", c.Name, pruned.Descriptor.Digest, i.Descriptor.Digest)
		}
	}
	return nil
}

// same compares a plan with what was found for it.
func same(want, got *manifest.Manifest) error {
	a, err := manifest.Encode(want)
	if err != nil {
		return err
	}
	b, err := manifest.Encode(got)
	if err != nil {
		return err
	}
	if string(a) != string(b) {
		return errors.New("plan: sizes or blobs differ from what the images have")
	}
	return nil
}
