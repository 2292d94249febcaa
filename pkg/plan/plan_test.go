package plan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/catalog"
	"drayage/pkg/imageset"
	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

const references = `{"kind":"ImageStream","apiVersion":"image.openshift.io/v1","metadata":{"name":"4.9.0"},"spec":{"tags":[
	{"name":"etcd","from":{"kind":"DockerImage","name":"%[1]s/release/parts@%[2]s"}},
	{"name":"cli","from":{"kind":"DockerImage","name":"%[1]s/release/parts@%[3]s"}}]}}`

const fbc = `{"schema":"olm.package","name":"tool","defaultChannel":"stable"}
{"schema":"olm.channel","package":"tool","name":"stable","entries":[{"name":"tool.v1.1.0","replaces":"tool.v1.0.0"},{"name":"tool.v1.0.0"}]}
{"schema":"olm.bundle","package":"tool","name":"tool.v1.0.0","image":"%[1]s/acme/tool-bundle@%[2]s","properties":[{"type":"olm.package","value":{"packageName":"tool","version":"1.0.0"}}]}
{"schema":"olm.bundle","package":"tool","name":"tool.v1.1.0","image":"%[1]s/acme/tool-bundle@%[2]s","properties":[{"type":"olm.package","value":{"packageName":"tool","version":"1.1.0"}}],"relatedImages":[{"name":"operand","image":"%[1]s/acme/tool:v1"}]}
{"schema":"olm.package","name":"other","defaultChannel":"stable"}
`

// base is the lowest layer of almost all images here.
func base(t *testing.T) []byte { return layer(t, "etc/os-release", "base") }

// stocked has a release, a catalog, an index and a registry image.
func stocked(t *testing.T) *upstream {
	t.Helper()
	u := newUpstream(t)
	u.image("library/registry", "3", base(t), []byte("registry"))
	etcd := u.image("release/parts", "", base(t), []byte("etcd"))
	cli := u.image("release/parts", "", base(t), []byte("cli"))
	u.image("release/ocp", "4.9.0-x86_64", base(t),
		layer(t, "release-manifests/image-references", fmt.Sprintf(references, u.host, etcd.Digest, cli.Digest)))
	bundleImage := u.image("acme/tool-bundle", "", []byte("manifests"))
	u.image("acme/tool", "v1", base(t), []byte("tool"))
	labels := ocispec.ImageConfig{Labels: map[string]string{"operators.operatorframework.io.index.configs.v1": "/configs"}}
	u.configured("redhat/index", "v4.9", ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}, Config: labels},
		base(t), layer(t, "configs/tool/catalog.json", fmt.Sprintf(fbc, u.host, bundleImage.Digest)))
	u.index("acme/multi", "v1", u.image("acme/multi", "", base(t), []byte("one")), u.image("acme/multi", "", base(t), []byte("two")))
	return u
}

const everything = `
apiVersion: mirror.openshift.io/v2alpha1
kind: ImageSetConfiguration
mirror:
  platform: {release: HOST/release/ocp:4.9.0-x86_64}
  operators:
  - catalog: HOST/redhat/index:v4.9
    packages: [{name: tool}]
  additionalImages:
  - name: HOST/acme/multi:v1
`

func (u *upstream) imageset(text string) *imageset.Config {
	u.t.Helper()
	cfg, err := imageset.Decode("imageset.yaml", []byte(strings.ReplaceAll(text, "HOST", u.host)))
	if err != nil {
		u.t.Fatal(err)
	}
	return cfg
}

func (u *upstream) options() Options {
	return Options{RegistryImage: u.host + "/library/registry:3", Jobs: 4, Signatures: SignatureOptions{Skip: true}}
}

func (u *upstream) make(text string) *Plan {
	u.t.Helper()
	p, err := Make(u.t.Context(), u.imageset(text), u.source(), u.options())
	if err != nil {
		u.t.Fatal(err)
	}
	return p
}

