package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// Labels by which a catalog image says where its content lies.
const (
	labelConfigs  = "operators.operatorframework.io.index.configs.v1"
	labelDatabase = "operators.operatorframework.io.index.database.v1"
)

// Labels by which a pruned image says what it was made from.
const (
	labelBaseName   = "org.opencontainers.image.base.name"
	labelBaseDigest = "org.opencontainers.image.base.digest"
)

// Request is what somebody wants of one catalog image.
type Request struct {
	// Name is the catalog's full reference, Image its image manifest for one platform.
	Name  string
	Image ocispec.Descriptor
	// Packages are the packages to keep; none means all.
	Packages []PackageRequest
	// Full keeps every bundle, and not only the head of each channel.
	Full bool
	// WithDependencies keeps what the packages require too, as far as the catalog
	// has it: see [Catalog.Closure]. Of a SQLite catalog it does nothing, and a
	// warning says so.
	WithDependencies bool
	// Selection, when it is not nil, is what to keep in place of Packages and
	// Full: what an earlier run chose.
	Selection []manifest.Package
}

// wanted are the names of the packages to keep; none means all.
func (r Request) wanted() []string {
	var names []string
	for _, p := range r.Packages {
		if r.Selection == nil {
			names = append(names, p.Name)
		}
	}
	for _, p := range r.Selection {
		names = append(names, p.Name)
	}
	return names
}

// labels say what the pruned image was made from.
func (r Request) labels() map[string]string {
	return map[string]string{labelBaseName: r.Name, labelBaseDigest: r.Image.Digest.String()}
}

// layerComment is the history entry of the added layer.
const layerComment = "drayage: pruned catalog"

// Pruned is a pruned catalog image.
type Pruned struct {
	Descriptor ocispec.Descriptor
	Selection  []manifest.Package
	// Images are the operator bundle images and all images related to them, as
	// the catalog names them, sorted.
	Images []string
	// Users names for each of Images the bundles that name it, sorted.
	Users map[string][]string
	// Warnings are for whoever asked: installed versions that lose their way up.
	Warnings []string
	// Added is what WithDependencies added.
	Added []Addition
	// Missing is what the kept bundles require and none of them provides.
	Missing []Dependency

	kept []*Bundle // without their documents
}

// Prune makes a pruned image of a catalog image whose manifests are in c: the
// source image, one layer more, and the command `serve /configs`, since the
// cache in the source image no longer matches. The same request gives the same
// digest. The result is validated by the rules of `opm validate` before it is
// made. Of a SQLite catalog whole packages are kept; see [PruneDatabase].
func Prune(ctx context.Context, c *oci.Content, r Request) (*Pruned, error) {
	img, err := c.ReadImage(ctx, r.Image)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Name, err)
	}
	p, err := prune(ctx, c, img, r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Name, err)
	}
	return p, nil
}

func prune(ctx context.Context, c *oci.Content, img *oci.Image, r Request) (*Pruned, error) {
	folder, err := configsFolder(img)
	if errors.Is(err, errSQLite) {
		return pruneSQLite(ctx, c, img, r)
	}
	if err != nil {
		return nil, err
	}
	source, paths, err := load(ctx, c, img, folder, r.wanted())
	if err != nil {
		return nil, err
	}
	chosen, err := r.choose(source)
	if err != nil {
		return nil, err
	}
	if len(chosen.unread) > 0 {
		if source, _, err = load(ctx, c, img, folder, append(r.wanted(), chosen.unread...)); err != nil {
			return nil, err
		}
	}
	kept, err := source.Keep(chosen.Packages)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(kept.Validate()...); err != nil {
		return nil, fmt.Errorf("pruned, it would be no valid catalog: %w", err)
	}
	desc, err := build(c, img, folder, paths, kept, r)
	if err != nil {
		return nil, err
	}
	return &Pruned{
		Descriptor: desc, Selection: chosen.Packages, Images: kept.Images(), Users: kept.users(), Warnings: chosen.Warnings,
		Added: chosen.added, Missing: chosen.missing, kept: kept.bundles(),
	}, nil
}

// errSQLite says that a catalog has a database in place of files.
var errSQLite = errors.New("is a SQLite catalog")

// configsFolder is where a file-based catalog image keeps its files.
func configsFolder(img *oci.Image) (string, error) {
	labels := img.Config.Config.Labels
	if folder := strings.Trim(labels[labelConfigs], "/"); folder != "" {
		return folder, nil
	}
	if labels[labelDatabase] != "" {
		return "", errSQLite
	}
	return "", fmt.Errorf("is no operator catalog: it has no label %s", labelConfigs)
}

func load(ctx context.Context, c *oci.Content, img *oci.Image, folder string, want []string) (*Catalog, []string, error) {
	l := NewLoader(want)
	paths, err := c.Files(ctx, img, folder, func(name string, r io.Reader) error { return l.Add(name, r) })
	if err != nil {
		return nil, nil, err
	}
	if len(paths) == 0 {
		return nil, nil, fmt.Errorf("has no files in /%s", folder)
	}
	source, err := l.Catalog()
	return source, paths, err
}

func build(c *oci.Content, img *oci.Image, folder string, paths []string, kept *Catalog, r Request) (ocispec.Descriptor, error) {
	files := kept.Files()
	whiteouts, err := Whiteouts(paths, files)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	layer, err := Layer(folder, files, whiteouts)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return c.Append(img, layer, oci.AppendOptions{
		Cmd:     []string{"serve", "/" + folder},
		Labels:  r.labels(),
		Comment: layerComment,
	})
}
