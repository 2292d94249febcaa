package oci

import (
	"errors"
	"net/http"
)

// refusals are the answers by which a registry says for good that it does not give
// something, and the words for them. A registry's own words may hold the number
// of a request, or the time.
var refusals = map[int]string{
	http.StatusUnauthorized: "401 unauthorized",
	http.StatusForbidden:    "403 denied",
	http.StatusNotFound:     "404 not found",
	http.StatusGone:         "410 gone",
}

// Refused tells whether a registry said clearly that it does not give what was
// asked for: that it does not have it, or not for us. Where several were asked,
// mirrors among them, each has to have said so; the words are for the answer of
// the last one, the registry itself. A registry that is silent, busy or broken, a
// host that is no registry, and content that is wrong are something else: what
// was asked for may be there.
func Refused(err error) (words string, ok bool) {
	if err == nil {
		return "", false
	}
	if e, is := err.(*HTTPError); is {
		words, ok := refusals[e.Status]
		if e.Status == http.StatusNotFound && e.Method == "" {
			return "", false
		}
		return words, ok
	}
	joined, is := err.(interface{ Unwrap() []error })
	if !is {
		return Refused(errors.Unwrap(err))
	}
	for i, each := range joined.Unwrap() {
		said, ok := Refused(each)
		if !ok {
			return "", false
		}
		if i == 0 { // joinLine puts the registry itself first
			words = said
		}
	}
	return words, words != ""
}
