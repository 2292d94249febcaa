package node

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"sigs.k8s.io/yaml"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func siteOf(t *testing.T, more string) *site.Site {
	t.Helper()
	text := "apiVersion: drayage/v1alpha1\nkind: Site\nnodes: [{name: node1, address: 10.0.0.1}]\n" + more
	if !strings.Contains(more, "openshift:") {
		text += "openshift: \"4.17\"\n"
	}
	s, err := site.Decode("site.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func image(name string) manifest.Image {
	return manifest.Image{Name: name, Role: manifest.RoleRegistry, Descriptor: ocispec.Descriptor{Digest: digestA}}
}

func plain(t *testing.T) Input {
	return Input{Site: siteOf(t, "registry: {plainHTTP: true}\n"), Image: image("quay.io/me/registry:2")}
}

func guarded(t *testing.T) Input {
	return Input{
		Site: siteOf(t, "registry: {port: 5443, memory: 2G, storage: /var/srv/registry, readOnly: true}\n"), Image: image("quay.io/me/registry:3.1.2"),
		Certificate: []byte("CERT"), Key: []byte("KEY"), HTPasswd: []byte("puller:hash\n"),
	}
}

const plainUnit = `[Unit]
Description=Registry of this node, for the cluster's images
Documentation=https://distribution.github.io/distribution/
Wants=crio-wipe.service
After=crio-wipe.service
Before=crio.service kubelet.service
RequiresMountsFor=/var/local-registry /var/lib/containers
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
Environment=PODMAN_SYSTEMD_UNIT=%n
ExecStartPre=/usr/bin/mkdir -p /var/local-registry
ExecStartPre=/usr/local/bin/drayage-registry load
ExecStartPre=/usr/bin/rm -f %t/%n.ctr-id
ExecStart=/usr/bin/podman run --cidfile=%t/%n.ctr-id --cgroups=no-conmon --rm --replace --sdnotify=conmon -d --pull=never --net=host --name=drayage-registry --log-driver=journald --security-opt=label=disable --memory=1024m -e GOMEMLIMIT=768MiB -e OTEL_TRACES_EXPORTER=none -v /var/local-registry:/var/lib/registry -v /etc/drayage-registry:/etc/docker/registry:ro quay.io/me/registry@` + digestA + ` serve /etc/docker/registry/config.yml
ExecStartPost=/usr/local/bin/drayage-registry ready
ExecStop=/usr/bin/podman stop --ignore -t 10 --cidfile=%t/%n.ctr-id
ExecStopPost=/usr/bin/podman rm -f --ignore --cidfile=%t/%n.ctr-id
Restart=always
RestartSec=10
TimeoutStartSec=600
TimeoutStopSec=70

[Install]
WantedBy=multi-user.target
`

func TestUnit(t *testing.T) {
	got, err := UnitText(plain(t))
	if err != nil || got != plainUnit {
		t.Errorf("%v, got:\n%s", err, got)
	}
	got, err = UnitText(guarded(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"RequiresMountsFor=/var/srv/registry ", "--memory=2048m -e GOMEMLIMIT=1536MiB ", " -v /var/srv/registry:/var/lib/registry ",
		" -v /etc/drayage-registry:/etc/distribution:ro quay.io/me/registry@" + digestA + " serve /etc/distribution/config.yml\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "@STORAGE@") || strings.Contains(got, "Requires=") {
		t.Errorf("got:\n%s", got)
	}
}

// systemd finds unknown keys and missing programs, in a root of stubs.
func TestSystemdTakesTheUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not here")
	}
	root := t.TempDir()
	stub := func(path, text string, mode os.FileMode) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, program := range []string{"/usr/bin/podman", "/usr/bin/mkdir", "/usr/bin/rm", Script} {
		stub(program, "#!/bin/sh\n", 0o755)
	}
	for _, target := range []string{"sysinit", "basic", "multi-user", "shutdown"} {
		stub("/usr/lib/systemd/system/"+target+".target", "[Unit]\nDescription=stub\n", 0o644)
	}
	for name, in := range map[string]Input{"plain": plain(t), "guarded": guarded(t)} {
		text, err := UnitText(in)
		if err != nil {
			t.Fatal(err)
		}
		stub("/etc/systemd/system/"+Unit, text, 0o644)
		out, err := exec.Command("systemd-analyze", "verify", "--man=no", "--root="+root, Unit).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		stub("/etc/systemd/system/"+Unit, strings.Replace(text, "Before=", "Befor=", 1), 0o644)
		if out, _ := exec.Command("systemd-analyze", "verify", "--man=no", "--root="+root, Unit).CombinedOutput(); !strings.Contains(string(out), "Befor") {
			t.Errorf("%s: a misspelt key is not found: %s", name, out)
		}
	}
}

const plainConfig = `version: 0.1
log:
  accesslog:
    disabled: true
  level: warn
  fields:
    service: registry
storage:
  filesystem:
    rootdirectory: /var/lib/registry
  delete:
    enabled: false
http:
  addr: 0.0.0.0:5000
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
`

