package catalog

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drayage/pkg/manifest"
)

// The schema of a SQLite catalog at three of its versions.
const (
	schemaOfAll = `
CREATE TABLE schema_migrations(version bigint NOT NULL, timestamp DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE api(group_name TEXT, version TEXT, kind TEXT, plural TEXT NOT NULL, PRIMARY KEY(group_name, version, kind));
CREATE TABLE operatorbundle(name TEXT PRIMARY KEY, csv TEXT, bundle TEXT, bundlepath TEXT, skiprange TEXT, version TEXT);
CREATE TABLE package(name TEXT PRIMARY KEY, default_channel TEXT,
	FOREIGN KEY(name, default_channel) REFERENCES channel(package_name, name) ON DELETE CASCADE);
CREATE TABLE channel(name TEXT, package_name TEXT, head_operatorbundle_name TEXT, PRIMARY KEY(name, package_name),
	FOREIGN KEY(head_operatorbundle_name) REFERENCES operatorbundle(name) ON DELETE CASCADE);
CREATE TABLE channel_entry(entry_id INTEGER PRIMARY KEY, channel_name TEXT, package_name TEXT, operatorbundle_name TEXT,
	replaces INTEGER, depth INTEGER,
	FOREIGN KEY(replaces) REFERENCES channel_entry(entry_id) DEFERRABLE INITIALLY DEFERRED,
	FOREIGN KEY(channel_name, package_name) REFERENCES channel(name, package_name) ON DELETE CASCADE);
CREATE TABLE related_image(image TEXT, operatorbundle_name TEXT,
	FOREIGN KEY(operatorbundle_name) REFERENCES operatorbundle(name) ON DELETE CASCADE);`

	schemaOf5 = `
CREATE TABLE api_provider(group_name TEXT, version TEXT, kind TEXT, channel_entry_id INTEGER,
	PRIMARY KEY(group_name, version, kind, channel_entry_id),
	FOREIGN KEY(channel_entry_id) REFERENCES channel_entry(entry_id) ON DELETE CASCADE);
CREATE TABLE api_requirer(group_name TEXT, version TEXT, kind TEXT, channel_entry_id INTEGER,
	PRIMARY KEY(group_name, version, kind, channel_entry_id),
	FOREIGN KEY(channel_entry_id) REFERENCES channel_entry(entry_id) ON DELETE CASCADE);`

	schemaOf7 = `
ALTER TABLE operatorbundle ADD COLUMN replaces TEXT;
ALTER TABLE operatorbundle ADD COLUMN skips TEXT;
CREATE UNIQUE INDEX pk ON operatorbundle(name, version, bundlepath);
CREATE TABLE api_provider(group_name TEXT, version TEXT, kind TEXT,
	operatorbundle_name TEXT, operatorbundle_version TEXT, operatorbundle_path TEXT,
	FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path)
		REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	FOREIGN KEY(group_name, version, kind) REFERENCES api(group_name, version, kind) ON DELETE CASCADE);
CREATE TABLE api_requirer(group_name TEXT, version TEXT, kind TEXT,
	operatorbundle_name TEXT, operatorbundle_version TEXT, operatorbundle_path TEXT,
	FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path)
		REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	FOREIGN KEY(group_name, version, kind) REFERENCES api(group_name, version, kind) ON DELETE CASCADE);
CREATE TRIGGER api_provider_cleanup AFTER DELETE ON api_provider
	BEGIN DELETE FROM api WHERE group_name = OLD.group_name AND version = OLD.version AND kind = OLD.kind; END;`

	schemaOf13 = schemaOf7 + `
ALTER TABLE operatorbundle ADD COLUMN substitutesfor TEXT;
CREATE TABLE dependencies(type TEXT, value TEXT, operatorbundle_name TEXT, operatorbundle_version TEXT, operatorbundle_path TEXT,
	FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path)
		REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE);
CREATE TABLE properties(type TEXT, value TEXT, operatorbundle_name TEXT, operatorbundle_version TEXT, operatorbundle_path TEXT,
	FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path)
		REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE);
CREATE TABLE deprecated(operatorbundle_name TEXT PRIMARY KEY);`
)

