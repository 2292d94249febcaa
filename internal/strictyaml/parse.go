package strictyaml

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parse returns the one mapping that the text is, or nil after reporting why not.
func (d *Document) parse(data []byte) *yaml.Node {
	if len(data) > MaxSize {
		d.unreadf("", 0, "more than %d bytes, which is the most that is read", MaxSize)
		return nil
	}
	if !d.checkText(data) {
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	root := d.first(dec)
	if root == nil || !d.last(dec) || !d.checkAliases(root) {
		return nil
	}
	return root
}

// checkText refuses what is not text before the parser sees it, as the parser
// does not say in which line it is.
func (d *Document) checkText(data []byte) bool {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			d.unreadf("", lineAt(data, i), "not UTF-8")
			return false
		}
		if unicode.IsControl(r) && !strings.ContainsRune("\t\n\r\u0085", r) {
			d.unreadf("", lineAt(data, i), "control character %U", r)
			return false
		}
		i += n
	}
	return true
}

func lineAt(data []byte, offset int) int {
	return bytes.Count(data[:offset], []byte("\n")) + 1
}

// first returns the content of the first document.
func (d *Document) first(dec *yaml.Decoder) *yaml.Node {
	var doc yaml.Node
	err := dec.Decode(&doc)
	switch {
	case err == io.EOF || err == nil && isNull(doc.Content[0]):
		d.unreadf("", 0, "document is empty")
		return nil
	case err != nil:
		d.syntax(err)
		return nil
	}
	return doc.Content[0]
}

// last sees to it that no further document follows.
func (d *Document) last(dec *yaml.Decoder) bool {
	var doc yaml.Node
	err := dec.Decode(&doc)
	switch {
	case err == io.EOF:
		return true
	case err != nil:
		d.syntax(err)
	default:
		d.unreadf("", doc.Line, "a second document begins here, want one in a file")
	}
	return false
}

// parserProblems begin the messages for which the library counts lines from 0
// instead of from 1. They come from its parser; all others from its scanner.
var parserProblems = []string{
	"did not find expected <", "did not find expected node content", "did not find expected '-' indicator",
	"did not find expected key", "did not find expected ',' or ", "found undefined tag handle",
	"found duplicate %", "found incompatible YAML document",
}

var syntaxError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntax reports an error of the YAML library. When something is wrong with the
// shape of a block, its line is the one in which the block begins.
func (d *Document) syntax(err error) {
	m := syntaxError.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	if m == nil {
		d.unreadf("", 0, "not YAML: %w", err)
		return
	}
	problem := m[2]
	if strings.HasPrefix(problem, "unknown anchor") { // the library gives no line
		d.unreadf("", 0, "aliases are not read: %s", clip(problem))
		return
	}
	line, _ := strconv.Atoi(m[1])
	isParser := slices.ContainsFunc(parserProblems, func(p string) bool { return strings.HasPrefix(problem, p) })
	if isParser || line == 0 {
		line++
	}
	d.unreadf("", line, "not YAML: %s", clip(problem))
}

// checkAliases reports every alias. None is followed.
func (d *Document) checkAliases(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		d.unreadf("", n.Line, "alias *%s: aliases are not read, write the value out", clip(n.Value))
		return false
	}
	ok := true
	for _, c := range n.Content {
		ok = d.checkAliases(c) && ok
	}
	return ok
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// clip keeps a message on one short line, whatever the file holds.
func clip(s string) string {
	const most = 64
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most]) + "..."
}
