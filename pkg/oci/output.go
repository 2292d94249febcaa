package oci

import (
	"errors"
	"io"
)

// outputError is what the medium or the pipe says that a tar is written to. No
// blob is to blame for it.
type outputError struct{ err error }

// Error is the cause.
func (e *outputError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *outputError) Unwrap() error { return e.err }

// output marks what a File or a Writer says.
func output(err error) error {
	if err == nil {
		return nil
	}
	return &outputError{err}
}

// blobError says of an error that it befell a blob, or what the output says.
func blobError(e BlobError) error {
	if of := (*outputError)(nil); errors.As(e.Err, &of) {
		return of.err
	}
	return &e
}

type outputWriter struct{ w io.Writer }

func (w outputWriter) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	return n, output(err)
}

type outputReader struct{ r io.Reader }

func (r outputReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if err == io.EOF {
		return n, io.EOF
	}
	return n, output(err)
}
