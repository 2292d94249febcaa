package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// This file looks at JSON texts without decoding them: most documents of a
// catalog are only asked whose they are, and those that are kept must stay as
// they are but for one value. It takes any bytes. A text that is no JSON may pass,
// where what is wrong lies deeper than a look goes, but never leads outside.

var errNoJSON = errors.New("is no JSON")

// span is a piece of a JSON text: text[start:end].
type span struct{ start, end int }

func (s span) shift(by int) span { return span{s.start + by, s.end + by} }

// member is one member of an object: its key and the place of its value.
type member struct {
	key string
	span
}

// members lists the members of an object, its top level only. Two keys that are
// the same but for case are an error: the readers of catalogs take keys in any
// case and would not agree which of the two counts.
func members(obj []byte) ([]member, error) {
	c := cursor{text: obj}
	if !c.take('{') {
		return nil, errors.New("is not an object")
	}
	var all []member
	for n := 0; !c.take('}'); n++ {
		if n > 0 && !c.take(',') {
			return nil, errNoJSON
		}
		key, ok := c.string()
		if !ok || !c.take(':') {
			return nil, errNoJSON
		}
		value, ok := c.value()
		if !ok {
			return nil, errNoJSON
		}
		name, err := unquote(obj[key.start:key.end])
		if err != nil {
			return nil, err
		}
		all = append(all, member{name, value})
	}
	if key, ok := twice(all); ok {
		return nil, fmt.Errorf("the key %q stands twice", key)
	}
	return all, nil
}

// fewMembers is up to how many members comparing each with each is quickest.
const fewMembers = 16

// twice finds a key that another one before it is the same as, but for case.
func twice(all []member) (string, bool) {
	if len(all) <= fewMembers {
		for i, m := range all {
			if _, ok := find(all[:i], m.key); ok {
				return m.key, true
			}
		}
		return "", false
	}
	seen := map[string]bool{}
	for _, m := range all {
		if seen[fold(m.key)] {
			return m.key, true
		}
		seen[fold(m.key)] = true
	}
	return "", false
}

// elements lists the places of an array's elements. What is no array has none.
func elements(arr []byte) []span {
	c := cursor{text: arr}
	if !c.take('[') {
		return nil
	}
	var all []span
	for n := 0; !c.take(']'); n++ {
		if n > 0 && !c.take(',') {
			return nil
		}
		value, ok := c.value()
		if !ok {
			return nil
		}
		all = append(all, value)
	}
	return all
}

// find is the member of that name, in any case.
func find(all []member, key string) (member, bool) {
	for _, m := range all {
		if strings.EqualFold(m.key, key) {
			return m, true
		}
	}
	return member{}, false
}

// valueOf is the place of the value of that name.
func valueOf(obj []byte, key string) (span, error) {
	all, err := members(obj)
	if err != nil {
		return span{}, err
	}
	m, ok := find(all, key)
	if !ok {
		return span{}, fmt.Errorf("has no %q", key)
	}
	return m.span, nil
}

// setMember is obj with another value under key, which is put at the end where it
// is not there. Every other byte stays.
func setMember(obj []byte, key string, value []byte) ([]byte, error) {
	all, err := members(obj)
	if err != nil {
		return nil, err
	}
	if m, ok := find(all, key); ok {
		return splice(obj, m.span, value), nil
	}
	added := slices.Concat(quote(key), []byte(":"), value)
	end := bytes.IndexByte(obj, '{') + 1
	if len(all) > 0 {
		end = all[len(all)-1].end
		added = append([]byte(","), added...)
	}
	return splice(obj, span{end, end}, added), nil
}

// keepElements is obj with only those elements of the array under key for which
// keep is true. Every other byte stays.
func keepElements(obj []byte, key string, keep []bool) ([]byte, error) {
	at, err := valueOf(obj, key)
	if err != nil {
		return nil, err
	}
	arr := obj[at.start:at.end]
	var kept [][]byte
	for i, e := range elements(arr) {
		if keep[i] {
			kept = append(kept, arr[e.start:e.end])
		}
	}
	return splice(obj, at, slices.Concat([]byte("["), bytes.Join(kept, []byte(",")), []byte("]"))), nil
}

