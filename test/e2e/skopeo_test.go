package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"drayage/pkg/manifest"
)

// A foreign reader finds images in the bundle by their names and copies them
// out, without a digest changing.
func TestSkopeoReadsTheBundle(t *testing.T) {
	if _, err := exec.LookPath("skopeo"); err != nil {
		t.Skip("skopeo is not here: the test of a foreign reader is left out")
	}
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	copied := 0
	for _, i := range packingList(t, dir).Images {
		// skopeo 1.9 finds only OCI media types by name; newer ones find all.
		if !strings.HasPrefix(i.Descriptor.MediaType, "application/vnd.oci.image.manifest") {
			continue
		}
		out := filepath.Join(t.TempDir(), "out")
		skopeo(t, dir, "copy", "-q", "oci-archive:site.tar:"+i.Name, "dir:"+out)
		raw := skopeo(t, dir, "inspect", "--format", "{{.Digest}}", "dir:"+out)
		if got := strings.TrimSpace(raw); got != i.Descriptor.Digest.String() {
			t.Errorf("%s came out as %s, want %s", i.Name, got, i.Descriptor.Digest)
		}
		copied++
	}
	if copied == 0 {
		t.Error("the bundle has no image of OCI media types to copy")
	}
	t.Logf("%d images copied", copied)
}

func TestSkopeoReadsThePrunedCatalogFromANode(t *testing.T) {
	if _, err := exec.LookPath("skopeo"); err != nil {
		t.Skip("skopeo is not here: the test of a foreign reader is left out")
	}
	src, filled := sharedSource(t)
	dir := connected(t, src.Addr(), filled)
	build(t, dir)
	node := nodes(t, dir, 1)[0]
	good(t, dir, "import", "push", "--site", "site.yaml", "site.tar")
	var want manifest.Image
	for _, i := range packingList(t, dir).Images {
		if i.Role == manifest.RoleCatalog {
			want = i
		}
	}
	got := skopeo(t, dir, "inspect", "--tls-verify=false", "--format", "{{.Digest}}", "docker://"+node.Addr()+"/olm-mirror/redhat-operator-index:v4.17")
	if strings.TrimSpace(got) != want.Descriptor.Digest.String() {
		t.Errorf("the node's catalog is %s, want %s", got, want.Descriptor.Digest)
	}
}

func skopeo(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("skopeo", append([]string{"--insecure-policy"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("skopeo %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
