package catalog

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// A file named .indexignore says which files of its folder and below are no part
// of the catalog, in the syntax of gitignore: comments, ! to take back, a
// trailing / for folders only, a / elsewhere to bind the pattern to the folder,
// *, ?, [...] and **. As for opm, and unlike for git, a file can be taken back
// when its folder is ignored. Named classes ([[:alpha:]]) are not known.

const ignoreFile = ".indexignore"

// MaxIgnoreFile bounds a .indexignore file, in bytes.
const MaxIgnoreFile = 1 << 20

// ignoreRule is one line of an .indexignore file.
type ignoreRule struct {
	folder     []string // the file's own folder
	pattern    []string // path elements
	anchored   bool     // the pattern begins in folder; else it is one name anywhere below
	folderOnly bool
	takeBack   bool
}

// ignoreMatcher is all rules, in the order of [compareWalk]: the last that
// matches decides.
type ignoreMatcher []ignoreRule

func (m ignoreMatcher) match(name string) bool {
	if path.Base(name) == ignoreFile {
		return false
	}
	elements := strings.Split(name, "/")
	for _, rule := range slices.Backward(m) {
		if rule.match(elements) {
			return !rule.takeBack
		}
	}
	return false
}

func readIgnoreFile(folder string, r io.Reader) ([]ignoreRule, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxIgnoreFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > MaxIgnoreFile {
		return nil, fmt.Errorf("is longer than %d bytes", MaxIgnoreFile)
	}
	var at []string
	if folder != "." {
		at = strings.Split(folder, "/")
	}
	var rules []ignoreRule
	lines := bufio.NewScanner(strings.NewReader(string(b)))
	lines.Buffer(nil, MaxIgnoreFile+1)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line != "" && !strings.HasPrefix(line, "#") {
			rules = append(rules, newIgnoreRule(at, line))
		}
	}
	return rules, lines.Err()
}

func newIgnoreRule(folder []string, line string) ignoreRule {
	r := ignoreRule{folder: folder}
	line, r.takeBack = strings.CutPrefix(line, "!")
	line, r.folderOnly = strings.CutSuffix(line, "/")
	r.anchored = strings.Contains(line, "/")
	for _, e := range strings.Split(line, "/") {
		if e != "" {
			r.pattern = append(r.pattern, strings.ReplaceAll(e, "[!", "[^"))
		}
	}
	return r
}

// match says whether the rule speaks of the file with that path: of itself, or,
// if it does not take back, of a folder that the file is in.
func (r ignoreRule) match(file []string) bool {
	if len(file) <= len(r.folder) || !slices.Equal(r.folder, file[:len(r.folder)]) || len(r.pattern) == 0 {
		return false
	}
	rest := file[len(r.folder):]
	for n, reached := range r.reach(rest) {
		if !reached {
			continue
		}
		if n == len(rest) && !r.folderOnly || n < len(rest) && !r.takeBack {
			return true
		}
	}
	return false
}

// reach says for every n whether the pattern matches the first n elements.
func (r ignoreRule) reach(rest []string) []bool {
	at := make([]bool, len(rest)+1)
	if !r.anchored {
		for i, name := range rest {
			at[i+1] = matchName(r.pattern[0], name)
		}
		return at
	}
	at[0] = true
	for i, p := range r.pattern {
		at = step(at, p, rest, i == len(r.pattern)-1)
	}
	return at
}

// step moves on by one element of the pattern. A ** at the end stands for
// everything inside, elsewhere for any number of folders.
func step(at []bool, p string, rest []string, last bool) []bool {
	next := make([]bool, len(at))
	if p != "**" {
		for i, name := range rest {
			next[i+1] = at[i] && matchName(p, name)
		}
		return next
	}
	inside := false
	for i := range at {
		if last {
			next[i] = inside
		}
		inside = inside || at[i]
		if !last {
			next[i] = inside
		}
	}
	return next
}

func matchName(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// compareWalk orders paths as a walk through the tree meets them.
func compareWalk(a, b string) int {
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}
