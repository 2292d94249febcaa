package catalog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	nodes "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// yamlSplitter cuts a YAML stream at its --- lines, as opm does.
type yamlSplitter struct {
	r   *bufio.Reader
	doc bytes.Buffer
}

// next is the text of the next document that is not blank, good until the call
// after. At the end it is io.EOF.
func (s *yamlSplitter) next() ([]byte, error) {
	s.doc.Reset()
	for {
		start := s.doc.Len()
		err := s.readLine()
		if err != nil && err != io.EOF {
			return nil, err
		}
		separator, bad := isSeparator(s.doc.Bytes()[start:])
		if bad != nil {
			return nil, bad
		}
		if separator {
			s.doc.Truncate(start)
		}
		if (separator || err == io.EOF) && len(bytes.TrimSpace(s.doc.Bytes())) > 0 {
			return s.doc.Bytes(), nil
		}
		if err == io.EOF {
			return nil, io.EOF
		}
	}
}

func (s *yamlSplitter) readLine() error {
	for {
		part, err := s.r.ReadSlice('\n')
		s.doc.Write(part)
		if s.doc.Len() > MaxDocument {
			return errTooLong
		}
		if err != bufio.ErrBufferFull {
			return err
		}
	}
}

func isSeparator(line []byte) (bool, error) {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	if !ok {
		return false, nil
	}
	if rest = bytes.TrimSpace(rest); len(rest) > 0 && rest[0] != '#' {
		return false, fmt.Errorf("%.40q follows --- on its line", rest)
	}
	return true, nil
}

