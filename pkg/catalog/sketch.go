package catalog

import (
	"encoding/json"
	"errors"
	"slices"
)

// MaxSketches bounds what is remembered of the packages that are not wanted, in
// bytes, roughly. The largest public catalog needs some 10 MB.
const MaxSketches = 128 << 20

// sketches is what is remembered of documents whose packages are not wanted: who
// they are, how their channels hang together, and what their bundles need and
// provide. None has a Raw.
type sketches struct {
	definitions []Definition
	channels    []Channel
	bundles     []Bundle
}

// sketched says that something is remembered of documents of a schema.
func sketched(schema string) bool {
	return schema == SchemaPackage || schema == SchemaChannel || schema == SchemaBundle
}

// sketcher makes sketches. It keeps every string once, and counts.
type sketcher struct {
	seen map[string]string
	size int // in bytes, roughly
	// names says that display names are kept.
	names bool
}

// Roughly what one thing takes in memory, in bytes.
const (
	sizeDocument = 256
	sizeEntry    = 96
	sizeSkip     = 16
	sizeRelation = 64
	sizeString   = 48 // besides its characters
)

// add remembers a document. What is wrong with it is passed over: it belongs to
// no package that is wanted.
func (s *sketcher) add(to *sketches, h header, raw []byte) error {
	d := Document{Schema: h.schema, Package: s.keep(h.pkg), Name: s.keep(h.name)}
	all, err := members(raw)
	if err != nil || !sketched(h.schema) {
		return nil
	}
	s.size += sizeDocument
	switch h.schema {
	case SchemaPackage:
		var name string
		decodeMember(raw, all, "defaultChannel", &name)
		to.definitions = append(to.definitions, Definition{d, s.keep(name)})
	case SchemaChannel:
		var entries []Entry
		decodeMember(raw, all, "entries", &entries)
		to.channels = append(to.channels, Channel{d, s.keepEntries(entries)})
	case SchemaBundle:
		b := Bundle{Document: d}
		if m, ok := find(all, "properties"); ok {
			b.readPackage(s.keepProperties(&b, raw[m.start:m.end]))
		}
		b.problems = nil
		b.Release = s.keep(b.Release)
		to.bundles = append(to.bundles, b)
	}
	if s.size > MaxSketches {
		return errors.New("is too much")
	}
	return nil
}

func decodeMember(raw []byte, all []member, key string, into any) {
	if m, ok := find(all, key); ok {
		_ = json.Unmarshal(raw[m.start:m.end], into)
	}
}

func (s *sketcher) keep(text string) string {
	if text == "" {
		return ""
	}
	if same, ok := s.seen[text]; ok {
		return same
	}
	if s.seen == nil {
		s.seen = map[string]string{}
	}
	s.seen[text] = text
	s.size += sizeString + len(text)
	return text
}

func (s *sketcher) keepEntries(entries []Entry) []Entry {
	entries = slices.Clip(entries)
	for i, e := range entries {
		s.size += sizeEntry + sizeSkip*len(e.Skips)
		skips := make([]string, len(e.Skips))
		for j, name := range e.Skips {
			skips[j] = s.keep(name)
		}
		entries[i] = Entry{Name: s.keep(e.Name), Replaces: s.keep(e.Replaces), Skips: skips, SkipRange: s.keep(e.SkipRange)}
	}
	return entries
}

// keepProperties adds what the bundle needs and provides, and returns the
// properties that say which version it is.
func (s *sketcher) keepProperties(b *Bundle, list []byte) []property {
	var packages []property
	for _, e := range elements(list) {
		text := list[e.start:e.end]
		all, err := members(text)
		if err != nil {
			continue
		}
		var p property
		decodeMember(text, all, "type", &p.Type)
		m, ok := find(all, "value")
		if ok && isRelation(p.Type) {
			p.Value = text[m.start:m.end]
		}
		if ok && s.names && p.Type == propertyCSV {
			b.displayName = s.keep(displayName(text[m.start:m.end]))
		}
		switch {
		case p.Value == nil || !json.Valid(p.Value):
		case p.Type == propertyPackage:
			packages = append(packages, p)
		default:
			s.keepRelation(b, p)
		}
	}
	b.provides, b.requires = slices.Clip(b.provides), slices.Clip(b.requires)
	return packages
}

func (s *sketcher) keepRelation(b *Bundle, p property) {
	b.relate(p)
	s.size += sizeRelation
	if n := len(b.provides); p.Type == propertyGVK && n > 0 {
		a := &b.provides[n-1]
		*a = API{s.keep(a.Group), s.keep(a.Version), s.keep(a.Kind)}
	} else {
		s.size += len(p.Value) * sizeConstraint
	}
}

// sizeConstraint is roughly how much larger a constraint is than its text.
const sizeConstraint = 4

// sketch gives the sketches of the packages that were not wanted.
func (b *builder) sketch(s sketches) {
	for _, d := range s.definitions {
		p := b.pkg(d.Name)
		p.Definitions = append(p.Definitions, d)
	}
	for _, ch := range s.channels {
		p := b.pkg(ch.Package)
		p.Channels = append(p.Channels, ch)
	}
	for _, d := range s.bundles {
		p := b.pkg(d.Package)
		p.Bundles = append(p.Bundles, d)
	}
}
