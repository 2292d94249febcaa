package importer

import (
	"errors"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestASurveySaysWhatNodesShow(t *testing.T) {
	w := newWorld()
	catalog := ocispec.Manifest{MediaType: ocispec.MediaTypeImageManifest}
	catalog.SchemaVersion = 2
	catalog.Config = w.put(ocispec.MediaTypeImageConfig, []byte(`{"config":{"Labels":{"operators.operatorframework.io.index.configs.v1":"/configs"}}}`))
	d := w.document(catalog.MediaType, catalog)
	w.add("quay.io/olm-mirror/some-index:v4.9", w.index(d))
	w.add("quay.io/olm-mirror/an-operator:abc", w.content("operator"))
	w.add("quay.io/other/some-index:v4.9", d)
	w.component("cli", w.content("cli"))
	for _, tag := range []string{"4.9.0-x86_64", "4.10.1-rc.2-aarch64"} {
		w.add("quay.io/ocp4/openshift:"+tag, w.content("release"))
	}
	nodes, _ := filled(t, w.bundle(t), 1)
	empty, down := newNode(t), newNode(t)
	s := siteOf(nodes[0], empty, down)
	down.server.Close()
	got, err := Survey(t.Context(), s, SurveyOptions{Client: client(t), Nodes: s.Nodes})
	all := (*NodesError)(nil)
	if !errors.As(err, &all) || all.Failed != 1 || !strings.HasPrefix(err.Error(), "node3: ") {
		t.Errorf("got %v", err)
	}
	if n := got[0]; !n.Reachable || !slices.Equal(n.Releases, []string{"4.10.1-rc.2-aarch64", "4.9.0-x86_64"}) || !slices.Equal(n.Catalogs, []string{"olm-mirror/some-index:v4.9"}) {
		t.Errorf("%+v", n)
	}
	if n := got[1]; !n.Reachable || len(n.Releases)+len(n.Catalogs) > 0 || n.Error != "" {
		t.Errorf("%+v", n)
	}
	if n := got[2]; n.Reachable || n.Error == "" {
		t.Errorf("%+v", n)
	}
}
