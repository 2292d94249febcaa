package imageset

import (
	"strings"
	"testing"
)

func TestAboveAll(t *testing.T) {
	for _, c := range []struct {
		lo, hi string
		want   bool
	}{
		{"4.17.0", "4.17.0", false},
		{"4.17.1", "4.17.0", true},
		{"4.17.0", "4.17.1", false},
		{"4.9.0", "4.10.0", false},
		{"4.10.0", "4.9.0", true},
		{"4.17.5", "4.17", false},
		{"4.17", "4.17.5", false},
		{"4.18", "4.17.5", true},
		{"4.17.5", "4", false},
		{"5", "4.99.99", true},
		{"4.17.0", "4.17.0-202412170235", false},
		{"4.17.0-202412170235", "4.17.0", false},
		{"4.17.0-202412170235", "4.17", false},
		{"4.17.0-202412170235", "4.17.0-202411010101", true},
		{"4.17.0-202411010101", "4.17.0-202412170235", false},
		{"4.17.1-1", "4.17.0-2", true},
		{"4.20.0-rhodf", "4.20.7-rhodf", false},
		{"0.12.1+2", "0.12.1+1", false},
	} {
		if got := aboveAll(c.lo, c.hi); got != c.want {
			t.Errorf("%s above %s: %t", c.lo, c.hi, got)
		}
	}
}

func TestOperatorVersions(t *testing.T) {
	for s, want := range map[string]bool{
		"4": true, "4.17": true, "4.17.0": true, "4.17.0-rc.1": true, "4.17.0-202412170235": true, "0.12.1+build.3": true,
		"1.20230101.18446744073709551615": true,
		"":                                false, "4.": false, ".4": false, "4..1": false, "04.1": false, "4.17.0-01": false, "4.17+1": false, "4.17.0-": false,
		"1.2.3.4": false, "v4": false, " 4": false, "4.x": false, "1.0.18446744073709551616": false, "٤.1": false, "4.1.0-" + strings.Repeat("a", 123): false,
	} {
		if got := operatorVersions.matches(s); got != want {
			t.Errorf("%q: %t", s, got)
		}
	}
}
