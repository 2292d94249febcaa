package main

import (
	"testing"

	"drayage/internal/cmdline"
	"drayage/pkg/bundle"
)

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{
		"4GiB": 4 << 30, "4gib": 4 << 30, "4 GiB": 4 << 30, "700MB": 700e6, "4.7GB": 4.7e9, "1MiB": 1 << 20, "1048576": 1 << 20,
		"1.5MiB": 3 << 19, "8TB": 8e12, "512kB": 512e3, "12B": 12, "0.1B": 0,
	} {
		if got, err := parseSize(s); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "GiB", "4G", "4GiBB", "-4GiB", "1e9", "4,7GB", "1/3GB", "99999999999TiB", "1.2.3MB", "4 x"} {
		if got, err := parseSize(s); err == nil {
			t.Errorf("%s: %d", s, got)
		}
	}
}

// A forgotten folder is a mistake that a person can mend.
func TestForgottenFolderHasItsExitCode(t *testing.T) {
	if code := cmdline.ExitCode(&bundle.LeftError{Path: "x"}); code != cmdline.ExitUsage {
		t.Errorf("exit code %d", code)
	}
}