// Two operators: nfd replaces its versions one by one, sriov skips one that is
// not in the catalog, and both use the same image. One bundle is in no channel.
const rowsOfAll = `
INSERT INTO operatorbundle(name, csv, bundlepath, version) VALUES
	('nfd.v1', '{}', 'quay.io/x/nfd-bundle:1', '1.0.0'), ('nfd.v2', '{}', 'quay.io/x/nfd-bundle:2', '2.0.0'),
	('sriov.v1', '{}', 'quay.io/x/sriov-bundle:1', '1.0.0'), ('sriov.v2', '{}', '', '2.0.0'),
	('stray.v1', '{}', 'quay.io/x/stray-bundle:1', '1.0.0');
INSERT INTO package VALUES ('sriov', '4.9'), ('nfd', 'stable');
INSERT INTO channel VALUES ('4.9', 'sriov', 'sriov.v2'), ('stable', 'nfd', 'nfd.v2'), ('alpha', 'nfd', 'nfd.v1');
INSERT INTO channel_entry VALUES
	(1, 'stable', 'nfd', 'nfd.v2', 2, 0), (2, 'stable', 'nfd', 'nfd.v1', NULL, 1), (3, 'alpha', 'nfd', 'nfd.v1', NULL, 0),
	(4, '4.9', 'sriov', 'sriov.v2', 5, 0), (5, '4.9', 'sriov', 'sriov.v1', NULL, 1), (6, '4.9', 'sriov', 'sriov.v0', NULL, 1);
INSERT INTO related_image VALUES
	('quay.io/x/nfd:1', 'nfd.v1'), ('quay.io/x/proxy:1', 'nfd.v1'), ('quay.io/x/nfd:2', 'nfd.v2'), ('quay.io/x/proxy:1', 'nfd.v2'),
	('', 'nfd.v2'), (NULL, 'nfd.v2'),
	('quay.io/x/sriov:1', 'sriov.v1'), ('quay.io/x/proxy:1', 'sriov.v1'), ('quay.io/x/sriov:2', 'sriov.v2'),
	('quay.io/x/stray:1', 'stray.v1');
INSERT INTO api VALUES ('nfd.io', 'v1', 'NFD', 'nfds'), ('sriov.io', 'v1', 'Net', 'nets'), ('shared.io', 'v1', 'Both', 'boths'),
	('gone.io', 'v1', 'None', 'nones');
INSERT INTO schema_migrations VALUES (1, '2021-01-01');`

const rowsOf5 = `
INSERT INTO api_provider VALUES ('nfd.io', 'v1', 'NFD', 1), ('nfd.io', 'v1', 'NFD', 2), ('sriov.io', 'v1', 'Net', 4);
INSERT INTO api_requirer VALUES ('shared.io', 'v1', 'Both', 1), ('shared.io', 'v1', 'Both', 4);`

const rowsOf7 = `
INSERT INTO api_provider VALUES ('nfd.io', 'v1', 'NFD', 'nfd.v2', '2.0.0', 'quay.io/x/nfd-bundle:2'),
	('nfd.io', 'v1', 'NFD', 'nfd.v1', '1.0.0', 'quay.io/x/nfd-bundle:1'), ('sriov.io', 'v1', 'Net', 'sriov.v2', '2.0.0', '');
INSERT INTO api_requirer VALUES ('shared.io', 'v1', 'Both', 'nfd.v2', '2.0.0', 'quay.io/x/nfd-bundle:2'),
	('shared.io', 'v1', 'Both', 'sriov.v2', '2.0.0', '');`

const rowsOf13 = rowsOf7 + `
INSERT INTO properties VALUES ('olm.package', CAST('{"packageName":"nfd","version":"1.0.0"}' AS BLOB), 'nfd.v1', '1.0.0', 'quay.io/x/nfd-bundle:1'),
	('olm.package', '{"packageName":"sriov"}', 'sriov.v1', '1.0.0', 'quay.io/x/sriov-bundle:1'),
	('olm.package', '{"packageName":', 'sriov.v2', '2.0.0', '');
INSERT INTO dependencies VALUES ('olm.package', '{"packageName":"nfd"}', 'sriov.v2', '2.0.0', '');
INSERT INTO deprecated VALUES ('nfd.v1'), ('sriov.v2'), ('truncated.v1');`

