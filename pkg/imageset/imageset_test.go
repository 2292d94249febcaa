package imageset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"drayage/internal/strictyaml"
)

// head is three lines long: what follows it begins in line 4.
const head = "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n"

const someDigest = "sha256:d262a12de33125907e0b75a5ea34301dd27c4a6bde8295f6b922411f07623e61"

const whole = head + `
  platform:
    graph: false
    architectures: [amd64]
    channels:
    - name: stable-4.12
      type: ocp
      minVersion: 4.12.0
      maxVersion: 4.12.0
      shortestPath: false
  operators:
  - catalog: registry.redhat.io/redhat/redhat-operator-index:v4.12
    packages:
    - name: local-storage-operator
    - name: 3scale-operator
  - catalog: registry.redhat.io/redhat/redhat-operator-index:v4.11
    full: true
    targetTag: ""
  additionalImages:
  - name: registry:2
  - name: quay.io/example/registry@` + someDigest + `
  helm: {}
archiveSize: 0
`

func TestDecode(t *testing.T) {
	got, err := Decode("imageset.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{APIVersion: APIVersion, Kind: Kind, Mirror: Mirror{
		Platform: Platform{
			Architectures: []string{"amd64"},
			Channels:      []Channel{{Name: "stable-4.12", MinVersion: "4.12.0", MaxVersion: "4.12.0", Type: "ocp"}},
		},
		Operators: []Operator{
			{Catalog: "registry.redhat.io/redhat/redhat-operator-index:v4.12", Packages: []Package{{Name: "local-storage-operator"}, {Name: "3scale-operator"}}},
			{Catalog: "registry.redhat.io/redhat/redhat-operator-index:v4.11", Full: true},
		},
		AdditionalImages: []Image{{Name: "registry:2"}, {Name: "quay.io/example/registry@" + someDigest}},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestAnyOneThingIsEnough(t *testing.T) {
	for name, text := range map[string]string{
		"a release by tag":                   "  platform: {release: 'quay.io/openshift-release-dev/ocp-release:4.12.0-x86_64'}\n",
		"a release by digest":                "  platform: {release: 'mirror.example.com:5000/ocp@" + someDigest + "'}\n",
		"a release with its architecture":    "  platform: {architectures: [arm64], release: 'quay.io/openshift-release-dev/ocp-release:4.12.0-aarch64'}\n",
		"a release under a tag of one's own": "  platform: {architectures: [arm64], release: 'example.com/ocp:mine'}\n",
		"a channel":                          "  platform: {channels: [{name: stable-4.17, minVersion: 4.17.0-rc.1, maxVersion: 4.17.0-rc.1}]}\n",
		"a package":                          "  operators: [{catalog: 'example.com/index:v1', packages: [{name: a}]}]\n",
		"every bundle of a package":          "  operators: [{catalog: 'example.com/index:v1', full: true, packages: [{name: a}]}]\n",
		"a whole catalog":                    "  operators: [{catalog: 'example.com/index@" + someDigest + "', full: true}]\n",
		"an additional image":                "  additionalImages: [{name: 'registry:2'}]\n",
		"one image in two tags":              "  additionalImages: [{name: 'registry:2'}, {name: 'registry:2.8'}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Decode("imageset.yaml", []byte(head+text)); err != nil {
				t.Error(err)
			}
		})
	}
}

const (
	image          = "  additionalImages: [{name: 'registry:2'}]\n"
	oneVersionOnly = "minVersion: 4.12.0, maxVersion: 4.12.0"
)

