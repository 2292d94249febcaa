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
	// skip is asked what a glance shows of a document. Of one that is skipped,
	// visit gets no more than [sketches] need, and what is wrong with it does not
	// matter. It is not asked about a document that a glance does not explain.
	skip func(header) bool
	// visit gets the documents as JSON. It may not keep the bytes.
	visit func(header, []byte) error
	// names says that sketches have display names.
	names bool

	count   int   // documents so far
	parsed  int   // of them, those that are known to be JSON
	jsonErr error // why a file that began as JSON is read on as YAML

	converted map[string][]byte // lists of one element, and the element as JSON
	size      int               // of converted, in bytes
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
	split := &jsonSplitter{r: r}
	for {
		doc, err := split.next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			if h, glance := peekJSON(doc); glance == nil && s.skip(h) {
				if err := s.visitOne(h, doc); err != nil {
					return err
				}
				continue
			}
		}
		if err := checkJSON(doc, err); s.isYAML(err) {
			s.jsonErr = err
			return s.scanYAML(split.rest())
		} else if err != nil {
			return s.wrap(err)
		}
		s.parsed++
		if err := s.give(doc); err != nil {
			return err
		}
	}
}

// isYAML says whether a file that is not all JSON may still be YAML, which takes
// JSON objects with --- between them. opm settles on JSON after the second object.
func (s *documentScanner) isYAML(err error) bool {
	var syntax *json.SyntaxError
	return s.parsed <= 1 && errors.As(err, &syntax)
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
		return s.visitOne(h, s.abridge(h, doc))
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
	if err != nil {
		return s.wrap(err)
	}
	return s.visitOne(h, raw)
}

func (s *documentScanner) visitOne(h header, raw []byte) error {
	if err := s.visit(h, raw); err != nil {
		return s.wrap(err)
	}
	s.count++
	return nil
}

func (s *documentScanner) wrap(err error) error {
	return fmt.Errorf("document %d: %w", s.count+1, err)
}

// peekJSON reads the header of a document, and not whether all of it is JSON.
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