var schemas = []struct {
	name, statements string
	// nfd and all are the rows of each table when nfd or everything is kept.
	nfd, all string
}{
	{"version 5", schemaOfAll + schemaOf5 + rowsOfAll + rowsOf5,
		"api 2, api_provider 2, api_requirer 1, channel 2, channel_entry 3, operatorbundle 2, package 1, related_image 6, schema_migrations 1",
		"api 4, api_provider 3, api_requirer 2, channel 3, channel_entry 6, operatorbundle 5, package 2, related_image 10, schema_migrations 1"},
	{"version 7", schemaOfAll + schemaOf7 + rowsOfAll + rowsOf7,
		"api 2, api_provider 2, api_requirer 1, channel 2, channel_entry 3, operatorbundle 2, package 1, related_image 6, schema_migrations 1",
		"api 4, api_provider 3, api_requirer 2, channel 3, channel_entry 6, operatorbundle 5, package 2, related_image 10, schema_migrations 1"},
	{"version 13", schemaOfAll + schemaOf13 + rowsOfAll + rowsOf13,
		"api 2, api_provider 2, api_requirer 1, channel 2, channel_entry 3, dependencies 0, deprecated 1, operatorbundle 2, package 1, properties 1, related_image 6, schema_migrations 1",
		"api 4, api_provider 3, api_requirer 2, channel 3, channel_entry 6, dependencies 1, deprecated 3, operatorbundle 5, package 2, properties 3, related_image 10, schema_migrations 1"},
}

var (
	wholeSchema = schemas[len(schemas)-1].statements
	nfdOnly     = []manifest.Package{{Name: "nfd", DefaultChannel: "stable", Channels: []manifest.Channel{
		{Name: "alpha", Bundles: []string{"nfd.v1"}}, {Name: "stable", Bundles: []string{"nfd.v1", "nfd.v2"}},
	}}}
	nfdAndSriov = append(nfdOnly[:1:1], manifest.Package{Name: "sriov", DefaultChannel: "4.9", Channels: []manifest.Channel{
		{Name: "4.9", Bundles: []string{"sriov.v1", "sriov.v2"}},
	}})
	nfdImages = []string{"quay.io/x/nfd-bundle:1", "quay.io/x/nfd-bundle:2", "quay.io/x/nfd:1", "quay.io/x/nfd:2", "quay.io/x/proxy:1"}
	allImages = append(nfdImages[:5:5], "quay.io/x/sriov-bundle:1", "quay.io/x/sriov:1", "quay.io/x/sriov:2",
		"quay.io/x/stray-bundle:1", "quay.io/x/stray:1")
)

// open opens a database, to be made or looked at.
func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	uri, err := fileURI(path, "")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

// newDatabase makes a database named index.db in a folder of its own.
func newDatabase(t *testing.T, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "index.db")
	db := open(t, path)
	for _, s := range append([]string{"PRAGMA synchronous = OFF"}, statements...) {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%.200s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// pruneTo prunes a database, and tells where the new one is.
func pruneTo(t *testing.T, in string, want ...string) (*Database, string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "new.db")
	d, err := PruneDatabase(t.Context(), in, out, want)
	if err != nil {
		t.Fatal(err)
	}
	return d, out
}