func splice(text []byte, at span, with []byte) []byte {
	return slices.Concat(text[:at.start], with, text[at.end:])
}

// quote is s as JSON, with <, > and & as they are.
func quote(s string) []byte {
	b, _ := json.Marshal(s) // any string can be written
	return unescapeHTML(b)
}

func unquote(s []byte) (string, error) {
	if bytes.IndexByte(s, '\\') < 0 && utf8.Valid(s) && len(s) > 1 && s[0] == '"' {
		return string(s[1 : len(s)-1]), nil
	}
	var out string
	err := json.Unmarshal(s, &out)
	return out, err
}

// fold gives the same string for all strings that strings.EqualFold takes for equal.
func fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }

// cursor is a place in a JSON text. Its methods move on past what they find, and
// past the white space before it. Where they do not find it, they say so.
type cursor struct {
	text []byte
	at   int
}

// peek is the next byte that is not white space, or 0 at the end.
func (c *cursor) peek() byte {
	for ; c.at < len(c.text); c.at++ {
		switch b := c.text[c.at]; b {
		case ' ', '\n', '\t', '\r':
		default:
			return b
		}
	}
	return 0
}

func (c *cursor) take(b byte) bool {
	if c.peek() != b {
		return false
	}
	c.at++
	return true
}

func (c *cursor) string() (span, bool) {
	if c.peek() != '"' {
		return span{}, false
	}
	s := span{c.at, endOfString(c.text, c.at+1, c.at+1)}
	if s.end < 0 {
		return span{}, false
	}
	c.at = s.end
	return s, true
}

func (c *cursor) value() (span, bool) {
	switch c.peek() {
	case '"':
		return c.string()
	case '{', '[':
		s := span{start: c.at}
		var n nesting
		if s.end = n.end(c.text, c.at); s.end < 0 {
			return span{}, false
		}
		c.at = s.end
		return s, true
	}
	s := span{start: c.at}
	for c.at < len(c.text) && isScalar(c.text[c.at]) {
		c.at++
	}
	s.end = c.at
	return s, s.end > s.start
}

// isScalar says that a byte may be part of a number or of true, false and null.
func isScalar(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b == 'E' || b == '+' || b == '-' || b == '.'
}

// What the search for an end finds instead.
const (
	textEnds     = -1 // the text ends before
	quoteMissing = -2 // a string has a line break: a quote is missing
)

// endOfString is behind the quote that ends a string, which is looked for from
// at on; the string begins at start.
func endOfString(text []byte, start, at int) int {
	for {
		next := bytes.IndexByte(text[at:], '"')
		if bytes.IndexByte(text[at:at+max(next, 0)], '\n') >= 0 {
			return quoteMissing
		}
		if next < 0 {
			return textEnds
		}
		at += next
		escapes := 0
		for at-escapes > start && text[at-escapes-1] == '\\' {
			escapes++
		}
		at++
		if escapes%2 == 0 {
			return at
		}
	}
}

// nesting is how far a look at an object or an array has come. It can go on
// where the text goes on.
type nesting struct {
	depth    int
	inString bool
	start    int // of the string
}

// end is behind the bracket that ends the value, which is looked for from at on.
// Which bracket closes which is not looked at.
func (n *nesting) end(text []byte, at int) int {
	for at < len(text) {
		if n.inString {
			end := endOfString(text, n.start, at)
			if end < 0 {
				return end
			}
			at, n.inString = end, false
			continue
		}
		switch text[at] {
		case '"':
			n.inString, n.start = true, at+1
		case '{', '[':
			n.depth++
		case '}', ']':
			if n.depth--; n.depth == 0 {
				return at + 1
			}
		}
		at++
	}
	return textEnds
}
