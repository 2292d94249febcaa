package mirror

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drayage/pkg/manifest"
)

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func TestTag(t *testing.T) {
	etcd := "quay.io/coreos/etcd-operator@sha256:c0301e4686c3ed4206e370b42de5a3bd2229b9fb4906cf85f3f30650424abec2"
	for name, c := range map[string]struct {
		ref  manifest.Ref
		want string
	}{
		"a tag is kept":                     {parse(t, "docker.io/strimzi/operator:0.12.1"), "0.12.1"},
		"a tag beside a digest is kept":     {parse(t, "quay.io/foo/bar:v1@"+digestA), "v1"},
		"a digest is hashed, without zeros": {parse(t, etcd), "2f1eb95"},
		"nothing becomes latest":            {manifest.Ref{Repository: "quay.io/foo/bar"}, "latest"},
	} {
		if got := Tag(c.ref); got != c.want {
			t.Errorf("%s: Tag(%s) = %s, want %s", name, c.ref, got, c.want)
		}
	}
}

func TestTagHashesTheWholePullSpec(t *testing.T) {
	// FNV-1a, 32 bits, worked out byte by byte.
	ref := parse(t, "busybox@"+digestA)
	sum := uint32(2166136261)
	for _, c := range []byte("docker.io/library/busybox@" + digestA) {
		sum = (sum ^ uint32(c)) * 16777619
	}
	if got := Tag(ref); got != strings.TrimLeft(hex(sum), "0") {
		t.Errorf("Tag(%s) = %s, want %s", ref, got, hex(sum))
	}
}

func hex(n uint32) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 8)
	for i := range b {
		b[i] = digits[n>>(28-4*i)&15]
	}
	return string(b)
}

func TestFlatten(t *testing.T) {
	for _, c := range []struct {
		path  string
		limit int
		want  string
	}{
		{"olm-mirror/openshift4/ose-local-storage-operator", 2, "olm-mirror/openshift4-ose-local-storage-operator"},
		{"olm-mirror/openshift4/ose-local-storage-operator", 3, "olm-mirror/openshift4/ose-local-storage-operator"},
		{"olm-mirror/a/b/c/d", 3, "olm-mirror/a/b-c-d"},
		{"olm-mirror/a/b/c/d", 0, "olm-mirror/a/b/c/d"},
		{"site/olm/a/b", 2, "site/olm-a-b"},
		{"olm-mirror/a", 2, "olm-mirror/a"},
		{"a", 2, "a"},
	} {
		if got := flatten(c.path, c.limit); got != c.want {
			t.Errorf("flatten(%s, %d) = %s, want %s", c.path, c.limit, got, c.want)
		}
	}
}

// Every line of the mapping that oc wrote, but the one of the index itself: oc
// doubles the repository there (olm-mirror/olm-mirror-redhat-operator-index).
func TestOperatorNamesAreThoseOfOc(t *testing.T) {
	for _, c := range []struct {
		golden string
		limit  int
		images int
	}{
		{"catalog-pruned-lso", 2, 5},
		{"catalog-pruned-lso-mc3", 3, 5},
		{"catalog-local-full", 2, 3},
		{"catalog-sqlite", 2, 15},
	} {
		t.Run(c.golden, func(t *testing.T) {
			images := 0
			for _, line := range lines(t, "golden-oc/"+c.golden+"/mapping.txt") {
				source, want, _ := strings.Cut(line, "=")
				if strings.Contains(source, "-index:") {
					continue
				}
				images++
				ref := parse(t, source)
				got := "localhost:5812/" + flatten("olm-mirror/"+ref.Path(), c.limit) + ":" + Tag(ref)
				if got != want {
					t.Errorf("%s\nstands at %s\noc has it at %s", source, got, want)
				}
			}
			if images != c.images {
				t.Errorf("%d images, want %d", images, c.images)
			}
		})
	}
}

func parse(t *testing.T, s string) manifest.Ref {
	t.Helper()
	ref, err := manifest.ParseRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// fixture reads a file of the shared fixtures, which lie beside the repository.
func fixture(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../../shared/fixtures", name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("shared fixtures are not here:", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func lines(t *testing.T, name string) []string {
	t.Helper()
	var all []string
	sc := bufio.NewScanner(bytes.NewReader(fixture(t, name)))
	for sc.Scan() {
		if sc.Text() != "" {
			all = append(all, sc.Text())
		}
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
