package icsp

import (
	"strings"
	"testing"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

func objectsText(t *testing.T, objects []Object, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, o := range objects {
		b.WriteString("---\n" + string(o.YAML))
	}
	return b.String()
}

const insecureImage = `---
apiVersion: config.openshift.io/v1
kind: Image
metadata:
  name: cluster
spec:
  registrySources:
    insecureRegistries:
    - localhost:5000
    - 10.10.21.174:5000
    - 10.10.21.175:5000
    - 10.10.21.176:5000
`

const trustedImage = `---
apiVersion: v1
data:
  10.10.21.174..5000: |
    CERTIFICATE
  localhost..5000: |
    CERTIFICATE
kind: ConfigMap
metadata:
  name: drayage-registry-ca
  namespace: openshift-config
---
apiVersion: config.openshift.io/v1
kind: Image
metadata:
  name: cluster
spec:
  additionalTrustedCA:
    name: drayage-registry-ca
`

func TestAccess(t *testing.T) {
	s := blogSite("4.9")
	objects, err := Access(&manifest.Manifest{}, s, nil)
	if got := objectsText(t, objects, err); got != insecureImage {
		t.Errorf("got:\n%s", got)
	}
	s.Registry.PlainHTTP, s.Nodes = false, s.Nodes[:1]
	objects, err = Access(&manifest.Manifest{}, s, []byte("CERTIFICATE\n"))
	if got := objectsText(t, objects, err); got != trustedImage {
		t.Errorf("got:\n%s", got)
	}
	if got := FileName(0, 2, objects[0]); got != "01-configmap-drayage-registry-ca.yaml" {
		t.Errorf("the CA goes to %s", got)
	}
}

func tagged(names ...string) *manifest.Manifest {
	m := &manifest.Manifest{}
	for _, n := range names {
		m.Images = append(m.Images, image(manifest.RoleAdditional, n))
	}
	return m
}

// Before 4.15 a cluster takes either kind of mirror sets, and not both.
func TestTagMirrorsFollowTheVersion(t *testing.T) {
	for _, c := range []struct {
		openshift, mirrors string
		want               bool
	}{
		{"4.12", "", false}, {"4.13", "", true}, {"4.14", site.ICSP, false}, {"4.15", site.ICSP, true}, {"4.14", site.IDMS, true}, {"4.20", "", true},
	} {
		s := blogSite(c.openshift)
		s.Mirrors = c.mirrors
		objects, left, err := TagMirrors(tagged("quay.io/foo/bar:1"), s)
		if err != nil || (len(objects) == 1) != c.want || (len(left) == 0) != c.want {
			t.Errorf("%s %s: %d objects, %d left, %v", c.openshift, c.mirrors, len(objects), len(left), err)
		}
	}
}

func TestTagMirrors(t *testing.T) {
	s := blogSite("4.14")
	s.Nodes = s.Nodes[:1]
	objects, _, err := TagMirrors(tagged("quay.io/foo/bar:1", "quay.io/foo/bar:2"), s)
	want := `---
apiVersion: config.openshift.io/v1
kind: ImageTagMirrorSet
metadata:
  name: additional
spec:
  imageTagMirrors:
  - mirrors:
    - localhost:5000/foo/bar
    - 10.10.21.174:5000/foo/bar
    source: quay.io/foo/bar
`
	if got := objectsText(t, objects, err); got != want {
		t.Errorf("got:\n%s", got)
	}
	if objects, left, err := TagMirrors(tagged("quay.io/foo/bar@"+digestA), s); objects != nil || left != nil || err != nil {
		t.Errorf("by digest: %v, %v, %v", objects, left, err)
	}
	s.Nodes[0].Address = "[fd00::1]:5000"
	if _, _, err := TagMirrors(tagged("quay.io/foo/bar:1"), s); err == nil || !strings.HasPrefix(err.Error(), `imagetagmirrorset additional: mirror "[fd00::1]:5000/foo/bar": `) {
		t.Errorf("got %v", err)
	}
}

func TestTheSiteChoosesTheKindOfMirrorSets(t *testing.T) {
	s := blogSite("4.14")
	s.Mirrors = site.ICSP
	if o := render(t, blogManifest(), s)[0]; o.Kind != "ImageContentSourcePolicy" {
		t.Errorf("got %s", o.Kind)
	}
}

func TestClusterObjectsAreValidByTheClustersSchemas(t *testing.T) {
	s := blogSite("4.18")
	insecure, err := Access(&manifest.Manifest{}, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Registry.PlainHTTP = false
	trusted, err := Access(&manifest.Manifest{}, s, []byte("CERTIFICATE\n"))
	if err != nil {
		t.Fatal(err)
	}
	tags, _, err := TagMirrors(tagged("quay.io/foo/bar:1"), s)
	if err != nil {
		t.Fatal(err)
	}
	catalogs, _, err := ClusterCatalogs(blogManifest(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	hub, err := OperatorHub()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		crd     string
		objects []Object
	}{
		{"0000_10_config-operator_01_images.crd.yaml", []Object{insecure[0], trusted[1]}},
		{"by-release/0000_10_config-operator_01_image.crd-4.9.yaml", []Object{insecure[0], trusted[1]}},
		{"0000_10_config-operator_01_imagetagmirrorsets.crd.yaml", tags},
		{"by-release/0000_10_config-operator_01_imagetagmirrorset.crd-4.13.yaml", tags},
		{"olm.operatorframework.io_clustercatalogs.yaml", catalogs},
		{"0000_03_marketplace_01_operatorhubs.crd.yaml", []Object{hub}},
	} {
		definition := readCRD(t, c.crd)
		for _, o := range c.objects {
			for _, v := range definition.violations(t, o) {
				t.Errorf("%s %s: %s", o.Kind, o.Name, v)
			}
		}
	}
}
