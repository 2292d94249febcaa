package render

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

// document is docs/from-the-blog.md: the site in its code block, and the rows of
// its table.
func document(t *testing.T) (s *site.Site, rows [][]string) {
	t.Helper()
	raw, err := os.ReadFile("../../docs/from-the-blog.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(raw), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	if s, err = site.Decode("site.yaml", []byte(text)); err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(raw), "|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		rows = append(rows, strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|"))
	}
	if len(rows) < 20 {
		t.Fatalf("%d rows in the table", len(rows))
	}
	return s, rows
}

// blogManifest is what the blog carries.
func blogManifest() *manifest.Manifest {
	const index = "registry.redhat.io/redhat/redhat-operator-index:v4.9"
	of := func(role manifest.Role, name string) manifest.Image {
		i := manifest.Image{Name: name, Role: role, Descriptor: ocispec.Descriptor{Digest: digestA}}
		switch role {
		case manifest.RoleRelease, manifest.RoleComponent:
			i.Release = "4.9.0-x86_64"
		case manifest.RoleOperator:
			i.Catalog = index
		case manifest.RoleRegistry:
			i.Descriptor.Digest = "sha256:b0b8dd398630cbb819d9a9c2fbd50561370856874b5d5d935be2e0af07c0ff4c"
		}
		return i
	}
	m := &manifest.Manifest{Images: []manifest.Image{
		of(manifest.RoleRegistry, "quay.io/me/registry:2"),
		of(manifest.RoleRelease, "quay.io/openshift-release-dev/ocp-release:4.9.0-x86_64"),
		of(manifest.RoleComponent, "quay.io/openshift-release-dev/ocp-v4.0-art-dev@"+digestA),
		of(manifest.RoleCatalog, index),
	}}
	m.Images[2].Component = "etcd"
	for _, name := range []string{"operator", "operator-bundle", "diskmaker", "static-provisioner"} {
		m.Images = append(m.Images, of(manifest.RoleOperator, "registry.redhat.io/openshift4/ose-local-storage-"+name+"@"+digestA))
	}
	return m
}

var code = regexp.MustCompile("`([^`]+)`")

// facts reports what stands in code in a cell and not in the text, or not in
// this order.
func facts(t *testing.T, what, where, cell, text string) {
	t.Helper()
	rest := text
	for _, m := range code.FindAllStringSubmatch(cell, -1) {
		_, after, found := strings.Cut(rest, m[1])
		if !found {
			t.Errorf("%s: %s has no %q behind what stands before it", what, where, m[1])
			return
		}
		rest = after
	}
}

func TestFromTheBlog(t *testing.T) {
	s, rows := document(t)
	text := everything(t, all(t, Input{Manifest: blogManifest(), Site: s}))
	for _, row := range rows {
		if len(row) != 3 {
			t.Fatalf("row %q", row)
		}
		facts(t, strings.TrimSpace(row[0]), "what is rendered", row[2], text)
	}
	blog, err := os.ReadFile("../../../shared/reference/blog.txt")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("shared fixtures are not here: blog.txt")
	}
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.ReplaceAll(string(blog), "\u00a0", " ")
	for _, row := range rows {
		facts(t, strings.TrimSpace(row[0]), "the blog", row[1], plain)
	}
}