// column is the first column of what a query finds, as text.
func column(t *testing.T, path, query string, args ...any) []string {
	t.Helper()
	rows, err := open(t, path).Query(query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var s sql.NullString
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		found = append(found, s.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// counts is how many rows the tables of a database have.
func counts(t *testing.T, path string) string {
	t.Helper()
	var all []string
	for _, name := range column(t, path, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name") {
		all = append(all, name+" "+column(t, path, "SELECT count(*) FROM "+quoted(name))[0])
	}
	return strings.Join(all, ", ")
}

func wantSound(t *testing.T, path string) {
	t.Helper()
	wantStrings(t, "integrity", column(t, path, "PRAGMA integrity_check"), "ok")
	wantStrings(t, "references that lead nowhere", column(t, path, "PRAGMA foreign_key_check"))
	wantStrings(t, "free pages", column(t, path, "PRAGMA freelist_count"), "0")
}

func wantDatabase(t *testing.T, d *Database, packages []manifest.Package, images []string) {
	t.Helper()
	wantStrings(t, "packages", show(d.Packages), show(packages)...)
	wantStrings(t, "images", d.Images, images...)
}

func TestPruneDatabaseKeepsWholePackagesAtEveryVersionOfTheSchema(t *testing.T) {
	for _, s := range schemas {
		t.Run(s.name, func(t *testing.T) {
			in := newDatabase(t, s.statements)
			d, out := pruneTo(t, in, "nfd")
			wantDatabase(t, d, nfdOnly, nfdImages)
			wantStrings(t, "rows", []string{counts(t, out)}, s.nfd)
			wantSound(t, out)
			wantStrings(t, "definitions", column(t, out, "SELECT sql FROM sqlite_master ORDER BY name"),
				column(t, in, "SELECT sql FROM sqlite_master ORDER BY name")...)
			if info, err := os.Stat(out); err != nil || info.Size() != d.Size {
				t.Errorf("Size %d: %v, %v", d.Size, info, err)
			}
		})
	}
}

func TestPruneDatabaseWithoutPackagesKeepsEveryRow(t *testing.T) {
	for _, s := range schemas {
		t.Run(s.name, func(t *testing.T) {
			in := newDatabase(t, s.statements)
			d, out := pruneTo(t, in)
			wantDatabase(t, d, nfdAndSriov, allImages)
			wantStrings(t, "rows", []string{counts(t, out)}, s.all)
			wantSound(t, out)
			named, again := pruneTo(t, in, "sriov", "nfd", "sriov")
			wantDatabase(t, named, nfdAndSriov, allImages)
			sameBytes(t, out, again)
		})
	}
}

func sameBytes(t *testing.T, a, b string) {
	t.Helper()
	x, errX := os.ReadFile(a)
	y, errY := os.ReadFile(b)
	if errX != nil || errY != nil || !bytes.Equal(x, y) {
		t.Errorf("%s and %s differ (%d and %d bytes, %v, %v)", a, b, len(x), len(y), errX, errY)
	}
}

func TestPruneDatabaseGivesTheSameBytesAgain(t *testing.T) {
	in := newDatabase(t, wholeSchema)
	for _, want := range [][]string{nil, {"nfd"}, {"sriov"}} {
		_, first := pruneTo(t, in, want...)
		_, second := pruneTo(t, newDatabase(t, wholeSchema), want...)
		sameBytes(t, first, second)
		_, ofPruned := pruneTo(t, first, want...)
		sameBytes(t, first, ofPruned)
	}
}

func TestPruneDatabaseLeavesTheSourceAlone(t *testing.T) {
	in := newDatabase(t, "PRAGMA journal_mode = WAL", wholeSchema) // the engine would put files beside it
	before, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{in, filepath.Dir(in)} {
		if err := os.Chmod(path, 0o500); err != nil {
			t.Fatal(err)
		}
	}
	pruneTo(t, in, "nfd")
	if after, err := os.ReadFile(in); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the source changed (%v)", err)
	}
	wantFiles(t, filepath.Dir(in), "index.db")
}

func wantFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.Name())
	}
	wantStrings(t, "files", found, names...)
}

// Bundles in no channel go. A deprecated one stays as long as the package that
// its properties name, as in opm.
func TestPruneDatabaseKeepsDeprecatedBundles(t *testing.T) {
	in := newDatabase(t, wholeSchema, `
		INSERT INTO operatorbundle(name, version, bundlepath) VALUES ('nfd.v0', '0.0.1', 'quay.io/x/nfd-bundle:0'), ('sriov.v0', '0.0.1', '');
		INSERT INTO deprecated VALUES ('nfd.v0'), ('sriov.v0'), ('stray.v1');
		INSERT INTO properties VALUES ('olm.package', CAST('{"packageName":"nfd"}' AS BLOB), 'nfd.v0', '0.0.1', 'quay.io/x/nfd-bundle:0'),
			('olm.package', '{"packageName":"sriov"}', 'sriov.v0', '0.0.1', ''),
			('olm.gvk', '{"packageName":"nfd"}', 'stray.v1', '1.0.0', 'quay.io/x/stray-bundle:1')`)
	d, out := pruneTo(t, in, "nfd")
	wantStrings(t, "bundles", column(t, out, "SELECT name FROM operatorbundle ORDER BY name"), "nfd.v0", "nfd.v1", "nfd.v2")
	wantStrings(t, "deprecated", column(t, out, "SELECT * FROM deprecated ORDER BY 1"), "nfd.v0", "nfd.v1")
	wantDatabase(t, d, nfdOnly, append([]string{"quay.io/x/nfd-bundle:0"}, nfdImages...))
}

