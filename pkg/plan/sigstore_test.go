package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// attach puts a sigstore attachment beside an image, as cosign does.
func (u *upstream) attach(repo string, signed digest.Digest) ocispec.Descriptor {
	u.t.Helper()
	payload := fmt.Appendf(nil, `{"critical":{"image":{"docker-manifest-digest":%q}}}`, signed)
	l := u.blob(repo, "application/vnd.dev.cosign.simplesigning.v1+json", payload)
	l.Annotations = map[string]string{"dev.cosignproject.cosign/signature": "MEUCIQ=="}
	return u.document(repo, attachmentTag(signed), ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: u.blob(repo, ocispec.MediaTypeImageConfig, []byte(`{"rootfs":{"type":"layers"}}`)), Layers: []ocispec.Descriptor{l},
	})
}

func attachmentTag(d digest.Digest) string { return manifest.Attachment("", d).Tag }

// heads notes the tags that are asked for by HEAD, under repository:tag.
func (u *upstream) heads() func() []string {
	var mu sync.Mutex
	var asked []string
	u.otherwise = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, strings.Replace(strings.TrimPrefix(r.URL.Path, "/v2/"), "/manifests/", ":", 1))
		}
		return false
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		slices.Sort(asked)
		return asked
	}
}

// signatures are the sigstore attachments of a plan, without the host.
func (u *upstream) signatures(m *manifest.Manifest) []string {
	var names []string
	for _, i := range m.Images {
		if i.Role == manifest.RoleSignature {
			names = append(names, strings.TrimPrefix(i.Name, u.host+"/"))
		}
	}
	return names
}

func (u *upstream) find(m *manifest.Manifest, role manifest.Role, repo string) ocispec.Descriptor {
	u.t.Helper()
	for _, i := range m.Images {
		if i.Role == role && strings.HasPrefix(i.Name, u.host+"/"+repo) {
			return i.Descriptor
		}
	}
	u.t.Fatalf("no %s of %s", role, repo)
	return ocispec.Descriptor{}
}

func TestAttachmentsTravelWhenTheSourceHasThem(t *testing.T) {
	u := stocked(t)
	m := u.make(everything).Manifest
	if got := u.signatures(m); len(got) > 0 {
		t.Fatalf("a source without any gives %v", got)
	}
	child := u.image("acme/multi", "", base(t), []byte("one"))
	signed := map[string]ocispec.Descriptor{
		"library/registry": u.find(m, manifest.RoleRegistry, "library/registry"),
		"release/ocp":      u.find(m, manifest.RoleRelease, "release/ocp"),
		"release/parts":    u.find(m, manifest.RoleComponent, "release/parts"),
		"acme/tool":        u.find(m, manifest.RoleOperator, "acme/tool:v1"),
		"acme/multi":       child, // of an index
	}
	var want []string
	for repo, d := range signed {
		u.attach(repo, d.Digest)
		want = append(want, repo+":"+attachmentTag(d.Digest))
	}
	slices.Sort(want)
	// Nobody wants this one: the pruned catalog has another digest.
	u.attach("redhat/index", m.Catalogs[0].Source)
	p := u.make(everything)
	if got := u.signatures(p.Manifest); !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	for _, i := range p.Manifest.Images {
		if i.Role != manifest.RoleSignature {
			continue
		}
		n := 0
		err := oci.Walk(root(i), p.Content.Manifest, func(l oci.Link) {
			n++
			r, err := p.Content.Open(t.Context(), l.Descriptor)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(r)
			if r.Close(); err != nil || digest.FromBytes(raw) != l.Descriptor.Digest {
				t.Errorf("%s: %s: %v", i.Name, l.Descriptor.Digest, err)
			}
			if !slices.ContainsFunc(p.Manifest.Blobs, func(b ocispec.Descriptor) bool { return b.Digest == l.Descriptor.Digest }) {
				t.Errorf("%s: %s is not among the blobs", i.Name, l.Descriptor.Digest)
			}
		})
		if err != nil || n != 3 {
			t.Errorf("%s: %d pieces, %v; want manifest, config and layer", i.Name, n, err)
		}
	}
	if a, b := encoded(t, p.Manifest), encoded(t, u.make(everything).Manifest); a != b {
		t.Error("the same again differs")
	}
}

