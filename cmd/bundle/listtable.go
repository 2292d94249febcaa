package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// tableWidth is how many columns of a terminal a table takes.
	tableWidth = 100
	// leastLast is how much of the last column is shown at least.
	leastLast = 12
)

// printTable prints rows under headings. The last column is cut where the table
// would be wider than [tableWidth].
func printTable(w io.Writer, headings []string, rows [][]string) error {
	widths := make([]int, len(headings))
	rows = append([][]string{headings}, rows...)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = printable(cell)
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	left := tableWidth
	for _, n := range widths[:len(widths)-1] {
		left -= n + len(columnGap)
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row[:len(row)-1] {
			fmt.Fprintf(&line, "%-*s%s", widths[i], cell, columnGap)
		}
		line.WriteString(cut(row[len(row)-1], max(left, leastLast)))
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

const columnGap = "  "

// cut shortens a text to n characters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-3]) + "..."
	}
	return s
}

// printable keeps what catalogs and services say from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}
