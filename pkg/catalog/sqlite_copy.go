package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// choosePackages puts the names of what is kept into temp.kept_package, and then
// of bundles into temp.kept_bundle.
func (p *pruning) choosePackages(ctx context.Context, want []string) error {
	var names []string
	err := p.rows(ctx, "SELECT DISTINCT name FROM source.package ORDER BY name", func(row []string) error {
		if row[0] == "" {
			return errors.New("a package without a name")
		}
		names = append(names, row[0])
		return nil
	})
	if err != nil {
		return fmt.Errorf("table %q: %w", tablePackage, err)
	}
	if len(names) == 0 {
		return errors.New("has no package")
	}
	want = slices.Compact(slices.Sorted(slices.Values(want)))
	if len(want) == 0 {
		want = names
	}
	if err := checkPackages(want, names); err != nil {
		return err
	}
	p.kept, p.all = len(want), len(want) == len(names)
	if p.all {
		return nil
	}
	return p.keepNames(ctx, want)
}

func checkPackages(want, names []string) error {
	var errs []error
	for _, name := range want {
		if !slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("package %q: not in the catalog%s", name, hint(name, names)))
		}
	}
	return errors.Join(errs...)
}

func (p *pruning) keepNames(ctx context.Context, packages []string) error {
	for _, s := range []string{
		"CREATE TEMP TABLE kept_package(name TEXT PRIMARY KEY) WITHOUT ROWID",
		"CREATE TEMP TABLE kept_bundle(name TEXT PRIMARY KEY) WITHOUT ROWID",
	} {
		if err := p.exec(ctx, s); err != nil {
			return err
		}
	}
	for _, name := range packages {
		if err := p.exec(ctx, "INSERT INTO temp.kept_package VALUES (?)", name); err != nil {
			return fmt.Errorf("package %q: %w", name, err)
		}
	}
	err := p.exec(ctx, `INSERT OR IGNORE INTO temp.kept_bundle
		SELECT operatorbundle_name FROM source.channel_entry
		WHERE operatorbundle_name IS NOT NULL AND package_name IN (SELECT name FROM temp.kept_package)`)
	if err != nil {
		return fmt.Errorf("table %q: %w", tableChannelEntry, err)
	}
	return p.keepDeprecated(ctx)
}

// keepDeprecated keeps what opm keeps beyond the bundles in channels: one that is
// deprecated stays, though it is in no channel, while the package is there that
// its properties name.
func (p *pruning) keepDeprecated(ctx context.Context) error {
	if !p.table(tableDeprecated).has("operatorbundle_name") || !p.table(tableProperties).has("type", "value", "operatorbundle_name") {
		return nil
	}
	err := p.exec(ctx, `INSERT OR IGNORE INTO temp.kept_bundle
		SELECT operatorbundle_name FROM source.properties
		WHERE type = 'olm.package'
		AND operatorbundle_name IN (SELECT operatorbundle_name FROM source.deprecated)
		AND CASE WHEN json_valid(CAST(value AS TEXT)) THEN json_extract(CAST(value AS TEXT), '$.packageName') END
			IN (SELECT name FROM temp.kept_package)`)
	if err != nil {
		return fmt.Errorf("table %q: %w", tableProperties, err)
	}
	return nil
}

// copyAll makes the new database: tables, rows, indexes, and then whatever could
// get in the way of rows.
func (p *pruning) copyAll(ctx context.Context) error {
	for _, t := range p.tables {
		if err := p.exec(ctx, t.definition); err != nil {
			return fmt.Errorf("table %q: %w", t.name, err)
		}
	}
	for _, t := range p.inOrder() {
		if err := p.copyRows(ctx, t); err != nil {
			return fmt.Errorf("table %q: %w", t.name, err)
		}
	}
	for _, index := range p.indexes {
		if err := p.exec(ctx, index); err != nil {
			return fmt.Errorf("%.80q: %w", index, err)
		}
	}
	if err := p.checkReferences(ctx); err != nil {
		return err
	}
	return p.copyUnrun(ctx)
}

// inOrder are the tables, with the one last whose rows others choose.
func (p *pruning) inOrder() []table {
	tables := slices.Clone(p.tables)
	i := slices.IndexFunc(tables, func(t table) bool { return t.name == tableAPI })
	if i < 0 {
		return tables
	}
	api := tables[i]
	return append(slices.Delete(tables, i, i+1), api)
}

func (p *pruning) copyRows(ctx context.Context, t table) error {
	query := fmt.Sprintf("INSERT INTO main.%[1]s SELECT * FROM source.%[1]s", quoted(t.name))
	if condition := p.condition(t); condition != "" && !p.all {
		query += " WHERE " + condition
	}
	if t.rowid {
		query += " ORDER BY rowid"
	}
	return p.exec(ctx, query)
}

// condition is that under which a row of a table is kept; empty is always.
func (p *pruning) condition(t table) string {
	const inPackage, inBundle = "IN (SELECT name FROM temp.kept_package)", "IN (SELECT name FROM temp.kept_bundle)"
	switch {
	case t.name == tablePackage:
		return "name " + inPackage
	case t.name == tableBundle:
		return "name " + inBundle
	case t.name == tableAPI && t.has("group_name", "version", "kind"):
		return p.apiCondition()
	case t.has("package_name"):
		return "package_name " + inPackage
	case t.has("operatorbundle_name"):
		return "operatorbundle_name " + inBundle
	case t.has("channel_entry_id"): // up to version 5 of the schema
		return "channel_entry_id IN (SELECT entry_id FROM source.channel_entry WHERE package_name " + inPackage + ")"
	}
	return ""
}

// apiCondition keeps the APIs that a bundle provides or requires that is kept.
func (p *pruning) apiCondition() string {
	var used []string
	for _, name := range []string{tableAPIProvider, tableAPIRequirer} {
		if p.table(name).has("group_name", "version", "kind") {
			used = append(used, "SELECT group_name, version, kind FROM main."+name)
		}
	}
	if len(used) == 0 {
		return ""
	}
	return "(group_name, version, kind) IN (" + strings.Join(used, " UNION ") + ")"
}

// copyUnrun takes over triggers and views as the rows of the schema that they
// are, in the way of VACUUM. The statements that define them are not carried out.
func (p *pruning) copyUnrun(ctx context.Context) error {
	for _, s := range []string{
		"PRAGMA writable_schema = ON",
		`INSERT INTO main.sqlite_master SELECT type, name, tbl_name, 0, sql FROM source.sqlite_master
			WHERE type IN ('trigger', 'view') ORDER BY rowid`,
		"PRAGMA writable_schema = OFF",
		"COMMIT",
	} {
		if err := p.exec(ctx, s); err != nil {
			return fmt.Errorf("triggers and views: %w", err)
		}
	}
	return nil
}
