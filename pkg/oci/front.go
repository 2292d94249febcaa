package oci

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
)

// OpenFront reads the first entries of a tar and nothing behind them. What comes
// back serves to read these entries; [OpenArchive] is for all else.
func OpenFront(r io.ReaderAt, entries int) (*Archive, error) {
	a := &Archive{r: r, size: MaxBundle, entries: map[digest.Digest]Entry{}}
	for at := int64(0); len(a.order) < entries; {
		e, done, err := a.next(at)
		if err == nil && done {
			err = errors.New("ends before it begins")
		}
		if err != nil {
			return nil, err
		}
		a.keep(e)
		at = e.end()
	}
	index, err := a.front()
	if err != nil {
		return nil, err
	}
	a.Root = digest.FromBytes(index)
	if a.Images, err = decodeIndex(index); err != nil {
		return nil, fmt.Errorf("%s: %w", indexName, err)
	}
	return a, nil
}

const (
	// nameField is how long the name is in a tar header, in bytes.
	nameField = 100
	// maxFlipped is how many bytes of a name may differ before it counts as
	// another one. Two blobs' names differ in some 60.
	maxFlipped = 8
	// maxProbed bounds the headers that are looked for in one range.
	maxProbed = 16
)

// Probe tells whether r can be the range [begin, end) of the tar: how many of
// the headers that lie in it were looked for, and how many of them were there,
// as far as one can tell with some bytes damaged. A range may have none.
func (l *Layout) Probe(r io.ReaderAt, begin, end int64) (looked, found int) {
	first, _ := slices.BinarySearchFunc(l.Blobs, begin, func(e Entry, at int64) int {
		if e.Header < at {
			return -1
		}
		return 1
	})
	for _, e := range l.Blobs[first:] {
		if e.Offset > end || looked == maxProbed {
			break
		}
		looked++
		want := header(e.Name, e.Size)
		got := make([]byte, len(want))
		if _, err := r.ReadAt(got, e.Header-begin); err != nil && !errors.Is(err, io.EOF) {
			continue
		}
		if flipped(got[:nameField], want[:nameField]) <= maxFlipped {
			found++
		}
	}
	return looked, found
}

func flipped(a, b []byte) int {
	n := 0
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}
