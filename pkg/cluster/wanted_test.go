package cluster

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const conf = `unqualified-search-registries = ["registry.access.redhat.com", "docker.io"]
[[registry]]
  prefix = ""
  location = "localhost:5000"
  insecure = true
[[registry]]
  prefix = ""
  location = "quay.io/a/release"
  [[registry.mirror]]
    location = "bastion:5000/x"
    pull-from-mirror = "digest-only"
  [[registry.mirror]]
    location = "localhost:5000/ocp4/openshift"
    pull-from-mirror = "digest-only"
  [[registry.mirror]]
    location = "10.0.0.1:5000/ocp4/openshift"
`

func renderedWith(t *testing.T, text, unit string) *unstructured.Unstructured {
	u := parse(t, machine)
	u.Object["spec"].(map[string]any)["config"].(map[string]any)["systemd"] = map[string]any{"units": []any{map[string]any{"name": "registry.service", "contents": unit}, map[string]any{"name": "other.service"}}}
	storage := u.Object["spec"].(map[string]any)["config"].(map[string]any)["storage"].(map[string]any)
	storage["files"] = append(storage["files"].([]any), map[string]any{"path": registriesPath, "contents": map[string]any{"source": "data:text/plain;charset=utf-8;base64," + base64.StdEncoding.EncodeToString([]byte(text))}})
	return u
}

func TestWhatARenderedConfigurationHolds(t *testing.T) {
	never := strings.Replace(idms, "source:", "mirrorSourcePolicy: NeverContactSource, source:", 1)
	cases := []struct {
		name          string
		conf, unit    string
		objects, miss []string
	}{
		{"all", conf, "[Unit]", []string{machine, idms, image, caMap}, nil},
		{"an older unit", conf, "[Unit] old", []string{machine, idms}, []string{"unit registry.service"}},
		{"mirrors in another order", strings.NewReplacer("localhost:5000/ocp4", "10.0.0.1:5000/ocp4", "10.0.0.1:5000/ocp4", "localhost:5000/ocp4").Replace(conf), "[Unit]", []string{idms}, []string{"mirrors of quay.io/a/release"}},
		{"a mirror less", strings.Replace(conf, "10.0.0.1", "10.0.0.9", 1), "[Unit]", []string{idms}, []string{"mirrors of quay.io/a/release"}},
		{"not insecure", strings.Replace(conf, "insecure = true", "", 1), "[Unit]", []string{image}, []string{"insecure registry localhost:5000"}},
		{"a source that is to be blocked", conf, "[Unit]", []string{never}, []string{"mirrors of quay.io/a/release"}},
		{"a blocked source", strings.Replace(conf, `"quay.io/a/release"`, `"quay.io/a/release"`+"\nblocked = true", 1), "[Unit]", []string{never}, nil},
		{"another source", conf, "[Unit]", []string{itms}, []string{"mirrors of quay.io/a/tags"}},
		{"no TOML", "[[", "[Unit]", []string{machine}, nil},
		{"a configuration for workers", conf, "other", []string{strings.Replace(machine, "role: master", "role: worker", 1)}, nil},
		{"a kubelet's configuration", conf, "[Unit]", []string{"{apiVersion: machineconfiguration.openshift.io/v1, kind: KubeletConfig, metadata: {name: k}}"}, []string{"configuration 99-master-generated-kubelet"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w, err := wantedOf(objects(t, c.objects...))
			if err != nil {
				t.Fatal(err)
			}
			if got := w.missing(renderedWith(t, c.conf, c.unit), []string{"99-master-registry"}); !slices.Equal(got, c.miss) {
				t.Errorf("missing %q, want %q", got, c.miss)
			}
		})
	}
	w, _ := wantedOf(objects(t, idms))
	if got := w.missing(renderedWith(t, "[[", ""), nil); len(got) != 1 || !strings.HasPrefix(got[0], "readable "+registriesPath) {
		t.Errorf("%q", got)
	}
}

func TestFilesOfAConfiguration(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write([]byte("a b\n"))
	w.Close()
	b64 := base64.StdEncoding.EncodeToString
	cases := []struct{ name, source, compression, want, err string }{
		{"percent", "data:," + url.PathEscape("a b\n"), "", "a b\n", ""},
		{"base64", "data:;base64," + b64([]byte("a b\n")), "", "a b\n", ""},
		{"plus is no blank", "data:,a+b", "", "a+b", ""},
		{"gzip", "data:;base64," + b64(z.Bytes()), "gzip", "a b\n", ""},
		{"elsewhere", "https://x/y", "", "https://x/y", ""},
		{"no comma", "data:", "", "", "without a comma"},
		{"bad base64", "data:;base64,*", "", "", "illegal base64"},
		{"bad escape", "data:,%zz", "", "", "invalid URL escape"},
		{"no gzip", "data:,x", "gzip", "", "EOF"},
	}
	for _, c := range cases {
		raw, err := fileContent(c.source, c.compression)
		if string(raw) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q %v", c.name, raw, err)
		}
	}
	var bomb bytes.Buffer
	w = gzip.NewWriter(&bomb)
	_, _ = w.Write(make([]byte, maxFile+1))
	w.Close()
	if _, err := fileContent("data:;base64,"+b64(bomb.Bytes()), "gzip"); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("%v", err)
	}
}
