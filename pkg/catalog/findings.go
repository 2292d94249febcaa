package catalog

import "fmt"

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
