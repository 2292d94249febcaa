package bundle

import (
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"drayage/pkg/manifest"
)

// Diff is what one bundle has that another has not. All lists are sorted.
type Diff struct {
	Added   []DiffImage `json:"added"`
	Removed []DiffImage `json:"removed"`
	// Changed have the same name and role in both, and another digest, or of an
	// index other platforms.
	Changed []DiffImage `json:"changed"`
	// ReleasesAdded and ReleasesRemoved are <version>-<arch>.
	ReleasesAdded   []string `json:"releasesAdded"`
	ReleasesRemoved []string `json:"releasesRemoved"`
	// OperatorsAdded and OperatorsRemoved are versions that pruned catalogs keep.
	OperatorsAdded   []DiffOperator `json:"operatorsAdded"`
	OperatorsRemoved []DiffOperator `json:"operatorsRemoved"`
	// Blobs and Bytes are what the second has and the first has not: what a delta
	// would carry besides its packing list. BytesRemoved is the reverse.
	Blobs        int   `json:"blobs"`
	Bytes        int64 `json:"bytes"`
	BytesRemoved int64 `json:"bytesRemoved"`
}

// DiffImage is an image that is not in both.
type DiffImage struct {
	Name string        `json:"name"`
	Role manifest.Role `json:"role"`
	// Release and Component are those of the packing list.
	Release   string `json:"release,omitempty"`
	Component string `json:"component,omitempty"`
	// Old and New are digests; one is empty when it is in one bundle only.
	Old digest.Digest `json:"old,omitempty"`
	New digest.Digest `json:"new,omitempty"`
	// Bytes is all that the image consists of, in the bundle that has it, or in
	// the second.
	Bytes int64 `json:"bytes"`
}

// DiffOperator is a version of an operator in a catalog.
type DiffOperator struct {
	Catalog string `json:"catalog"`
	Package string `json:"package"`
	Version string `json:"version"`
}

// Compare says how two bundles, or packing lists, differ.
func Compare(a, b *Base) *Diff {
	d := &Diff{Added: []DiffImage{}, Removed: []DiffImage{}, Changed: []DiffImage{}}
	d.images(a.Manifest, b.Manifest)
	d.ReleasesAdded, d.ReleasesRemoved = apart(releases(a.Manifest), releases(b.Manifest))
	added, removed := apart(operators(a.Manifest), operators(b.Manifest))
	d.OperatorsAdded, d.OperatorsRemoved = operatorList(added), operatorList(removed)
	for _, blob := range b.Manifest.Blobs {
		if !a.holds(blob) {
			d.Blobs++
			d.Bytes += blob.Size
		}
	}
	for _, blob := range a.Manifest.Blobs {
		if !b.holds(blob) {
			d.BytesRemoved += blob.Size
		}
	}
	return d
}

// imageKey is what makes an image the same in two bundles. A component keeps its
// name from release to release, and its reference changes with its digest.
type imageKey struct {
	role                     manifest.Role
	name, release, component string
}

func keyOf(i manifest.Image) imageKey {
	if i.Role == manifest.RoleComponent {
		return imageKey{i.Role, "", i.Release, i.Component}
	}
	return imageKey{i.Role, i.Name, i.Release, ""}
}

func (d *Diff) images(a, b *manifest.Manifest) {
	old := map[imageKey]manifest.Image{}
	for _, i := range a.Images {
		old[keyOf(i)] = i
	}
	seen := map[imageKey]bool{}
	for _, i := range b.Images {
		k := keyOf(i)
		if seen[k] {
			continue
		}
		seen[k] = true
		was, there := old[k]
		switch now := diffImage(i); {
		case !there:
			now.New = i.Descriptor.Digest
			d.Added = append(d.Added, now)
		case was.Descriptor.Digest != i.Descriptor.Digest || !slices.Equal(was.Platforms, i.Platforms):
			now.Old, now.New = was.Descriptor.Digest, i.Descriptor.Digest
			d.Changed = append(d.Changed, now)
		}
	}
	for _, i := range a.Images {
		if k := keyOf(i); !seen[k] {
			seen[k] = true
			gone := diffImage(i)
			gone.Old = i.Descriptor.Digest
			d.Removed = append(d.Removed, gone)
		}
	}
}

func diffImage(i manifest.Image) DiffImage {
	return DiffImage{Name: i.Name, Role: i.Role, Release: i.Release, Component: i.Component, Bytes: i.Bytes}
}

func releases(m *manifest.Manifest) []string {
	var names []string
	for _, i := range m.Releases() {
		names = append(names, i.Release)
	}
	return names
}

// operators are catalog, package and version, each once.
func operators(m *manifest.Manifest) []string {
	var all []string
	for _, c := range m.Catalogs {
		for _, p := range c.Packages {
			for _, ch := range p.Channels {
				for _, version := range ch.Bundles {
					all = append(all, strings.Join([]string{c.Name, p.Name, version}, "\x00"))
				}
			}
		}
	}
	return all
}

func operatorList(keys []string) []DiffOperator {
	list := []DiffOperator{}
	for _, k := range keys {
		parts := strings.SplitN(k, "\x00", 3)
		list = append(list, DiffOperator{parts[0], parts[1], parts[2]})
	}
	return list
}

// apart is what only b has and what only a has, sorted, each once.
func apart(a, b []string) (added, removed []string) {
	only := func(of, not []string) []string {
		list := []string{}
		for _, s := range of {
			if !slices.Contains(not, s) {
				list = append(list, s)
			}
		}
		slices.Sort(list)
		return slices.Compact(list)
	}
	return only(b, a), only(a, b)
}
