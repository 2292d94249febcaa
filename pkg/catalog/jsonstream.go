package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
)

// readAhead is how much of a file is read at once, in bytes.
const readAhead = 256 << 10

// jsonSplitter cuts a row of JSON objects into objects by counting brackets. It
// does not say that they are JSON.
type jsonSplitter struct {
	r        io.Reader
	buf      []byte
	from, to int // the object that was given last is buf[from:to]
}

// next is the next object, good until the call after. At the end it is io.EOF.
// With any other error comes what was read of the object.
func (s *jsonSplitter) next() ([]byte, error) {
	s.from = s.to
	if err := s.skipSpace(); err != nil {
		return nil, err
	}
	if s.buf[s.from] != '{' {
		return s.buf[s.from:], errors.New("is not an object")
	}
	var n nesting
	for at := 0; ; {
		text := s.buf[s.from:]
		end := n.end(text, at)
		if end == quoteMissing {
			return text, errNoJSON
		}
		if end > MaxDocument || end < 0 && len(text) > MaxDocument {
			return text, errTooLong
		}
		if end >= 0 {
			s.to = s.from + end
			return text[:end], nil
		}
		at = len(text)
		if err := s.fill(); err == io.EOF {
			return text, io.ErrUnexpectedEOF
		} else if err != nil {
			return text, err
		}
	}
}

func (s *jsonSplitter) skipSpace() error {
	for {
		c := cursor{text: s.buf, at: s.from}
		c.peek()
		s.from = c.at
		if s.from < len(s.buf) {
			return nil
		}
		if err := s.fill(); err != nil {
			return err
		}
	}
}

// fill reads more. It moves what is not given yet to the front.
func (s *jsonSplitter) fill() error {
	s.buf = s.buf[:copy(s.buf, s.buf[s.from:])]
	s.from, s.to = 0, 0
	if cap(s.buf)-len(s.buf) < readAhead {
		s.buf = slices.Grow(s.buf, max(readAhead, len(s.buf)))
	}
	n, err := io.ReadAtLeast(s.r, s.buf[len(s.buf):cap(s.buf)], 1)
	s.buf = s.buf[:len(s.buf)+n]
	return err
}

// rest is what follows the object that was given last, or that could not be given.
func (s *jsonSplitter) rest() io.Reader {
	return io.MultiReader(bytes.NewReader(s.buf[s.from:]), s.r)
}

// checkJSON says what is wrong with the text of an object: bad syntax, or else
// what is known to be wrong already.
func checkJSON(text []byte, known error) error {
	var raw json.RawMessage
	if known == nil {
		return json.Unmarshal(text, &raw)
	}
	err := json.NewDecoder(bytes.NewReader(text)).Decode(&raw)
	if err == nil || err == io.ErrUnexpectedEOF {
		return known
	}
	return err
}
