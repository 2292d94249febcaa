package catalog

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// findings gathers all that is wrong, each error with its subjects in front.
// Only the outermost holds them.
type findings struct {
	parent  *findings
	subject string
	errs    []error
}

func (f *findings) add(format string, a ...any) {
	err := fmt.Errorf(format, a...)
	for ; f.parent != nil; f = f.parent {
		err = fmt.Errorf("%s: %w", f.subject, err)
	}
	f.errs = append(f.errs, err)
}

func (f *findings) of(format string, a ...any) *findings {
	return &findings{parent: f, subject: fmt.Sprintf(format, a...)}
}

// count is how many findings there are in all.
func (f *findings) count() int {
	for f.parent != nil {
		f = f.parent
	}
	return len(f.errs)
}

// shown is a text of a catalog as a message tells it: quoted where it could steer
// a terminal.
func shown(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	return strconv.Quote(s)
}
