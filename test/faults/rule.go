package faults

import (
	"net/http"
	"regexp"
)

// Rule says which requests a fault befalls.
type Rule struct {
	// Method is that of the requests, any if empty.
	Method string
	// PathRegexp is found in their paths (as sent, without the query); it is in
	// every path if empty.
	PathRegexp string
	// Match, if given, has to say yes as well: for what method and path do not
	// tell. It must not read the body.
	Match func(*http.Request) bool
	// Nth is the first of these requests to which it happens, counted from 1; 0
	// means 1.
	Nth int
	// Times is how many of them it happens to, from the Nth on; 0 means all.
	Times int
	Fault Fault
}

// counted is a rule in use.
type counted struct {
	Rule
	path *regexp.Regexp
	seen int // requests that the rule is about
	hit  int // those of them to which the fault happened
}

// applies counts a request that the rule is about and tells whether it is one
// of those that the fault is for.
func (c *counted) applies(r *http.Request) bool {
	if c.Method != "" && c.Method != r.Method || !c.path.MatchString(r.URL.EscapedPath()) ||
		c.Match != nil && !c.Match(r) {
		return false
	}
	c.seen++
	first := max(1, c.Nth)
	return c.seen >= first && (c.Times == 0 || c.seen < first+c.Times)
}
