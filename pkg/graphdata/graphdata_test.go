package graphdata

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestDefaultURL(t *testing.T) {
	for graph, want := range map[string]string{
		"https://api.openshift.com/api/upgrades_info/v1/graph":           "https://api.openshift.com/api/upgrades_info/graph-data",
		"https://api.openshift.com/api/upgrades_info/graph":              "https://api.openshift.com/api/upgrades_info/graph-data",
		"http://me:secret@10.0.0.1:8080/graph?channel=stable-4.12#there": "http://me:secret@10.0.0.1:8080/graph-data",
	} {
		if got, err := DefaultURL(graph); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", graph, got, err, want)
		}
	}
	for graph, want := range map[string]string{
		"https://me:secret@example.com/updates": "update service https://me:xxxxx@example.com/updates: the path does not end with /graph, so where its data is cannot be told",
		"https://example.com/paragraph":         "update service https://example.com/paragraph: the path does not end with /graph, so where its data is cannot be told",
		"graph.json":                            "address of the update service: want one that begins with https://host",
		"https://\x7f/graph":                    "address of the update service: want one that begins with https://host",
	} {
		if got, err := DefaultURL(graph); err == nil || err.Error() != want {
			t.Errorf("%q: %s %v, want %s", graph, got, err, want)
		}
	}
}

func TestReadTakesAnAddressOrAFile(t *testing.T) {
	raw := zip(t, tarOf(t, whole()))
	file := filepath.Join(t.TempDir(), "graph-data.tar.gz")
	if err := os.WriteFile(file, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	const address = "https://me:secret@example.com/graph-data"
	get := func(_ context.Context, url, _ string, most int64) ([]byte, error) {
		if url != address || most != MaxCompressed {
			return nil, fmt.Errorf("asked for %s, at most %d bytes", url, most)
		}
		return raw, nil
	}
	for _, from := range []string{address, file} {
		d, err := Read(t.Context(), get, from)
		if err != nil {
			t.Fatal(err)
		}
		if want := parse(t, raw).Digest(); d.Digest() != want {
			t.Errorf("%s: %s, want %s", from, d.Digest(), want)
		}
	}
}

func TestReadNamesThePlace(t *testing.T) {
	dir := t.TempDir()
	large, page := filepath.Join(dir, "large"), filepath.Join(dir, "page")
	if err := errors.Join(os.WriteFile(large, nil, 0o644), os.Truncate(large, MaxCompressed+2), os.WriteFile(page, []byte("<html>   "), 0o644)); err != nil {
		t.Fatal(err)
	}
	get := func(_ context.Context, url, _ string, _ int64) ([]byte, error) {
		if url == "https://example.com/gone" {
			return nil, errors.New("example.com: GET /gone: 404")
		}
		return []byte("<html>"), nil
	}
	for from, want := range map[string]string{
		large:                              large + ": more than 33554432 bytes",
		page:                               page + ": ends too early",
		filepath.Join(dir, "x"):            "graph data: open " + filepath.Join(dir, "x") + ": no such file or directory",
		"https://example.com/gone":         "graph data: example.com: GET /gone: 404",
		"https://me:secret@example.com/at": "https://me:xxxxx@example.com/at: ends too early",
	} {
		if _, err := Read(t.Context(), get, from); err == nil || err.Error() != want {
			t.Errorf("%s: got %v\nwant %s", from, err, want)
		}
	}
}

func TestShownHasNoPassword(t *testing.T) {
	for from, want := range map[string]string{
		"data.tar.gz":                     "data.tar.gz",
		"https://me:secret@example.com/a": "https://me:xxxxx@example.com/a",
		"https://me:secret@\x7f/a":        "https://...",
	} {
		if got := Shown(from); got != want {
			t.Errorf("%q is shown as %s, want %s", from, got, want)
		}
	}
}