func TestPruneDatabaseCarriesTablesThatItDoesNotKnow(t *testing.T) {
	in := newDatabase(t, wholeSchema, `
		CREATE TABLE later(operatorbundle_name TEXT, note TEXT);
		CREATE TABLE latest(package_name TEXT PRIMARY KEY, note TEXT) WITHOUT ROWID;
		CREATE TABLE facts(id INTEGER PRIMARY KEY AUTOINCREMENT, note TEXT);
		CREATE INDEX notes ON later(note) WHERE note <> '';
		INSERT INTO later VALUES ('nfd.v1', 'a'), ('sriov.v1', 'b');
		INSERT INTO latest VALUES ('sriov', 'c'), ('nfd', 'd');
		INSERT INTO facts(note) VALUES ('e'), ('f'); ANALYZE`)
	_, out := pruneTo(t, in, "nfd")
	for table, want := range map[string]string{"later": "a", "latest": "d", "facts": "e f"} {
		wantStrings(t, table, column(t, out, "SELECT note FROM "+table+" ORDER BY note"), strings.Fields(want)...)
	}
	wantSound(t, out)
}

func TestPruneDatabaseReadsWhateverTheEngineWrites(t *testing.T) {
	for _, pragma := range []string{"page_size = 512", "page_size = 65536", "journal_mode = WAL", "auto_vacuum = FULL"} {
		t.Run(pragma, func(t *testing.T) {
			in := newDatabase(t, "PRAGMA "+pragma, wholeSchema)
			d, out := pruneTo(t, in, "nfd")
			wantDatabase(t, d, nfdOnly, nfdImages)
			wantStrings(t, "page size", column(t, out, "PRAGMA page_size"), column(t, in, "PRAGMA page_size")...)
			wantSound(t, out)
		})
	}
	t.Run("under any name", func(t *testing.T) {
		in := filepath.Join(t.TempDir(), "a b?mode=rw&c#d%41.db")
		if err := os.Rename(newDatabase(t, wholeSchema), in); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "x?immutable=1#%20.db")
		d, err := PruneDatabase(t.Context(), in, out, []string{"nfd"})
		if err != nil {
			t.Fatal(err)
		}
		wantDatabase(t, d, nfdOnly, nfdImages)
		wantFiles(t, filepath.Dir(out), filepath.Base(out))
	})
}

func TestPruneDatabaseNamesEveryPackageThatIsNotThere(t *testing.T) {
	in := newDatabase(t, wholeSchema)
	out := filepath.Join(t.TempDir(), "new.db")
	_, err := PruneDatabase(t.Context(), in, out, []string{"sriof", "nfd", "etcd", ""})
	const want = "index.db: package \"\": not in the catalog\n" +
		"package \"etcd\": not in the catalog\n" +
		"package \"sriof\": not in the catalog; near: sriov"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	wantFiles(t, filepath.Dir(out))
}

