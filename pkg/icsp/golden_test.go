package icsp

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"drayage/pkg/manifest"
)

// What oc prints after mirroring a release, for a site of one node.
func TestReleaseMirrorsAreThoseOfOc(t *testing.T) {
	const repo = "localhost:5811/openshift-release-dev/"
	m := &manifest.Manifest{Images: []manifest.Image{releaseImage(repo + "ocp-release:4.9.0-x86_64")}}
	for _, name := range []string{"cli", "etcd", "machine-os-content"} {
		m.Images = append(m.Images, component(repo+"ocp-v4.0-art-dev@"+digestB, name))
	}
	for golden, openshift := range map[string]string{
		"release-mirror-icsp.stdout": "4.12",
		"release-mirror-idms.stdout": "4.14",
	} {
		t.Run(golden, func(t *testing.T) {
			out := fixture(t, "golden-oc/"+golden)
			printed := out[bytes.LastIndex(out, []byte("apiVersion:")):]
			objects := render(t, m, oneNode(openshift))
			if len(objects) != 1 {
				t.Fatalf("%d objects, want 1", len(objects))
			}
			compareObjects(t, objects[0].YAML, printed, 2)
			if !bytes.Equal(objects[0].YAML, printed) { // oc sorts these
				t.Errorf("got:\n%s\noc prints:\n%s", objects[0].YAML, printed)
			}
		})
	}
}

// What oc writes beside the mapping of a catalog, for a site of one node.
func TestOperatorMirrorsAreThoseOfOc(t *testing.T) {
	for _, c := range []struct {
		golden  string
		sources int
	}{
		{"catalog-pruned-lso", 5},
		{"catalog-local-full", 3},
		{"catalog-sqlite", 3},
	} {
		for file, openshift := range map[string]string{
			"imageContentSourcePolicy.yaml": "4.12",
			"imageDigestMirrorSet.yaml":     "4.14",
		} {
			t.Run(c.golden+"/"+file, func(t *testing.T) {
				m := mappedManifest(t, c.golden)
				written := fixture(t, "golden-oc/"+c.golden+"/"+file)
				objects := render(t, m, oneNode(openshift))
				compareObjects(t, objects[0].YAML, bytes.TrimPrefix(written, []byte("---\n")), c.sources)
			})
		}
	}
}

// mappedManifest holds what oc mapped. Images that oc knew by tag are left
// out, as oc leaves them out of its rules.
func mappedManifest(t *testing.T, golden string) *manifest.Manifest {
	t.Helper()
	m := &manifest.Manifest{}
	var images []string
	for line := range strings.Lines(string(fixture(t, "golden-oc/"+golden+"/mapping.txt"))) {
		source, _, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch {
		case strings.Contains(source, "-index:"):
			m.Images = append(m.Images, image(manifest.RoleCatalog, source))
		case strings.Contains(source, "@"):
			images = append(images, source)
		}
	}
	if len(m.Images) != 1 {
		t.Fatalf("%s: %d indexes, want 1", golden, len(m.Images))
	}
	for _, source := range images {
		m.Images = append(m.Images, operator(source, m.Images[0].Name))
	}
	return m
}

// compareObjects compares all but the order of the rules, which is oc's map order.
func compareObjects(t *testing.T, got, want []byte, sources int) {
	t.Helper()
	gotRules, wantRules := mirrorsOf(t, got), mirrorsOf(t, want)
	if len(wantRules) != sources {
		t.Errorf("%d sources in the golden file, want %d", len(wantRules), sources)
	}
	if !maps.EqualFunc(gotRules, wantRules, slices.Equal) {
		t.Errorf("got:\n%s\noc has:\n%s", got, want)
	}
	if g, w := headOf(got), headOf(want); g != w {
		t.Errorf("got:\n%s\noc has:\n%s", g, w)
	}
}

func headOf(doc []byte) string {
	head, _, _ := strings.Cut(string(doc), "  - mirrors:")
	return head
}

// mirrorsOf reads a mirror set of either kind; other objects have no mirrors.
func mirrorsOf(t *testing.T, doc []byte) map[string][]string {
	t.Helper()
	var set mirrorSet
	if err := yaml.Unmarshal(doc, &set); err != nil {
		t.Fatal(err)
	}
	rules := map[string][]string{}
	for _, e := range append(set.Spec.RepositoryDigestMirrors, set.Spec.ImageDigestMirrors...) {
		if _, twice := rules[e.Source]; twice {
			t.Errorf("%s stands in one object twice", e.Source)
		}
		rules[e.Source] = e.Mirrors
	}
	return rules
}
