package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// knownFeatures are the ones that this reader can use.
var knownFeatures = []string{FeatureDelta, FeatureSparseIndexes}

// Encode writes the document. The same Manifest gives the same bytes, and what
// Encode writes Decode reads.
func Encode(m *Manifest) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		return nil, fmt.Errorf("packing list: %w", err)
	}
	if b.Len() > MaxSize {
		return nil, fmt.Errorf("packing list: %d bytes, at most %d are read", b.Len(), MaxSize)
	}
	return b.Bytes(), nil
}

// Decode reads a document and validates it. The format version and the features
// are looked at first, so that a newer bundle is refused by what it needs and
// not by the first key that looks odd.
func Decode(b []byte) (*Manifest, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("packing list: %d bytes, at most %d are read", len(b), MaxSize)
	}
	if err := checkVersion(b); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	m := &Manifest{}
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("packing list: %w", err)
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}

// NewerError is a packing list that a newer program wrote: of another format
// version, or with features that this one does not know.
type NewerError struct{ Problems []string }

// Error has a line for each problem.
func (e *NewerError) Error() string { return strings.Join(e.Problems, "\n") }

// checkVersion also makes sure that b is one JSON document and nothing more.
func checkVersion(b []byte) error {
	var head struct {
		FormatVersion int      `json:"formatVersion"`
		Features      []string `json:"features"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return fmt.Errorf("packing list: %w", err)
	}
	if v := head.FormatVersion; v != FormatVersion {
		problem := fmt.Sprintf("packing list: format version %d, this program reads %d", v, FormatVersion)
		if v > FormatVersion {
			return &NewerError{[]string{problem}}
		}
		return errors.New(problem)
	}
	return checkFeatures(head.Features)
}

func checkFeatures(features []string) error {
	var problems []string
	for _, f := range features {
		if !slices.Contains(knownFeatures, f) {
			problems = append(problems, fmt.Sprintf("packing list: needs the feature %q, which this program does not know", f))
		}
	}
	if problems == nil {
		return nil
	}
	return &NewerError{problems}
}
