package cmdline

import "strings"

// helpWidth is how many columns a help text takes, and flagColumn where what a
// flag does begins, unless the flag itself is longer.
const (
	helpWidth  = 100
	flagColumn = 33
)

// describeFlag is the library's line for a flag, name and text with a tab between
// them, in lines that fit. What every switch and every list would say of itself
// is left out: that it is off, and its name twice.
func describeFlag(line string) string {
	name, text, _ := strings.Cut(line, "\t")
	name, _, _ = strings.Cut(name, " [ ")
	text = strings.TrimSuffix(text, " (default: false)")
	var b strings.Builder
	b.WriteString(name + "\t")
	column := 0
	for i, word := range strings.Fields(text) {
		if i > 0 && column+1+len(word) > helpWidth-flagColumn {
			b.WriteString("\n\t")
			column = 0
		} else if i > 0 {
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
