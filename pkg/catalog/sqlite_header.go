package catalog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Bounds of one SQLite catalog.
const (
	// MaxDatabase bounds the database of a SQLite catalog, in bytes. The largest
	// public ones have some hundred MB.
	MaxDatabase = 4 << 30
	// maxSchema bounds the definitions of one database, in bytes, and
	// maxDefinitions their number. The engine keeps them all in memory.
	maxSchema      = 1 << 20
	maxDefinitions = 1000
	// maxValue bounds one value of a database, in bytes. The largest are the
	// manifests of one operator bundle.
	maxValue = 64 << 20
	// maxRows bounds what is listed: packages, channels, bundles in channels, images.
	maxRows = 1 << 20
)

// Where things are in a file of the engine: https://www.sqlite.org/fileformat2.html
const (
	headerSize      = 100
	headerMagic     = "SQLite format 3\x00"
	offsetPageSize  = 16
	offsetChanges   = 24
	offsetPages     = 28
	offsetEncoding  = 56
	offsetPagesAsOf = 92
	encodingUTF8    = 1

	pageInterior        = 5
	pageLeaf            = 13
	offsetCells         = 3
	offsetLastChild     = 8
	offsetInteriorCells = 12
	offsetLeafCells     = 8
)

// databaseFile is what a file shows before the engine reads it.
type databaseFile struct {
	path     string
	size     int64 // in bytes
	pageSize int   // in bytes
}

// readDatabaseFile tells what is no database, one that is cut, and one with a
// schema that is too large.
func readDatabaseFile(path string) (databaseFile, error) {
	d := databaseFile{path: path}
	// Opening waits for the other end when it is a pipe, so the look comes first.
	info, err := os.Stat(path)
	if err != nil {
		return d, err
	}
	switch d.size = info.Size(); {
	case !info.Mode().IsRegular():
		return d, fmt.Errorf("is no regular file but %s", info.Mode())
	case d.size > MaxDatabase:
		return d, fmt.Errorf("%d bytes, at most %d are read", d.size, int64(MaxDatabase))
	}
	f, err := os.Open(path)
	if err != nil {
		return d, err
	}
	defer f.Close()
	b := make([]byte, headerSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return d, err
	}
	if d.pageSize, err = parseDatabaseHeader(b[:n], d.size); err != nil {
		return d, err
	}
	return d, checkSchemaSize(f, d.pageSize)
}

func parseDatabaseHeader(b []byte, size int64) (pageSize int, err error) {
	if !bytes.HasPrefix(b, []byte(headerMagic)) {
		return 0, fmt.Errorf("is no SQLite database: begins with %q", b[:min(len(b), len(headerMagic))])
	}
	if len(b) < headerSize {
		return 0, fmt.Errorf("is cut: %d bytes, less than a header", size)
	}
	if pageSize = int(binary.BigEndian.Uint16(b[offsetPageSize:])); pageSize == 1 { // the one that needs 17 bits
		pageSize = 1 << 16
	}
	if pageSize < 512 || pageSize&(pageSize-1) != 0 {
		return 0, fmt.Errorf("is damaged: a page size of %d", pageSize)
	}
	whole := int64(binary.BigEndian.Uint32(b[offsetPages:])) * int64(pageSize)
	counted := bytes.Equal(b[offsetChanges:offsetChanges+4], b[offsetPagesAsOf:offsetPagesAsOf+4])
	if counted && whole > size || size < int64(pageSize) {
		return 0, fmt.Errorf("is cut: %d bytes, its header says %d", size, max(whole, int64(pageSize)))
	}
	if e := binary.BigEndian.Uint32(b[offsetEncoding:]); e != encodingUTF8 {
		return 0, fmt.Errorf("has the text encoding %d, want %d: UTF-8", e, encodingUTF8)
	}
	return pageSize, nil
}

// checkSchemaSize walks the tree of the schema, which begins in page 1, and adds
// up its definitions.
func checkSchemaSize(f io.ReaderAt, pageSize int) error {
	page := make([]byte, pageSize)
	pending := []uint32{1}
	for visited, count, size := 0, 0, uint64(0); len(pending) > 0; visited++ {
		number := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if _, err := f.ReadAt(page, (int64(number)-1)*int64(pageSize)); err != nil {
			return fmt.Errorf("is damaged: page %d of the schema: %w", number, err)
		}
		children, payloads, err := schemaPage(page, number == 1)
		if err != nil {
			return fmt.Errorf("is damaged: page %d of the schema: %w", number, err)
		}
		pending = append(pending, children...)
		count += len(payloads)
		for _, n := range payloads {
			size += min(n, maxSchema+1)
		}
		if size > maxSchema || count > maxDefinitions || visited > maxDefinitions {
			return fmt.Errorf("its schema has more than %d bytes or %d definitions", maxSchema, maxDefinitions)
		}
	}
	return nil
}

// schemaPage reads one page of the tree: the pages below, or the sizes of the
// definitions in it.
func schemaPage(page []byte, first bool) (children []uint32, payloads []uint64, err error) {
	at := 0
	if first {
		at = headerSize
	}
	kind, n := page[at], int(binary.BigEndian.Uint16(page[at+offsetCells:]))
	pointers := page[at+offsetLeafCells:]
	if kind == pageInterior {
		children = append(children, binary.BigEndian.Uint32(page[at+offsetLastChild:]))
		pointers = page[at+offsetInteriorCells:]
	}
	if kind != pageInterior && kind != pageLeaf || 2*n > len(pointers) {
		return nil, nil, fmt.Errorf("of kind %d, with %d entries", kind, n)
	}
	for i := range n {
		cell := page[min(int(binary.BigEndian.Uint16(pointers[2*i:])), len(page)):]
		switch {
		case len(cell) < 4:
			return nil, nil, fmt.Errorf("entry %d lies outside", i)
		case kind == pageInterior:
			children = append(children, binary.BigEndian.Uint32(cell))
		default:
			payloads = append(payloads, varint(cell))
		}
	}
	return children, payloads, nil
}

// varint is a number of up to nine bytes, of which this reads what lies in b.
func varint(b []byte) uint64 {
	var v uint64
	for _, c := range b[:min(len(b), 8)] {
		if v = v<<7 | uint64(c&0x7f); c < 0x80 {
			return v
		}
	}
	return v
}