// One question for each manifest of each repository, whoever shares it: the
// index and its children too, the catalog not.
func TestEachManifestIsAskedForOnce(t *testing.T) {
	u := newUpstream(t)
	u.image("library/registry", "3", []byte("registry"))
	shared := u.image("release/parts", "", []byte("shared"))
	r := u.image("release/ocp", "4.9.0-x86_64", layer(t, "release-manifests/image-references",
		fmt.Sprintf(references, u.host, shared.Digest, shared.Digest)))
	multi := u.index("acme/multi", "v1", u.image("acme/multi", "", []byte("one")), u.image("acme/multi", "", []byte("two")))
	asked := u.heads()
	p := u.make(strings.ReplaceAll(`
apiVersion: mirror.openshift.io/v2alpha1
kind: ImageSetConfiguration
mirror:
  platform: {release: HOST/release/ocp:4.9.0-x86_64}
  additionalImages: [{name: HOST/acme/multi:v1}, {name: "HOST/release/parts@DIGEST"}]
`, "DIGEST", shared.Digest.String()))
	var want []string
	for _, d := range []struct {
		repo string
		d    digest.Digest
	}{
		{"library/registry", u.find(p.Manifest, manifest.RoleRegistry, "library/registry").Digest}, {"release/parts", shared.Digest}, {"release/ocp", r.Digest},
		{"acme/multi", multi.Digest}, {"acme/multi", u.image("acme/multi", "", []byte("one")).Digest}, {"acme/multi", u.image("acme/multi", "", []byte("two")).Digest},
	} {
		want = append(want, d.repo+":"+attachmentTag(d.d))
	}
	slices.Sort(want)
	if got := asked(); !slices.Equal(got, want) {
		t.Errorf("asked for\n%q\nwant\n%q", got, want)
	}
}

func TestSourceThatDoesNotSayWhetherThereIsAnAttachment(t *testing.T) {
	u := stocked(t)
	ill := func(w http.ResponseWriter, r *http.Request) bool {
		is := strings.HasSuffix(r.URL.Path, ".sig")
		if is {
			w.WriteHeader(http.StatusForbidden)
		}
		return is
	}
	u.otherwise = ill
	_, err := Make(t.Context(), u.imageset(everything), u.source(), u.options())
	attached := (*manifest.AttachmentError)(nil)
	if !errors.As(err, &attached) || oci.NotFound(err) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{
		"etcd of 4.9.0-x86_64: sigstore attachment: " + u.host + "/release/parts:sha256-",
		u.host + "/acme/multi:v1: sigstore attachment: ",
		".sig: 403 Forbidden",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("want %s in:\n%v", want, err)
		}
	}
	o := u.options()
	o.SkipSigstore = true
	if p, err := Make(t.Context(), u.imageset(everything), u.source(), o); err != nil || len(u.signatures(p.Manifest)) > 0 {
		t.Errorf("skipped: %v", err)
	}
}

// A registry that is ill is not asked hundreds of times.
func TestAfterSomeErrorsNoMoreIsAsked(t *testing.T) {
	u := newUpstream(t)
	u.image("library/registry", "3", []byte("registry"))
	text := "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  additionalImages:\n"
	for i := range 60 {
		u.image("acme/many", fmt.Sprint("v", i), fmt.Append(nil, i))
		text += fmt.Sprintf("  - name: HOST/acme/many:v%d\n", i)
	}
	var mu sync.Mutex
	asked := 0
	u.otherwise = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodHead {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		asked++
		w.WriteHeader(http.StatusForbidden)
		return true
	}
	_, err := Make(t.Context(), u.imageset(text), u.source(), u.options())
	if err == nil {
		t.Fatal("planned")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 11 || lines[10] != "sigstore attachments: no more were asked for" || asked > 20 {
		t.Errorf("asked %d times, got\n%v", asked, err)
	}
}

func TestWhatIsNoAttachment(t *testing.T) {
	config := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromString("c"), Size: 1}
	image := func(layers ...int64) ocispec.Manifest {
		m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Config: config}
		for i, size := range layers {
			m.Layers = append(m.Layers, ocispec.Descriptor{MediaType: "x/y", Digest: digest.FromString(fmt.Sprint(i)), Size: size})
		}
		return m
	}
	docker := image()
	docker.MediaType = "application/vnd.docker.distribution.manifest.v2+json"
	for name, c := range map[string]struct {
		mediaType string
		document  any
		want      string
	}{
		"an index": {ocispec.MediaTypeImageIndex, ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex},
			`media type "application/vnd.oci.image.index.v1+json", want application/vnd.oci.image.manifest.v1+json`},
		"Docker's":        {docker.MediaType, docker, `media type "application/vnd.docker.distribution.manifest.v2+json", want`},
		"huge":            {ocispec.MediaTypeImageManifest, image(100 << 30), "more than 16777216 bytes, which no signature has"},
		"huge in all":     {ocispec.MediaTypeImageManifest, image(10<<20, 10<<20), "more than 16777216 bytes, which no signature has"},
		"beyond 64 bits":  {ocispec.MediaTypeImageManifest, image(1<<63-1, 1<<63-1, 1<<63-1), "more than 16777216 bytes, which no signature has"},
		"a negative size": {ocispec.MediaTypeImageManifest, image(-1), "size -1"},
		"something else":  {"application/vnd.test", map[string]any{"schemaVersion": 2}, `media type "application/vnd.test" is neither`},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t)
			u.image("library/registry", "3", []byte("registry"))
			d := u.image("acme/tool", "v1", []byte("tool"))
			u.served("acme/tool", attachmentTag(d.Digest), c.mediaType, c.document)
			_, err := Make(t.Context(), u.imageset("apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror: {additionalImages: [{name: HOST/acme/tool:v1}]}\n"), u.source(), u.options())
			if err == nil || !strings.HasPrefix(err.Error(), u.host+"/acme/tool:v1: sigstore attachment: "+u.host+"/acme/tool:"+attachmentTag(d.Digest)+": ") ||
				!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// served puts a document under a tag that a real registry would not take.
