// Package plan turns an image set into a packing list: it asks registries what
// the references stand for, reads what releases and catalogs name, and walks
// every image down to the size and digest of its last blob. Beside the images
// it looks for their sigstore attachments. Only manifests are fetched, and the
// few blobs that have to be read: of a release the layers down to the one with its
// references, of a catalog all.
//
//	Make   image set            -> packing list + content
//	Pin    saved packing list   -> the same packing list + content, or an error
package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"drayage/internal/progress"
	"drayage/pkg/imageset"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
	"drayage/pkg/release"
)

// DefaultRegistryImage is the registry that nodes run unless somebody says
// otherwise. Version 3.1 mends an upload race that version 2 has, and is twice
// as fast.
const DefaultRegistryImage = "docker.io/library/registry:3"

// Options belong to Make and Pin.
type Options struct {
	// RegistryImage is the registry image that travels; empty means DefaultRegistryImage.
	RegistryImage string
	// Signatures says how releases are to be proven.
	Signatures SignatureOptions
	// Graph says where the update graphs of channels come from.
	Graph GraphOptions
	// SkipSigstore asks for no sigstore attachments. Clusters refuse images of
	// OpenShift that come without theirs, from 4.21 on.
	SkipSigstore bool
	// WithDependencies adds to what is kept of each catalog what that requires,
	// as far as the same catalog has it. Pin passes over it.
	WithDependencies bool
	// KeepGoing leaves out images of operators and additional images that
	// registries clearly refuse to give ([oci.Refused]); the packing list says
	// which. Otherwise one is an error. Pin passes over it.
	KeepGoing bool
	// Jobs is how many images are asked for at once. 0 means 8.
	Jobs     int
	Progress progress.Func
}

// Plan is what travels, and where it can be had.
type Plan struct {
	Manifest *manifest.Manifest
	Content  *oci.Content
	// Hops are the upgrades on the paths between the releases, in order.
	Hops []release.Hop
	// Added is what WithDependencies added, one line each.
	Added []string
	// Warnings are what whoever asked should know, one line each.
	Warnings []string
}

// Owners tells for every blob the names of the images that need it.
func (p *Plan) Owners() map[digest.Digest][]string {
	var images []oci.Named
	for _, i := range p.Manifest.Images {
		images = append(images, oci.Named{Name: i.Name, Descriptor: i.Descriptor, Platforms: i.Platforms})
	}
	return oci.Owners(images, p.Content.Manifest)
}

// Make plans an image set. All images that cannot be had are reported, not the
// first alone.
func Make(ctx context.Context, cfg *imageset.Config, source *oci.Source, o Options) (*Plan, error) {
	p := newPlanner(source, o)
	o.Progress.Phase("resolve", 0)
	registry := o.RegistryImage
	if registry == "" {
		registry = DefaultRegistryImage
	}
	err := errors.Join(
		p.named(ctx, registry, manifest.Image{Role: manifest.RoleRegistry}),
		p.releases(ctx, cfg),
		p.graphImage(ctx, cfg),
		p.catalogs(ctx, cfg),
		p.additional(ctx, cfg),
	)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	p.blocklist = cfg.Blocklist()
	p.block(p.blocklist)
	made, err := p.finish(ctx)
	if err != nil {
		return nil, err
	}
	made.Warnings = append(made.Warnings, unattached(made.Manifest)...)
	return made, nil
}

// planner collects images. Its methods add to it one after the other; only
// fetch works on many images at once.
type planner struct {
	Options
	source   *oci.Source
	content  *oci.Content
	list     manifest.Manifest
	users    map[need][]string // the kept versions of operators that name an image
	hops     []release.Hop
	added    []string
	warnings []string
	// blocklist is also that of attachments, which are found last.
	blocklist imageset.Blocklist
	// platforms are those of the releases that travel, as os/arch.
	platforms []string
	lacks     lacking
}

func newPlanner(source *oci.Source, o Options) *planner {
	if o.Jobs <= 0 {
		o.Jobs = 8
	}
	return &planner{
		Options: o, source: source, content: oci.NewContent(source), users: map[need][]string{},
		list: manifest.Manifest{FormatVersion: manifest.FormatVersion},
	}
}

// named adds one image by the reference that a person wrote.
func (p *planner) named(ctx context.Context, name string, img manifest.Image) error {
	ref, err := manifest.ParseRef(name)
	if err != nil {
		return err
	}
	img.Name = ref.String()
	if img.Descriptor, err = p.content.Resolve(ctx, img.Name); err != nil {
		if p.leaveOut(img, err) {
			return nil
		}
		return err
	}
	p.add(img)
	return nil
}

func (p *planner) add(i manifest.Image) { p.list.Images = append(p.list.Images, i) }

// releases adds all releases that the image set asks for, each with its
// components.
func (p *planner) releases(ctx context.Context, cfg *imageset.Config) error {
	wanted, err := p.releaseRefs(ctx, cfg)
	if err != nil {
		return err
	}
	var errs []error
	for _, w := range wanted {
		errs = append(errs, p.release(ctx, w))
	}
	return errors.Join(errs...)
}

