package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The tables that have a meaning here.
const (
	tablePackage      = "package"
	tableChannel      = "channel"
	tableChannelEntry = "channel_entry"
	tableBundle       = "operatorbundle"
	tableRelatedImage = "related_image"
	tableAPI          = "api"
	tableAPIProvider  = "api_provider"
	tableAPIRequirer  = "api_requirer"
	tableDeprecated   = "deprecated"
	tableProperties   = "properties"
)

// requiredColumns are those without which nobody can tell what to keep, or which
// images it needs. Every release of OpenShift that has a SQLite catalog has them.
var requiredColumns = map[string][]string{
	tablePackage:      {"name", "default_channel"},
	tableChannel:      {"name", "package_name"},
	tableChannelEntry: {"entry_id", "channel_name", "package_name", "operatorbundle_name"},
	tableBundle:       {"name"},
	tableRelatedImage: {"image", "operatorbundle_name"},
}

// table is one table of a database.
type table struct {
	name       string
	definition string
	columns    []string
	// rowid says that rows have a number, by which they are in order.
	rowid bool
}

// has says whether it is there, with these columns.
func (t table) has(columns ...string) bool {
	for _, c := range columns {
		if !slices.Contains(t.columns, c) {
			return false
		}
	}
	return len(t.columns) > 0
}

// table is the table of that name; one without columns when there is none.
func (p *pruning) table(name string) table {
	i := slices.IndexFunc(p.tables, func(t table) bool { return t.name == name })
	if i < 0 {
		return table{name: name}
	}
	return p.tables[i]
}

// readSchema reads what source consists of, and checks every page of it.
func (p *pruning) readSchema(ctx context.Context) error {
	err := p.rows(ctx, "SELECT type, name, sql FROM source.sqlite_master ORDER BY rowid", func(row []string) error {
		return p.define(row[0], row[1], row[2])
	})
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	err = p.rows(ctx, "PRAGMA source.quick_check(1)", func(row []string) error {
		if row[0] != "ok" {
			return fmt.Errorf("is damaged: %s", plainText(row[0]))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range p.tables {
		if err := p.readTable(ctx, &p.tables[i]); err != nil {
			return fmt.Errorf("table %q: %w", p.tables[i].name, err)
		}
	}
	return p.checkRequired()
}

// definitionBegins is how the engine writes down each kind of definition. A kind
// that is not here, or another text (of a virtual table, say), is none that a
// catalog has.
var definitionBegins = map[string][]string{
	"table":   {"CREATE TABLE "},
	"index":   {"CREATE INDEX ", "CREATE UNIQUE INDEX "},
	"view":    {"CREATE VIEW "},
	"trigger": {"CREATE TRIGGER "},
}

// define takes one definition. Those of tables and indexes are carried out
// again, so they may be only what they seem: one statement.
func (p *pruning) define(kind, name, text string) error {
	begins := func(s string) bool { return strings.HasPrefix(text, s) }
	switch {
	case kind == "index" && text == "": // comes with its table
		return nil
	case !slices.ContainsFunc(definitionBegins[kind], begins):
		return fmt.Errorf("%s %q: no such definition belongs in a catalog: %.80q", kind, name, text)
	case kind != "table" && kind != "index" || strings.HasPrefix(name, "sqlite_"):
		return nil
	case strings.Contains(text, ";"):
		return fmt.Errorf("%s %q: its definition has a semicolon, and may be more than one statement", kind, name)
	case kind == "table":
		p.tables = append(p.tables, table{name: name, definition: text})
	default:
		p.indexes = append(p.indexes, text)
	}
	return nil
}

// readTable asks for nothing that makes the engine look at views, which may be
// built to keep it busy.
func (p *pruning) readTable(ctx context.Context, t *table) error {
	err := p.exec(ctx, "SELECT rowid FROM source."+quoted(t.name)+" LIMIT 0")
	t.rowid = err == nil
	return p.rows(ctx, "SELECT name FROM pragma_table_xinfo(?, 'source') ORDER BY cid", func(row []string) error {
		t.columns = append(t.columns, row[0])
		return nil
	}, t.name)
}

func (p *pruning) checkRequired() error {
	var f findings
	for _, name := range slices.Sorted(maps.Keys(requiredColumns)) {
		t := p.table(name)
		if !t.has() {
			f.add("is no operator catalog: has no table %q", name)
			continue
		}
		for _, c := range requiredColumns[name] {
			if !t.has(c) {
				f.add("is no operator catalog: its table %q has no column %q", name, c)
			}
		}
	}
	return errors.Join(f.errs...)
}

// quoted is a name as SQL writes it.
func quoted(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
