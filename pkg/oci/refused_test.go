package oci

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
)

func TestRefused(t *testing.T) {
	answer := func(status int) error {
		return &HTTPError{Host: "quay.io", Method: "GET", Path: "a/b/manifests/1", Status: status, Message: "request 4711"}
	}
	down := &HTTPError{Host: "quay.io", Method: "GET", Err: syscall.ECONNREFUSED}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"nothing":                        {nil, ""},
		"not there":                      {answer(404), "404 not found"},
		"gone":                           {answer(410), "410 gone"},
		"no access":                      {fmt.Errorf("a/b:1: %w", answer(401)), "401 unauthorized"},
		"no token":                       {&HTTPError{Host: "quay.io", step: "token", Status: 403}, "403 denied"},
		"down":                           {down, ""},
		"broken":                         {answer(500), ""},
		"busy":                           {answer(429), ""},
		"no registry":                    {&HTTPError{Host: "example.com", Status: 404}, ""},
		"wrong content":                  {fmt.Errorf("x: %w", &ContentError{}), ""},
		"no answer of a registry at all": {errors.New("404"), ""},
		"neither mirror nor registry":    {fmt.Errorf("a/b:1: %w", joinLine([]error{answer(404), answer(403)})), "403 denied"},
		"a mirror is down":               {joinLine([]error{down, answer(404)}), ""},
		"the registry is down":           {joinLine([]error{answer(404), answer(404), down}), ""},
	} {
		if got, ok := Refused(c.err); got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %t, want %q", name, got, ok, c.want)
		}
	}
}
