package plan

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
)

const graphAlone = `
apiVersion: mirror.openshift.io/v2alpha1
kind: ImageSetConfiguration
mirror:
  platform: {graph: true}
`

// graphTar is update graph data with one channel.
func graphTar(t *testing.T, channel string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(layer(t, "version", "1.1.0\n", "channels/stable.yaml", channel, "blocked-edges/4.12.yaml", "to: 4.12.0\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func dataFile(t *testing.T, raw []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "graph-data.tar.gz")
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// based is stocked, and a base image for two architectures.
func based(t *testing.T) *upstream {
	u := stocked(t)
	var children []ocispec.Descriptor
	for _, arch := range []string{"amd64", "arm64"} {
		d := u.configured("ubi9/ubi", "", ocispec.Image{
			Platform: ocispec.Platform{OS: "linux", Architecture: arch},
			Config:   ocispec.ImageConfig{Entrypoint: []string{"/old"}, Cmd: []string{"/bin/sh"}},
		}, base(t), []byte("bash for "+arch))
		d.Platform = &ocispec.Platform{OS: "linux", Architecture: arch}
		children = append(children, d)
	}
	u.index("ubi9/ubi", "latest", children...)
	return u
}

func (u *upstream) graphOptions(data string) Options {
	o := u.options()
	o.Graph = GraphOptions{Data: data, BaseImage: u.host + "/ubi9/ubi:latest"}
	return o
}

func (u *upstream) makeGraph(text, data string) *Plan {
	u.t.Helper()
	p, err := Make(u.t.Context(), u.imageset(text), u.source(), u.graphOptions(data))
	if err != nil {
		u.t.Fatal(err)
	}
	return p
}

func TestGraphImageIsTheBaseAndTheData(t *testing.T) {
	u := based(t)
	p := u.makeGraph(graphAlone, dataFile(t, graphTar(t, "4.12")))
	image, there := p.Manifest.GraphImage()
	g := p.Manifest.Graph
	if !there || g.Base != u.host+"/ubi9/ubi:latest" || !slices.Equal(g.Platforms, []string{"linux/amd64"}) || image.Name != g.Name() {
		t.Fatalf("image %+v, graph %+v", image, g)
	}
	var m ocispec.Manifest
	raw, err := p.Content.Manifest(image.Descriptor)
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err != nil || len(m.Layers) != 3 {
		t.Fatalf("manifest %s, %v", raw, err)
	}
	var config ocispec.Image
	if err := json.Unmarshal(content(t, p, m.Config), &config); err != nil {
		t.Fatal(err)
	}
	want := []string{"/bin/bash", "-c", "exec cp -rp /var/lib/cincinnati-graph-data/* /var/lib/cincinnati/graph-data"}
	if c := config.Config; len(c.Entrypoint) > 0 || !slices.Equal(c.Cmd, want) || c.Labels["org.opencontainers.image.base.name"] != g.Base {
		t.Errorf("config %+v", c)
	}
	if ids := config.RootFS.DiffIDs; len(ids) != 3 || ids[2] != g.Data {
		t.Errorf("the last layer is %v, the data %s", ids, g.Data)
	}
	if got := string(content(t, p, m.Layers[1])); got != "bash for amd64" {
		t.Errorf("the base's layer is %q", got)
	}
	unzip, err := gzip.NewReader(bytes.NewReader(content(t, p, m.Layers[2])))
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, unzip); !slices.Contains(got, "var/lib/cincinnati-graph-data/channels/stable.yaml") {
		t.Errorf("the layer has %q", got)
	}
}

func content(t *testing.T, p *Plan, d ocispec.Descriptor) []byte {
	t.Helper()
	r, err := p.Content.Open(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func names(t *testing.T, layer io.Reader) []string {
	t.Helper()
	var all []string
	r := tar.NewReader(layer)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h.Name)
	}
}

// The image is for the cluster's platform, whatever runs this program.
func TestGraphImageIsForTheClustersPlatform(t *testing.T) {
	u := based(t)
	text := strings.Replace(graphAlone, "graph: true", "graph: true, architectures: [arm64]", 1)
	if g := u.makeGraph(text, dataFile(t, graphTar(t, "4.12"))).Manifest.Graph; !slices.Equal(g.Platforms, []string{"linux/arm64"}) {
		t.Errorf("platforms %q", g.Platforms)
	}
	text = strings.Replace(graphAlone, "graph: true", "graph: true, architectures: [s390x]", 1)
	_, err := Make(t.Context(), u.imageset(text), u.source(), u.graphOptions(dataFile(t, graphTar(t, "4.12"))))
	if want := "has no image for linux/s390x, only for linux/amd64, linux/arm64"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// The data comes from beside the update service that was asked for.
func TestGraphDataFromAService(t *testing.T) {
	u := based(t)
	raw, asked := graphTar(t, "4.12"), ""
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		w.Write(raw)
	}))
	defer service.Close()
	o := u.graphOptions("")
	o.Graph.URL = service.URL + "/api/upgrades_info/v1/graph"
	p, err := Make(t.Context(), u.imageset(graphAlone), u.source(), o)
	if err != nil {
		t.Fatal(err)
	}
	if want := "/api/upgrades_info/graph-data"; asked != want {
		t.Errorf("asked for %s, want %s", asked, want)
	}
	if file := u.makeGraph(graphAlone, dataFile(t, raw)); encoded(t, file.Manifest) != encoded(t, p.Manifest) {
		t.Error("the same data from a file gives another plan")
	}
	raw = []byte("<html>later</html>")
	_, err = Make(t.Context(), u.imageset(graphAlone), u.source(), o)
	if want := service.URL + "/api/upgrades_info/graph-data: gzip: invalid header"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestGraphImageWithAllElse(t *testing.T) {
	u := based(t)
	text := strings.Replace(everything, "platform: {", "platform: {graph: true, ", 1)
	text = strings.Replace(text, "  additionalImages:\n", "  blockedImages: [{name: graph-data}]\n  additionalImages:\n  - name: HOST/ubi9/ubi:latest\n", 1)
	data := dataFile(t, graphTar(t, "4.12"))
	p := u.makeGraph(text, data)
	var roles []manifest.Role
	for _, i := range p.Manifest.Images {
		roles = append(roles, i.Role)
	}
	if at := slices.Index(roles, manifest.RoleGraph); at < 1 || roles[at-1] != manifest.RoleComponent || roles[at+1] != manifest.RoleCatalog {
		t.Errorf("roles %v", roles)
	}
	for _, d := range p.Manifest.Blobs {
		content(t, p, d)
	}
	saved, err := manifest.Decode([]byte(encoded(t, p.Manifest)))
	if err != nil {
		t.Fatal(err)
	}
	u.image("ubi9/ubi", "latest", []byte("newer")) // the base's tag moves
	pinned, err := Pin(t.Context(), saved, u.source(), u.graphOptions(data))
	if err != nil || encoded(t, pinned.Manifest) != encoded(t, p.Manifest) {
		t.Errorf("pinned is another: %v", err)
	}
}

func TestPinRefusesAnotherGraph(t *testing.T) {
	u := based(t)
	data := dataFile(t, graphTar(t, "4.12"))
	m := u.makeGraph(graphAlone, data).Manifest
	changed := dataFile(t, graphTar(t, "4.13"))
	_, err := Pin(t.Context(), m, u.source(), u.graphOptions(changed))
	now := u.makeGraph(graphAlone, changed).Manifest.Graph.Data
	if want := fmt.Sprintf("graph data: %s is %s, planned was %s: it has changed since", changed, now, m.Graph.Data); err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	other := *m
	other.Images = slices.Clone(m.Images)
	at := slices.IndexFunc(other.Images, func(i manifest.Image) bool { return i.Role == manifest.RoleGraph })
	other.Images[at].Descriptor = other.Images[0].Descriptor
	if _, err := Pin(t.Context(), &other, u.source(), u.graphOptions(data)); err == nil || !strings.Contains(err.Error(), "the plan was made by another version of this program") {
		t.Errorf("got %v", err)
	}
}