func (u *upstream) served(repo, tag, mediaType string, v any) {
	u.t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		u.t.Fatal(err)
	}
	d := digest.FromBytes(raw)
	u.otherwise = func(w http.ResponseWriter, r *http.Request) bool {
		if p := "/v2/" + repo + "/manifests/"; r.URL.Path != p+tag && r.URL.Path != p+d.String() {
			return false
		}
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Docker-Content-Digest", d.String())
		w.Write(raw)
		return true
	}
}

func TestBlockedImagesHaveNoAttachments(t *testing.T) {
	u := stocked(t)
	m := u.make(everything).Manifest
	etcd := u.find(m, manifest.RoleComponent, "release/parts")
	tool := u.find(m, manifest.RoleOperator, "acme/tool:v1")
	u.attach("release/parts", etcd.Digest)
	u.attach("acme/tool", tool.Digest)
	for name, c := range map[string]struct {
		pattern string
		want    string // the one that is left
		images  int    // of the other roles
		warning string
	}{
		"an image":      {"acme/tool:v1", "release/parts:", len(m.Images) - 1, "acme/tool:v1 does not travel: blocked by"},
		"an attachment": {"release/parts:sha256-" + etcd.Digest.Encoded(), "acme/tool:", len(m.Images), ".sig is not asked for: blocked by"},
	} {
		t.Run(name, func(t *testing.T) {
			p := u.make(everything + "  blockedImages:\n  - name: " + c.pattern + "\n")
			got := u.signatures(p.Manifest)
			if len(got) != 1 || !strings.HasPrefix(got[0], c.want) || len(p.Manifest.Images) != c.images+1 {
				t.Errorf("%d images, signatures %v", len(p.Manifest.Images), got)
			}
			if !slices.ContainsFunc(p.Warnings, func(s string) bool { return strings.Contains(s, c.warning) }) {
				t.Errorf("warnings %q", p.Warnings)
			}
		})
	}
}

func TestPinAsksForNoNewAttachments(t *testing.T) {
	u := stocked(t)
	m := u.make(everything).Manifest
	u.attach("release/ocp", u.find(m, manifest.RoleRelease, "release/ocp").Digest)
	want := encoded(t, u.make(everything).Manifest)
	saved, err := manifest.Decode([]byte(want))
	if err != nil {
		t.Fatal(err)
	}
	// Signed since: another one, and the same one again.
	u.attach("acme/tool", u.find(m, manifest.RoleOperator, "acme/tool:v1").Digest)
	u.image("release/ocp", attachmentTag(u.find(m, manifest.RoleRelease, "release/ocp").Digest), []byte("signed again"))
	asked := u.heads()
	p, err := Pin(t.Context(), saved, u.source(), u.options())
	if err != nil {
		t.Fatal(err)
	}
	if got := encoded(t, p.Manifest); got != want {
		t.Errorf("pinned\n%s\nplanned was\n%s", got, want)
	}
	if got := asked(); len(got) > 0 {
		t.Errorf("asked for %q", got)
	}
}

func TestReleasesThatClustersWillRefuse(t *testing.T) {
	const repo = "quay.io/openshift-release-dev/ocp-release"
	d := digest.FromString("release")
	for _, c := range []struct {
		name, release string
		attached      bool
		want          bool
	}{
		{repo, "4.20.9-x86_64", false, false},
		{repo, "4.21.0-x86_64", false, true},
		{repo, "4.21.0-x86_64", true, false},
		{repo, "4.22.0-rc.1-aarch64", false, true},
		{repo, "5.0.0-x86_64", false, true},
		{"quay.io/okd/scos-release", "4.21.0-okd-scos.1-x86_64", false, false},
		{repo, "nightly", false, false},
	} {
		m := &manifest.Manifest{Images: []manifest.Image{{
			Name: c.name + ":" + c.release, Role: manifest.RoleRelease, Release: c.release, Descriptor: ocispec.Descriptor{Digest: d},
		}}}
		if c.attached {
			m.Images = append(m.Images, manifest.Image{Name: manifest.Attachment(repo, d).String(), Role: manifest.RoleSignature})
		}
		got := unattached(m)
		if (len(got) == 1) != c.want || len(got) > 1 {
			t.Errorf("%s:%s, attached %t: %q", c.name, c.release, c.attached, got)
		}
	}
}
