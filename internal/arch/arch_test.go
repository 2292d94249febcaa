package arch

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// house is the plan of a house.
type house struct {
	// rooms has for each package those of ours that it may import.
	rooms map[string][]string
	// owned has for foreign modules, by the beginning of their import path, the
	// rooms that may import them. A module that is not here is free to all.
	owned map[string][]string
}

// everything stands for all rooms.
const everything = "*"

// ours is the plan that docs/ and the package comments tell of.
var ours = house{
	rooms: map[string][]string{
		"cmd/bundle": {everything},
		"cmd/import": {everything},

		"pkg/manifest":  {},
		"pkg/imageset":  {"pkg/manifest", "internal/strictyaml"},
		"pkg/site":      {"internal/strictyaml"},
		"pkg/access":    {"pkg/site"},
		"pkg/mirror":    {"pkg/manifest", "pkg/site"},
		"pkg/icsp":      {"pkg/manifest", "pkg/site", "pkg/mirror"},
		"pkg/node":      {"pkg/manifest", "pkg/site"},
		"pkg/render":    {"pkg/access", "pkg/icsp", "pkg/manifest", "pkg/mirror", "pkg/node", "pkg/site"},
		"pkg/oci":       {"internal/progress"},
		"pkg/release":   {"pkg/manifest", "pkg/oci"},
		"pkg/signature": {"pkg/manifest"},
		"pkg/catalog":   {"pkg/manifest", "pkg/oci"},
		"pkg/graphdata": {"pkg/oci"},
		"pkg/plan":      {"pkg/imageset", "pkg/manifest", "pkg/oci", "pkg/release", "pkg/catalog", "pkg/signature", "pkg/graphdata", "internal/progress"},
		"pkg/bundle":    {"pkg/manifest", "pkg/oci", "internal/progress", "internal/durable"},
		"pkg/serve":     {"pkg/bundle", "pkg/mirror", "pkg/oci", "pkg/site"},
		"pkg/importer":  {"pkg/bundle", "pkg/manifest", "pkg/mirror", "pkg/oci", "pkg/site", "internal/durable", "internal/progress"},
		"pkg/cluster":   {"internal/progress"},

		"internal/arch":       {},
		"internal/cmdline":    {"pkg/access", "pkg/bundle", "pkg/importer", "pkg/manifest", "pkg/oci", "pkg/signature", "internal/ui"},
		"internal/durable":    {},
		"internal/progress":   {},
		"internal/strictyaml": {},
		"internal/ui":         {"internal/progress"},
	},
	owned: map[string][]string{
		"github.com/google/go-containerregistry": {"pkg/oci"},
		"go.podman.io/image":                     {"pkg/oci"},
		"github.com/docker/cli":                  {"pkg/oci"},
		"github.com/schollz/progressbar":         {"internal/ui"},
		"golang.org/x/crypto":                    {"pkg/access", "pkg/signature"},
		"modernc.org/sqlite":                     {"pkg/catalog"},
		"k8s.io":                                 {"pkg/cluster"},
		"github.com/urfave/cli":                  {"cmd/bundle", "cmd/import", "internal/cmdline"},
	},
}

// nowhere are names under which everything could be put, and then is.
var nowhere = []string{"utils", "util", "common", "types", "consts", "errors", "logger", "config", "helpers", "misc"}

// room is a package as it was found.
type room struct {
	name    string   // of the package clause
	imports []string // of its files that are no tests
}

func TestWhoMayKnowWhom(t *testing.T) {
	root := filepath.Join("..", "..")
	found, err := survey(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range ours.check(module(t, root), found) {
		t.Error(finding)
	}
}

// module is the path of the module in a folder.
func module(t *testing.T, root string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	name, ok := strings.CutPrefix(first, "module ")
	if !ok {
		t.Fatalf("go.mod begins with %q", first)
	}
	return name
}

// survey reads the imports of every package below root, whatever its files'
// build constraints; folders with a go.mod of their own are other houses. It
// reads the files itself: go test does not know that the answer of another
// program depends on them, and would not run this test again.
func survey(root string) (map[string]room, error) {
	found := map[string]room{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return enter(root, p)
		case !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go"):
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(p))
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		r := found[filepath.ToSlash(dir)]
		r.name = f.Name.Name
		for _, i := range f.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			r.imports = append(r.imports, name)
		}
		found[filepath.ToSlash(dir)] = r
		return nil
	})
	return found, err
}

// enter tells which folders are looked into.
func enter(root, p string) error {
	base := filepath.Base(p)
	if p != root && (strings.HasPrefix(base, ".") || base == "testdata") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(p, "go.mod")); p != root && err == nil {
		return fs.SkipDir
	}
	return nil
}

// check returns every rule that is broken, sorted.
func (h house) check(module string, found map[string]room) []string {
	findings := h.circles()
	for dir, r := range found {
		if _, ok := h.rooms[dir]; !ok {
			findings = append(findings, dir+": is no room of this house: give it a row in the table")
		}
		if slices.Contains(nowhere, r.name) || slices.Contains(nowhere, path.Base(dir)) {
			findings = append(findings, dir+": package "+r.name+": is a name that says nothing")
		}
		for _, i := range r.imports {
			if f := h.checkImport(module, dir, i); f != "" {
				findings = append(findings, f)
			}
		}
	}
	for dir := range h.rooms {
		if _, ok := found[dir]; !ok {
			findings = append(findings, dir+": is in the table and not in the tree")
		}
	}
	slices.Sort(findings)
	return slices.Compact(findings)
}

