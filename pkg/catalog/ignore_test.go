package catalog

import (
	"strings"
	"testing"
)

func TestIgnoreFiles(t *testing.T) {
	tests := []struct {
		name, rules, ignored, kept string // paths, separated by spaces
	}{
		{"comments and blank lines", "# *\n\n  \n", "", "a #"},
		{"a name anywhere", "README.md", "README.md x/y/README.md", "README.md.yaml x/README"},
		{"a name that is a folder's", "docs", "docs docs/a x/docs/y/z", "mydocs"},
		{"folder only", "docs/", "docs/a x/docs/a", "docs x/docs"},
		{"anchored at the front", "/a", "a a/b", "x/a"},
		{"anchored in the middle", "a/b", "a/b a/b/c", "x/a/b b"},
		{"star stays in one name", "a/*.md", "a/x.md", "a/b/x.md a/x.mdx"},
		{"question mark and class", "a?[0-9]\nb[!x]", "ab1 by", "a1 abc bx"},
		{"escaped", `\#a` + "\n" + `\!b`, "#a !b", "a b"},
		{"two stars in front", "**/a/b", "a/b x/y/a/b x/a/b/c", "a/x/b b"},
		{"two stars between", "a/**/b", "a/b a/x/b a/x/y/b", "b x/a/b a"},
		{"two stars behind", "a/**", "a/b a/b/c", "a x/a/b"},
		{"last match wins", "*.md\n!keep.md\nx/keep.md", "a.md x/keep.md", "keep.md y/keep.md"},
		{"take back inside of what is ignored", "*\n!*.json\n!*.yaml\n*.csv.yaml", "README pkg/a.csv.yaml x/y", "pkg/catalog.json a.yaml"},
		{"take back of a folder leaves its files", "*\n!pkg", "pkg/a", "pkg"},
		{"bad class matches nothing", "[a", "", "a [a"},
		{"slash only", "/", "", "a"},
		{"the ignore files themselves", "*", "a", ".indexignore x/.indexignore"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rules, err := readIgnoreFile(".", strings.NewReader(test.rules))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range strings.Fields(test.ignored) {
				if !ignoreMatcher(rules).match(p) {
					t.Errorf("%s is kept", p)
				}
			}
			for _, p := range strings.Fields(test.kept) {
				if ignoreMatcher(rules).match(p) {
					t.Errorf("%s is ignored", p)
				}
			}
		})
	}
}

func TestIgnoreFilesOfFoldersInAnyOrder(t *testing.T) {
	files := map[string]string{
		".indexignore":     "a\n/ignored\n/deep/**/c\n",
		"dir/.indexignore": "b\n/ignored\n!a\n",
		"ok.yaml":          operator("foo", "{name: foo.v1.0.0}", "1.0.0"),
	}
	ignored := []string{"a", "ignored/x", "dir/b", "dir/ignored/x", "deep/c", "deep/er/still/c", "dir/x/b"}
	kept := []string{"b", "dir/a", "deep/x", "dir/ignore"}
	for _, reverse := range []bool{false, true} {
		l := NewLoader(nil)
		for _, name := range []string{"ok.yaml", ".indexignore", "dir/.indexignore"} {
			if !reverse {
				add(t, l, name, files[name])
			}
		}
		for _, name := range ignored {
			add(t, l, name, "no catalog")
		}
		for _, name := range kept {
			add(t, l, name, `{"schema":"kept","name":"`+name+`"}`)
		}
		for _, name := range []string{"dir/.indexignore", ".indexignore", "ok.yaml"} {
			if reverse {
				add(t, l, name, files[name])
			}
		}
		c, err := l.Catalog()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range c.Globals {
			got = append(got, d.Name)
		}
		wantStrings(t, "kept", got, "b", "deep/x", "dir/a", "dir/ignore")
	}
}

func add(t *testing.T, l *Loader, name, content string) {
	t.Helper()
	if err := l.Add(name, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

func TestIgnoreFileThatIsTooLongIsRefused(t *testing.T) {
	_, err := tryFiles(map[string]string{".indexignore": strings.Repeat("a\n", MaxIgnoreFile/2+1)})
	wantError(t, err, ".indexignore: is longer than")
}
