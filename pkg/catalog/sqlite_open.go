package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"unicode"

	"modernc.org/sqlite"
)

// pruning is the work on two databases over one connection: main, the new one,
// and source.
type pruning struct {
	db   *sql.DB
	conn *sql.Conn
	// tables are those of source that hold rows of the catalog, in its order.
	tables []table
	// indexes are definitions.
	indexes []string
	// kept is how many packages are, all whether these are all there are.
	kept int
	all  bool
}

// openPruning opens the new database in the empty file temp, and source so that
// nothing can write there.
func openPruning(ctx context.Context, source databaseFile, temp string) (*pruning, error) {
	target, err := fileURI(temp, "")
	if err != nil {
		return nil, err
	}
	p := &pruning{}
	if p.db, err = sql.Open("sqlite", target); err != nil {
		return nil, err
	}
	if p.conn, err = p.db.Conn(ctx); err != nil {
		return nil, errors.Join(err, p.db.Close())
	}
	if err := p.begin(ctx, source); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func fileURI(path, query string) (string, error) {
	path, err := filepath.Abs(path)
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query}).String(), err
}

func (p *pruning) begin(ctx context.Context, source databaseFile) error {
	uri, err := fileURI(source.path, "mode=ro&immutable=1")
	if err != nil {
		return err
	}
	if _, err := sqlite.Limit(p.conn, limitLength, maxValue); err != nil {
		return err
	}
	for _, s := range []string{
		// What a database brings along may call no function that does more than compute.
		"PRAGMA trusted_schema = OFF",
		"PRAGMA ignore_check_constraints = ON",
		"PRAGMA cell_size_check = ON",
		"PRAGMA foreign_keys = OFF",
		// The new file has no name yet, so it needs no way back.
		"PRAGMA journal_mode = OFF",
		"PRAGMA synchronous = OFF",
		fmt.Sprintf("PRAGMA page_size = %d", source.pageSize),
		// A part of a database is not larger than it, whatever its indexes say.
		fmt.Sprintf("PRAGMA max_page_count = %d", 2*source.size/int64(source.pageSize)+sparePages),
	} {
		if err := p.exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	if err := p.exec(ctx, "ATTACH DATABASE ? AS source", uri); err != nil {
		return err
	}
	return p.exec(ctx, "BEGIN")
}

// limitLength is the engine's number for the limit on the length of a value:
// https://www.sqlite.org/c3ref/c_limit_attached.html
const limitLength = 0

// sparePages is for what a small database has beyond its rows.
const sparePages = 100

func (p *pruning) close() error {
	return errors.Join(p.conn.Close(), p.db.Close())
}

func (p *pruning) exec(ctx context.Context, statement string, args ...any) error {
	_, err := p.conn.ExecContext(ctx, statement, args...)
	return plain(err)
}

// plain is an error of the engine with nothing in it that a terminal would obey:
// the engine repeats what a database says.
func plain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	return errors.New(plainText(e.Error()))
}

func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

// rows calls visit for each row, which has its columns as text, NULL as none.
func (p *pruning) rows(ctx context.Context, query string, visit func(row []string) error, args ...any) error {
	rows, err := p.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return plain(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, row, targets := make([]sql.NullString, len(columns)), make([]string, len(columns)), make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	for n := 0; rows.Next(); n++ {
		if n == maxRows {
			return fmt.Errorf("more than %d rows", maxRows)
		}
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		for i, v := range values {
			row[i] = v.String
		}
		if err := visit(row); err != nil {
			return err
		}
	}
	return plain(rows.Err())
}
