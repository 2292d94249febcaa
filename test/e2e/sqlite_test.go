package e2e

import (
	"archive/tar"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	_ "modernc.org/sqlite"

	"drayage/test/content"
	"drayage/test/registry"
)

// A catalog as OpenShift had it up to 4.10: a database. Pruned, it is the source
// image with one layer more that replaces the database, and the same command.
func TestSQLiteCatalog(t *testing.T) {
	src := registry.StartT(t, registry.Options{})
	images, catalogRef := sqliteWorld(t)
	if err := content.Push(t.Context(), src.Addr(), content.PushOptions{}, images...); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "registries.conf", string(content.RegistriesConf(src.Addr())))
	write(t, dir, "imageset.yaml", "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  operators:\n  - catalog: "+catalogRef+"\n    packages: [{name: anchor}]\n")
	got := good(t, dir, "bundle", "list", "operators", "--registries-conf", "registries.conf", catalogRef)
	if want := "PACKAGE  DEFAULT CHANNEL  VERSION  DISPLAY NAME\nanchor   stable           1.0.0    The anchor\nbuoy     stable           1.0.0    The buoy\n"; got != want {
		t.Errorf("listed\n%s\nwant\n%s", got, want)
	}
	root := build(t, dir)
	if again := build(t, dir); again != root {
		t.Error("two builds differ")
	}
	node := nodes(t, dir, 1)[0]
	good(t, dir, "import", "push", "--site", "site.yaml", "site.tar")
	pullAll(t, dir, node.Addr())
	pruned := image(t, node.Addr()+"/olm-mirror/redhat-operator-index:v4.9")
	oneLayerMore(t, image(t, src.Addr()+"/"+catalogRef), pruned)
	cfg, err := pruned.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(cfg.Config.Cmd, " "); got != "registry serve --database /database/index.db" {
		t.Errorf("Cmd is %q", got)
	}
	if got := packagesOf(t, pruned); got != "anchor" {
		t.Errorf("packages %q, want anchor alone", got)
	}
	for _, i := range packingList(t, dir).Images {
		if strings.Contains(i.Name, "/buoy") {
			t.Errorf("%s travels, and its package was not asked for", i.Name)
		}
	}
	noClusterCatalog(t, dir, catalogRef)
	with := call(t, dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf", "--with-dependencies")
	if with.code != 0 || !strings.Contains(with.err, "warning: "+catalogRef+": is a SQLite catalog: what its packages require is not looked at, and nothing is added\n") {
		t.Errorf("code %d, %s", with.code, with.err)
	}
	write(t, dir, "imageset.yaml", strings.Replace("apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  operators:\n  - catalog: REF\n    packages: [{name: anker}]\n", "REF", catalogRef, 1))
	bad(t, 5, `"anker"`, dir, "bundle", "plan", "-c", "imageset.yaml", "--registries-conf", "registries.conf")
}

// noClusterCatalog: the second Operator Lifecycle Manager reads files alone.
func noClusterCatalog(t *testing.T, dir, catalogRef string) {
	t.Helper()
	write(t, dir, "later.yaml", strings.Replace(siteText("10.0.0.1"), `"4.9"`, `"4.18"`, 1))
	r := call(t, dir, "import", "render", "--site", "later.yaml", "-o", "-", "--stage", "catalogs", "site.tar")
	if r.code != 0 || strings.Contains(r.out, "ClusterCatalog") || !strings.Contains(r.out, "CatalogSource") ||
		!strings.Contains(r.err, "warning: "+catalogRef+": is a SQLite catalog, which a ClusterCatalog cannot read: none is written, there is the CatalogSource redhat-operator-index\n") {
		t.Errorf("code %d\n%s%s", r.code, r.out, r.err)
	}
}

