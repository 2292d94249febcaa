package render

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/access"
	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func siteOf(t *testing.T, openshift, more string) *site.Site {
	t.Helper()
	s, err := site.Decode("site.yaml", []byte("apiVersion: drayage/v1alpha1\nkind: Site\nopenshift: \""+openshift+
		"\"\nnodes: [{name: node1, address: 10.0.0.1}, {name: node2, address: 10.0.0.2}]\n"+more))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func all(t *testing.T, in Input) []Object {
	t.Helper()
	objects, _, err := All(in)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

var source = regexp.MustCompile(`source: data:;base64,([A-Za-z0-9+/=]+)`)

// everything is all objects' text, the files in them decoded.
func everything(t *testing.T, objects []Object) string {
	t.Helper()
	var b strings.Builder
	for _, o := range objects {
		text := string(o.YAML)
		for _, m := range source.FindAllStringSubmatch(text, -1) {
			raw, err := base64.StdEncoding.DecodeString(m[1])
			if err != nil {
				t.Fatal(err)
			}
			text = strings.Replace(text, m[0], string(raw), 1)
		}
		b.WriteString("---\n" + text)
	}
	return b.String()
}

const plainHTTP = "registry: {plainHTTP: true}\n"

func server() access.Server {
	return access.Server{Client: access.Client{CA: []byte("CA\n"), User: "puller", Password: "secret"},
		Certificate: []byte("CERTIFICATE\n"), Key: []byte("KEY\n"), HTPasswd: []byte("puller:$2a$hash\n")}
}

// listed is stage, file and marks of each object.
func listed(objects []Object) []string {
	var got []string
	for _, o := range objects {
		line := string(o.Stage) + " " + o.File
		for _, mark := range []struct {
			is   bool
			name string
		}{{o.Merge, "merge"}, {o.Secret, "secret"}} {
			if mark.is {
				line += " " + mark.name
			}
		}
		got = append(got, line)
	}
	return got
}

func withTag() *manifest.Manifest {
	m := blogManifest()
	m.Images = append(m.Images, manifest.Image{Name: "quay.io/foo/bar:1", Role: manifest.RoleAdditional, Descriptor: ocispec.Descriptor{Digest: digestB}})
	return m
}

func TestObjectsFollowTheVersionAndTheSite(t *testing.T) {
	withSignature := withTag()
	withSignature.Signatures = []manifest.Signature{{Release: "4.9.0-x86_64", Data: []byte("signed")}}
	for name, c := range map[string]struct {
		openshift, more string
		m               *manifest.Manifest
		want            []string
	}{
		"4.9, plain HTTP": {"4.9", plainHTTP, withTag(), []string{
			"nodes 01-image-cluster.yaml merge",
			"nodes 02-machineconfig-99-master-drayage-registry.yaml",
			"mirrors 03-imagecontentsourcepolicy-example.yaml",
			"mirrors 04-imagecontentsourcepolicy-registry.yaml",
			"mirrors 05-imagecontentsourcepolicy-redhat-operator-index-0.yaml",
			"mirrors 06-imagecontentsourcepolicy-dummyregistry.yaml",
			"mirrors 07-imagecontentsourcepolicy-additional.yaml",
			"catalogs 08-operatorhub-cluster.yaml merge",
			"catalogs 09-catalogsource-redhat-operator-index.yaml",
		}},
		"4.20, TLS, all that is optional": {"4.20", "pinnedImages: true\nkubeletConfig: {autoSizing: true}\nregistry: {auth: {user: puller}}\npool: edge\n", withSignature, []string{
			"nodes 01-signature-sha256-aaaaaaaaaaaaaaaa.json",
			"nodes 02-configmap-drayage-registry-ca.yaml",
			"nodes 03-image-cluster.yaml merge",
			"nodes 04-imagetagmirrorset-additional.yaml",
			"nodes 05-machineconfig-99-edge-drayage-registry.yaml secret",
			"mirrors 06-imagedigestmirrorset-example.yaml",
			"mirrors 07-imagedigestmirrorset-registry.yaml",
			"mirrors 08-imagedigestmirrorset-redhat-operator-index-0.yaml",
			"mirrors 09-imagedigestmirrorset-dummyregistry.yaml",
			"mirrors 10-imagedigestmirrorset-additional.yaml",
			"catalogs 11-operatorhub-cluster.yaml merge",
			"catalogs 12-catalogsource-redhat-operator-index.yaml",
			"catalogs 13-clustercatalog-redhat-operator-index.yaml",
			"nodes optional/kubeletconfig-edge-drayage-registry.yaml",
			"nodes optional/machineconfiguration-cluster.yaml merge",
			"mirrors optional/pinnedimageset-edge-drayage-4.9.0-x86-64.yaml",
		}},
		"registries of somebody else's": {"4.18", "registry: {plainHTTP: true, managed: false}\ncatalogs: {defaultSources: true, clusterCatalogs: false}\n", blogManifest(), []string{
			"nodes 01-image-cluster.yaml merge",
			"mirrors 02-imagedigestmirrorset-example.yaml",
			"mirrors 03-imagedigestmirrorset-registry.yaml",
			"mirrors 04-imagedigestmirrorset-redhat-operator-index-0.yaml",
			"mirrors 05-imagedigestmirrorset-dummyregistry.yaml",
			"catalogs 06-catalogsource-redhat-operator-index.yaml",
		}},
		"nothing": {"4.9", plainHTTP, &manifest.Manifest{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{Manifest: c.m, Site: siteOf(t, c.openshift, c.more), Server: server()}
			if in.Site.Registry.PlainHTTP {
				in.Server = access.Server{}
			}
			objects := all(t, in)
			if got := listed(objects); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if everything(t, objects) != everything(t, all(t, in)) {
				t.Error("two are not the same")
			}
			if strings.Contains(everything(t, objects), "secret") {
				t.Error("the password is in an object")
			}
		})
	}
}

// Keys and hashes stand in objects that are marked, and nowhere else.
func TestSecretsAreMarked(t *testing.T) {
	for _, o := range all(t, Input{Manifest: withTag(), Site: siteOf(t, "4.18", "registry: {auth: {user: puller}}\n"), Server: server()}) {
		text := everything(t, []Object{o})
		if has := strings.Contains(text, "KEY\n") || strings.Contains(text, "$2a$hash"); has != o.Secret {
			t.Errorf("%s: secret is %t", o.File, o.Secret)
		}
	}
}

func TestWarnings(t *testing.T) {
	noRegistry := withTag()
	noRegistry.Images = noRegistry.Images[1:]
	const tag = "quay.io/foo/bar:1: mirror rules hold for digests: pods get it only as quay.io/foo/bar@" + digestB
	for name, c := range map[string]struct {
		openshift, more string
		m               *manifest.Manifest
		want            []string
	}{
		"tags before 4.13":  {"4.12", plainHTTP, withTag(), []string{tag}},
		"tags from 4.13 on": {"4.13", plainHTTP, withTag(), nil},
		"policies on 4.14":  {"4.14", plainHTTP + "mirrors: icsp\n", withTag(), []string{tag}},
		"no registry image": {"4.13", plainHTTP, noRegistry, []string{
			"the bundle has no registry image, so no MachineConfig brings one to the nodes; `registry.managed: false` in the site says that this is meant"}},
		"no registry image, as is meant": {"4.13", "registry: {plainHTTP: true, managed: false}\n", noRegistry, nil},
		"other ports":                    {"4.13", "registry: {plainHTTP: true, port: 5001}\ncatalogHost: a.io\n", func() *manifest.Manifest { return withTag() }(), nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, got, err := All(Input{Manifest: c.m, Site: siteOf(t, c.openshift, c.more)})
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%v, got %q, want %q", err, got, c.want)
			}
		})
	}
	s := siteOf(t, "4.13", plainHTTP)
	s.Nodes[1].Address += ":5001"
	_, got, err := All(Input{Manifest: withTag(), Site: s})
	want := "one MachineConfig gives all nodes one port, and the registries of node2 are not on 5000, so none is made; `registry.managed: false` in the site says that this is meant"
	if err != nil || !slices.Equal(got, []string{want}) {
		t.Errorf("%v, got %q", err, got)
	}
}

func TestAllThatIsWrongIsReported(t *testing.T) {
	m := withTag()
	m.Images[0].Release = "x"
	m.Images = append(m.Images, manifest.Image{Name: "localhost:5000/release:1", Role: manifest.RoleRelease, Release: "4.20.0-x86_64", Descriptor: ocispec.Descriptor{Digest: digestB}})
	_, _, err := All(Input{Manifest: m, Site: siteOf(t, "4.20", "registry: {plainHTTP: true, image: 'quay.io/no/such:1'}\npinnedImages: true\n")})
	for _, want := range []string{
		"registry.image: quay.io/no/such:1: not in the bundle, which has quay.io/me/registry:2",
		"pinnedimageset master-drayage-4.20.0-x86-64: localhost:5000/release: ",
	} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}