const guardedConfig = `version: 0.1
log:
  accesslog:
    disabled: true
  level: warn
  fields:
    service: registry
storage:
  filesystem:
    rootdirectory: /var/lib/registry
  delete:
    enabled: false
  maintenance:
    uploadpurging:
      enabled: false
    readonly:
      enabled: true
http:
  addr: 0.0.0.0:5443
  tls:
    certificate: /etc/distribution/tls.crt
    key: /etc/distribution/tls.key
auth:
  htpasswd:
    realm: registry
    path: /etc/distribution/htpasswd
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
validation:
  manifests:
    indexes:
      platforms: none
`

func TestFiles(t *testing.T) {
	for name, c := range map[string]struct {
		in     Input
		config string
		want   []string
	}{
		"plain": {plain(t), plainConfig, []string{"/etc/drayage-registry/config.yml 644", "/usr/local/bin/drayage-registry 755"}},
		"guarded": {guarded(t), guardedConfig, []string{"/etc/drayage-registry/config.yml 644", "/etc/drayage-registry/htpasswd 600",
			"/etc/drayage-registry/tls.crt 644", "/etc/drayage-registry/tls.key 600", "/usr/local/bin/drayage-registry 755"}},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := Files(c.in)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range files {
				got = append(got, fmt.Sprintf("%s %o", f.Path, f.Mode))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if string(files[0].Content) != c.config {
				t.Errorf("got:\n%s", files[0].Content)
			}
		})
	}
}

func TestDistributionFollowsTheTagUnlessTheSiteSays(t *testing.T) {
	for _, c := range []struct {
		name, site string
		want       int
	}{
		{"docker.io/library/registry:2", "", 2},
		{"docker.io/library/registry:2.8.3", "", 2},
		{"docker.io/library/registry:v2-alpine", "", 2},
		{"docker.io/library/registry:3", "", 3},
		{"docker.io/library/registry:3.1.2", "", 3},
		{"docker.io/library/registry:20", "", 3},
		{"docker.io/library/registry:latest", "", 3},
		{"quay.io/me/registry@" + digestA, "", 3},
		{"quay.io/me/registry@" + digestA, "registry: {distribution: 2}\n", 2},
		{"docker.io/library/registry:2", "registry: {distribution: 3}\n", 3},
	} {
		if got := Distribution(siteOf(t, c.site), image(c.name)); got != c.want {
			t.Errorf("%s, %q: %d, want %d", c.name, c.site, got, c.want)
		}
	}
}

func TestChooseImage(t *testing.T) {
	one, two := image("docker.io/library/registry:2"), image("docker.io/library/registry:3")
	two.Descriptor.Digest = digestB
	other := image("quay.io/a/b:1")
	other.Role = manifest.RoleAdditional
	for name, c := range map[string]struct {
		images []manifest.Image
		want   string // of the site
		got    string
		err    string
	}{
		"the only one":     {[]manifest.Image{other, one}, "", one.Name, "<nil>"},
		"none":             {[]manifest.Image{other}, "", "", "<nil>"},
		"two":              {[]manifest.Image{one, two}, "", "", "registry.image: which one? the bundle has docker.io/library/registry:2, docker.io/library/registry:3"},
		"by name":          {[]manifest.Image{one, two}, "docker.io/library/registry:3", two.Name, "<nil>"},
		"by a short name":  {[]manifest.Image{one, two}, "registry:2", one.Name, "<nil>"},
		"by digest":        {[]manifest.Image{one, two}, digestB, two.Name, "<nil>"},
		"of another role":  {[]manifest.Image{one, other}, other.Name, "", "registry.image: quay.io/a/b:1: not in the bundle, which has docker.io/library/registry:2"},
		"of an empty list": {nil, digestB, "", "registry.image: " + digestB + ": the bundle has no registry image"},
	} {
		t.Run(name, func(t *testing.T) {
			s := siteOf(t, "registry: {image: '"+c.want+"'}\n")
			got, ok, err := ChooseImage(&manifest.Manifest{Images: c.images}, s)
			if got.Name != c.got || ok != (c.got != "") || fmt.Sprint(err) != c.err {
				t.Errorf("got %q, %t, %v", got.Name, ok, err)
			}
		})
	}
}

func TestMachineConfigHoldsTheFilesAndTheUnit(t *testing.T) {
	in := guarded(t)
	in.Site.Pool = "edge"
	raw, err := MachineConfig(in)
	if err != nil {
		t.Fatal(err)
	}
	var mc machineConfig
	if err := yaml.UnmarshalStrict(raw, &mc); err != nil {
		t.Fatal(err)
	}
	if mc.Metadata.Name != "99-edge-drayage-registry" || mc.Metadata.Labels["machineconfiguration.openshift.io/role"] != "edge" || mc.Spec.Config.Ignition.Version != "3.2.0" {
		t.Errorf("got:\n%s", raw)
	}
	files, err := Files(in)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range mc.Spec.Config.Storage.Files {
		content, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(f.Contents.Source, "data:;base64,"))
		if err != nil || f.Path != files[i].Path || f.Mode != files[i].Mode || string(content) != string(files[i].Content) || !f.Overwrite {
			t.Errorf("%s: %v, %q", f.Path, err, content)
		}
	}
	text, err := UnitText(in)
	if units := mc.Spec.Config.Systemd.Units; err != nil || len(units) != 1 || units[0] != (ignitionUnit{text, true, Unit}) || len(mc.Spec.Config.Storage.Files) != len(files) {
		t.Errorf("units %+v, %v", units, err)
	}
	if again, err := MachineConfig(in); err != nil || string(again) != string(raw) {
		t.Error("two are not the same")
	}
}

