package catalog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxDocument bounds one document, in bytes, as it is read and as JSON. Bundles
// that carry all their objects reach some 5 MB.
const MaxDocument = 16 << 20

// sniffLength is how far into a file opm looks for what the file holds.
const sniffLength = 4096

var errTooLong = fmt.Errorf("is longer than %d bytes", MaxDocument)

// header is what a first look at a document tells.
type header struct{ schema, pkg, name string }

// owner is the package that a document belongs to, or "".
func (h header) owner() string {
	if h.schema == SchemaPackage {
		return h.name
	}
	return h.pkg
}

// field is where the value of that key belongs, or nil. Keys count in any case.
func (h *header) field(key string) *string {
	switch fold(key) {
	case "schema":
		return &h.schema
	case "package":
		return &h.pkg
	case "name":
		return &h.name
	}
	return nil
}

// documentScanner gives the documents of one file, which is a row of JSON
// objects or a YAML stream: whatever its name is, its first byte decides, as it
// does for opm.
type documentScanner struct {
	// skip is asked before a YAML document is converted, which is most of the
	// work. It is not asked about a document that a glance does not explain.
	skip func(header) bool
	// visit gets every other document as JSON. It may not keep the bytes.
	visit func(header, []byte) error

	count   int   // documents so far
	jsonErr error // why a file that began as JSON is read on as YAML
}

func (s *documentScanner) scan(r io.Reader) error {
	br := bufio.NewReaderSize(r, 64<<10)
	start, err := br.Peek(sniffLength)
	if err != nil && err != io.EOF {
		return err
	}
	if bytes.HasPrefix(bytes.TrimSpace(start), []byte("{")) {
		return s.scanJSON(br)
	}
	return s.scanYAML(br)
}

func (s *documentScanner) scanJSON(r io.Reader) error {
	limited := &limitedReader{r: r, left: MaxDocument + 1}
	dec := json.NewDecoder(limited)
	var raw json.RawMessage
	for {
		err := dec.Decode(&raw)
		if err == io.EOF {
			return nil
		}
		if s.isYAML(err) {
			s.jsonErr = err
			return s.scanYAML(io.MultiReader(dec.Buffered(), r))
		}
		if err != nil {
			return s.wrap(err)
		}
		if err := s.give(raw); err != nil {
			return err
		}
		limited.left = MaxDocument + 1
	}
}

// isYAML says whether a file that is not all JSON may still be YAML, which takes
// JSON objects with --- between them. opm settles on JSON after the second object.
func (s *documentScanner) isYAML(err error) bool {
	var syntax *json.SyntaxError
	return s.count <= 1 && errors.As(err, &syntax)
}

func (s *documentScanner) scanYAML(r io.Reader) error {
	split := &yamlSplitter{r: bufio.NewReaderSize(r, 64<<10)}
	for {
		doc, err := split.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return s.wrap(err)
		}
		if err := s.giveYAML(doc); err != nil {
			return err
		}
	}
}

func (s *documentScanner) giveYAML(doc []byte) error {
	if h, ok := peekYAML(doc); ok && s.skip(h) {
		s.count++
		return nil
	}
	raw, err := yamlToJSON(doc)
	if err != nil && s.jsonErr != nil { // neither of the two, and it began as JSON
		return s.wrap(s.jsonErr)
	}
	if err != nil {
		return s.wrap(err)
	}
	s.jsonErr = nil
	if bytes.Equal(raw, []byte("null")) { // nothing but comments
		return nil
	}
	return s.give(raw)
}

func (s *documentScanner) give(raw []byte) error {
	h, err := peekJSON(raw)
	if err == nil {
		err = s.visit(h, raw)
	}
	if err != nil {
		return s.wrap(err)
	}
	s.count++
	return nil
}

func (s *documentScanner) wrap(err error) error {
	return fmt.Errorf("document %d: %w", s.count+1, err)
}

func peekJSON(raw []byte) (header, error) {
	if len(raw) > MaxDocument {
		return header{}, errTooLong
	}
	all, err := members(raw)
	if err != nil {
		return header{}, err
	}
	var h header
	for _, m := range all {
		to := h.field(m.key)
		if to == nil {
			continue
		}
		if raw[m.start] != '"' {
			return header{}, fmt.Errorf("its %q is not a string", m.key)
		}
		if *to, err = unquote(raw[m.start:m.end]); err != nil {
			return header{}, err
		}
	}
	if h.schema == "" {
		return header{}, errors.New(`has no "schema"`)
	}
	return h, nil
}

// limitedReader ends with an error, not with io.EOF, when a document is too long.
type limitedReader struct {
	r    io.Reader
	left int
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLong
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
