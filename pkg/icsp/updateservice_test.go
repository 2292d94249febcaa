package icsp

import (
	"slices"
	"strings"
	"testing"

	"drayage/pkg/manifest"
	"drayage/pkg/mirror"
	"drayage/pkg/site"
)

// graphManifest is the recipe's, with an update graph.
func graphManifest() *manifest.Manifest {
	m := blogManifest()
	m.Images = slices.Insert(m.Images, 3, image(manifest.RoleGraph, "drayage.invalid/graph-data:3a6eb0790f39"))
	return m
}

// graphSite is the recipe's, with TLS.
func graphSite(openshift string) *site.Site {
	s := blogSite(openshift)
	s.Registry.PlainHTTP = false
	s.Repositories = site.DefaultRepositories()
	return s
}

const graphObjects = `# 05-imagedigestmirrorset-update-service.yaml
apiVersion: config.openshift.io/v1
kind: ImageDigestMirrorSet
metadata:
  name: update-service
spec:
  imageDigestMirrors:
  - mirrors:
    - localhost:5000/ocp4/updates
    - 10.10.21.174:5000/ocp4/updates
    - 10.10.21.175:5000/ocp4/updates
    - 10.10.21.176:5000/ocp4/updates
    source: 10.10.21.174:5000/ocp4/updates
  - mirrors:
    - localhost:5000/ocp4/graph-data
    - 10.10.21.174:5000/ocp4/graph-data
    - 10.10.21.175:5000/ocp4/graph-data
    - 10.10.21.176:5000/ocp4/graph-data
    source: dummyregistry.io:5000/ocp4/graph-data
# 07-updateservice-update-service-oc-mirror.yaml
apiVersion: updateservice.operator.openshift.io/v1
kind: UpdateService
metadata:
  name: update-service-oc-mirror
  namespace: openshift-update-service
spec:
  graphDataImage: dummyregistry.io:5000/ocp4/graph-data@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
  releases: 10.10.21.174:5000/ocp4/updates
  replicas: 2
`

func TestUpdateServiceComesLast(t *testing.T) {
	var got strings.Builder
	objects := render(t, graphManifest(), graphSite("4.14"))
	for i, o := range objects {
		if strings.HasPrefix(o.Name, "update-service") {
			got.WriteString("# " + FileName(i, len(objects), o) + "\n" + string(o.YAML))
		}
	}
	if got.String() != graphObjects {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), graphObjects)
	}
	if last := objects[len(objects)-1]; last.Kind != "UpdateService" || last.Namespace != "openshift-update-service" {
		t.Errorf("last is %s %s in %q", last.Kind, last.Name, last.Namespace)
	}
}

// The update service cannot be told to speak plain HTTP; the image is there.
func TestPlainSiteGetsNoUpdateService(t *testing.T) {
	s := graphSite("4.14")
	s.Registry.PlainHTTP = true
	for _, o := range render(t, graphManifest(), s) {
		if o.Kind == "UpdateService" || strings.Contains(string(o.YAML), "source: 10.10.21.174") {
			t.Errorf("rendered:\n%s", o.YAML)
		}
	}
}

func TestNoGraphNoUpdateService(t *testing.T) {
	for _, o := range render(t, blogManifest(), graphSite("4.14")) {
		if strings.HasPrefix(o.Name, "update-service") {
			t.Errorf("rendered:\n%s", o.YAML)
		}
	}
}

func TestUpdateServiceIsValidByTheClustersSchema(t *testing.T) {
	definition := readCRD(t, "updateservice.operator.openshift.io_updateservices.yaml")
	objects := render(t, graphManifest(), graphSite("4.9"))
	for _, v := range definition.violations(t, objects[len(objects)-1]) {
		t.Error(v)
	}
	for name, c := range map[string]struct{ doc, want string }{
		"no releases":   {"{graphDataImage: a, replicas: 1}", ".spec.releases: required"},
		"unknown field": {"{graphDataImage: a, replicas: 1, releases: b, release: c}", ".spec.release: unknown field"},
		"wrong type":    {"{graphDataImage: a, replicas: two, releases: b}", ".spec.replicas: string, want integer"},
	} {
		doc := "apiVersion: updateservice.operator.openshift.io/v1\nkind: UpdateService\nmetadata: {name: x}\nspec: " + c.doc + "\n"
		if got := definition.violations(t, Object{Namespace: "x", YAML: []byte(doc)}); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestCatalogHostMayBeCalledLikeTheUpdateServicesRules(t *testing.T) {
	s := graphSite("4.14")
	s.CatalogHost = "update-service.example.com"
	var names []string
	for _, o := range render(t, graphManifest(), s) {
		names = append(names, o.Name)
	}
	if !slices.Contains(names, "update-service-catalog") || !slices.Contains(names, "update-service") {
		t.Errorf("objects %q", names)
	}
}

func TestUpdateServiceNeedsASite(t *testing.T) {
	for want, spoil := range map[string]func(*site.Site){
		"update graph: the site has no node":                                               func(s *site.Site) { s.Nodes = nil },
		"update graph: the site has no catalogHost, under which the cluster would know it": func(s *site.Site) { s.CatalogHost = "" },
	} {
		s := graphSite("4.14")
		spoil(s)
		m := &manifest.Manifest{Images: []manifest.Image{image(manifest.RoleGraph, "drayage.invalid/graph-data:3a6eb0790f39")}}
		if _, err := Render(m, s); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if _, err := mirror.NewUpdateService(m, s); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