func (h house) checkImport(module, dir, name string) string {
	if mine, ok := strings.CutPrefix(name, module+"/"); ok {
		if may := h.rooms[dir]; !slices.Contains(may, everything) && !slices.Contains(may, mine) {
			return dir + ": may not know " + mine
		}
		return ""
	}
	for prefix, rooms := range h.owned {
		if (name == prefix || strings.HasPrefix(name, prefix+"/")) && !slices.Contains(rooms, dir) {
			return fmt.Sprintf("%s: may not know %s, which is for %s", dir, name, strings.Join(rooms, ", "))
		}
	}
	return ""
}

// circles finds rooms of the plan that may know themselves through others.
func (h house) circles() []string {
	var findings []string
	done := map[string]bool{}
	var visit func(dir string, way []string)
	visit = func(dir string, way []string) {
		if i := slices.Index(way, dir); i >= 0 {
			findings = append(findings, "circle: "+strings.Join(append(way[i:], dir), " -> "))
			return
		}
		if done[dir] {
			return
		}
		for _, next := range h.rooms[dir] {
			visit(next, append(slices.Clone(way), dir))
		}
		done[dir] = true
	}
	for _, dir := range slices.Sorted(maps.Keys(h.rooms)) {
		visit(dir, nil)
	}
	return findings
}

// Each rule is broken once, so that a house in order means something.
func TestCheckFindsWhatIsBroken(t *testing.T) {
	plan := func() house {
		return house{
			rooms: map[string][]string{
				"cmd/tool":     {everything},
				"pkg/leaf":     {},
				"pkg/middle":   {"pkg/leaf"},
				"internal/top": {"pkg/middle"},
			},
			owned: map[string][]string{"example.com/bars": {"internal/top"}},
		}
	}
	tree := func() map[string]room {
		return map[string]room{
			"cmd/tool":     {"main", []string{"fmt", "mod/internal/top", "mod/pkg/leaf"}},
			"pkg/leaf":     {"leaf", []string{"errors", "example.com/barsoap", "module/pkg/x"}},
			"pkg/middle":   {"middle", []string{"mod/pkg/leaf"}},
			"internal/top": {"top", []string{"mod/pkg/middle", "example.com/bars/v3"}},
		}
	}
	cases := []struct {
		name  string
		spoil func(house, map[string]room)
		want  []string
	}{
		{"nothing", func(house, map[string]room) {}, nil},
		{"a leaf that knows somebody", func(_ house, m map[string]room) { m["pkg/leaf"] = room{"leaf", []string{"mod/pkg/middle"}} },
			[]string{"pkg/leaf: may not know pkg/middle"}},
		{"past the one between", func(_ house, m map[string]room) {
			m["internal/top"] = room{"top", []string{"mod/pkg/middle", "mod/pkg/leaf"}}
		}, []string{"internal/top: may not know pkg/leaf"}},
		{"another's module", func(_ house, m map[string]room) { m["pkg/leaf"] = room{"leaf", []string{"example.com/bars/v3"}} },
			[]string{"pkg/leaf: may not know example.com/bars/v3, which is for internal/top"}},
		{"another's module, for one that may know everything of ours", func(_ house, m map[string]room) {
			m["cmd/tool"] = room{"main", []string{"example.com/bars"}}
		}, []string{"cmd/tool: may not know example.com/bars, which is for internal/top"}},
		{"a room that nobody planned", func(_ house, m map[string]room) { m["pkg/new"] = room{"new", []string{"mod/pkg/leaf"}} },
			[]string{"pkg/new: is no room of this house: give it a row in the table", "pkg/new: may not know pkg/leaf"}},
		{"a room that is gone", func(_ house, m map[string]room) { delete(m, "pkg/leaf") },
			[]string{"pkg/leaf: is in the table and not in the tree"}},
		{"a circle in the plan", func(h house, _ map[string]room) { h.rooms["pkg/leaf"] = []string{"internal/top"} },
			[]string{"circle: internal/top -> pkg/middle -> pkg/leaf -> internal/top"}},
		{"a room that knows itself", func(h house, _ map[string]room) { h.rooms["pkg/leaf"] = []string{"pkg/leaf"} },
			[]string{"circle: pkg/leaf -> pkg/leaf"}},
		{"a folder that says nothing", func(h house, m map[string]room) {
			h.rooms["pkg/utils"], m["pkg/utils"] = nil, room{"text", nil}
		}, []string{"pkg/utils: package text: is a name that says nothing"}},
		{"a package that says nothing", func(_ house, m map[string]room) { m["pkg/leaf"] = room{"common", nil} },
			[]string{"pkg/leaf: package common: is a name that says nothing"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h, m := plan(), tree()
			c.spoil(h, m)
			if got := h.check("mod", m); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// What survey reads is what is there: the files that are no tests, whatever
// their build constraints, and no other module.
func TestSurvey(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":              "module mod\n",
		"pkg/a/a.go":          "package a\nimport \"fmt\"\n",
		"pkg/a/windows.go":    "//go:build windows\n\npackage a\n\nimport x \"mod/pkg/b\"\n",
		"pkg/a/a_test.go":     "package a\nimport \"mod/pkg/c\"\n",
		"pkg/a/testdata/x.go": "package broken {",
		".git/y.go":           "package broken {",
		"test/go.mod":         "module mod/test\n",
		"test/t.go":           "package broken {",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found, err := survey(root)
	if err != nil {
		t.Fatal(err)
	}
	if a := found["pkg/a"]; len(found) != 1 || a.name != "a" || !slices.Equal(a.imports, []string{"fmt", "mod/pkg/b"}) {
		t.Errorf("found %+v", found)
	}
	if got := module(t, root); got != "mod" {
		t.Errorf("module %q", got)
	}
}
