package plan

import (
	"context"
	"errors"

	"drayage/pkg/catalog"
	"drayage/pkg/imageset"
	"drayage/pkg/manifest"
)

// catalogs adds all pruned catalogs with what they name. What one misses another
// may provide, so that is told when all have been pruned.
func (p *planner) catalogs(ctx context.Context, cfg *imageset.Config) error {
	var errs []error
	var refs []manifest.Ref
	var all []*catalog.Pruned
	for _, op := range cfg.Mirror.Operators {
		ref, err := manifest.ParseRef(op.Catalog)
		var pruned *catalog.Pruned
		if err == nil {
			pruned, err = p.catalog(ctx, cfg, op, ref)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		refs, all = append(refs, ref), append(all, pruned)
	}
	catalog.Settle(all)
	for i, pruned := range all {
		p.tell(refs[i], pruned)
	}
	return errors.Join(errs...)
}

// catalog adds a catalog, pruned for some platforms, and what travels of the
// images that it names.
func (p *planner) catalog(ctx context.Context, cfg *imageset.Config, op imageset.Operator, ref manifest.Ref) (*catalog.Pruned, error) {
	source, err := p.content.Resolve(ctx, ref.String())
	if err != nil {
		return nil, err
	}
	r := catalog.Request{Full: op.Full, Packages: packageRequests(op.Packages), WithDependencies: p.WithDependencies}
	pruned, platforms, err := p.pruneAll(ctx, ref, source, r, p.catalogPlatforms(cfg, op))
	if err != nil {
		return nil, err
	}
	p.list.Catalogs = append(p.list.Catalogs, manifest.Catalog{
		Name: ref.String(), Source: source.Digest, Platforms: platforms, Packages: pruned.Selection,
	})
	p.add(manifest.Image{
		Name: ref.String(), Role: manifest.RoleCatalog, Descriptor: pruned.Descriptor,
		TargetRepository: op.TargetCatalog, TargetTag: op.TargetTag,
	})
	return pruned, p.related(ref, pruned, imageset.PlatformNames(op.Platforms))
}

// tell notes what there is to say of a pruned catalog.
func (p *planner) tell(ref manifest.Ref, pruned *catalog.Pruned) {
	for _, a := range pruned.Added {
		line := ref.String() + ": " + a.String()
		p.added = append(p.added, line)
		p.Progress.Note("", line)
	}
	for _, w := range pruned.Warnings {
		p.warnings = append(p.warnings, ref.String()+": "+w)
	}
	for _, d := range pruned.Missing {
		p.warnings = append(p.warnings, ref.String()+": "+d.String())
	}
}