// sqliteWorld is a catalog of two packages with a bundle and an operand each. Its
// tables are those of version 5 of the schema, as far as opm needs them.
func sqliteWorld(t *testing.T) (images []content.Named, catalogRef string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "index.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	run := func(query string, args ...any) {
		if _, err := db.Exec(query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	for _, table := range []string{
		`schema_migrations (version BIGINT, timestamp TIMESTAMP)`,
		`operatorbundle (name TEXT PRIMARY KEY, csv TEXT, bundle TEXT, bundlepath TEXT, skiprange TEXT, version TEXT)`,
		`package (name TEXT PRIMARY KEY, default_channel TEXT)`,
		`channel (name TEXT, package_name TEXT, head_operatorbundle_name TEXT, PRIMARY KEY(name, package_name))`,
		`channel_entry (entry_id INTEGER PRIMARY KEY, channel_name TEXT, package_name TEXT, operatorbundle_name TEXT, replaces INTEGER, depth INTEGER)`,
		`related_image (image TEXT, operatorbundle_name TEXT)`,
		`api (group_name TEXT, version TEXT, kind TEXT, plural TEXT NOT NULL, PRIMARY KEY(group_name, version, kind))`,
		`api_provider (group_name TEXT, version TEXT, kind TEXT, channel_entry_id INTEGER)`,
		`api_requirer (group_name TEXT, version TEXT, kind TEXT, channel_entry_id INTEGER)`,
	} {
		run("CREATE TABLE " + table)
	}
	run("INSERT INTO schema_migrations VALUES (5, '')")
	reg, err := content.MakeRegistryImage(1<<16, false)
	if err != nil {
		t.Fatal(err)
	}
	images = append(images, reg)
	for i, name := range []string{"anchor", "buoy"} {
		bundle, operand := made(t, "registry.redhat.io/sea/"+name+"-bundle"), made(t, "registry.redhat.io/sea/"+name+"-operator")
		images = append(images, bundle, operand)
		csv := fmt.Sprintf(`{"apiVersion":"operators.coreos.com/v1alpha1","kind":"ClusterServiceVersion","metadata":{"name":"%s.v1.0.0"},"spec":{"version":"1.0.0","displayName":"The %[1]s"}}`, name)
		run("INSERT INTO operatorbundle VALUES (?, ?, ?, ?, '', '1.0.0')", name+".v1.0.0", csv, csv, bundle.ByDigest())
		run("INSERT INTO package VALUES (?, 'stable')", name)
		run("INSERT INTO channel VALUES ('stable', ?, ?)", name, name+".v1.0.0")
		run("INSERT INTO channel_entry VALUES (?, 'stable', ?, ?, NULL, 0)", i+1, name, name+".v1.0.0")
		run("INSERT INTO related_image VALUES (?, ?)", operand.ByDigest(), name+".v1.0.0")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	catalogRef = "registry.redhat.io/redhat/redhat-operator-index:v4.9"
	img, err := content.Image("sqlite catalog", content.ImageOptions{
		Labels:     map[string]string{"operators.operatorframework.io.index.database.v1": "/database/index.db"},
		Entrypoint: []string{"/bin/opm"}, Cmd: []string{"registry", "serve", "--database", "/database/index.db"},
	}, content.Text("opm", 1000), content.Files(content.File{Path: "database/index.db", Mode: 0o644, Content: raw}))
	if err != nil {
		t.Fatal(err)
	}
	return append(images, content.Named{Ref: catalogRef, Digest: digestOf(t, img), Content: img}), catalogRef
}

func made(t *testing.T, repo string) content.Named {
	t.Helper()
	img, err := content.Image(repo, content.ImageOptions{}, content.Text(repo, 1000))
	if err != nil {
		t.Fatal(err)
	}
	d := digestOf(t, img)
	return content.Named{Ref: repo + "@" + d, Digest: d, Content: img}
}

func digestOf(t *testing.T, img v1.Image) string {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// packagesOf flattens a catalog image and reads its database.
func packagesOf(t *testing.T, img v1.Image) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "index.db")
	for r := tar.NewReader(mutate.Extract(img)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.Trim(h.Name, "/") != "database/index.db" {
			continue
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var names string
	if err := db.QueryRow("SELECT group_concat(name, ' ') FROM (SELECT name FROM package ORDER BY name)").Scan(&names); err != nil {
		t.Fatal(err)
	}
	return names
}
