// Package catalog prunes operator catalogs: it reads the catalog in an image,
// keeps the packages and versions that were asked for, and names the images
// that what is left refers to.
//
// # File-based catalogs
//
// A file-based catalog is a tree of files, each a row of JSON or YAML
// documents. Every document has a schema, and a package to which it belongs:
//
//	olm.package       one operator; names its default channel
//	olm.channel       a stream of versions: entries, and which replaces or skips which
//	olm.bundle        one version: its operator bundle image and related images
//	olm.deprecations  what of the package is deprecated
//	anything else     kept as it is
//
// How files and documents are named and spread says nothing: one package may be
// split over files and one file may hold many. So documents are read, and files
// are never judged by their names.
//
// The way through the package:
//
//	Loader.Add, for each file -> Loader.Catalog -> Catalog.Select -> Catalog.Keep
//	                                                                   |
//	Layer <- Whiteouts <- Catalog.Files   Catalog.Images   Catalog.Validate
//
// A document is kept as the bytes that it was read as (a YAML document as the
// JSON that it stands for). Pruning takes entries out of channels and of
// deprecations, may extend what one entry skips, may change the default channel,
// and nothing else. [Catalog.Files] only indents.
//
// # What is kept
//
// A package is asked for by name, and then the head of each of its channels is
// kept: what a new installation gets. A request can name channels, and the others
// are dropped; it can ask for all versions, or for those from a minimum to a
// maximum, of the package or of a channel; and it can name another default
// channel, which it must when the default channel is not kept.
//
// A bound speaks of the parts that it writes out, and what it leaves out is
// inside:
//
//	bound                 as minVersion                    as maxVersion
//	4                     all of 4, and above              all of 4, and below
//	4.17                  all of 4.17, and above           all of 4.17, and below
//	4.17.0                all of 4.17.0, and above         all of 4.17.0, and below
//	4.17.0-202412170235   this one and above, by semver    this one and below, by semver
//	0.9.1+5               this one and above, build too    this one and below, build too
//
// All of 4.17.0 is 4.17.0 itself and every 4.17.0-..., 4.17.0+...: for Red Hat,
// 4.17.0-202412170235 is a release that follows 4.17.0, although semver orders it
// before. A prerelease is compared by semver, and so 4.17.0 lies above
// 4.17.0-202412170235. Build metadata, which semver does not order, is ordered
// like prereleases here, and having it is more than not. The release of a bundle
// is written like a prerelease: 1.0.0-2 is release 2 of 1.0.0.
//
// A channel is shortened to a range in these steps:
//
//  1. The entries whose versions are in the range are kept. A channel that has
//     none is dropped, with a warning; for the default channel it is an error.
//  2. If the head is kept, it stays the head. Otherwise it is the kept entry that
//     no other kept entry replaces or skips: of several, the first on the way down
//     from the old head along "replaces", or the highest version if none is on it.
//  3. What lies on the way down from the head to the last entry on it that is
//     kept, is kept too, for updates pass through. A warning names it.
//  4. Entries that would then hang loose (what replaced or skipped them is gone)
//     are added to what the head skips. In that case, so is what the old head
//     skips and is older than the new one and not kept: its installations could be
//     updated, and can. Of a version that is not in the catalog, only the name
//     tells the age (foo.v1.0.0); where it does not, it is not added.
//  5. Nothing else changes. No entry is renamed, "replaces" stays even where what
//     it names is gone, and skipRange stays.
//  6. A warning tells of versions, older than the head, that the channel knew and
//     from which no update leads to a kept one.
//
// Steps 2 and 4 follow from the names of what is kept. So a selection that lists
// these names is all that is needed to make the same catalog again.
//
// What bundles require of other bundles (properties olm.package.required,
// olm.gvk.required and olm.constraint) is not kept by itself: [Catalog.Missing]
// tells what is not there and which packages would provide it, and
// [Catalog.Closure] adds these packages to a request: that is what
// Request.WithDependencies asks for. What was not wanted has not been read, so the
// image is read once more for what is added.
//
// # The image
//
// The new tree travels as one layer on top of the source image. A layer can add
// and delete but not start afresh, so everything of the old tree that is not
// replaced is deleted by name: see [Whiteouts].
//
// # SQLite catalogs
//
// Up to OpenShift 4.10 a catalog is a database. [PruneDatabase] keeps whole
// packages of one; the new image's layer replaces the database alone.
//
// # What there is to choose from
//
// [List] tells the packages, channels and versions of a catalog of either kind. It
// remembers of every package what is otherwise remembered of those that were not
// asked for, so a catalog of 200 MB takes some 40 MiB.
//
// # Limits
//
// One document has at most [MaxDocument] bytes, what is kept of one catalog at
// most [MaxCatalog], one catalog at most [MaxFiles] files, and one .indexignore
// file at most [MaxIgnoreFile] bytes. Memory is spent on the packages that were
// asked for, not on the catalog; what is remembered of the others is the names,
// links, requirements and APIs of their bundles, at most
// [MaxSketches] bytes.
package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// The schemas that have a meaning here. Documents of any other are carried along.
const (
	SchemaPackage      = "olm.package"
	SchemaChannel      = "olm.channel"
	SchemaBundle       = "olm.bundle"
	SchemaDeprecations = "olm.deprecations"
)

// Catalog is a file-based catalog, or the part of one that was asked for.
// It is read by a [Loader] and not changed afterwards.
type Catalog struct {
	// Packages are sorted by name.
	Packages []*Package
	// Globals are the documents that belong to no package, in the order of the
	// files' paths.
	Globals []Document

	// others are the packages that were not wanted, sorted by name, without any
	// Raw: what is needed to know of them.
	others []*Package
}