func TestPruneDatabaseCancelledLeavesNothing(t *testing.T) {
	in := newDatabase(t, wholeSchema)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := filepath.Join(t.TempDir(), "new.db")
	if _, err := PruneDatabase(ctx, in, out, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	wantFiles(t, filepath.Dir(out))
}

func TestPruneDatabaseStopsInTheMiddleOfAStatement(t *testing.T) {
	in := newDatabase(t, wholeSchema, "CREATE TABLE numbers(a)",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) INSERT INTO numbers SELECT i FROM n",
		"CREATE INDEX slow ON numbers(a)", "PRAGMA writable_schema = ON",
		"UPDATE sqlite_master SET sql = 'CREATE INDEX slow ON numbers(length(hex(zeroblob(1000000 + a))))' WHERE name = 'slow'")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // of some 10 s
	defer cancel()
	out := filepath.Join(t.TempDir(), "new.db")
	if _, err := PruneDatabase(ctx, in, out, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	wantFiles(t, filepath.Dir(out))
}

func TestPruneDatabaseDoesNotReplaceAFile(t *testing.T) {
	in := newDatabase(t, wholeSchema)
	if _, err := PruneDatabase(t.Context(), in, in, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want %v", err, fs.ErrExist)
	}
	wantFiles(t, filepath.Dir(in), "index.db")
	pruneTo(t, in, "nfd")
}

func TestPruneDatabaseRefuses(t *testing.T) {
	cases := []struct {
		name string
		make func(t *testing.T) string
		want string
	}{
		{"what is not there", func(t *testing.T) string { return filepath.Join(t.TempDir(), "index.db") }, "no such file"},
		{"a folder", func(t *testing.T) string { return t.TempDir() }, "is no regular file but d"},
		{"nothing", raw(""), `is no SQLite database: begins with ""`},
		{"text", raw("#!/bin/sh\necho a database\n"), `is no SQLite database: begins with "#!/bin/sh\necho a"`},
		{"a page size that is none", edited(func(b []byte) []byte { b[17] = 1; return b }), "is damaged: a page size of 4097"},
		{"less than a header", edited(func(b []byte) []byte { return b[:99] }), "is cut: 99 bytes, less than a header"},
		{"less than a page", edited(func(b []byte) []byte { return b[:4000] }), "is cut: 4000 bytes, its header says "},
		{"a cut database", edited(func(b []byte) []byte { return b[:len(b)-1] }), "is cut: "},
		{"a cut database whose header does not count pages", edited(func(b []byte) []byte { b[offsetPagesAsOf]++; return b[:len(b)/2] }), "database disk image is malformed"},
		{"a damaged page", edited(func(b []byte) []byte { clear(b[len(b)-4096:]); return b }), "is damaged: "},
		{"a damaged schema", edited(func(b []byte) []byte { b[headerSize] = 2; return b }), "is damaged: page 1 of the schema: of kind 2"},
		{"a schema beyond the end", edited(func(b []byte) []byte {
			copy(b[headerSize:], "\x05\x00\x00\x00\x00\x00\x00\x00\x7f\xff\xff\xff")
			return b
		}), "is damaged: page 2147483647 of the schema: EOF"},
		{"a schema that goes in circles", edited(func(b []byte) []byte {
			copy(b[headerSize:], "\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01")
			return b
		}), "its schema has more than 1048576 bytes or 1000 definitions"},
		{"an entry of the schema outside of its page", edited(func(b []byte) []byte { b[headerSize+offsetLeafCells] = 0xff; return b }), "is damaged: page 1 of the schema: entry 0 lies outside"},
		{"another text encoding", made("PRAGMA encoding = 'UTF-16le'", schemaOfAll), "has the text encoding 2, want 1: UTF-8"},
		{"a database without tables", made("PRAGMA user_version = 1"), "has the text encoding 0, want 1: UTF-8"},
		{"what is no catalog", made("CREATE TABLE cats(name TEXT)"), "index.db: is no operator catalog: has no table \"channel\"\nis no operator catalog: has no table \"channel_entry\"\n" +
			"is no operator catalog: has no table \"operatorbundle\"\nis no operator catalog: has no table \"package\"\nis no operator catalog: has no table \"related_image\""},
		{"a table that lacks a column", made(wholeSchema, "ALTER TABLE related_image RENAME COLUMN image TO picture"), `its table "related_image" has no column "image"`},
		{"a view in place of a table", made(wholeSchema, "ALTER TABLE related_image RENAME TO hidden; CREATE VIEW related_image AS SELECT * FROM hidden"), `is no operator catalog: has no table "related_image"`},
		{"a virtual table", made(wholeSchema, "CREATE VIRTUAL TABLE search USING fts5(text)"), `schema: table "search": no such definition belongs in a catalog: "CREATE VIRTUAL TABLE`},
		{"a computed column", made(wholeSchema, "ALTER TABLE api ADD COLUMN full TEXT AS (group_name || kind)"), `table "api": `},
		{"more than one statement in a definition", made(wholeSchema, `PRAGMA writable_schema = ON;
			UPDATE sqlite_master SET sql = sql || '; DROP TABLE package' WHERE name = 'api'`), `table "api": its definition has a semicolon`},
		{"more definitions than any catalog", made("BEGIN", numbered(1001, "CREATE TABLE t%d(a);"), "COMMIT"), "its schema has more than 1048576 bytes or 1000 definitions"},
		{"definitions larger than any catalog's", made("BEGIN", "CREATE TABLE t(a CHECK(a <> '"+strings.Repeat("x", maxSchema)+"'))", "COMMIT"), "its schema has more than 1048576 bytes or 1000 definitions"},
		{"a value larger than any catalog's", made(wholeSchema, "UPDATE operatorbundle SET csv = CAST(zeroblob(70000000) AS TEXT) WHERE name = 'nfd.v1'"), "too big"},
		{"a catalog without packages", made(schemaOfAll, schemaOf5), "index.db: has no package"},
		{"a package without a name", made(wholeSchema, "INSERT INTO package VALUES (NULL, 'stable')"), `table "package": a package without a name`},
		{"a package whose name is no text", made(wholeSchema, "UPDATE package SET name = CAST(name AS BLOB)"), `table "package": 0 packages are there, want 1`},
		{"references that pruning would break", made(wholeSchema, "UPDATE channel SET head_operatorbundle_name = 'stray.v1' WHERE package_name = 'nfd'"),
			`table "channel": pruned, 2 references to table "operatorbundle" would lead nowhere`},
		{"what a terminal would obey", made(wholeSchema, "CREATE TABLE \"\x1b[2J\"(a)", "PRAGMA writable_schema = ON",
			"UPDATE sqlite_master SET sql = 'CREATE TABLE \x1b[2J(' WHERE name LIKE '%[2J'"), `?[2J`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "new.db")
			d, err := PruneDatabase(t.Context(), c.make(t), out, []string{"nfd"})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\x1b") || d != nil {
				t.Errorf("got  %q, %v\nwant %s", fmt.Sprint(err), d, c.want)
			}
			wantFiles(t, filepath.Dir(out))
		})
	}
}

