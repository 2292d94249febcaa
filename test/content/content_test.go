package content

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"drayage/test/registry"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// listEnv makes the test binary print what a world consists of.
const listEnv = "CONTENT_TEST_LIST"

func TestMain(m *testing.M) {
	if os.Getenv(listEnv) != "" {
		f, err := Make(Options{Size: 256 << 10})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Print(list(f.Images), f.ImageSet)
		return
	}
	os.Exit(m.Run())
}

func list(images []Named) string {
	var b strings.Builder
	for _, n := range images {
		fmt.Fprintln(&b, n.Ref, n.Digest)
	}
	return b.String()
}

func TestTwoRunsMakeTheSame(t *testing.T) {
	var runs [2]string
	for i := range runs {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), listEnv+"=1")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		runs[i] = string(out)
	}
	if runs[0] != runs[1] {
		t.Errorf("one run:\n%s\nthe other:\n%s", runs[0], runs[1])
	}
	if n := strings.Count(runs[0], "sha256:"); n < 40 {
		t.Errorf("only %d digests:\n%s", n, runs[0])
	}
}

func TestFillPutsAllThereWholeAndRight(t *testing.T) {
	r := registry.StartT(t, registry.Options{Users: map[string]string{"joe": "secret"}})
	push := PushOptions{User: "joe", Password: "secret"}
	f, err := Fill(t.Context(), r.Addr(), Options{Size: 256 << 10, Push: push})
	if err != nil {
		t.Fatal(err)
	}
	p, err := remote.NewPuller(remote.WithAuth(&authn.Basic{Username: "joe", Password: "secret"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range f.Images {
		if err := pullBack(t.Context(), p, r.Addr(), n); err != nil {
			t.Errorf("%s: %v", n.Ref, err)
		}
	}
	if got := len(f.Release.Components); got != 8 {
		t.Errorf("%d components, want 8", got)
	}
	if got := f.Release.Image.Ref; got != ReleaseRepository+":4.9.0-x86_64" {
		t.Errorf("release %s", got)
	}
	for _, want := range []string{"minVersion: 4.9.0\n", "catalog: " + CatalogRef + "\n", "- name: anchor-operator\n",
		"- name: " + f.Additional[0].Ref + "\n", "- name: " + f.Additional[1].Ref + "\n"} {
		if !strings.Contains(f.ImageSet, want) {
			t.Errorf("the image set lacks %q:\n%s", want, f.ImageSet)
		}
	}
	if !slices.Equal(f.Hosts, hosts) {
		t.Errorf("hosts %v, want those of RegistriesConf, %v", f.Hosts, hosts)
	}
}

func TestPushWithoutThePasswordNamesTheImage(t *testing.T) {
	r := registry.StartT(t, registry.Options{Users: map[string]string{"joe": "secret"}})
	n, err := MakeRegistryImage(1000, false)
	if err != nil {
		t.Fatal(err)
	}
	err = Push(t.Context(), r.Addr(), PushOptions{}, n)
	if err == nil || !strings.Contains(err.Error(), RegistryRef) {
		t.Errorf("%v", err)
	}
}

// pullBack checks that a registry has an image under its reference and its
// digest, and that all of it is there and is what its digests say.
func pullBack(ctx context.Context, p *remote.Puller, addr string, n Named) error {
	byDigest, err := name.NewDigest(addr + "/" + n.ByDigest())
	if err != nil {
		return err
	}
	if _, err := p.Head(ctx, byDigest); err != nil {
		return err
	}
	ref, err := name.ParseReference(addr + "/" + n.Ref)
	if err != nil {
		return err
	}
	d, err := p.Get(ctx, ref)
	if err != nil {
		return err
	}
	if d.Digest.String() != n.Digest {
		return fmt.Errorf("digest %s, want %s", d.Digest, n.Digest)
	}
	if d.MediaType.IsIndex() {
		x, err := d.ImageIndex()
		if err != nil {
			return err
		}
		return wholeIndex(x)
	}
	img, err := d.Image()
	if err != nil {
		return err
	}
	return validate.Image(img)
}

// wholeIndex validates the children that are images with a platform; the layer
// of an attestation is no tar, so validate would not have it.
func wholeIndex(x v1.ImageIndex) error {
	m, err := x.IndexManifest()
	if err != nil {
		return err
	}
	for _, d := range m.Manifests {
		img, err := x.Image(d.Digest)
		if err != nil {
			return err
		}
		if d.Platform.OS == "unknown" {
			if _, err := img.RawConfigFile(); err != nil {
				return err
			}
			continue
		}
		if err := validate.Image(img); err != nil {
			return err
		}
	}
	return nil
}

func TestLayersHaveTheSizeAndCompressAsSaid(t *testing.T) {
	const size = 1 << 20
	for name, c := range map[string]struct {
		layer       *Layer
		least, most int64
	}{
		"random": {Random("a", size), size, size + 8192},
		"text":   {Text("a", size), size / 6, size / 3},
	} {
		got, err := c.layer.Size()
		if err != nil {
			t.Fatal(err)
		}
		if got < c.least || got > c.most {
			t.Errorf("%s: %d bytes compressed, want %d to %d", name, got, c.least, c.most)
		}
		if err := validate.Layer(c.layer); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	one, two := mustDigest(t, Random("a", size)), mustDigest(t, Random("b", size))
	if one == two {
		t.Errorf("two seeds give the same layer %s", one)
	}
}

func TestAClosedLayerReaderEndsItsWriter(t *testing.T) {
	r, err := Random("a", 1<<20).Compressed()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); err == nil {
		t.Error("a closed layer still reads")
	}
}

func TestMediaTypesAreOfOneFamily(t *testing.T) {
	base := Text("base", 100)
	for _, c := range []struct {
		oci                          bool
		manifest, config, layer, idx types.MediaType
	}{
		{false, types.DockerManifestSchema2, types.DockerConfigJSON, types.DockerLayer, types.DockerManifestList},
		{true, types.OCIManifestSchema1, types.OCIConfigJSON, types.OCILayer, types.OCIImageIndex},
	} {
		img, err := Image("seed", ImageOptions{OCI: c.oci}, base, Text("own", 100))
		if err != nil {
			t.Fatal(err)
		}
		m, err := img.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		if m.MediaType != c.manifest || m.Config.MediaType != c.config || m.Layers[1].MediaType != c.layer {
			t.Errorf("oci %v: %s, %s, %s", c.oci, m.MediaType, m.Config.MediaType, m.Layers[1].MediaType)
		}
		if got := m.Layers[0].Digest; got != mustDigest(t, base) {
			t.Errorf("oci %v: the base is %s", c.oci, got)
		}
		x, err := Index(c.oci, img)
		if err != nil {
			t.Fatal(err)
		}
		nested, err := Index(c.oci, x, img)
		if err != nil {
			t.Fatal(err)
		}
		n, err := nested.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		if n.MediaType != c.idx || n.Manifests[0].MediaType != c.idx || n.Manifests[1].MediaType != c.manifest {
			t.Errorf("oci %v: index %s of %s and %s", c.oci, n.MediaType, n.Manifests[0].MediaType, n.Manifests[1].MediaType)
		}
		if got := n.Manifests[1].Platform; got == nil || got.String() != "linux/amd64" {
			t.Errorf("oci %v: platform %v", c.oci, got)
		}
	}
}

func TestRegistryImageHasAttestations(t *testing.T) {
	n, err := MakeRegistryImage(1000, false)
	if err != nil {
		t.Fatal(err)
	}
	m, err := n.Content.(v1.ImageIndex).IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range m.Manifests {
		got = append(got, d.Platform.String())
	}
	if want := []string{"linux/amd64", "linux/arm64", "unknown/unknown", "unknown/unknown"}; !slices.Equal(got, want) {
		t.Errorf("platforms %v, want %v", got, want)
	}
	if got := m.Manifests[2].Annotations["vnd.docker.reference.digest"]; got != m.Manifests[0].Digest.String() {
		t.Errorf("the attestation is about %s", got)
	}
}

func TestRegistriesConfLeadsEachHostToItsPlace(t *testing.T) {
	got := string(RegistriesConf("127.0.0.1:5000", "example.com", "quay.io"))
	want := `unqualified-search-registries = []

[[registry]]
prefix = "docker.io"
location = "127.0.0.1:5000/docker.io"
insecure = true

[[registry]]
prefix = "example.com"
location = "127.0.0.1:5000/example.com"
insecure = true

[[registry]]
prefix = "quay.io"
location = "127.0.0.1:5000/quay.io"
insecure = true
`
	if !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant at its start\n%s", got, want)
	}
	if n := strings.Count(got, "[[registry]]"); n != 5 {
		t.Errorf("%d hosts, want 5", n)
	}
}

func mustDigest(t *testing.T, l v1.Layer) v1.Hash {
	t.Helper()
	d, err := l.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}
