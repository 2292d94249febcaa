package strictyaml

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder walks a document and a struct side by side.
type decoder struct {
	doc         *Document
	unsupported map[string]string
}

// place is where the walk is: a.b[0] as a path, a.b[] as a pattern.
type place struct {
	path, pattern string
	line          int
}

// plainKey is a key that can stand in a path as it is.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9_/-]{1,64}$`)

func (p place) key(k *yaml.Node) place {
	name := k.Value
	if !plainKey.MatchString(name) {
		name = fmt.Sprintf("%q", clip(name))
	}
	if p.path == "" {
		return place{name, name, k.Line}
	}
	return place{p.path + "." + name, p.pattern + "." + name, k.Line}
}

func (p place) item(i int, n *yaml.Node) place {
	return place{fmt.Sprintf("%s[%d]", p.path, i), p.pattern + "[]", n.Line}
}

func (d *decoder) value(n *yaml.Node, at place, v reflect.Value) {
	d.doc.lines[at.path] = at.line
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, at, v)
	case reflect.Slice:
		d.list(n, at, v)
	case reflect.String:
		d.text(n, at, v)
	case reflect.Bool:
		d.boolean(n, at, v)
	case reflect.Int:
		d.integer(n, at, v)
	default:
		panic(fmt.Sprintf("strictyaml: %s: no way to read a %s", at.path, v.Type()))
	}
}

func (d *decoder) mapping(n *yaml.Node, at place, v reflect.Value) {
	if n.Kind != yaml.MappingNode || n.ShortTag() != "!!map" {
		d.wrongType(n, at, "a mapping")
		return
	}
	fields := fieldsOf(v)
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if d.checkKey(key, at, seen) {
			d.entry(key, val, at, fields)
		}
	}
}

// fieldsOf maps the yaml names of a struct's fields to the fields.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			fields[name] = v.Field(i)
		}
	}
	return fields
}

// checkKey refuses keys that are not strings and keys that came before. Of one
// that is given twice, the first is read.
func (d *decoder) checkKey(key *yaml.Node, at place, seen map[string]int) bool {
	here := at.key(key)
	if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" {
		d.doc.unreadf(here.path, here.line, "want a string as a key, found %s", describe(key))
		return false
	}
	if first, twice := seen[key.Value]; twice {
		d.doc.unreadf(here.path, here.line, "given twice, first in line %d", first)
		return false
	}
	seen[key.Value] = key.Line
	return true
}

func (d *decoder) entry(key, val *yaml.Node, at place, fields map[string]reflect.Value) {
	here := at.key(key)
	if f, ok := fields[key.Value]; ok {
		if isNull(val) {
			d.doc.lines[here.path] = here.line
			return
		}
		d.value(val, here, f)
		return
	}
	reason, known := d.unsupported[here.pattern]
	switch {
	case known && asksNothing(val):
	case known && reason == "":
		d.doc.unreadf(here.path, here.line, "not supported yet")
	case known:
		d.doc.unreadf(here.path, here.line, "not supported yet: %s", reason)
	case d.doc.hasRoom():
		d.doc.unreadf(here.path, here.line, "unknown key%s", d.hint(key.Value, at, fields))
	}
}

// hint proposes the known key that is nearest to an unknown one.
func (d *decoder) hint(name string, at place, fields map[string]reflect.Value) string {
	var known []string
	for f := range fields {
		known = append(known, f)
	}
	for pattern := range d.unsupported {
		if rest, ok := strings.CutPrefix(pattern, at.pattern); ok && parent(pattern) == at.pattern {
			known = append(known, strings.TrimPrefix(rest, "."))
		}
	}
	if n := nearest(name, known); n != "" {
		return fmt.Sprintf(" (did you mean %s?)", n)
	}
	return ""
}

// asksNothing says whether a value is what an absent field means.
func asksNothing(n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode {
		return len(n.Content) == 0
	}
	switch n.ShortTag() {
	case "!!null":
		return true
	case "!!bool":
		return strings.EqualFold(n.Value, "false")
	case "!!int":
		return n.Value == "0"
	case "!!str":
		return n.Value == ""
	}
	return false
}

func (d *decoder) list(n *yaml.Node, at place, v reflect.Value) {
	if n.Kind != yaml.SequenceNode || n.ShortTag() != "!!seq" {
		d.wrongType(n, at, "a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, c := range n.Content {
		d.value(c, at.item(i, c), v.Index(i))
	}
}

func (d *decoder) text(n *yaml.Node, at place, v reflect.Value) {
	switch {
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str":
		v.SetString(n.Value)
	case n.Kind == yaml.ScalarNode && n.Style&yaml.TaggedStyle == 0 && n.ShortTag() != "!!null":
		d.doc.unreadf(at.path, at.line, "want a string, found %s: put it in quotes, %q", describe(n), clip(n.Value))
	default:
		d.wrongType(n, at, "a string")
	}
}

func (d *decoder) boolean(n *yaml.Node, at place, v reflect.Value) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Value != "true" && n.Value != "false" {
		d.wrongType(n, at, "true or false")
		return
	}
	v.SetBool(n.Value == "true")
}

func (d *decoder) integer(n *yaml.Node, at place, v reflect.Value) {
	i, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || strconv.Itoa(i) != n.Value {
		d.wrongType(n, at, "a whole number in decimal")
		return
	}
	v.SetInt(int64(i))
}

func (d *decoder) wrongType(n *yaml.Node, at place, want string) {
	d.doc.unreadf(at.path, at.line, "want %s, found %s", want, describe(n))
}

// describe says in words what a node is, on one line.
func describe(n *yaml.Node) string {
	tag, quoted := n.ShortTag(), fmt.Sprintf("%q", clip(n.Value))
	bare := strings.Trim(quoted, `"`)
	switch {
	case n.Kind == yaml.MappingNode && tag == "!!map":
		return "a mapping"
	case n.Kind == yaml.SequenceNode && tag == "!!seq":
		return "a list"
	case tag == "!!null":
		return "nothing"
	case tag == "!!str":
		return quoted
	case tag == "!!bool":
		return "the truth value " + bare
	case tag == "!!int" || tag == "!!float":
		return "the number " + bare
	case tag == "!!timestamp":
		return "the date " + bare
	case tag == "!!merge":
		return "a merge key"
	}
	return fmt.Sprintf("a value with the tag %q", clip(tag))
}