// made is a database of these statements.
func made(statements ...string) func(*testing.T) string {
	return func(t *testing.T) string { return newDatabase(t, statements...) }
}

// edited is a good database with other bytes.
func edited(edit func([]byte) []byte) func(*testing.T) string {
	return func(t *testing.T) string {
		b, err := os.ReadFile(newDatabase(t, wholeSchema))
		if err != nil {
			t.Fatal(err)
		}
		return raw(string(edit(b)))(t)
	}
}

func raw(content string) func(*testing.T) string {
	return func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "index.db")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
}

func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func TestPruneDatabaseAcceptsReferencesThatWereBrokenBefore(t *testing.T) {
	in := newDatabase(t, wholeSchema, "UPDATE channel SET head_operatorbundle_name = 'nobody' WHERE package_name = 'nfd'")
	d, _ := pruneTo(t, in, "nfd")
	wantDatabase(t, d, nfdOnly, nfdImages)
}

// A database brings its own triggers, views, checks and indexes along. They must
// neither change what is kept nor take time.
func TestPruneDatabaseRunsNothingThatTheDatabaseBrings(t *testing.T) {
	views := []string{"CREATE VIEW v0 AS SELECT 1 AS a"}
	for i := range 60 {
		views = append(views, fmt.Sprintf("CREATE VIEW v%d AS SELECT x.a FROM v%d AS x, v%d AS y, v%[2]d AS z", i+1, i, i))
	}
	in := newDatabase(t, append(views, wholeSchema,
		"CREATE TRIGGER more AFTER INSERT ON package BEGIN INSERT INTO package VALUES (NEW.name || 'x', ''); END",
		"CREATE TRIGGER less AFTER DELETE ON channel BEGIN DELETE FROM package; DELETE FROM operatorbundle; END",
		"CREATE TRIGGER stop BEFORE INSERT ON related_image BEGIN SELECT RAISE(ABORT, 'stopped'); END",
		"CREATE TABLE checked(a CHECK (a > 0))", "PRAGMA ignore_check_constraints = ON", "INSERT INTO checked VALUES (-1)",
	)...)
	d, out := pruneTo(t, in, "nfd")
	wantDatabase(t, d, nfdOnly, nfdImages)
	wantStrings(t, "packages", column(t, out, "SELECT name FROM package"), "nfd")
	wantStrings(t, "triggers", column(t, out, "SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name"),
		"api_provider_cleanup", "less", "more", "stop")
}

// What an index says it holds can be far more than what the file has.
func TestPruneDatabaseIsBoundedByTheSource(t *testing.T) {
	in := newDatabase(t, wholeSchema, "CREATE TABLE big(a)",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO big SELECT i FROM n",
		"CREATE INDEX bigger ON big(a)",
		"PRAGMA writable_schema = ON",
		"UPDATE sqlite_master SET sql = 'CREATE INDEX bigger ON big(hex(zeroblob(10000 + a)))' WHERE name = 'bigger'")
	out := filepath.Join(t.TempDir(), "new.db")
	_, err := PruneDatabase(t.Context(), in, out, []string{"nfd"})
	if err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("got %v, want that it is full", err)
	}
	wantFiles(t, filepath.Dir(out))
}