func encoded(t *testing.T, m *manifest.Manifest) string {
	t.Helper()
	raw, err := manifest.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestMakePlansAllThatIsAskedFor(t *testing.T) {
	u := stocked(t)
	p := u.make(everything)
	var got []string
	for _, i := range p.Manifest.Images {
		name := strings.TrimPrefix(i.Name, u.host+"/")
		if at := strings.IndexByte(name, '@'); at >= 0 {
			name = name[:at]
		}
		got = append(got, strings.TrimRight(fmt.Sprintf("%s %s %s %s", i.Role, name, i.Release, i.Component), " "))
	}
	want := []string{
		"registry library/registry:3",
		"release release/ocp:4.9.0-x86_64 4.9.0-x86_64",
		"component release/parts 4.9.0-x86_64 cli",
		"component release/parts 4.9.0-x86_64 etcd",
		"catalog redhat/index:v4.9",
		"operator acme/tool-bundle",
		"operator acme/tool:v1",
		"additional acme/multi:v1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	c := p.Manifest.Catalogs
	if len(c) != 1 || !slices.Equal(c[0].Platforms, []string{"linux/amd64"}) || len(c[0].Packages) != 1 || !slices.Equal(c[0].Packages[0].Channels[0].Bundles, []string{"tool.v1.1.0"}) {
		t.Errorf("catalogs %+v", c)
	}
}

// Every blob of the plan can be had, and is what the plan says.
func TestPlannedContentCanBeHad(t *testing.T) {
	u := stocked(t)
	p := u.make(everything)
	owners := p.Owners()
	for _, d := range p.Manifest.Blobs {
		r, err := p.Content.Open(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		r.Close()
		if err != nil || digest.FromBytes(raw) != d.Digest || int64(len(raw)) != d.Size {
			t.Errorf("%s: %d bytes, want %d, %v", d.Digest, len(raw), d.Size, err)
		}
		if len(owners[d.Digest]) == 0 {
			t.Errorf("%s: nobody needs it", d.Digest)
		}
	}
	if got := owners[digest.FromBytes(base(t))]; len(got) != 7 || !slices.IsSorted(got) {
		t.Errorf("base is needed by %q", got)
	}
}

// A plan costs manifests, and the few blobs that have to be read; those are
// fetched once, for the plan and for the bundle.
func TestOnlyWhatHasToBeReadIsFetched(t *testing.T) {
	u := stocked(t)
	p := u.make(everything)
	for _, text := range []string{"registry", "etcd", "cli", "tool", "manifests", "one", "two"} {
		for _, repo := range []string{"library/registry", "release/parts", "acme/tool", "acme/tool-bundle", "acme/multi"} {
			if n := u.fetched(repo, digest.FromString(text)); n > 0 {
				t.Errorf("the layer %s of %s was fetched %d times", text, repo, n)
			}
		}
	}
	for _, d := range p.Manifest.Blobs {
		r, err := p.Content.Open(t.Context(), d)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
			r.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	blobs := map[string]int{}
	for path, n := range u.got {
		if _, d, ok := strings.Cut(path, "/blobs/"); ok {
			blobs[d] += n
		}
	}
	for d, n := range blobs {
		if n != 1 {
			t.Errorf("%s was fetched %d times", d, n)
		}
	}
}

func TestSamePlanTwice(t *testing.T) {
	u := stocked(t)
	if a, b := encoded(t, u.make(everything).Manifest), encoded(t, u.make(everything).Manifest); a != b {
		t.Errorf("got\n%s\nand then\n%s", a, b)
	}
}

func TestPinGivesWhatWasPlanned(t *testing.T) {
	u := stocked(t)
	planned := u.make(everything).Manifest
	want := encoded(t, planned)
	// The tags point elsewhere since.
	u.image("acme/multi", "v1", []byte("newer"))
	u.image("redhat/index", "v4.9", []byte("newer"))
	u.image("release/ocp", "4.9.0-x86_64", []byte("newer"))
	saved, err := manifest.Decode([]byte(want))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Pin(t.Context(), saved, u.source(), u.options())
	if err != nil {
		t.Fatal(err)
	}
	if got := encoded(t, p.Manifest); got != want {
		t.Errorf("pinned\n%s\nplanned was\n%s", got, want)
	}
	for _, d := range p.Manifest.Blobs {
		r, err := p.Content.Open(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if r.Close(); err != nil || digest.FromBytes(raw) != d.Digest {
			t.Errorf("%s: %v", d.Digest, err)
		}
	}
}

func TestPinRefusesWhatDiffers(t *testing.T) {
	u := stocked(t)
	planned := encoded(t, u.make(everything).Manifest)
	cases := []struct {
		name  string
		spoil func(*manifest.Manifest)
		want  string
	}{
		{"other sizes", func(m *manifest.Manifest) { m.Images[0].Bytes++ }, "plan: sizes or blobs differ from what the images have"},
		{"a blob less", func(m *manifest.Manifest) { m.Blobs = m.Blobs[:len(m.Blobs)-1] }, "plan: sizes or blobs differ from what the images have"},
		{"another selection", func(m *manifest.Manifest) {
			m.Catalogs[0].Packages[0].Channels[0].Bundles = []string{"tool.v1.0.0", "tool.v1.1.0"}
		},
			"the plan was made by another version of this program"},
		{"an image that is gone", func(m *manifest.Manifest) {
			d := digest.FromString("gone")
			m.Images[7].Descriptor.Digest = d
		}, "404"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := manifest.Decode([]byte(planned))
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(m)
			p, err := Pin(t.Context(), m, u.source(), u.options())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %+v, %v, want %s", p, err, c.want)
			}
		})
	}
}

func TestAllThatCannotBeHadIsReported(t *testing.T) {
	u := stocked(t)
	cfg := u.imageset(`
apiVersion: mirror.openshift.io/v2alpha1
kind: ImageSetConfiguration
mirror:
  platform: {release: HOST/release/gone:4.9.0-x86_64}
  operators:
  - catalog: HOST/redhat/gone:v4.9
    packages: [{name: tool}]
  - catalog: HOST/redhat/index:v4.9
    packages: [{name: gone}]
  additionalImages:
  - name: HOST/acme/gone:v1
  - name: HOST/acme/gone:v2
`)
	_, err := Make(t.Context(), cfg, u.source(), Options{RegistryImage: u.host + "/library/gone:3"})
	if err == nil {
		t.Fatal("planned")
	}
	for _, want := range []string{"library/gone:3: ", "release/gone:4.9.0-x86_64: ", "redhat/gone:v4.9: ", "redhat/index:v4.9: ", "acme/gone:v1: ", "acme/gone:v2: "} {
		if !strings.Contains(err.Error(), u.host+"/"+want) {
			t.Errorf("want %s in:\n%v", want, err)
		}
	}
	if !oci.NotFound(err) {
		t.Errorf("the answer is lost: %v", err)
	}
}

func TestComponentThatCannotBeHadIsNamed(t *testing.T) {
	u := newUpstream(t)
	u.image("library/registry", "3", []byte("registry"))
	etcd := u.image("release/parts", "", []byte("etcd"))
	u.image("release/ocp", "4.9.0-x86_64", layer(t, "release-manifests/image-references",
		fmt.Sprintf(references, u.host, etcd.Digest, digest.FromString("gone"))))
	cfg := u.imageset("apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror: {platform: {release: HOST/release/ocp:4.9.0-x86_64}}\n")
	_, err := Make(t.Context(), cfg, u.source(), u.options())
	if want := "release/parts@" + digest.FromString("gone").String(); err == nil || !strings.Contains(err.Error(), want) || !oci.NotFound(err) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestReleaseForAnotherArchitecture(t *testing.T) {
	u := stocked(t)
	etcd := u.image("release/parts", "", []byte("etcd"))
	u.configured("release/ocp", "mine", ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: "arm64"}},
		layer(t, "release-manifests/image-references", fmt.Sprintf(references, u.host, etcd.Digest, etcd.Digest)))
	const text = "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror: {platform: {architectures: [amd64], release: HOST/release/ocp:mine}}\n"
	_, err := Make(t.Context(), u.imageset(text), u.source(), u.options())
	if err == nil || !strings.Contains(err.Error(), "is a release for arm64, the image set asks for amd64") {
		t.Errorf("got %v", err)
	}
	p := u.make(strings.Replace(text, "architectures: [amd64], ", "", 1))
	if i := p.Manifest.Images[1]; i.Release != "4.9.0-aarch64" {
		t.Errorf("got %+v", i)
	}
}

func TestCancelledPlan(t *testing.T) {
	u := stocked(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Make(ctx, u.imageset(everything), u.source(), u.options()); err != context.Canceled {
		t.Errorf("Make: %v", err)
	}
	m := u.make(everything).Manifest
	if _, err := Pin(ctx, m, u.source(), u.options()); !errors.Is(err, context.Canceled) {
		t.Errorf("Pin: %v", err)
	}
}

// Two spellings of one name in a catalog are one image.
func TestRelatedImagesAreListedOnce(t *testing.T) {
	p := newPlanner(nil, Options{})
	cat := manifest.Ref{Repository: "quay.io/redhat/index", Tag: "v4.9"}
	err := p.related(cat, &catalog.Pruned{Images: []string{"acme/tool:v1", "docker.io/acme/tool:v1", "quay.io/acme/tool:v1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range p.list.Images {
		got = append(got, i.Name)
	}
	if want := []string{"docker.io/acme/tool:v1", "quay.io/acme/tool:v1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	err = p.related(cat, &catalog.Pruned{Images: []string{"quay.io/acme/tool", "UPPER:1"}}, nil)
	want := `quay.io/redhat/index:v4.9: names the image "quay.io/acme/tool": has neither a tag nor a digest`
	if err == nil || !strings.HasPrefix(err.Error(), want+"\n") || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("got %v", err)
	}
}

func TestSummaryIsShortAndSorted(t *testing.T) {
	var errs []error
	for i := range 14 {
		errs = append(errs, fmt.Errorf("image %02d", 13-i))
	}
	lines := strings.Split(summary(errs).Error(), "\n")
	if len(lines) != 11 || lines[0] != "image 00" || lines[9] != "image 09" || lines[10] != "and 4 images more" {
		t.Errorf("got %q", lines)
	}
	if err := summary(nil); err != nil {
		t.Errorf("nothing is %v", err)
	}
	if got := summary(errs[:10]).Error(); strings.Contains(got, "more") {
		t.Errorf("ten are all: %s", got)
	}
}

func TestGoArchitecture(t *testing.T) {
	for tag, want := range map[string]string{"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x"} {
		if got := goArchitecture(tag); got != want {
			t.Errorf("%s: got %s, want %s", tag, got, want)
		}
	}
}