// badImageSets holds, for each bad image set, all that there is to say about it.
var badImageSets = map[string]struct{ text, want string }{
	"nothing at all": {"", "x.yaml: document is empty"},
	"no header": {"mirror:\n" + image,
		"x.yaml: apiVersion: missing, want mirror.openshift.io/v2alpha1\nx.yaml: kind: missing, want ImageSetConfiguration"},
	"oc-mirror v1": {"kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v1alpha2\nstorageConfig:\n  local: {path: ./x}\nmirror:\n" + image,
		`x.yaml:2: apiVersion: "mirror.openshift.io/v1alpha2" is the format of oc-mirror v1, want mirror.openshift.io/v2alpha1: convert the file to v2 first` +
			"\nx.yaml:3: storageConfig: not supported yet: it belongs to oc-mirror v1"},
	"another version": {"kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v2\nmirror:\n" + image,
		`x.yaml:2: apiVersion: "mirror.openshift.io/v2", want mirror.openshift.io/v2alpha1`},
	"another kind": {"apiVersion: mirror.openshift.io/v2alpha1\nkind: DeleteImageSetConfiguration\ndelete:\n  platform: {}\nmirror:\n" + image,
		`x.yaml:2: kind: "DeleteImageSetConfiguration", want ImageSetConfiguration` +
			"\nx.yaml:3: delete: not supported yet: it belongs to a DeleteImageSetConfiguration"},
	"asks for nothing": {head,
		"x.yaml:3: mirror: asks for nothing: want a platform.release, platform.channels, platform.graph, operators or additionalImages"},
	"only an architecture": {head + "  platform: {architectures: [amd64]}\n",
		"x.yaml:3: mirror: asks for nothing: want a platform.release, platform.channels, platform.graph, operators or additionalImages"},
	"no mirror": {"apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\n",
		"x.yaml: mirror: asks for nothing: want a platform.release, platform.channels, platform.graph, operators or additionalImages"},
	"unknown key": {head + "  platform:\n    chanels:\n    - {name: stable-4.12}\n",
		"x.yaml:5: mirror.platform.chanels: unknown key (did you mean channels?)"},

	"x86_64": {head + image + "  platform: {architectures: [x86_64]}\n",
		`x.yaml:5: mirror.platform.architectures[0]: "x86_64" is called amd64 here`},
	"aarch64": {head + image + "  platform:\n    architectures:\n    - aarch64\n",
		`x.yaml:7: mirror.platform.architectures[0]: "aarch64" is called arm64 here`},
	"unknown architecture": {head + image + "  platform: {architectures: [riscv64]}\n",
		`x.yaml:5: mirror.platform.architectures[0]: "riscv64", want amd64, arm64, ppc64le, s390x or multi`},

	"release and channel": {head + "  platform:\n    release: example.com/ocp:4.12.0-x86_64\n    channels: [{name: a, " + oneVersionOnly + "}]\n",
		"x.yaml:6: mirror.platform.channels: release is given too, want one of the two"},
	"release without a tag": {head + "  platform: {release: example.com/ocp}\n",
		`x.yaml:4: mirror.platform.release: "example.com/ocp": has neither a tag nor a digest`},
	"release that is no reference": {head + "  platform: {release: 'Example.com/OCP:1'}\n",
		`x.yaml:4: mirror.platform.release: "Example.com/OCP:1": invalid reference format: repository name (OCP) must be lowercase`},
	"release for another architecture": {head + "  platform:\n    release: example.com/ocp:4.12.0-x86_64\n    architectures: [arm64]\n",
		"x.yaml:5: mirror.platform.release: the tag 4.12.0-x86_64 is one for amd64, but architectures asks for \"arm64\""},
	"channel without a name": {head + "  platform:\n    channels:\n    - {" + oneVersionOnly + "}\n",
		"x.yaml:6: mirror.platform.channels[0].name: missing"},
	"version without a patch": {head + "  platform:\n    channels:\n    - name: stable-4.12\n      minVersion: '4.12'\n      maxVersion: v4.12.0\n",
		`x.yaml:7: mirror.platform.channels[0].minVersion: "4.12" is no full version like 4.12.0` +
			"\nx.yaml:8: mirror.platform.channels[0].maxVersion: \"v4.12.0\" is no full version like 4.12.0"},
	"version that is a number": {head + "  platform:\n    channels:\n    - name: stable-4.12\n      minVersion: 4.10\n      maxVersion: 4.10.0\n",
		`x.yaml:7: mirror.platform.channels[0].minVersion: want a string, found the number 4.10: put it in quotes, "4.10"`},
	"okd": {head + "  platform:\n    channels: [{name: a, type: okd, " + oneVersionOnly + "}]\n",
		`x.yaml:5: mirror.platform.channels[0].type: not supported yet: "okd", want ocp`},

	"catalog missing": {head + "  operators:\n  - packages: [{name: a}]\n",
		"x.yaml:5: mirror.operators[0].catalog: missing"},
	"catalog without a tag": {head + "  operators:\n  - full: true\n    catalog: example.com/index\n",
		`x.yaml:6: mirror.operators[0].catalog: "example.com/index": has neither a tag nor a digest`},
	"catalog in a folder": {head + "  operators:\n  - full: true\n    catalog: oci:///tmp/index\n",
		`x.yaml:6: mirror.operators[0].catalog: "oci:///tmp/index": the transport "oci" is not supported yet, want an image in a registry`},
	"catalog twice": {head + "  operators:\n  - {catalog: 'a/index:v1', full: true}\n  - {catalog: 'docker.io/a/index:v1', full: true}\n",
		"x.yaml:6: mirror.operators[1].catalog: docker.io/a/index:v1 is given twice, first in line 5"},
	"catalog without packages": {head + "  operators:\n  - catalog: example.com/index:v1\n",
		"x.yaml:5: mirror.operators[0].packages: missing: name the packages to keep, or set full: true for the whole catalog"},
	"package without a name": {head + "  operators:\n  - catalog: example.com/index:v1\n    packages:\n    - {}\n",
		"x.yaml:7: mirror.operators[0].packages[0].name: missing"},
	"package twice": {head + "  operators:\n  - catalog: example.com/index:v1\n    packages:\n    - name: a\n    - name: b\n    - name: a\n",
		`x.yaml:9: mirror.operators[0].packages[2].name: "a", the same as packages[0]`},
	"package that is a path": {head + "  operators:\n  - catalog: example.com/index:v1\n    packages: [{name: ../a}]\n",
		`x.yaml:6: mirror.operators[0].packages[0].name: "../a" is no package name: letters, digits and inner dots, dashes and underscores`},

	"image missing": {head + "  additionalImages:\n  - name:\n",
		"x.yaml:5: mirror.additionalImages[0].name: missing"},
	"image twice": {head + "  additionalImages:\n  - name: registry:2\n  - name: docker.io/library/registry:2\n",
		"x.yaml:6: mirror.additionalImages[1].name: docker.io/library/registry:2 is given twice, first in line 5"},
	"image with docker://": {head + "  additionalImages:\n  - name: docker://registry:2\n",
		"x.yaml:5: mirror.additionalImages[0].name: docker:// is no part of a reference here: leave it out"},
	"image with a huge name": {head + "  additionalImages:\n  - name: " + strings.Repeat("a", 600) + "\n",
		"x.yaml:5: mirror.additionalImages[0].name: 600 bytes, at most 512 make a reference"},
	"image as a word": {head + "  additionalImages:\n  - registry:2\n",
		`x.yaml:5: mirror.additionalImages[0]: want a mapping, found "registry:2"`},

	"everything at once": {head + "  platform:\n    kubeVirtContainer: true\n    architectures: [x86_64]\n  operators:\n  - catalog: example.com/index\n    skipDependencies: true\n  additionalImages:\n  - nme: a\n  - name: a:b:c\n",
		"x.yaml:5: mirror.platform.kubeVirtContainer: not supported yet: name the image under additionalImages\n" +
			`x.yaml:6: mirror.platform.architectures[0]: "x86_64" is called amd64 here` + "\n" +
			`x.yaml:8: mirror.operators[0].catalog: "example.com/index": has neither a tag nor a digest` + "\n" +
			"x.yaml:9: mirror.operators[0].skipDependencies: not supported yet\n" +
			"x.yaml:11: mirror.additionalImages[0].nme: unknown key (did you mean name?)\n" +
			`x.yaml:12: mirror.additionalImages[1].name: "a:b:c": invalid reference format`},
}

