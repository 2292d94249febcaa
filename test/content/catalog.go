package content

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// CatalogRef is the catalog of which nothing else is said.
const CatalogRef = "registry.redhat.io/redhat/redhat-operator-index:v4.17"

// CatalogOptions says what an operator catalog is like. The zero value is an
// index for amd64 and arm64 of a catalog with three made-up packages.
type CatalogOptions struct {
	// Ref is the catalog's reference, with a tag; CatalogRef if empty.
	Ref string
	// Dir has the files of a real file-based catalog, as they lie below /configs.
	// For each digest in it an image is made (the same digest, the same image,
	// in whichever repository) and the digest replaced throughout, also within
	// base64 values. For each image that a blob names by tag one is made too.
	// Without Dir there are three packages that are made up.
	Dir fs.FS
	// Arches are the architectures as Go names them, amd64 and arm64 if empty.
	// One alone makes an image and no index.
	Arches []string
	// Size is the bytes of all layers together, 1 MiB if zero; the catalog's
	// own files come on top.
	Size int64
	// Incompressible makes layers that do not compress.
	Incompressible bool
	// OCI takes OCI's media types for the catalog; docker's otherwise.
	OCI bool
}

// Catalog is an operator catalog that was made.
type Catalog struct {
	// Image is the catalog, by tag.
	Image Named
	// Packages are the names of its packages, sorted. A package is what has an
	// olm.package blob.
	Packages []string
	// Files are the files below /configs as they are in the image, sorted, their
	// paths relative to it.
	Files []File
	// Related are the operator bundle images and the images related to them,
	// sorted, each reference once.
	Related []Named
}

// Images are the catalog and the images that it names, sorted, each reference once.
func (c *Catalog) Images() []Named { return unique(append(slices.Clone(c.Related), c.Image)) }

// MakeCatalog makes a catalog and the images that it names.
func MakeCatalog(o CatalogOptions) (*Catalog, error) {
	if o.Ref == "" {
		o.Ref = CatalogRef
	}
	if len(o.Arches) == 0 {
		o.Arches = []string{"amd64", "arm64"}
	}
	o.Size = or(o.Size, 1<<20)
	m := catalogMaker{o: o, fillers: newFillers(o.Incompressible), related: map[string]Named{}}
	c, err := m.catalog()
	if err != nil {
		return nil, fmt.Errorf("catalog %s: %w", o.Ref, err)
	}
	return c, nil
}

func (m *catalogMaker) catalog() (*Catalog, error) {
	files, err := m.files()
	if err != nil {
		return nil, err
	}
	c := &Catalog{Files: files}
	if c.Packages, err = packageNames(files); err != nil {
		return nil, err
	}
	image, err := m.image(files)
	if err != nil {
		return nil, err
	}
	repo, tag, _ := strings.Cut(m.o.Ref, ":")
	c.Image, err = tagged(repo, tag, image)
	c.Related = unique(slices.Collect(maps.Values(m.related)))
	return c, err
}

// catalogMaker makes each related image once.
type catalogMaker struct {
	o CatalogOptions
	fillers
	own     int64 // size of a related image's own layer
	related map[string]Named
}

// files are those below /configs, sorted; making them makes the images that they name.
func (m *catalogMaker) files() ([]File, error) {
	var files []File
	var err error
	if m.o.Dir != nil {
		files, err = m.rewritten()
	} else {
		files, err = m.madeUp()
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, err
}

// image is built as the real ones are: the operator registry's own image, then
// /configs, then the cache that was computed from it.
func (m *catalogMaker) image(files []File) (Content, error) {
	configs := Files(below("configs/", files)...)
	cache := Files(
		File{Path: "tmp/cache/pogreb.v1/digest", Content: []byte(cacheDigest(files))},
		File{Path: "tmp/cache/pogreb.v1/db/00000-1.psg", Content: []byte(hexSum("cache " + cacheDigest(files)))},
		File{Path: "tmp/cache/pogreb.v1/db/main.pix", Content: []byte("made up")},
	)
	o := ImageOptions{
		OCI:        m.o.OCI,
		Labels:     map[string]string{"operators.operatorframework.io.index.configs.v1": "/configs"},
		Entrypoint: []string{"/bin/opm"},
		Cmd:        []string{"serve", "/configs", "--cache-dir=/tmp/cache"},
	}
	return MultiArch("catalog "+m.o.Ref, o, m.o.Arches, func(arch string) []*Layer {
		base := Files(
			File{Path: "bin/grpc_health_probe", Mode: 0o755, Content: []byte("made up for " + arch + "\n")},
			File{Path: "bin/opm", Mode: 0o755, Content: []byte("made up for " + arch + "\n")},
		)
		return []*Layer{m.layer("base/"+arch, m.o.Size/4/int64(len(m.o.Arches))), base, configs, cache}
	})
}

func below(dir string, files []File) []File {
	files = slices.Clone(files)
	for i := range files {
		files[i].Path = dir + files[i].Path
	}
	return files
}

// cacheDigest stands for the hash that a real cache keeps of the catalog.
func cacheDigest(files []File) string {
	var all strings.Builder
	for _, f := range files {
		all.WriteString(f.Path)
		all.Write(f.Content)
	}
	return hexSum(all.String())[:16]
}

// bundle makes an operator bundle image: two layers of files, no base.
func (m *catalogMaker) bundle(repo, pkg, name, csv string) (string, error) {
	labels := map[string]string{
		"operators.operatorframework.io.bundle.manifests.v1": "manifests/",
		"operators.operatorframework.io.bundle.mediatype.v1": "registry+v1",
		"operators.operatorframework.io.bundle.metadata.v1":  "metadata/",
		"operators.operatorframework.io.bundle.package.v1":   pkg,
	}
	img, err := Image("bundle "+name, ImageOptions{Labels: labels},
		Files(File{Path: "manifests/" + pkg + ".clusterserviceversion.yaml", Content: []byte(csv)}),
		Files(File{Path: "metadata/annotations.yaml", Content: fmt.Appendf(nil,
			"annotations:\n  operators.operatorframework.io.bundle.package.v1: %s\n", pkg)}))
	if err != nil {
		return "", err
	}
	return m.relate(repo, img)
}

// operand makes an image that an operator runs, for two architectures.
func (m *catalogMaker) operand(repo, seed string) (string, error) {
	img, err := MultiArch(repo+" "+seed, ImageOptions{}, []string{"amd64", "arm64"}, func(arch string) []*Layer {
		return []*Layer{
			m.layer("related/"+arch, m.o.Size/8),
			m.layer("related/"+arch+"/"+repo+"/"+seed, m.own/2),
		}
	})
	if err != nil {
		return "", err
	}
	return m.relate(repo, img)
}

// simple makes a small image of which only the digest matters.
func (m *catalogMaker) simple(seed string) (v1.Image, error) {
	return Image(seed, ImageOptions{}, m.layer("related/amd64", m.o.Size/4), m.layer("related/"+seed, m.own))
}

// relate notes an image under its digest and gives the reference.
func (m *catalogMaker) relate(repo string, img Content) (string, error) {
	n, err := untagged(repo, img)
	if err != nil {
		return "", err
	}
	m.related[n.Ref] = n
	return n.Ref, nil
}
