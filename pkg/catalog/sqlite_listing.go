package catalog

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/blang/semver/v4"
)

// listDatabase lists what the SQLite catalog in the file in has. scratch is the
// path of a file that is not there and may be made: the engine wants one that it
// could write to.
func listDatabase(ctx context.Context, in, scratch string) (*Listing, error) {
	source, err := readDatabaseFile(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(in), err)
	}
	p, err := openPruning(ctx, source, scratch)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.readSchema(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(in), err)
	}
	r := listingReader{pruning: p}
	r.readPackages(ctx)
	r.readBundles(ctx)
	r.readDisplayNames(ctx)
	r.readChannels(ctx)
	if r.err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(in), r.err)
	}
	return r.builder.catalog().listing(), nil
}

// listingReader reads a database as the sketches of a catalog. After the first
// error it reads no more.
type listingReader struct {
	*pruning
	builder  builder
	bundles  map[string]*Bundle
	ranges   map[string]string      // skipRange by the names of bundles
	channels map[[2]string]*Channel // by package and channel
	order    [][2]string
	size     int // of what is remembered, in bytes, roughly
	err      error
}

func (r *listingReader) each(ctx context.Context, table, query string, visit func(row []string)) {
	if r.err != nil {
		return
	}
	err := r.rows(ctx, query, func(row []string) error {
		for _, text := range row {
			r.size += sizeString + len(text)
		}
		if r.size > MaxSketches {
			return fmt.Errorf("what is listed takes more than %d bytes", MaxSketches)
		}
		visit(row)
		return nil
	})
	if err != nil {
		r.err = fmt.Errorf("table %q: %w", table, err)
	}
}

// column is a column as far as the schema has it.
func (r *listingReader) column(table, name string) string {
	if r.table(table).has(name) {
		return name
	}
	return "NULL"
}

func (r *listingReader) readPackages(ctx context.Context) {
	r.each(ctx, tablePackage, "SELECT name, default_channel FROM source.package", func(row []string) {
		p := r.builder.pkg(row[0])
		p.Definitions = append(p.Definitions, Definition{Document{Schema: SchemaPackage, Name: row[0]}, row[1]})
	})
}

// readBundles reads the versions. Before version 5 of the schema only the names
// tell them.
func (r *listingReader) readBundles(ctx context.Context) {
	r.bundles, r.ranges = map[string]*Bundle{}, map[string]string{}
	query := fmt.Sprintf("SELECT name, %s, %s FROM source.operatorbundle", r.column(tableBundle, "version"), r.column(tableBundle, "skiprange"))
	r.each(ctx, tableBundle, query, func(row []string) {
		b := &Bundle{Document: Document{Schema: SchemaBundle, Name: row[0]}, Version: versionInName(row[0])}
		if v, err := semver.Parse(row[1]); err == nil {
			b.Version = &v
		}
		r.bundles[row[0]], r.ranges[row[0]] = b, row[2]
	})
}

// readDisplayNames reads those of the channels' heads: most catalogs keep the
// objects of no other.
func (r *listingReader) readDisplayNames(ctx context.Context) {
	if !r.table(tableBundle).has("csv") || !r.table(tableChannel).has("head_operatorbundle_name") {
		return
	}
	const query = `SELECT name, CASE WHEN json_valid(CAST(csv AS TEXT)) THEN json_extract(CAST(csv AS TEXT), '$.spec.displayName') END
		FROM source.operatorbundle WHERE name IN (SELECT head_operatorbundle_name FROM source.channel)`
	r.each(ctx, tableBundle, query, func(row []string) {
		if b := r.bundles[row[0]]; b != nil {
			b.displayName = row[1]
		}
	})
}

// readChannels reads which bundles are in which channel. A bundle has a row for
// each that it replaces; the first is what the bundle calls so, the others are
// those that it skips. A bundle that a channel names and that is not there is
// one that was skipped.
func (r *listingReader) readChannels(ctx context.Context) {
	r.channels = map[[2]string]*Channel{}
	r.each(ctx, tableChannel, "SELECT package_name, name FROM source.channel ORDER BY 1, 2", func(row []string) {
		key := [2]string{row[0], row[1]}
		r.channels[key] = &Channel{Document: Document{Schema: SchemaChannel, Package: row[0], Name: row[1]}}
		r.order = append(r.order, key)
	})
	query := "SELECT package_name, channel_name, operatorbundle_name, NULL FROM source.channel_entry ORDER BY entry_id"
	if r.table(tableChannelEntry).has("replaces", "depth") {
		query = `SELECT e.package_name, e.channel_name, e.operatorbundle_name, r.operatorbundle_name FROM source.channel_entry e
			LEFT JOIN source.channel_entry r ON e.replaces = r.entry_id ORDER BY e.depth, e.entry_id`
	}
	entries := map[[3]string]int{}
	r.each(ctx, tableChannelEntry, query, func(row []string) {
		ch, b := r.channels[[2]string{row[0], row[1]}], r.bundles[row[2]]
		if ch == nil || b == nil {
			return
		}
		key := [3]string{row[0], row[1], row[2]}
		if _, there := entries[key]; !there {
			entries[key] = len(ch.Entries)
			ch.Entries = append(ch.Entries, Entry{Name: row[2], SkipRange: r.ranges[row[2]]})
			r.attach(row[0], b)
		}
		ch.Entries[entries[key]].update(row[3])
	})
	for _, key := range r.order {
		p := r.builder.pkg(key[0])
		p.Channels = append(p.Channels, *r.channels[key])
	}
}

// update notes what an entry replaces, and then what it skips.
func (e *Entry) update(name string) {
	switch {
	case name == "":
	case e.Replaces == "":
		e.Replaces = name
	default:
		e.Skips = append(e.Skips, name)
	}
}

// attach gives a bundle to its package, once.
func (r *listingReader) attach(pkg string, b *Bundle) {
	if b.Package != "" {
		return
	}
	b.Package = pkg
	p := r.builder.pkg(pkg)
	p.Bundles = append(p.Bundles, *b)
}
