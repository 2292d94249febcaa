package strictyaml

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Document is a file that was decoded: it knows where each field stands and what
// is wrong so far.
type Document struct {
	file  string
	lines map[string]int // path of a field that is present -> its line
	// findings are the first MaxFindings, in the order of discovery.
	findings []*Finding
	// unread is how many of the findings, from the first, say that a part of
	// the document was not read. The others are about its meaning.
	unread int
}

// Finding is one thing that is wrong with a file.
type Finding struct {
	File string
	// Line counts from 1; it is 0 when the finding is about no line.
	Line int
	// Path is the field: mirror.platform.channels[0].name. It is empty for the
	// document as a whole.
	Path string
	// Err says what is wrong.
	Err error
}

// Error is "file:line: path: what is wrong"; line and path are left out where
// there are none.
func (f *Finding) Error() string {
	s := f.File + ": "
	if f.Line > 0 {
		s = fmt.Sprintf("%s:%d: ", f.File, f.Line)
	}
	if f.Path != "" {
		s += f.Path + ": "
	}
	return s + f.Err.Error()
}

// Unwrap is what is wrong, without the place.
func (f *Finding) Unwrap() error { return f.Err }

// Wrongf reports that the value at the path is wrong. The line is that of the
// field, or of the nearest field around it when it is absent. Nothing is
// reported when the value was not read in the first place, as Decode has said so.
func (d *Document) Wrongf(path, format string, a ...any) {
	if !d.hasRoom() {
		return
	}
	for _, f := range d.findings[:d.unread] {
		if within(path, f.Path) {
			return
		}
	}
	d.add(path, d.Line(path), fmt.Errorf(format, a...))
}

// Missingf reports that something which should be at the path is not there. The
// line is that of the nearest field around it. Nothing is reported when Decode
// could not read the path, or something beside it or in it: the missing thing
// may be what could not be read.
func (d *Document) Missingf(path, format string, a ...any) {
	if !d.hasRoom() {
		return
	}
	for _, f := range d.findings[:d.unread] {
		if within(path, f.Path) || within(f.Path, path) || parent(path) == parent(f.Path) {
			return
		}
	}
	d.add(path, d.Line(path), fmt.Errorf(format, a...))
}

// Err returns all findings, joined and sorted by line, each a [*Finding]; nil
// when there are none.
func (d *Document) Err() error {
	sorted := slices.Clone(d.findings)
	slices.SortStableFunc(sorted, func(a, b *Finding) int { return cmp.Compare(a.Line, b.Line) })
	var errs []error
	for _, f := range sorted {
		errs = append(errs, f)
	}
	if !d.hasRoom() {
		errs = append(errs, &Finding{File: d.file, Err: fmt.Errorf("%d findings, more may be left out", MaxFindings)})
	}
	return errors.Join(errs...)
}

// Line is the line of the field at the path, or of the nearest field around it
// when it is absent. It counts from 1; 0 says that there is none.
func (d *Document) Line(path string) int {
	for path != "" {
		if l, ok := d.lines[path]; ok {
			return l
		}
		path = parent(path)
	}
	return 0
}

// unreadf reports that a part of the document was not read. All of these come
// before the first finding about meaning.
func (d *Document) unreadf(path string, line int, format string, a ...any) {
	if d.hasRoom() {
		d.add(path, line, fmt.Errorf(format, a...))
		d.unread = len(d.findings)
	}
}

// hasRoom is asked before anything costly is done for one more finding: a
// hostile file has a million of them.
func (d *Document) hasRoom() bool {
	return len(d.findings) < MaxFindings
}

func (d *Document) add(path string, line int, err error) {
	d.findings = append(d.findings, &Finding{d.file, line, path, err})
}

// within says whether a path is the outer one or lies inside it.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (outer == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}

// parent is the path around a path: a.b of a.b[0], a of a.b, "" of a.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}
