package catalog

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
)

func filesOf(names ...string) map[string][]byte {
	files := map[string][]byte{}
	for _, name := range names {
		files[name] = []byte("new " + name)
	}
	return files
}

func TestWhiteouts(t *testing.T) {
	tests := []struct{ name, existing, files, want string }{
		{"nothing there", "", "foo/catalog.json", ""},
		{"the same file", "foo foo/catalog.json", "foo/catalog.json", ""},
		{"another file of the package", "foo/catalog.yaml foo/more/deep.yaml", "foo/catalog.json", "foo/.wh.catalog.yaml foo/.wh.more"},
		{"other packages, topmost only", "foo/catalog.json bar/ bar/a bar/b/c baz/x", "foo/catalog.json", ".wh.bar .wh.baz"},
		{"files at the top", ".indexignore index.json catalog.json", "catalog.json foo/catalog.json", ".wh..indexignore .wh.index.json"},
		{"empty folders", "bar/ foo/", "foo/catalog.json", ".wh.bar"},
		{"the root itself", ". / bar", "foo/catalog.json", ".wh.bar"},
		{"nothing new", "foo/a bar", "", ".wh.bar .wh.foo"},
		{"names that begin alike", "foo/catalog.json foo-bar/catalog.json foo.json", "foo/catalog.json", ".wh.foo-bar .wh.foo.json"},
		{"deep files", "a/b/c/d a/b/e a/f", "a/b/c/g", "a/.wh.f a/b/.wh.e a/b/c/.wh.d"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Whiteouts(strings.Fields(test.existing), filesOf(strings.Fields(test.files)...))
			if err != nil {
				t.Fatal(err)
			}
			wantStrings(t, "whiteouts", got, strings.Fields(test.want)...)
		})
	}
}

func TestWhiteoutsRefuse(t *testing.T) {
	tests := []struct{ name, existing, files, want string }{
		{"file in the way", "foo", "foo/catalog.json", "foo: is a file in the source, and a folder is to stand there"},
		{"folder in the way", "foo/catalog.json/x", "foo/catalog.json", "foo/catalog.json: is a folder in the source, and a file is to stand there"},
		{"empty folder in the way", "catalog.json/", "catalog.json", "catalog.json: is a folder in the source, and a file is to stand there"},
		{"deletion in the source", "foo/.wh.bar", "foo/catalog.json", "foo/.wh.bar: a name that begins with .wh. means a deletion"},
		{"hidden folder in the source", ".wh..wh..opq", "foo/catalog.json", ".wh..wh..opq: a name that begins with .wh. means a deletion"},
		{"path that leaves", "../a", "foo/catalog.json", `"../a": is no path inside of a catalog`},
		{"absolute path", "/a", "foo/catalog.json", `"/a": is no path inside of a catalog`},
		{"new path that leaves", "a", "../a/catalog.json", `"../a/catalog.json": is no path inside of a catalog`},
		{"new path that deletes", "a", ".wh.a", ".wh.a: a name that begins with .wh. means a deletion"},
		{"all of them", "foo bar", "foo/a bar/a", "bar: is a file in the source, and a folder is to stand there\nfoo: is a file in the source, and a folder is to stand there"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Whiteouts(strings.Fields(test.existing), filesOf(strings.Fields(test.files)...))
			if err == nil || err.Error() != test.want {
				t.Errorf("got\n%v\nwant\n%s", err, test.want)
			}
		})
	}
}

func readTar(t *testing.T, layer []byte) []*tar.Header {
	t.Helper()
	var all []*tar.Header
	r := tar.NewReader(bytes.NewReader(layer))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords["content"] = string(b)
		all = append(all, h)
	}
}