func TestAMachineConfigThatIsTooLargeIsRefused(t *testing.T) {
	in := guarded(t)
	in.HTPasswd = make([]byte, MaxMachineConfig)
	_, err := MachineConfig(in)
	if err == nil || !strings.HasPrefix(err.Error(), "machineconfig 99-master-drayage-registry: ") || !strings.HasSuffix(err.Error(), " bytes, at most 524288 fit into a cluster") {
		t.Errorf("got %v", err)
	}
}

func TestPinnedImageSet(t *testing.T) {
	s := siteOf(t, "openshift: \"4.20\"\npinnedImages: true\n")
	release := func(name, version string, d digest.Digest) manifest.Image {
		return manifest.Image{Name: name, Role: manifest.RoleRelease, Release: version, Descriptor: ocispec.Descriptor{Digest: d}}
	}
	m := &manifest.Manifest{Images: []manifest.Image{
		release("quay.io/openshift-release-dev/ocp-release:4.20.1-x86_64", "4.20.1-x86_64", digestA),
		release("quay.io/openshift-release-dev/ocp-v4.0-art-dev@"+digestB, "4.20.1-x86_64", digestB),
		release("quay.io/openshift-release-dev/ocp-v4.0-art-dev@"+digestB, "4.20.1-x86_64", digestB),
		release("quay.io/openshift-release-dev/ocp-v4.0-art-dev@"+digestA, "4.20.2-x86_64", digestA),
		release("localhost:5000/a/b@"+digestA, "4.20.3-x86_64", digestA),
	}}
	name, raw, err := PinnedImageSet(m, s, "4.20.1-x86_64")
	want := `apiVersion: machineconfiguration.openshift.io/v1
kind: PinnedImageSet
metadata:
  labels:
    machineconfiguration.openshift.io/role: master
  name: master-drayage-4.20.1-x86-64
spec:
  pinnedImages:
  - name: quay.io/openshift-release-dev/ocp-release@` + digestA + `
  - name: quay.io/openshift-release-dev/ocp-v4.0-art-dev@` + digestB + "\n"
	if err != nil || name != "master-drayage-4.20.1-x86-64" || string(raw) != want {
		t.Errorf("%v, got:\n%s", err, raw)
	}
	_, _, err = PinnedImageSet(m, s, "4.20.3-x86_64")
	if want := "pinnedimageset master-drayage-4.20.3-x86-64: localhost:5000/a/b: the cluster takes host.domain/namespace/name only"; fmt.Sprint(err) != want {
		t.Errorf("got %v", err)
	}
	for i := range MaxPinned + 1 {
		m.Images = append(m.Images, release(fmt.Sprintf("quay.io/a/b%d:1", i), "x", digestA))
	}
	if _, _, err := PinnedImageSet(m, s, "x"); err == nil || !strings.Contains(err.Error(), "501 images, the cluster takes at most 500") {
		t.Errorf("got %v", err)
	}
}

func TestKubeletConfig(t *testing.T) {
	for more, want := range map[string]string{
		"": "",
		"kubeletConfig: {autoSizing: true}\n": "spec:\n  autoSizingReserved: true\n" +
			"  machineConfigPoolSelector:\n    matchLabels:\n      pools.operator.machineconfiguration.openshift.io/master: \"\"\n",
		"kubeletConfig: {systemReserved: {memory: 2Gi, ephemeralStorage: 100Gi}}\n": "spec:\n  kubeletConfig:\n    systemReserved:\n" +
			"      ephemeral-storage: 100Gi\n      memory: 2Gi\n" +
			"  machineConfigPoolSelector:\n    matchLabels:\n      pools.operator.machineconfiguration.openshift.io/master: \"\"\n",
	} {
		raw, err := KubeletConfig(siteOf(t, more))
		_, spec, _ := strings.Cut(string(raw), "name: master-drayage-registry\n")
		if err != nil || spec != want {
			t.Errorf("%q: %v, got:\n%s", more, err, raw)
		}
	}
}

// A file without a policy makes a node start anew.
func TestDisruptionPolicyHasEveryFile(t *testing.T) {
	raw, err := DisruptionPolicy(guarded(t))
	if err != nil {
		t.Fatal(err)
	}
	files, err := Files(guarded(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.Contains(string(raw), "path: "+f.Path+"\n") {
			t.Errorf("no policy for %s:\n%s", f.Path, raw)
		}
	}
	if !strings.Contains(string(raw), "- type: DaemonReload\n      - restart:\n          serviceName: drayage-registry.service\n        type: Restart\n      name: drayage-registry.service\n") {
		t.Errorf("no policy for the unit:\n%s", raw)
	}
}