func (p *planner) release(ctx context.Context, w wantedRelease) error {
	ref := w.ref
	desc, err := p.content.Resolve(ctx, ref.String())
	if err != nil {
		return err
	}
	r, err := p.readRelease(ctx, ref, oci.Root{Descriptor: desc, Platforms: w.platformsOf(desc)})
	if err != nil {
		return err
	}
	if err := checkArchitecture(ref, r, w.arch, w.platforms); err != nil {
		return err
	}
	if w.exact && ref.Tag != r.Name() {
		return fmt.Errorf("%s: says that it is %s", ref, r.Name())
	}
	p.platforms = append(p.platforms, r.Platforms...)
	if err := p.sign(ctx, ref, desc, r); err != nil {
		return err
	}
	p.add(manifest.Image{Name: ref.String(), Role: manifest.RoleRelease, Release: r.Name(), Descriptor: desc, Platforms: w.platforms})
	for _, c := range r.Components {
		p.add(manifest.Image{
			Name: c.Ref.String(), Role: manifest.RoleComponent, Release: r.Name(), Component: c.Name,
			Descriptor: ocispec.Descriptor{Digest: c.Ref.Digest}, Platforms: w.platforms,
		})
	}
	return nil
}

func (p *planner) readRelease(ctx context.Context, ref manifest.Ref, root oci.Root) (*release.Release, error) {
	p.Progress.Note("", "reading release "+ref.String())
	if err := p.content.AddImage(ctx, ref.Repository, root); err != nil {
		return nil, err
	}
	return release.Read(ctx, p.content, ref.String(), root)
}

func (p *planner) additional(ctx context.Context, cfg *imageset.Config) error {
	var errs []error
	for _, i := range cfg.Mirror.AdditionalImages {
		errs = append(errs, p.named(ctx, i.Name, manifest.Image{
			Role: manifest.RoleAdditional, TargetRepository: i.TargetRepo, TargetTag: i.TargetTag,
			Platforms: imageset.PlatformNames(i.Platforms),
		}))
	}
	return errors.Join(errs...)
}

// finish fetches the manifests of all images, and counts.
func (p *planner) finish(ctx context.Context) (*Plan, error) {
	p.Progress.Phase("walk", 0)
	p.Progress.Note("", fmt.Sprintf("asking for the manifests of %d images", len(p.list.Images)))
	if err := p.fetch(ctx); err != nil {
		return nil, err
	}
	if err := p.attach(ctx); err != nil {
		return nil, err
	}
	p.list.Sort()
	p.list.SetFeatures()
	p.warnings = slices.Concat(p.warnings, p.lacks.warnings(), p.sparseWarning())
	if err := p.count(); err != nil {
		return nil, err
	}
	if err := p.list.Validate(); err != nil {
		return nil, err
	}
	return &Plan{Manifest: &p.list, Content: p.content, Hops: p.hops, Added: p.added, Warnings: p.warnings}, nil
}

// fetch fetches the manifests of every image, several images at once, and fills
// in the descriptors that are not known yet.
func (p *planner) fetch(ctx context.Context) error {
	var g errgroup.Group
	g.SetLimit(p.Jobs)
	failed := make([]error, len(p.list.Images))
	for i := range p.list.Images {
		g.Go(func() error {
			failed[i] = p.fetchOne(ctx, &p.list.Images[i])
			return nil
		})
	}
	_ = g.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return p.judge(failed)
}

// judge takes from the images those that can be left out, and reports the others
// that could not be had. It is told of each image what went wrong with it.
func (p *planner) judge(failed []error) error {
	var errs []error
	var had []manifest.Image
	for i, img := range p.list.Images {
		switch {
		case failed[i] == nil:
			had = append(had, img)
		case !p.leaveOut(img, failed[i]):
			errs = append(errs, failed[i])
		}
	}
	p.list.Images = had
	return summary(errs)
}

func (p *planner) fetchOne(ctx context.Context, i *manifest.Image) error {
	ref, err := manifest.ParseRef(i.Name)
	if err != nil {
		return err
	}
	if i.Role == manifest.RoleGraph {
		return nil // made here, under a name where nothing can be had
	}
	if i.Descriptor.MediaType == "" {
		if i.Descriptor, err = p.content.Resolve(ctx, ref.String()); err != nil {
			return err
		}
	}
	if err := p.settle(ctx, ref.Repository, i); err != nil {
		return fmt.Errorf("%s%w", subject(*i, ref), err)
	}
	return nil
}

// subject is what a person calls an image, where the digest that the error is
// about does not say it already.
func subject(i manifest.Image, ref manifest.Ref) string {
	switch {
	case i.Component != "":
		return "component " + i.Component + ": "
	case ref.Tag != "":
		return i.Name + ": "
	}
	return ""
}

// mostErrors is how many images are named that cannot be had.
const mostErrors = 10

// summary keeps a registry that is down from filling the screen with two
// hundred copies of one line.
func summary(errs []error) error {
	const most = mostErrors
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if n := len(errs) - most; n > 0 {
		errs = append(errs[:most:most], fmt.Errorf("and %d images more", n))
	}
	return errors.Join(errs...)
}

// count lists all blobs and sums up what each image needs.
func (p *planner) count() error {
	var roots []oci.Root
	for i := range p.list.Images {
		img := &p.list.Images[i]
		n, err := oci.ImageBytes(root(*img), p.content.Manifest)
		if err != nil {
			return fmt.Errorf("%s: %w", img.Name, err)
		}
		img.Bytes = n
		roots = append(roots, root(*img))
	}
	parts, err := oci.Parts(roots, p.content.Manifest)
	if err != nil {
		return err
	}
	p.list.Blobs = nil
	for _, l := range parts {
		p.list.Blobs = append(p.list.Blobs, l.Descriptor)
	}
	return nil
}
