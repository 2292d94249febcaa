package manifest

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

func TestAttachmentIsNamedAsCosignNamesIt(t *testing.T) {
	d := digest.FromString("x")
	ref := Attachment("quay.io/a/b", d)
	if want := "quay.io/a/b:sha256-" + d.Encoded() + ".sig"; ref.String() != want {
		t.Errorf("got %s, want %s", ref, want)
	}
	again, err := ParseRef(ref.String())
	if err != nil {
		t.Fatal(err)
	}
	if signed, ok := again.Signed(); !ok || signed != d {
		t.Errorf("is about %s, %t, want %s", signed, ok, d)
	}
}

func TestWhatIsNoAttachment(t *testing.T) {
	hex := digest.FromString("x").Encoded()
	for _, r := range []Ref{
		{Tag: "v1"}, {Tag: "sha256-.sig"}, {Tag: "sha256-" + hex}, {Tag: hex + ".sig"}, {Tag: "sha256-" + hex + ".att"},
		{Tag: "sha256-" + hex[1:] + ".sig"}, {Tag: "sha256-" + strings.ToUpper(hex) + ".sig"}, {Digest: digest.FromString("x")},
		{Tag: "sha256-" + hex + ".sig", Digest: digest.FromString("x")},
	} {
		if signed, ok := r.Signed(); ok {
			t.Errorf("%+v is about %s", r, signed)
		}
	}
}

// attached is whole, and the etcd image has an attachment.
func attached() *Manifest {
	m := whole()
	sig := blob("sig")
	m.Blobs = append(m.Blobs, sig)
	m.Images = append(m.Images, Image{
		Name: Attachment(componentRepo, digest.FromString("etcd")).String(), Role: RoleSignature, Descriptor: sig, Bytes: 400,
	})
	return m
}

func TestValidateLooksAtAttachments(t *testing.T) {
	gone := digest.FromString("gone")
	name := Attachment(componentRepo, digest.FromString("etcd")).String()
	cases := []struct {
		name  string
		spoil func(*Manifest, *Image)
		want  string
	}{
		{"nothing", func(*Manifest, *Image) {}, ""},
		{"as large as may be", func(_ *Manifest, i *Image) { i.Bytes = MaxAttachment }, ""},
		{"too large", func(_ *Manifest, i *Image) { i.Bytes = MaxAttachment + 1 },
			name + ": 16777217 bytes, a sigstore attachment has at most 16777216"},
		{"another tag", func(_ *Manifest, i *Image) { i.Name = componentRepo + ":v1" },
			componentRepo + ":v1: a sigstore attachment has a tag sha256-<hex>.sig and no digest"},
		{"a digest", func(_ *Manifest, i *Image) { i.Name += "@" + i.Descriptor.Digest.String() },
			name + "@" + digest.FromString("sig").String() + ": a sigstore attachment has a tag sha256-<hex>.sig and no digest"},
		{"of what does not travel", func(_ *Manifest, i *Image) { i.Name = Attachment(componentRepo, gone).String() },
			Attachment(componentRepo, gone).String() + ": is about " + gone.String() + ", which is not among the blobs"},
		{"of another repository", func(_ *Manifest, i *Image) { i.Name = Attachment("quay.io/a/b", digest.FromString("etcd")).String() },
			Attachment("quay.io/a/b", digest.FromString("etcd")).String() + ": no image of quay.io/a/b travels"},
		{"of a catalog", func(_ *Manifest, i *Image) {
			i.Name = Attachment("registry.redhat.io/redhat/redhat-operator-index", digest.FromString("catalog")).String()
		}, Attachment("registry.redhat.io/redhat/redhat-operator-index", digest.FromString("catalog")).String() +
			": no image of registry.redhat.io/redhat/redhat-operator-index travels"},
		{"an index", func(m *Manifest, i *Image) {
			i.Descriptor.MediaType = "application/vnd.oci.image.index.v1+json"
		}, name + `: media type "application/vnd.oci.image.index.v1+json", want application/vnd.oci.image.manifest.v1+json`},
		{"before what it is about", func(m *Manifest, i *Image) {
			m.Images[5], m.Images[6] = m.Images[6], m.Images[5]
		}, "quay.io/acme/extra:v1: out of order"},
		{"with a release", func(_ *Manifest, i *Image) { i.Release = "4.9.0-x86_64" },
			name + ": a release and its components say which release they are, nothing else does"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := attached()
			c.spoil(m, &m.Images[6])
			got, want := "", ""
			if err := m.Validate(); err != nil {
				got = err.Error()
			}
			if c.want != "" {
				want = "packing list: image " + c.want
			}
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