// Package is all that a catalog says of one operator package.
type Package struct {
	Name string
	// Definitions are the olm.package documents: one, if the catalog is valid.
	Definitions []Definition
	// Channels and Bundles are sorted by name.
	Channels []Channel
	Bundles  []Bundle
	// Deprecations are the olm.deprecations documents: at most one, if the
	// catalog is valid.
	Deprecations []Deprecations
	// Others are documents of other schemas, sorted by schema.
	Others []Document
}

// Document is one document of a catalog.
type Document struct {
	Schema string
	// Package is empty for an olm.package document, whose Name is the
	// package's, and for one that belongs to no package.
	Package string
	Name    string
	// Raw is the whole document. It is valid JSON and an object.
	Raw json.RawMessage
}

// Definition is an olm.package document.
type Definition struct {
	Document
	DefaultChannel string
}

// Channel is an olm.channel document.
type Channel struct {
	Document
	Entries []Entry
}

// Entry is one version in a channel, by the name of its bundle, and the
// versions that can be updated to it: the one that it replaces, those that it
// skips, and those whose version number lies in SkipRange.
type Entry struct {
	Name      string   `json:"name"`
	Replaces  string   `json:"replaces"`
	Skips     []string `json:"skips"`
	SkipRange string   `json:"skipRange"`
}

// Deprecations is an olm.deprecations document.
type Deprecations struct {
	Document
	Entries []Deprecation
}

// Deprecation is one entry of a Deprecations.
type Deprecation struct {
	Reference Reference `json:"reference"`
	Message   string    `json:"message"`
}

// Reference points at a package (and then Name is empty), a channel or a bundle.
type Reference struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
}

// Images are the images that the catalog's documents name, sorted, each once,
// as they are written there: "image" and "relatedImages" of any document,
// whatever its schema.
func (c *Catalog) Images() []string {
	var images []string
	for _, d := range c.documents() {
		images = append(images, documentImages(d.Raw)...)
	}
	slices.Sort(images)
	return slices.Compact(images)
}

// Files are the files of the catalog, by path: <package>/catalog.json for each
// package and catalog.json for what belongs to none. The same Catalog gives the
// same bytes, laid out and ordered as opm writes them. Package names become
// paths, so [Catalog.Validate] comes first.
func (c *Catalog) Files() map[string][]byte {
	files := map[string][]byte{}
	for _, p := range c.Packages {
		files[p.Name+"/"+catalogFile] = encodeDocuments(p.documents())
	}
	if len(c.Globals) > 0 {
		files[catalogFile] = encodeDocuments(c.Globals)
	}
	return files
}

const catalogFile = "catalog.json"

func encodeDocuments(docs []Document) []byte {
	var b bytes.Buffer
	for _, d := range docs {
		if err := json.Indent(&b, d.Raw, "", "    "); err != nil {
			panic("catalog: a document that is not JSON: " + err.Error()) // no Loader makes one
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func (c *Catalog) documents() []Document {
	var docs []Document
	for _, p := range c.Packages {
		docs = append(docs, p.documents()...)
	}
	return append(docs, c.Globals...)
}

// documents are in the order in which opm writes them.
func (p *Package) documents() []Document {
	var docs []Document
	for _, d := range p.Definitions {
		docs = append(docs, d.Document)
	}
	for _, ch := range p.Channels {
		docs = append(docs, ch.Document)
	}
	for _, b := range p.Bundles {
		docs = append(docs, b.Document)
	}
	docs = append(docs, p.Others...)
	for _, d := range p.Deprecations {
		docs = append(docs, d.Document)
	}
	return docs
}

// pkg is the package of that name that was read, or nil.
func (c *Catalog) pkg(name string) *Package { return findPackage(c.Packages, name) }

// known is the package of that name, read or not, or nil.
func (c *Catalog) known(name string) *Package {
	return cmp.Or(c.pkg(name), findPackage(c.others, name))
}

// all are the packages, read or not, sorted by name.
func (c *Catalog) all() []*Package {
	all := slices.Concat(c.Packages, c.others)
	slices.SortStableFunc(all, func(a, b *Package) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func findPackage(sorted []*Package, name string) *Package {
	i, ok := slices.BinarySearchFunc(sorted, name, func(p *Package, name string) int { return strings.Compare(p.Name, name) })
	if !ok {
		return nil
	}
	return sorted[i]
}

// channel is the channel of that name, or nil.
func (p *Package) channel(name string) *Channel {
	i, ok := slices.BinarySearchFunc(p.Channels, name, func(c Channel, name string) int { return strings.Compare(c.Name, name) })
	if !ok {
		return nil
	}
	return &p.Channels[i]
}

// bundle is the bundle of that name, or nil.
func (p *Package) bundle(name string) *Bundle {
	i, ok := slices.BinarySearchFunc(p.Bundles, name, func(b Bundle, name string) int { return strings.Compare(b.Name, name) })
	if !ok {
		return nil
	}
	return &p.Bundles[i]
}

// documentImages passes over what is not a reference: a document of a schema
// that nobody here knows may mean something else by these names.
func documentImages(raw []byte) []string {
	all, err := members(raw)
	if err != nil {
		return nil
	}
	var image string
	var related []struct {
		Image string `json:"image"`
	}
	if m, ok := find(all, "image"); ok {
		_ = json.Unmarshal(raw[m.start:m.end], &image)
	}
	if m, ok := find(all, "relatedImages"); ok {
		_ = json.Unmarshal(raw[m.start:m.end], &related)
	}
	images := []string{image}
	for _, r := range related {
		images = append(images, r.Image)
	}
	return slices.DeleteFunc(images, func(s string) bool { return s == "" })
}
