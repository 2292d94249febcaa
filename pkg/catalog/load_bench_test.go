package catalog

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// BenchmarkLoadLargeCatalog plans one package of a catalog of 150: it reads all
// files, selects the heads, keeps and writes them, and asks for what is missing.
// CATALOG_MB is the size of the catalog, 16 unless set; 200 is the size of the
// largest public ones. peak-MiB is the most that the process ever had in memory,
// where the system tells; so one format is to be run alone: -bench Large/json.
func BenchmarkLoadLargeCatalog(b *testing.B) {
	for _, format := range []string{"json", "yaml"} {
		b.Run(format, func(b *testing.B) {
			dir := b.TempDir()
			written := writeLargeCatalog(b, dir, format, benchmarkSize(b))
			b.SetBytes(written)
			runtime.GC()
			for b.Loop() {
				benchmarkPlan(b, dir)
			}
			reportPeak(b)
		})
	}
}

// benchmarkSize is CATALOG_MB in bytes.
func benchmarkSize(b *testing.B) int {
	size := 16
	if s := os.Getenv("CATALOG_MB"); s != "" {
		var err error
		if size, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	return size << 20
}

func reportPeak(b *testing.B) {
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		var peak float64
		_, rest, _ := strings.Cut(string(status), "VmHWM:")
		if _, err := fmt.Sscan(rest, &peak); err == nil {
			b.ReportMetric(peak/1024, "peak-MiB")
		}
	}
}

func benchmarkPlan(b *testing.B, dir string) {
	l := NewLoader([]string{"operator-007"})
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		defer f.Close()
		return l.Add(name, f)
	})
	if err != nil {
		b.Fatal(err)
	}
	c, err := l.Catalog()
	if err != nil {
		b.Fatal(err)
	}
	selection, err := c.Select(nil, false)
	if err != nil {
		b.Fatal(err)
	}
	kept, err := c.Keep(selection.Packages)
	if err != nil {
		b.Fatal(err)
	}
	if errs := kept.Validate(); len(errs) > 0 {
		b.Fatal(errs)
	}
	missing := c.Missing(selection.Packages)
	if len(missing) != 1 || len(missing[0].Providers) != 1 {
		b.Fatalf("missing is %v", missing)
	}
	b.ReportMetric(float64(l.others.size)/(1<<20), "sketch-MiB")
	runtime.KeepAlive(kept.Files())
}

const benchmarkPackages = 150

// writeLargeCatalog writes files of packages that each need the next one's API.
func writeLargeCatalog(b *testing.B, dir, format string, size int) (written int64) {
	definition := benchmarkTemplate(b, format, map[string]any{"schema": SchemaPackage, "name": "@PKG@", "defaultChannel": "stable",
		"icon": map[string]any{"base64data": noise(8000), "mediatype": "image/png"}})
	bundles := []string{
		benchmarkTemplate(b, format, benchmarkBundle(map[string]any{"type": propertyCSV, "value": benchmarkCSV()})),
		benchmarkTemplate(b, format, benchmarkBundle(map[string]any{"type": propertyObject, "value": map[string]any{"data": noise(20_000)}})),
	}
	for i := range benchmarkPackages {
		var text bytes.Buffer
		name, next := fmt.Sprintf("operator-%03d", i), fmt.Sprintf("operator-%03d", (i+1)%benchmarkPackages)
		text.WriteString(strings.ReplaceAll(definition, "@PKG@", name))
		entries := []any{}
		for v := 0; text.Len() < size/benchmarkPackages; v++ {
			version := fmt.Sprintf("4.17.%d-2024%08d", v/10, v)
			entry := map[string]any{"name": name + ".v" + version, "skipRange": ">=4.3.0 <" + version}
			if v > 0 {
				entry["replaces"] = entries[v-1].(map[string]any)["name"]
			}
			entries = append(entries, entry)
			text.WriteString(strings.NewReplacer("@PKG@", name, "@NEXT@", next, "@V@", version).Replace(bundles[v%len(bundles)]))
		}
		text.WriteString(benchmarkTemplate(b, format, map[string]any{"schema": SchemaChannel, "package": name, "name": "stable", "entries": entries}))
		file := filepath.Join(dir, name, "catalog."+format)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
			b.Fatal(err)
		}
		written += int64(text.Len())
	}
	return written
}

func benchmarkTemplate(b *testing.B, format string, document map[string]any) string {
	text, err := json.MarshalIndent(document, "", "    ")
	if err == nil && format == "yaml" {
		text, err = yaml.JSONToYAML(text)
		text = append([]byte("---\n"), text...)
	}
	if err != nil {
		b.Fatal(err)
	}
	return string(text) + "\n"
}

func benchmarkBundle(more map[string]any) map[string]any {
	gvk := func(kind, group, name string) any {
		return map[string]any{"type": kind, "value": map[string]any{"group": group + ".example.com", "kind": name, "version": "v1"}}
	}
	properties := []any{
		gvk(propertyGVK, "@PKG@", "First"), gvk(propertyGVK, "@PKG@", "Second"), gvk(propertyGVK, "@PKG@", "Third"),
		gvk(propertyGVKRequired, "@NEXT@", "First"),
		map[string]any{"type": propertyPackage, "value": map[string]any{"packageName": "@PKG@", "version": "@V@"}},
		more,
	}
	var images []any
	for i := range 12 {
		images = append(images, map[string]any{"name": fmt.Sprint("image-", i), "image": "registry.example.com/@PKG@/image@sha256:" + strings.Repeat(fmt.Sprint(i%10), 64)})
	}
	return map[string]any{"schema": SchemaBundle, "package": "@PKG@", "name": "@PKG@.v@V@", "image": "registry.example.com/@PKG@/bundle:v@V@",
		"properties": properties, "relatedImages": images}
}

func benchmarkCSV() map[string]any {
	crds := []any{}
	for i := range 6 {
		crds = append(crds, map[string]any{"name": fmt.Sprintf("things%d.example.com", i), "version": "v1", "kind": "Thing",
			"description": strings.Repeat("What it is for, \"in short\". ", 12)})
	}
	return map[string]any{
		"annotations":     map[string]any{"alm-examples": strings.Repeat("[\n  {\n    \"apiVersion\": \"example.com/v1\",\n    \"kind\": \"Thing\"\n  }\n]\n", 40), "capabilities": "Seamless Upgrades"},
		"crdDescriptions": map[string]any{"owned": crds},
		"description":     strings.Repeat("## Heading\nThe operator does this & that; see <https://example.com/docs>.\n\n", 60),
		"keywords":        []any{"one", "two", "three"},
	}
}

func noise(n int) string {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}
