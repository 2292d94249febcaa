package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// This file looks at JSON texts without decoding them: most documents of a
// catalog are only asked whose they are, and those that are kept must stay as
// they are but for one value. Every text given to it is valid JSON already.

// span is a piece of a JSON text: text[start:end].
type span struct{ start, end int }

// member is one member of an object: its key and the place of its value.
type member struct {
	key string
	span
}

// members lists the members of an object, its top level only. Two keys that are
// the same but for case are an error: the readers of catalogs take keys in any
// case and would not agree which of the two counts.
func members(obj []byte) ([]member, error) {
	i := skipSpace(obj, 0)
	if i == len(obj) || obj[i] != '{' {
		return nil, errors.New("is not an object")
	}
	var all []member
	seen := map[string]bool{}
	for i = skipSpace(obj, i+1); obj[i] != '}'; i = skipComma(obj, i) {
		end := skipString(obj, i)
		key, err := unquote(obj[i:end])
		if err != nil {
			return nil, err
		}
		if seen[fold(key)] {
			return nil, fmt.Errorf("the key %q stands twice", key)
		}
		seen[fold(key)] = true
		start := skipSpace(obj, skipSpace(obj, end)+1) // past the colon
		i = skipValue(obj, start)
		all = append(all, member{key, span{start, i}})
	}
	return all, nil
}

// elements lists the places of an array's elements. Null has none.
func elements(arr []byte) []span {
	i := skipSpace(arr, 0)
	if i == len(arr) || arr[i] != '[' {
		return nil
	}
	var all []span
	for i = skipSpace(arr, i+1); arr[i] != ']'; i = skipComma(arr, i) {
		start := i
		i = skipValue(arr, start)
		all = append(all, span{start, i})
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

// keepElements is obj with only those elements of the array under key for which
// keep is true. Every other byte stays.
func keepElements(obj []byte, key string, keep []bool) ([]byte, error) {
	all, err := members(obj)
	if err != nil {
		return nil, err
	}
	m, ok := find(all, key)
	if !ok {
		return nil, fmt.Errorf("has no %q", key)
	}
	arr := obj[m.start:m.end]
	var kept [][]byte
	for i, e := range elements(arr) {
		if keep[i] {
			kept = append(kept, arr[e.start:e.end])
		}
	}
	return bytes.Join([][]byte{obj[:m.start], []byte("["), bytes.Join(kept, []byte(",")), []byte("]"), obj[m.end:]}, nil), nil
}

func unquote(s []byte) (string, error) {
	if bytes.IndexByte(s, '\\') < 0 && s[0] == '"' {
		return string(s[1 : len(s)-1]), nil
	}
	var out string
	err := json.Unmarshal(s, &out)
	return out, err
}

// fold gives the same string for all strings that strings.EqualFold takes for equal.
func fold(s string) string { return strings.ToLower(strings.ToUpper(s)) }

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

func skipComma(b []byte, i int) int {
	if i = skipSpace(b, i); b[i] == ',' {
		i = skipSpace(b, i+1)
	}
	return i
}

// skipString begins at the opening quote and ends behind the closing one.
func skipString(b []byte, i int) int {
	start := i + 1
	for i = start; ; i++ {
		i += bytes.IndexByte(b[i:], '"')
		escapes := 0
		for i-escapes > start && b[i-escapes-1] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}

func skipValue(b []byte, i int) int {
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i)
	}
	for i < len(b) && bytes.IndexByte([]byte(" \n\t\r,]}"), b[i]) < 0 {
		i++
	}
	return i
}

func skipNested(b []byte, i int) int {
	for depth := 0; ; i++ {
		switch b[i] {
		case '"':
			i = skipString(b, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}