func TestLayer(t *testing.T) {
	files := map[string][]byte{"foo/catalog.json": []byte("{}\n"), "catalog.json": []byte("[]"), "foo-bar/catalog.json": nil}
	layer, err := Layer("/a/configs/", files, []string{"foo/.wh.old", ".wh.bar", "gone/.wh.x"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range readTar(t, layer) {
		got = append(got, fmt.Sprintf("%c %o %s %q", h.Typeflag, h.Mode, h.Name, h.PAXRecords["content"]))
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" || !h.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%s: owner %d %d %q %q, time %s", h.Name, h.Uid, h.Gid, h.Uname, h.Gname, h.ModTime)
		}
	}
	wantStrings(t, "entries", got,
		`5 755 a/ ""`,
		`5 755 a/configs/ ""`,
		`0 644 a/configs/.wh.bar ""`,
		`0 644 a/configs/catalog.json "[]"`,
		`5 755 a/configs/foo/ ""`,
		`5 755 a/configs/foo-bar/ ""`,
		`0 644 a/configs/foo-bar/catalog.json ""`,
		`0 644 a/configs/foo/.wh.old ""`,
		`0 644 a/configs/foo/catalog.json "{}\n"`,
		`5 755 a/configs/gone/ ""`,
		`0 644 a/configs/gone/.wh.x ""`,
	)
	again, err := Layer("a/configs", files, []string{"gone/.wh.x", ".wh.bar", "foo/.wh.old"})
	if err != nil || !bytes.Equal(layer, again) {
		t.Errorf("the same layer has other bytes (%v)", err)
	}
}

func TestLayerOfNothingIsTheRoot(t *testing.T) {
	layer, err := Layer("configs", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if all := readTar(t, layer); len(all) != 1 || all[0].Name != "configs/" {
		t.Errorf("%v", all)
	}
}

func TestLayerRefuses(t *testing.T) {
	tests := []struct{ name, root, files, whiteouts, want string }{
		{"no root", "/", "a", "", `"": is no path`},
		{"root that leaves", "a/../..", "a", "", `"a/../..": is no path`},
		{"file that leaves", "configs", "../a", "", `"../a": is no path`},
		{"deletion that leaves", "configs", "a", "../.wh.b", `"../b": is no path`},
		{"no deletion", "configs", "a", "b", "b: is no deletion"},
		{"deletion of nothing", "configs", "a", ".wh.", `"": is no path`},
		{"deletion of a new file", "configs", "a/b", "a/.wh.b", "a/.wh.b: deletes a file of the same layer"},
		{"deletion that hides", "configs", "a", ".wh..wh..opq", "means a deletion"},
		{"file and folder", "configs", "a a/b", "", "configs/a: is a file and a folder"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Layer(test.root, filesOf(strings.Fields(test.files)...), strings.Fields(test.whiteouts))
			wantError(t, err, test.want)
		})
	}
}

// unpack lays a layer over a tree as the plainest reader does: entries one by
// one, a deletion takes away the entry of that name with everything inside.
func unpack(t *testing.T, tree map[string]string, root string, layer []byte) {
	t.Helper()
	for _, h := range readTar(t, layer) {
		name := strings.TrimPrefix(path.Clean(h.Name), root+"/")
		dir, base := path.Split(name)
		if deleted, ok := strings.CutPrefix(base, ".wh."); ok {
			for old := range tree {
				if old == dir+deleted || strings.HasPrefix(old, dir+deleted+"/") {
					delete(tree, old)
				}
			}
		} else if h.Typeflag == tar.TypeReg {
			tree[name] = h.PAXRecords["content"]
		}
	}
}

// fits says whether a file can be added: nothing is a file and a folder.
func fits(tree map[string]string, name string) bool {
	for old := range tree {
		if strings.HasPrefix(old+"/", name+"/") || strings.HasPrefix(name+"/", old+"/") {
			return false
		}
	}
	return true
}

func TestLayerMakesAnyTreeTheNewOne(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	name := func() string {
		parts := []string{"a", "b", "a-b", "catalog.json", ".x"}
		var all []string
		for range 1 + r.IntN(3) {
			all = append(all, parts[r.IntN(len(parts))])
		}
		return strings.Join(all, "/")
	}
	made := 0
	for range 3000 {
		tree := map[string]string{}
		for range r.IntN(8) {
			n := name()
			if fits(tree, n) {
				tree[n] = "old"
			}
		}
		var existing []string
		for old := range tree {
			existing = append(existing, old)
		}
		slices.Sort(existing)
		files := filesOf(name(), name())
		whiteouts, err := Whiteouts(existing, files)
		if err != nil {
			continue
		}
		layer, err := Layer("configs", files, whiteouts)
		if err != nil {
			continue
		}
		made++
		unpack(t, tree, "configs", layer)
		if len(tree) != len(files) {
			t.Fatalf("%v under %v gives %v", existing, files, tree)
		}
		for n, content := range files {
			if tree[n] != string(content) {
				t.Fatalf("%v under %v gives %v", existing, files, tree)
			}
		}
	}
	if made < 500 {
		t.Errorf("only %d of 3000 trees could be made", made)
	}
}