var (
	plainKey   = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_.-]*):(?: +(.*))?$`)
	plainValue = regexp.MustCompile(`^(["']?)([A-Za-z][A-Za-z0-9._-]*)(["']?)$`)
)

// peekYAML reads the header of a document without parsing the document, if that
// can be done safely: the top level is a block of plain keys that begin their
// lines, and schema and owner are each there once and plain. Only the lines that
// begin in the first column can be such keys, and text that runs over lines does
// not reach the first column.
func peekYAML(doc []byte) (header, bool) {
	var h header
	seen := map[*string]bool{}
	for len(doc) > 0 {
		var line []byte
		line, doc, _ = bytes.Cut(doc, []byte("\n"))
		if isInner(line, len(seen) > 0) {
			continue
		}
		m := plainKey.FindSubmatch(bytes.TrimSuffix(line, []byte("\r")))
		if m == nil {
			return header{}, false
		}
		to := h.field(string(m[1]))
		if to != nil && seen[to] {
			return header{}, false
		}
		if seen[to] = true; to != nil {
			*to = plainScalar(m[2])
		}
	}
	return h, h.schema != "" && h.owner() != ""
}

// isInner says that a line cannot be a key of the top level. Before the first
// key, only blank lines and comments are taken for that.
func isInner(line []byte, began bool) bool {
	if len(line) == 0 || line[0] == '#' || line[0] == '\r' {
		return true
	}
	return began && (line[0] == ' ' || bytes.HasPrefix(line, []byte("- ")))
}

// plainScalar is "" for a value that means more than it says at a glance.
func plainScalar(value []byte) string {
	m := plainValue.FindSubmatch(bytes.TrimRight(value, " "))
	if m == nil || !bytes.Equal(m[1], m[3]) {
		return ""
	}
	return string(m[2])
}

// abridge is of a YAML document what [sketches] need, as JSON: of bundles only the
// properties that say what they need and provide, since the others are long. It is
// nil for what nobody needs, or what is no YAML.
func (s *documentScanner) abridge(h header, doc []byte) []byte {
	if !sketched(h.schema) {
		return nil
	}
	if h.schema == SchemaBundle {
		if elements, sure := propertiesYAML(doc); sure {
			if s.names {
				elements = append(elements, displayNameYAML(doc)...)
			}
			if raw, err := s.properties(elements); err == nil {
				return raw
			}
		}
	}
	raw, err := yamlToJSON(doc)
	if err != nil {
		return nil
	}
	return raw
}

// maxConverted bounds the elements that are remembered with their JSON, in bytes.
const maxConverted = 1 << 20

// properties is an object with a list of properties, which are given as lists of
// one element each. The versions of an operator have most of them in common, and
// so these are converted once.
func (s *documentScanner) properties(lists [][]byte) ([]byte, error) {
	var all [][]byte
	for _, list := range lists {
		raw, ok := s.converted[string(list)]
		if !ok {
			array, err := yamlToJSON(list)
			one := elements(array)
			if err != nil || len(one) != 1 {
				return nil, errNoJSON
			}
			raw = array[one[0].start:one[0].end]
			s.remember(string(list), raw)
		}
		all = append(all, raw)
	}
	return slices.Concat([]byte(`{"properties":[`), bytes.Join(all, []byte(",")), []byte("]}")), nil
}

func (s *documentScanner) remember(list string, raw []byte) {
	size := len(list) + len(raw) + sizeDocument
	if s.converted == nil || s.size+size > maxConverted {
		s.converted, s.size = map[string][]byte{}, 0
	}
	if size <= maxConverted {
		s.converted[list] = raw
		s.size += size
	}
}

// propertiesYAML is the properties of a bundle, each as a list of its own, without
// those of other types than [isRelation] knows. It is sure of a block list of
// mappings that tell their types plainly.
func propertiesYAML(doc []byte) (lists [][]byte, sure bool) {
	block, ok := blockYAML(doc, "properties:")
	if !ok {
		return nil, false
	}
	indent := block[:len(block)-len(bytes.TrimLeft(block, " "))]
	dash := slices.Concat([]byte("\n"), indent, []byte("- "))
	parts := bytes.Split(append([]byte("\n"), block...), dash)
	if len(parts[0]) > 0 {
		return nil, false
	}
	for _, part := range parts[1:] {
		name := typeYAML(part, indent)
		if name == "" {
			return nil, false
		}
		if isRelation(name) {
			lists = append(lists, slices.Concat(dash[1:], part))
		}
	}
	return lists, true
}

// blockYAML is the lines below a key of the top level, up to the next key.
func blockYAML(doc []byte, key string) ([]byte, bool) {
	line := []byte("\n" + key)
	at := bytes.Index(doc, line)
	if bytes.HasPrefix(doc, line[1:]) {
		at = -1
	} else if at < 0 {
		return nil, false
	}
	rest := doc[at+len(line):]
	end := bytes.IndexByte(rest, '\n')
	if end < 0 || len(bytes.TrimSpace(rest[:end])) > 0 {
		return nil, false
	}
	block := rest[end+1:]
	for n := 0; n < len(block); {
		next := bytes.IndexByte(block[n:], '\n')
		if next < 0 {
			next = len(block) - n
		}
		if !isInner(block[n:n+next], true) {
			return block[:n], true
		}
		n += next + 1
	}
	return block, true
}

// typeYAML is the plain value of the key type in an element of a block list, or "".
func typeYAML(element, indent []byte) string {
	const key = "type:"
	rest, ok := bytes.CutPrefix(element, []byte(key))
	if !ok {
		_, rest, ok = bytes.Cut(element, slices.Concat([]byte("\n"), indent, []byte("  "+key)))
	}
	if !ok {
		return ""
	}
	value, _, _ := bytes.Cut(rest, []byte("\n"))
	return plainScalar(bytes.TrimLeft(bytes.TrimRight(value, "\r"), " "))
}

// yamlToJSON converts one document by the rules, and the library, of opm.
func yamlToJSON(doc []byte) ([]byte, error) {
	if bytes.IndexByte(doc, '&') >= 0 && bytes.IndexByte(doc, '*') >= 0 {
		if err := checkAliases(doc); err != nil {
			return nil, err
		}
	}
	raw, err := yaml.YAMLToJSON(doc)
	if err != nil {
		return nil, err
	}
	return unescapeHTML(raw), nil
}

// checkAliases measures what a document would be with every alias written out.
// The library bounds how many values aliases may add, not how long these are.
func checkAliases(doc []byte) error {
	var root nodes.Node
	if err := nodes.Unmarshal(doc, &root); err != nil {
		return err
	}
	n, err := expandedSize(&root, map[*nodes.Node]int{})
	if err == nil && n > MaxDocument {
		return errTooLong
	}
	return err
}

// expandedSize stops adding where it passes MaxDocument.
func expandedSize(n *nodes.Node, sizes map[*nodes.Node]int) (int, error) {
	const open = -1
	switch size, ok := sizes[n]; {
	case ok && size == open:
		return 0, errors.New("an alias stands inside of what it names")
	case ok:
		return size, nil
	}
	sizes[n] = open
	size := len(n.Value) + 1
	for _, child := range append([]*nodes.Node{n.Alias}, n.Content...) {
		if child == nil || size > MaxDocument {
			continue
		}
		add, err := expandedSize(child, sizes)
		if err != nil {
			return 0, err
		}
		size += add
	}
	sizes[n] = size
	return size, nil
}

// unescapeHTML undoes the escapes of encoding/json for <, > and &, in place:
// version ranges are full of them, and people read catalogs.
func unescapeHTML(b []byte) []byte {
	out := b[:0]
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c != '\\' {
			out = append(out, c)
			continue
		}
		if c := escapedHTML(b[i:]); c != 0 {
			out = append(out, c)
			i += escapeLength - 1
			continue
		}
		i++ // the second of two backslashes begins nothing
		out = append(out, c, b[i])
	}
	return out
}

const escapeLength = 6

func escapedHTML(b []byte) byte {
	switch string(b[:min(len(b), escapeLength)]) {
	case `\u003c`:
		return '<'
	case `\u003e`:
		return '>'
	case `\u0026`:
		return '&'
	}
	return 0
}
