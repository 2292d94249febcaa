package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/catalog"
	"drayage/pkg/imageset"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
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

// packageRequests says in the words of package catalog what the image set wants.
func packageRequests(packages []imageset.Package) []catalog.PackageRequest {
	var requests []catalog.PackageRequest
	for _, p := range packages {
		r := catalog.PackageRequest{Name: p.Name, MinVersion: p.MinVersion, MaxVersion: p.MaxVersion, DefaultChannel: p.DefaultChannel}
		for _, ch := range p.Channels {
			r.Channels = append(r.Channels, catalog.ChannelRequest{Name: ch.Name, MinVersion: ch.MinVersion, MaxVersion: ch.MaxVersion})
		}
		requests = append(requests, r)
	}
	return requests
}

// prune fetches the catalog image of one platform and makes the pruned one.
// The source itself does not travel; those of its blobs that the pruned image
// shares do.
func (p *planner) prune(ctx context.Context, ref manifest.Ref, source ocispec.Descriptor, r catalog.Request, platform string) (*catalog.Pruned, error) {
	p.Progress.Note("", "reading catalog "+ref.String())
	img, err := p.content.ForPlatform(source, platform)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref, err)
	}
	if err := p.content.AddImage(ctx, ref.Repository, oci.Root{Descriptor: img}); err != nil {
		return nil, err
	}
	r.Name, r.Image = ref.String(), img
	return catalog.Prune(ctx, p.content, r)
}

// related adds what a pruned catalog names, two spellings of one name once.
func (p *planner) related(cat manifest.Ref, pruned *catalog.Pruned, only []string) error {
	var errs []error
	seen := map[manifest.Ref]bool{}
	bundles := users(pruned)
	for _, name := range pruned.Images {
		ref, err := manifest.ParseRef(name)
		if err != nil {
			if !p.leaveOutName(cat, name, bundles[name]) {
				errs = append(errs, fmt.Errorf("%s: names the image %w", cat, err))
			}
			continue
		}
		use := need{cat.String(), ref.String()}
		p.users[use] = sorted(slices.Concat(p.users[use], bundles[name]))
		if seen[ref] {
			continue
		}
		seen[ref] = true
		p.add(manifest.Image{
			Name: ref.String(), Role: manifest.RoleOperator, Catalog: cat.String(),
			Descriptor: ocispec.Descriptor{Digest: ref.Digest}, Platforms: only,
		})
	}
	return errors.Join(errs...)
}