func TestBadImageSets(t *testing.T) {
	for name, c := range badImageSets {
		t.Run(name, func(t *testing.T) {
			cfg, err := Decode("x.yaml", []byte(c.text))
			if got := fmt.Sprint(err); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if cfg != nil {
				t.Errorf("there is a config beside the error: %+v", cfg)
			}
		})
	}
}

// TestEveryUnsupportedFieldIsRefused is about the fields of oc-mirror's v2alpha1,
// one by one, so that none can be lost from the list.
func TestEveryUnsupportedFieldIsRefused(t *testing.T) {
	const channel = "  platform:\n    channels:\n    - name: stable-4.12\n      minVersion: 4.12.0\n      maxVersion: 4.12.0\n"
	const operator = "  operators:\n  - catalog: example.com/index:v1\n"
	const pkg = operator + "    packages:\n    - name: a\n"
	const image = "  additionalImages:\n  - name: registry:2\n"
	for _, c := range []struct{ before, line, path string }{
		{image, "archiveSize: 4", "archiveSize"},
		{image, "storageConfig: {registry: {imageURL: a}}", "storageConfig"},
		{image, "delete: {operators: []}", "delete"},
		{image, "  helm: {repositories: [{name: a, url: b}]}", "mirror.helm"},
		{image, "  samples: [{name: a}]", "mirror.samples"},
		{channel, "    kubeVirtContainer: true", "mirror.platform.kubeVirtContainer"},
		{operator + "    full: true\n", "    targetName: a", "mirror.operators[0].targetName"},
		{operator + "    full: true\n", "    targetCatalogSourceTemplate: /a", "mirror.operators[0].targetCatalogSourceTemplate"},
		{operator + "    full: true\n", "    skipDependencies: true", "mirror.operators[0].skipDependencies"},
		{operator + "    full: true\n", "    skipDeps: true", "mirror.operators[0].skipDeps"},
		{operator + "    full: true\n", "    originalRef: a", "mirror.operators[0].originalRef"},
		{pkg, "      minBundle: a.v1", "mirror.operators[0].packages[0].minBundle"},
		{pkg, "      bundles: [{name: a.v1}]", "mirror.operators[0].packages[0].bundles"},
		{pkg, "      selectedBundles: [{name: a.v1}]", "mirror.operators[0].packages[0].selectedBundles"},
	} {
		t.Run(c.path, func(t *testing.T) {
			text := head + c.before + c.line + "\n"
			want := fmt.Sprintf("x.yaml:%d: %s: not supported yet", strings.Count(text, "\n"), c.path)
			_, err := Decode("x.yaml", []byte(text))
			got := fmt.Sprint(err)
			if got != want && !strings.HasPrefix(got, want+": ") || strings.Contains(got, "\n") {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestReadNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	for path, text := range map[string]string{good: whole, bad: "kind: 1\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := Read(good); err != nil || len(c.Mirror.Operators) != 2 {
		t.Errorf("%+v, %v", c, err)
	}
	_, err := Read(bad)
	var f *strictyaml.Finding
	if !errors.As(err, &f) || f.File != bad || f.Line != 1 {
		t.Errorf("finding is %+v of %v", f, err)
	}
	if _, err := Read(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want that the file does not exist", err)
	}
	if err := os.WriteFile(bad, []byte(whole+strings.Repeat("#", strictyaml.MaxSize)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(bad); fmt.Sprint(err) != bad+": more than 1048576 bytes, which is the most that is read" {
		t.Errorf("%v", err)
	}
}

func TestReleaseRef(t *testing.T) {
	channel := []Channel{{Name: "stable-4.12", MinVersion: "4.12.0", MaxVersion: "4.12.0"}}
	for _, c := range []struct {
		platform Platform
		want     string // "" when no release is asked for
	}{
		{Platform{}, ""},
		{Platform{Architectures: []string{"arm64"}}, ""},
		{Platform{Release: "not a reference"}, ""},
		{Platform{Release: "quay.io/okd/scos-release:4.15"}, "quay.io/okd/scos-release:4.15"},
		{Platform{Release: "ocp@" + someDigest, Architectures: []string{"arm64"}}, "docker.io/library/ocp@" + someDigest},
		{Platform{Channels: channel}, "quay.io/openshift-release-dev/ocp-release:4.12.0-x86_64"},
		{Platform{Channels: channel, Architectures: []string{"amd64"}}, "quay.io/openshift-release-dev/ocp-release:4.12.0-x86_64"},
		{Platform{Channels: channel, Architectures: []string{"arm64"}}, "quay.io/openshift-release-dev/ocp-release:4.12.0-aarch64"},
		{Platform{Channels: channel, Architectures: []string{"ppc64le"}}, "quay.io/openshift-release-dev/ocp-release:4.12.0-ppc64le"},
		{Platform{Channels: channel, Architectures: []string{"s390x"}}, "quay.io/openshift-release-dev/ocp-release:4.12.0-s390x"},
		{Platform{Channels: channel, Architectures: []string{"multi"}}, "quay.io/openshift-release-dev/ocp-release:4.12.0-multi"},
	} {
		ref, ok := (&Config{Mirror: Mirror{Platform: c.platform}}).ReleaseRef()
		if ok != (c.want != "") || ok && ref.String() != c.want {
			t.Errorf("%+v: %s, %t; want %q", c.platform, ref, ok, c.want)
		}
	}
}

func TestArchitectures(t *testing.T) {
	if got := (&Config{}).Architectures(); !slices.Equal(got, []string{"amd64"}) {
		t.Errorf("%s, want amd64", got)
	}
	c := &Config{Mirror: Mirror{Platform: Platform{Architectures: []string{"s390x", "multi"}}}}
	if got := c.Architectures(); !slices.Equal(got, []string{"s390x", "multi"}) {
		t.Errorf("%s, want s390x and multi", got)
	}
}

// FuzzDecode looks for input that makes the decoder panic or say nothing: there
// is always either a config that asks for something or an error, and the same
// one each time.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		"", whole, head, "- a\n", "a: &a [*a]\n", "? {a: b}\n: c\n", "kind: !!binary x\n", "kind: !!int x\n",
		"mirror: !!map [a]\n", "mirror: {platform: {graph: !!float x}}\n", "---\n...\n---\n", "%TAG ! x\n--- !a\n", "\xff", "a: |\n b\n",
	} {
		f.Add([]byte(text))
	}
	for _, s := range switches {
		f.Add([]byte(head + s.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, notYet := range []table{unsupported, withoutAny()} {
			c, err := decode("x.yaml", data, notYet)
			if (c == nil) == (err == nil) {
				t.Fatalf("%+v, %v", c, err)
			}
			if again, twice := decode("x.yaml", data, notYet); !reflect.DeepEqual(c, again) || fmt.Sprint(err) != fmt.Sprint(twice) {
				t.Fatalf("read twice: %+v, %v and %+v, %v", c, err, again, twice)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\x00\x1b\r") {
				t.Fatalf("error with control characters: %q", err)
			}
			if c != nil {
				c.ReleaseRef()
				c.Blocklist().Match("a:1")
			}
		}
	})
}
