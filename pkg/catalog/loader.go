package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Bounds of one catalog.
const (
	// MaxCatalog bounds what is kept of one catalog, in bytes. The largest
	// public one has some 200 MB in all.
	MaxCatalog = 1 << 30
	// MaxFiles bounds the files of one catalog.
	MaxFiles = 100_000
)

// Loader reads the files of a catalog, in any order, and keeps the documents of
// the packages that are wanted.
type Loader struct {
	want  map[string]bool // nil: all
	files map[string]*file
	bytes int
	// others makes sketches of what is not wanted.
	others sketcher
}

// file is what is kept of one file of the catalog.
type file struct {
	docs   []Document
	others sketches
	rules  []ignoreRule
	// err is what is wrong with the content. It counts only when the file turns
	// out to be none that is ignored: a README, for example, mostly is.
	err error
}

// NewLoader makes a Loader for the packages that are wanted; none means all. Of
// the others it remembers what [Catalog.Missing] and [Catalog.Closure] need.
func NewLoader(want []string) *Loader {
	l := &Loader{files: map[string]*file{}}
	for _, name := range want {
		if l.want == nil {
			l.want = map[string]bool{}
		}
		l.want[name] = true
	}
	return l
}

// Add reads one file to its end. Its path is relative to the root of the
// catalog, with slashes: nfd/catalog.yaml. The errors of Add are about reading
// and about limits; what is wrong inside of files is told by [Loader.Catalog],
// because only all files together say which of them count.
func (l *Loader) Add(name string, r io.Reader) error {
	switch _, twice := l.files[name]; {
	case !fs.ValidPath(name) || name == ".":
		return fmt.Errorf("%q: is no path of a file in a catalog", name)
	case twice:
		return fmt.Errorf("%s: added twice", name)
	case len(l.files) >= MaxFiles:
		return fmt.Errorf("%s: is one more than %d files", name, MaxFiles)
	}
	f := &file{}
	l.files[name] = f
	source := &sourceReader{r: r}
	if path.Base(name) == ignoreFile {
		f.rules, f.err = readIgnoreFile(path.Dir(name), source)
	} else {
		f.err = l.scan(f, source)
	}
	if source.err != nil {
		return fmt.Errorf("%s: %w", name, source.err)
	}
	if l.bytes > MaxCatalog {
		return fmt.Errorf("%s: the catalog has more than %d bytes", name, MaxCatalog)
	}
	if l.others.size > MaxSketches {
		return fmt.Errorf("%s: what the catalog's packages provide takes more than %d bytes", name, MaxSketches)
	}
	return nil
}

func (l *Loader) scan(f *file, r io.Reader) error {
	s := &documentScanner{
		skip:  l.skip,
		names: l.others.names,
		visit: func(h header, raw []byte) error {
			if l.skip(h) {
				return l.others.add(&f.others, h, raw)
			}
			if l.bytes += len(raw); l.bytes > MaxCatalog {
				return errors.New("is too much")
			}
			d := Document{Schema: h.schema, Package: h.pkg, Name: h.name, Raw: bytes.Clone(raw)}
			f.docs = append(f.docs, d)
			return nil
		},
	}
	return s.scan(r)
}

// skip says whether a document belongs to a package that is not wanted.
func (l *Loader) skip(h header) bool {
	owner := h.owner()
	return l.want != nil && !l.want[owner] && (owner != "" || h.schema == SchemaPackage)
}

// Catalog is what was read, without the files that .indexignore files exclude.
// It tells all that it finds wrong, joined: files that cannot be read, and
// packages that are wanted and not there, with the names that are near. A
// catalog without packages is an error.
func (l *Loader) Catalog() (*Catalog, error) {
	var errs []error
	b, others := builder{}, builder{}
	ignored := l.ignored()
	for _, name := range slices.Sorted(maps.Keys(l.files)) {
		f := l.files[name]
		if ignored(name) {
			continue
		}
		if f.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, f.err))
		}
		for _, d := range f.docs {
			if err := b.add(d); err != nil {
				errs = append(errs, fmt.Errorf("%s: %s %q: %w", name, d.Schema, d.Name, err))
			}
		}
		others.sketch(f.others)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	c := b.catalog()
	c.others = others.catalog().Packages
	if err := c.checkWanted(l.want); err != nil {
		return nil, err
	}
	return c, nil
}

