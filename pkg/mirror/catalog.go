package mirror

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

// maxName is the length of a label's value in Kubernetes, in bytes: the
// Operator Lifecycle Manager labels a catalog's pods with the catalog's name.
const maxName = 63

// Catalog is a pruned catalog as the cluster knows it.
type Catalog struct {
	Image manifest.Image
	// Name is what the cluster's objects are called after: the index name as a
	// DNS label, at most 63 bytes; see [Catalogs].
	Name string
	// Source is the repository under which the cluster asks for the catalog: a
	// host where nothing listens, and the repository on the nodes.
	Source string
	// Repository is where it stands on a node.
	Repository string

	tag string
}

// Catalogs lists the catalogs of m in the manifest's order. A name is the index
// name (redhat-operator-index), that of the target where the image set gives one;
// where two catalogs have the same one, each gets
// its tag behind it (redhat-operator-index-v4-9). Two catalogs share a name
// only when they are the same image at the same place. The error joins names
// that do not parse, names that are the same all the same, and a site without a
// catalog host.
func Catalogs(m *manifest.Manifest, s *site.Site) ([]Catalog, error) {
	var all []Catalog
	var errs []error
	for _, img := range m.Images {
		if img.Role != manifest.RoleCatalog {
			continue
		}
		c, err := newCatalog(img, s)
		if err != nil {
			errs = append(errs, fmt.Errorf("catalog %s: %w", img.Name, err))
			continue
		}
		all = append(all, c)
	}
	tellApart(all)
	if err := errors.Join(append(errs, sameNames(all)...)...); err != nil {
		return nil, err
	}
	return all, nil
}

func newCatalog(img manifest.Image, s *site.Site) (Catalog, error) {
	ref, err := manifest.ParseRef(img.Name)
	if err != nil {
		return Catalog{}, err
	}
	if s.CatalogHost == "" {
		return Catalog{}, errors.New("the site has no catalogHost, under which the cluster would know it")
	}
	repo, err := repository(img, ref, s.Repositories)
	if err != nil {
		return Catalog{}, err
	}
	return Catalog{
		Image:      img,
		Name:       dnsLabel(cmp.Or(lastComponent(img.TargetRepository), indexName(ref)), ""),
		Source:     s.CatalogHost + "/" + repo,
		Repository: repo,
		tag:        cmp.Or(img.TargetTag, Tag(ref)),
	}, nil
}

// tellApart puts the tag behind every name that stands for more than one place.
func tellApart(all []Catalog) {
	places := map[string]map[string]bool{}
	for _, c := range all {
		if places[c.Name] == nil {
			places[c.Name] = map[string]bool{}
		}
		places[c.Name][c.Repository+":"+c.tag] = true
	}
	for i, c := range all {
		if len(places[c.Name]) > 1 {
			all[i].Name = dnsLabel(c.Name, "-"+c.tag)
		}
	}
}

func sameNames(all []Catalog) []error {
	var errs []error
	first := map[string]Catalog{}
	for _, c := range all {
		f, taken := first[c.Name]
		switch {
		case !taken:
			first[c.Name] = c
		case f.Repository != c.Repository || f.Image.Descriptor.Digest != c.Image.Descriptor.Digest:
			errs = append(errs, fmt.Errorf("catalog name %s: two catalogs get it: %s (%s) and %s (%s)", c.Name,
				f.Image.Name, f.Image.Descriptor.Digest, c.Image.Name, c.Image.Descriptor.Digest))
		}
	}
	return errs
}

// dnsLabel makes a DNS-1123 label of name and suffix. A name that is too long
// is cut before the suffix, which tells it from others.
func dnsLabel(name, suffix string) string {
	clean := func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}
	name = strings.Map(clean, strings.ToLower(name))
	suffix = strings.Map(clean, strings.ToLower(suffix))
	suffix = suffix[:min(len(suffix), maxName/2)]
	name = strings.TrimRight(name[:min(len(name), maxName-len(suffix))], "-")
	return strings.Trim(name+suffix, "-")
}
