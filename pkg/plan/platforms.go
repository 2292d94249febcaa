package plan

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/imageset"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
	"drayage/pkg/release"
)

// multiPlatforms are those that a multi-architecture release is for.
var multiPlatforms = []string{"linux/amd64", "linux/arm64", "linux/ppc64le", "linux/s390x"}

// assumedPlatforms are those that catalogs are for when no release says it.
func assumedPlatforms(cfg *imageset.Config) []string {
	var all []string
	for _, arch := range cfg.Architectures() {
		switch chosen := imageset.PlatformNames(cfg.Mirror.Platform.Platforms); {
		case arch != release.MultiArchitecture:
			all = append(all, "linux/"+arch)
		case len(chosen) > 0:
			all = append(all, chosen...)
		default:
			all = append(all, multiPlatforms...)
		}
	}
	return sorted(all)
}

// catalogPlatforms are those that a catalog is pruned for: what the image set
// says, or else what the releases are for that travel.
func (p *planner) catalogPlatforms(cfg *imageset.Config, op imageset.Operator) []string {
	if chosen := imageset.PlatformNames(op.Platforms); len(chosen) > 0 {
		return chosen
	}
	return p.clusterPlatforms(cfg)
}

// clusterPlatforms are those of the releases that travel.
func (p *planner) clusterPlatforms(cfg *imageset.Config) []string {
	if len(p.platforms) > 0 {
		return sorted(p.platforms)
	}
	return assumedPlatforms(cfg)
}

func sorted(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

func root(i manifest.Image) oci.Root {
	return oci.Root{Descriptor: i.Descriptor, Platforms: i.Platforms}
}

// settle fetches the manifests of what travels of an image. Platforms, until now
// those that are wanted, become those that the index has; none, when nothing is
// left out. What somebody asked for by name must have all of them. Of what a
// release or a catalog names it is their makers' affair: what is there travels.
func (p *planner) settle(ctx context.Context, repository string, i *manifest.Image) error {
	wanted := i.Platforms
	if len(wanted) == 0 {
		return p.content.AddImage(ctx, repository, root(*i))
	}
	if kind, _ := oci.KindOf(i.Descriptor.MediaType); kind != oci.KindIndex {
		i.Platforms = nil
		if err := p.content.AddImage(ctx, repository, root(*i)); err != nil {
			return err
		}
		return p.settlePlain(ctx, repository, i, wanted)
	}
	if err := p.content.AddImage(ctx, repository, root(*i)); err != nil {
		return err
	}
	found, _, err := oci.Match(root(*i), p.content.Manifest)
	if err != nil {
		return err
	}
	if len(found) < len(wanted) && !named(*i) {
		i.Platforms = found
		p.lacks.note(*i, without(wanted, found))
		if len(found) == 0 {
			return p.content.AddImage(ctx, repository, root(*i))
		}
	}
	return p.settleIndex(repository, i)
}

// settleIndex makes sure of the platforms of an index, and leaves them out when
// they are all that it has.
func (p *planner) settleIndex(repository string, i *manifest.Image) error {
	if err := oci.CheckPlatforms(root(*i), p.content.Manifest); err != nil {
		return fmt.Errorf("%s@%w", repository, err)
	}
	out, err := oci.LeftOut(root(*i), p.content.Manifest)
	if len(out) == 0 {
		i.Platforms = nil
	}
	return err
}

// named says whether an image is in the image set itself.
func named(i manifest.Image) bool {
	return i.Role != manifest.RoleOperator && i.Role != manifest.RoleComponent
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}

// bundleLabel marks an operator bundle image: files for every platform, whatever
// its config says.
const bundleLabel = "operators.operatorframework.io.bundle.mediatype.v1"

// settlePlain looks for which platform an image manifest is.
func (p *planner) settlePlain(ctx context.Context, repository string, i *manifest.Image, wanted []string) error {
	if i.Role == manifest.RoleComponent {
		return nil // the release has no other
	}
	img, err := p.content.ReadImage(ctx, i.Descriptor)
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(wanted), func(w string) bool { return oci.MatchPlatform(img.Config.Platform, w) })
	if len(missing) == 0 {
		return nil
	}
	if named(*i) {
		return fmt.Errorf("%s@%s: is one image, for %q, the image set asks for %s",
			repository, i.Descriptor.Digest, platformName(img.Config.Platform), strings.Join(missing, ", "))
	}
	if _, files := img.Config.Config.Labels[bundleLabel]; !files && img.Config.Architecture != "" {
		p.lacks.note(*i, missing)
	}
	return nil
}

func platformName(p ocispec.Platform) string {
	return strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}

// lacking collects images without a platform that is wanted of them. Images are
// settled several at once.
type lacking struct {
	mu     sync.Mutex
	images map[string][]string // by what to say of them
}

func (l *lacking) note(i manifest.Image, missing []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.images == nil {
		l.images = map[string][]string{}
	}
	from, name := i.Catalog, i.Name
	if i.Component != "" {
		from, name = "release "+i.Release, i.Component
	}
	about := fmt.Sprintf("%s: no image for %s", from, strings.Join(missing, ", "))
	l.images[about] = append(l.images[about], name)
}

// warnings are one line for each catalog or release and what its images lack.
func (l *lacking) warnings() []string {
	const most = 3
	var lines []string
	for _, about := range slices.Sorted(maps.Keys(l.images)) {
		names := sorted(l.images[about])
		line := about + ": " + strings.Join(names[:min(len(names), most)], ", ")
		if n := len(names) - most; n > 0 {
			line += fmt.Sprintf(" and %d more", n)
		}
		lines = append(lines, line)
	}
	return lines
}

// sparseWarning says what sparse indexes ask of a site.
func (p *planner) sparseWarning() []string {
	n := 0
	for _, i := range p.list.Images {
		if len(i.Platforms) > 0 {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("images that travel without some of their platforms: %d; the nodes' registries must take such indexes, import push asks them first", n)}
}

// checkArchitecture compares a release with what was asked for: an architecture
// as Go names it, multi, or empty for any.
func checkArchitecture(ref manifest.Ref, r *release.Release, arch string, platforms []string) error {
	multi := r.Architecture == release.MultiArchitecture
	switch {
	case arch != "" && release.TagArchitecture(arch) != r.Architecture && multi:
		return fmt.Errorf("%s: is a release for several architectures (multi), the image set asks for %s", ref, arch)
	case arch != "" && release.TagArchitecture(arch) != r.Architecture:
		return fmt.Errorf("%s: is a release for %s, the image set asks for %s", ref, goArchitecture(r.Architecture), arch)
	case len(platforms) > 0 && !multi:
		return fmt.Errorf("%s: is a release for %s: platforms choose among the images of a multi-architecture release", ref, goArchitecture(r.Architecture))
	}
	return nil
}

// goArchitecture is the reverse of release.TagArchitecture.
func goArchitecture(tag string) string {
	if arch, ok := release.GraphArch(tag); ok {
		return arch
	}
	return tag
}

// eachLine puts a word before each error of a joined one.
func eachLine(subject string, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fmt.Errorf("%s: %w", subject, err)
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		errs = append(errs, eachLine(subject, e))
	}
	return errors.Join(errs...)
}
