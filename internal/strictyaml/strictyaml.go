// Package strictyaml reads one small YAML document, written by hand, into a Go
// struct, and ignores nothing: whatever it does not understand is a finding that
// names the file, the line and the path of the field.
//
//	imageset.yaml:12: mirror.platform.chanels: unknown key (did you mean channels?)
//	imageset.yaml:14: mirror.operators[0].targetCatalogSourceTemplate: not supported yet
//	site.yaml:3: openshift: want a string, found the number 4.10: put it in quotes, "4.10"
//
// # What is read
//
//   - At most [MaxSize] bytes of UTF-8, without control characters.
//   - Exactly one document, which is a mapping. Keys are strings, each given once.
//   - Into structs, slices, strings, bools and ints. A struct's fields are found by
//     their yaml tag; its options (",omitempty") are ignored, and a field without
//     a tag cannot be set from a file.
//   - A string must be a YAML string. A bare 4.10 is a number to YAML (4.1, in
//     fact) and is refused. A bool is true or false, not yes or on. An int is
//     written in plain decimal.
//   - A key whose value is left out (null) counts as absent. An absent field keeps
//     what the struct was filled with before, so defaults are set first. A list
//     that is present replaces the default as a whole.
//   - Aliases are refused: a few of them can stand for billions of nodes. Anchors
//     do nothing then. Merge keys (<<) and tags of one's own are refused too.
//
// A document that is no YAML at all has one finding; in one that is, every
// finding is reported, at most [MaxFindings] of them, sorted by line.
//
// # Use
//
//	doc := strictyaml.Decode(file, data, &cfg, unsupported)
//	if cfg.Kind != "Site" {
//		doc.Wrongf("kind", "%.64q, want Site", cfg.Kind)
//	}
//	return doc.Err()
//
// The checks of meaning go through the same [Document], so that one run over a
// file shows everything that is wrong with it. It leaves out what would only
// follow from another finding: that a field is missing when its misspelt name
// stands beside it, say.
package strictyaml

import "reflect"

// Limits of what is read.
const (
	// MaxSize bounds a document, in bytes. Files of this kind have a few KB.
	MaxSize = 1 << 20
	// MaxFindings bounds the findings that are reported; when there are that many,
	// one last finding says that more may be left out.
	MaxFindings = 100
)

// Decode reads data into the struct that into points at and returns the
// document, whose Err says what is wrong. The file is only named, never opened.
//
// The unsupported keys are ones that the format has and this program does not
// do yet, as patterns: mirror.platform.channels[].shortestPath. Their values say
// why, or what to do instead; they may be empty. Such a key is a finding, except
// where it asks for nothing: where it is null, false, 0, "" or an empty list or
// mapping, which is what leaving it out means.
//
// Decode panics when into is not a pointer to a struct of the types that the
// package comment names: that is a mistake in the program, not in the file.
func Decode(file string, data []byte, into any, unsupported map[string]string) *Document {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		panic("strictyaml: into is not a pointer to a struct")
	}
	doc := &Document{file: file, lines: map[string]int{}}
	root := doc.parse(data)
	if root == nil {
		return doc
	}
	d := decoder{doc: doc, unsupported: unsupported}
	d.value(root, place{line: root.Line}, v.Elem())
	return doc
}
