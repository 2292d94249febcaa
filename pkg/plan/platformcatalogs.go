package plan

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/catalog"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// pruneAll prunes a catalog for several platforms. For one the result is an image,
// for several an index of images. A catalog that is no index is one image,
// whatever it is wanted for. The platforms that come back are those it was made for.
func (p *planner) pruneAll(ctx context.Context, ref manifest.Ref, source ocispec.Descriptor, r catalog.Request, platforms []string) (*catalog.Pruned, []string, error) {
	if kind, _ := oci.KindOf(source.MediaType); kind != oci.KindIndex {
		return p.prunePlain(ctx, ref, source, r, platforms)
	}
	if err := p.hasPlatforms(ref, source, platforms); err != nil {
		return nil, nil, err
	}
	var all *catalog.Pruned
	var children []ocispec.Descriptor
	for _, platform := range platforms {
		img, err := p.content.ForPlatform(source, platform)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", ref, err)
		}
		one, err := p.prune(ctx, ref, source, r, platform)
		if err != nil {
			return nil, nil, ofPlatform(platform, platforms, err)
		}
		one.Descriptor.Platform = img.Platform
		children = append(children, one.Descriptor)
		if all, err = joined(all, one); err != nil {
			return nil, nil, fmt.Errorf("%s: its images for %s and %s %w", ref, platforms[0], platform, err)
		}
	}
	all.Descriptor.Platform = nil
	if len(children) == 1 {
		return all, platforms, nil
	}
	var err error
	all.Descriptor, err = p.content.Index(source.MediaType, children)
	return all, platforms, err
}

// hasPlatforms reports all platforms that a catalog lacks at once.
func (p *planner) hasPlatforms(ref manifest.Ref, source ocispec.Descriptor, platforms []string) error {
	if err := oci.CheckPlatforms(oci.Root{Descriptor: source, Platforms: platforms}, p.content.Manifest); err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	return nil
}

// ofPlatform says for which of several platforms something went wrong.
func ofPlatform(platform string, platforms []string, err error) error {
	if len(platforms) == 1 {
		return err
	}
	return eachLine(platform, err)
}

// joined adds what a catalog has for one platform to what it has for others. What
// is kept has to be the same: the packing list says it once, and on the cluster it
// would depend on the machine on which the catalog happens to run.
func joined(all, one *catalog.Pruned) (*catalog.Pruned, error) {
	if all == nil {
		return one, nil
	}
	if !reflect.DeepEqual(all.Selection, one.Selection) {
		return nil, fmt.Errorf("do not have the same versions: %s", difference(all.Selection, one.Selection))
	}
	all.Images = sorted(append(all.Images, one.Images...))
	for _, m := range one.Missing {
		if !slices.ContainsFunc(all.Missing, func(d catalog.Dependency) bool { return d.String() == m.String() }) {
			all.Missing = append(all.Missing, m)
		}
	}
	for _, w := range one.Warnings {
		if !slices.Contains(all.Warnings, w) {
			all.Warnings = append(all.Warnings, w)
		}
	}
	return all, nil
}

// difference names one thing in which two selections differ.
func difference(a, b []manifest.Package) string {
	x, y := versions(a), versions(b)
	for i := range max(len(x), len(y)) {
		switch {
		case i >= len(x) || i < len(y) && y[i] < x[i]:
			return y[i] + " is in the second only"
		case i >= len(y) || x[i] < y[i]:
			return x[i] + " is in the first only"
		}
	}
	return "their default channels"
}

// versions lists package, channel and bundle of all that is kept, sorted.
func versions(packages []manifest.Package) []string {
	var all []string
	for _, p := range packages {
		for _, ch := range p.Channels {
			for _, b := range ch.Bundles {
				all = append(all, fmt.Sprintf("%s in channel %s of %s", b, ch.Name, p.Name))
			}
		}
	}
	return sorted(all)
}

// prunePlain prunes a catalog that is one image. It says for which platform it is.
func (p *planner) prunePlain(ctx context.Context, ref manifest.Ref, source ocispec.Descriptor, r catalog.Request, platforms []string) (*catalog.Pruned, []string, error) {
	pruned, err := p.prune(ctx, ref, source, r, platforms[0])
	if err != nil {
		return nil, nil, err
	}
	img, err := p.content.ReadImage(ctx, source)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", ref, err)
	}
	missing := slices.DeleteFunc(slices.Clone(platforms), func(w string) bool { return oci.MatchPlatform(img.Config.Platform, w) })
	if len(missing) == 0 {
		return pruned, platforms[:1], nil
	}
	own := img.Config.OS + "/" + img.Config.Architecture
	if manifest.CheckPlatform(own) != nil { // it does not say
		return pruned, platforms[:1], nil
	}
	pruned.Warnings = append(pruned.Warnings, fmt.Sprintf("is one image, for %s: nothing in it is for %s", own, strings.Join(missing, ", ")))
	return pruned, []string{own}, nil
}