// Damage gives an error or a whole database, and nothing else.
func TestPruneDatabaseSurvivesDamage(t *testing.T) {
	good, err := os.ReadFile(newDatabase(t, wholeSchema))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	failed := 0
	for range 300 {
		b := bytes.Clone(good)
		for range 1 + random.IntN(6) {
			page := 4096 * random.IntN(len(b)/4096)
			b[page+random.IntN(1+random.IntN(4096))] = byte(random.IntN(256))
		}
		out := filepath.Join(t.TempDir(), "new.db")
		if _, err := PruneDatabase(t.Context(), raw(string(b))(t), out, []string{"nfd"}); err != nil {
			failed++
			wantFiles(t, filepath.Dir(out))
			continue
		}
		wantStrings(t, "integrity", column(t, out, "PRAGMA quick_check"), "ok")
	}
	if failed == 0 || failed == 300 {
		t.Errorf("%d of 300 damaged databases are refused: the damage does not test anything", failed)
	}
}

func realDatabase(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(sharedFixtures, "sqlite", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("shared fixtures are not here: %v", err)
	}
	return path
}

func TestRealDatabaseHasTheRowsThatOpmLeaves(t *testing.T) {
	_, out := pruneTo(t, realDatabase(t, "operator-registry-bundles.db"), "etcd")
	golden := realDatabase(t, "etcd-pruned-by-opm.db")
	for _, query := range []string{
		"SELECT name || default_channel FROM package",
		"SELECT name || package_name || head_operatorbundle_name FROM channel ORDER BY 1",
		"SELECT entry_id || channel_name || package_name || operatorbundle_name || coalesce(replaces, '-') || depth FROM channel_entry ORDER BY 1",
		"SELECT name || csv || coalesce(bundle, '-') || bundlepath || coalesce(skiprange, '-') || version FROM operatorbundle ORDER BY 1",
		"SELECT image || operatorbundle_name FROM related_image ORDER BY 1",
		"SELECT group_name || version || kind || plural FROM api ORDER BY 1",
	} {
		want := column(t, golden, query)
		if len(want) == 0 {
			t.Fatalf("%s: the golden database has none", query)
		}
		wantStrings(t, query, column(t, out, query), want...)
	}
	for _, table := range []string{"api_provider", "api_requirer"} { // opm moves them to bundles, by version 6 of the schema
		want := column(t, golden, "SELECT group_name || version || kind || operatorbundle_name FROM "+table+" ORDER BY 1")
		wantStrings(t, table, column(t, out, "SELECT DISTINCT group_name || version || kind || operatorbundle_name FROM "+table+
			" JOIN channel_entry ON entry_id = channel_entry_id ORDER BY 1"), want...)
	}
	wantSound(t, out)
}

func TestDatabasePrunedByOpmIsReadAsItIs(t *testing.T) {
	golden := realDatabase(t, "etcd-pruned-by-opm.db")
	d, out := pruneTo(t, golden)
	wantStrings(t, "rows", []string{counts(t, out)}, counts(t, golden))
	before, _ := pruneTo(t, realDatabase(t, "operator-registry-bundles.db"), "etcd")
	wantDatabase(t, d, before.Packages, before.Images)
	wantSound(t, out)
}

func TestRealDatabaseNamesTheImagesThatOcMirrors(t *testing.T) {
	d, _ := pruneTo(t, realDatabase(t, "operator-registry-bundles.db"))
	golden, err := os.ReadFile(filepath.Join(sharedFixtures, "golden-oc/catalog-sqlite/mapping.txt"))
	if err != nil {
		t.Skipf("shared fixtures are not here: %v", err)
	}
	want := map[string]bool{}
	for line := range strings.Lines(string(golden)) {
		if source, _, ok := strings.Cut(line, "="); ok && !strings.Contains(source, "sqlite-index") {
			want[source] = true
		}
	}
	if len(want) != 15 {
		t.Fatalf("%d images in the golden file", len(want))
	}
	for _, image := range d.Images {
		ref, err := manifest.ParseRef(image)
		if err != nil {
			t.Fatal(err)
		}
		if !want[ref.String()] {
			t.Errorf("%s: oc does not mirror it", image)
		}
		delete(want, ref.String())
	}
	for image := range want {
		t.Errorf("%s: is not named", image)
	}
}
