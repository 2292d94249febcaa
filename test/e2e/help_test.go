package e2e

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Every verb has a help text with an example, and no line of it is too long.
func TestHelp(t *testing.T) {
	dir := t.TempDir()
	for _, verb := range []string{
		"", "list", "list releases", "list operators", "list channels", "list versions", "plan", "build", "verify", "inspect", "diff",
	} {
		args := append(strings.Fields(verb), "--help")
		help := good(t, dir, "bundle", args...)
		for line := range strings.Lines(help) {
			if n := utf8.RuneCountInString(line) - 1; n > 100 {
				t.Errorf("bundle %s: %d columns: %s", strings.Join(args, " "), n, line)
			}
		}
		if !strings.Contains(help, "\n      bundle "+verb) {
			t.Errorf("bundle %s: has no example:\n%s", strings.Join(args, " "), help)
		}
	}
}