func (l *Loader) ignored() func(string) bool {
	var m ignoreMatcher
	var files []string
	for name := range l.files {
		if path.Base(name) == ignoreFile {
			files = append(files, name)
		}
	}
	slices.SortFunc(files, compareWalk)
	for _, name := range files {
		m = append(m, l.files[name].rules...)
	}
	return m.match
}

func (c *Catalog) checkWanted(want map[string]bool) error {
	defined := map[string]bool{}
	for _, p := range c.Packages {
		defined[p.Name] = len(p.Definitions) > 0
	}
	var others []string
	for _, p := range c.others {
		if len(p.Definitions) > 0 {
			others = append(others, p.Name)
		}
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !defined[name] {
			errs = append(errs, fmt.Errorf("package %q: not in the catalog%s", name, hint(name, others)))
		}
	}
	if len(errs) == 0 && len(c.all()) == 0 {
		return errors.New("catalog: has no package")
	}
	return errors.Join(errs...)
}

func hint(name string, names []string) string {
	if found := near(name, names); len(found) > 0 {
		return "; near: " + strings.Join(found, ", ")
	}
	return ""
}

// builder sorts documents into packages.
type builder struct {
	packages map[string]*Package
	globals  []Document
}

func (b *builder) add(d Document) error {
	owner := header{d.Schema, d.Package, d.Name}.owner()
	if owner == "" && d.Schema != SchemaPackage {
		b.globals = append(b.globals, d)
		return nil
	}
	return b.pkg(owner).add(d)
}

// pkg is the package of that name, which is made where there is none.
func (b *builder) pkg(name string) *Package {
	if b.packages == nil {
		b.packages = map[string]*Package{}
	}
	p := b.packages[name]
	if p == nil {
		p = &Package{Name: name}
		b.packages[name] = p
	}
	return p
}

func (p *Package) add(d Document) error {
	switch d.Schema {
	case SchemaPackage:
		var text struct{ DefaultChannel string }
		err := json.Unmarshal(d.Raw, &text)
		p.Definitions = append(p.Definitions, Definition{d, text.DefaultChannel})
		return err
	case SchemaChannel:
		var text struct{ Entries []Entry }
		err := json.Unmarshal(d.Raw, &text)
		p.Channels = append(p.Channels, Channel{d, text.Entries})
		return err
	case SchemaBundle:
		b, err := newBundle(d)
		p.Bundles = append(p.Bundles, b)
		return err
	case SchemaDeprecations:
		var text struct{ Entries []Deprecation }
		err := json.Unmarshal(d.Raw, &text)
		p.Deprecations = append(p.Deprecations, Deprecations{d, text.Entries})
		return err
	}
	p.Others = append(p.Others, d)
	return nil
}

func (b *builder) catalog() *Catalog {
	c := &Catalog{Globals: b.globals}
	for _, name := range slices.Sorted(maps.Keys(b.packages)) {
		p := b.packages[name]
		slices.SortStableFunc(p.Channels, func(a, b Channel) int { return cmp.Compare(a.Name, b.Name) })
		slices.SortStableFunc(p.Bundles, func(a, b Bundle) int { return cmp.Compare(a.Name, b.Name) })
		slices.SortStableFunc(p.Others, func(a, b Document) int { return cmp.Compare(a.Schema, b.Schema) })
		c.Packages = append(c.Packages, p)
	}
	return c
}

// sourceReader remembers that the file could not be read, as opposed to what it
// holds being wrong.
type sourceReader struct {
	r   io.Reader
	err error
}

func (s *sourceReader) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
