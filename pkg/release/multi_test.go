package release

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/oci"
)

// child is one image of a release's index.
type child struct {
	platform string // as the index has it; "" is none
	arch     string // as the image's config has it
	document []byte
}

// multi puts an index of images into memory.
func multi(t *testing.T, children ...child) (*oci.Content, ocispec.Descriptor) {
	t.Helper()
	all := oci.NewContent(nil)
	index := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, ch := range children {
		l := layer(t, "release-manifests/image-references", string(ch.document))
		d := imageIn(t, all, ch.arch, l)
		if os, arch, ok := strings.Cut(ch.platform, "/"); ok {
			d.Platform = &ocispec.Platform{OS: os, Architecture: arch}
		}
		index.Manifests = append(index.Manifests, d)
	}
	raw, err := json.Marshal(index)
	if err != nil {
		t.Fatal(err)
	}
	return all, ocispec.Descriptor{MediaType: index.MediaType, Digest: all.AddBlob(raw), Size: int64(len(raw))}
}

func TestReadMulti(t *testing.T) {
	doc := references("4.14.3", component("etcd", byDigest("e")), component("cli", byDigest("c")))
	again := references("4.14.3", component("cli", byDigest("c")), component("etcd", byDigest("e")))
	c, index := multi(t, child{"linux/s390x", "s390x", doc}, child{"linux/amd64", "amd64", again}, child{"unknown/unknown", "", nil}, child{"linux/arm64", "arm64", doc})
	r, err := Read(t.Context(), c, "release:1", oci.Root{Descriptor: index})
	if err != nil {
		t.Fatal(err)
	}
	if r.Name() != "4.14.3-multi" || len(r.Components) != 2 || !slices.Equal(r.Platforms, []string{"linux/amd64", "linux/arm64", "linux/s390x"}) {
		t.Errorf("got %s: %+v", r.Name(), r)
	}
	some, err := Read(t.Context(), c, "release:1", oci.Root{Descriptor: index, Platforms: []string{"linux/arm64"}})
	if err != nil || some.Name() != "4.14.3-multi" || !slices.Equal(some.Platforms, []string{"linux/arm64"}) {
		t.Errorf("of one platform: %+v, %v", some, err)
	}
}

func TestReadMultiRefuses(t *testing.T) {
	doc := references("4.14.3", component("etcd", byDigest("e")), component("cli", byDigest("c")))
	amd64, arm64 := child{"linux/amd64", "amd64", doc}, child{"linux/arm64", "arm64", doc}
	other := func(document []byte) []child { return []child{amd64, {"linux/arm64", "arm64", document}} }
	const differ = "release:1: its images for linux/amd64 and linux/arm64 differ: "
	var many []string
	for i := range 13 {
		many = append(many, component(fmt.Sprintf("c%02d", i), byDigest("x")))
	}
	cases := []struct {
		name      string
		children  []child
		platforms []string
		want      string
	}{
		{"one image", []child{amd64}, nil, "release:1: is no multi-architecture release: it is an index of 1 image (linux/amd64), want several"},
		{"one image and its attestation", []child{amd64, {"unknown/unknown", "", nil}}, nil, "release:1: is no multi-architecture release: it is an index of 1 image (linux/amd64), want several"},
		{"no image", nil, nil, "release:1: is no multi-architecture release: it is an index of 0 image (), want several"},
		{"another system", []child{amd64, {"windows/amd64", "amd64", doc}}, nil,
			`release:1: is no multi-architecture release: it has an image for "windows/amd64", want linux on amd64, arm64, ppc64le and s390x`},
		{"an architecture without releases", []child{amd64, {"linux/riscv64", "riscv64", doc}}, nil,
			`release:1: is no multi-architecture release: it has an image for "linux/riscv64", want linux on amd64, arm64, ppc64le and s390x`},
		{"an architecture as tags have it", []child{amd64, {"linux/aarch64", "arm64", doc}}, nil,
			`release:1: is no multi-architecture release: it has an image for "linux/aarch64", want linux on amd64, arm64, ppc64le and s390x`},
		{"two images for one platform", []child{amd64, {"linux/amd64", "amd64", references("4.14.3", component("x", byDigest("x")))}}, nil,
			"release:1: is no multi-architecture release: it has two images for linux/amd64"},
		{"a config for another platform", []child{amd64, {"linux/arm64", "s390x", doc}}, nil,
			"release:1: its image for linux/arm64 is one for linux/s390x"},
		{"a platform that is not there", []child{amd64, arm64}, []string{"linux/amd64", "linux/s390x"},
			"has no image for linux/s390x, only for linux/amd64, linux/arm64"},
		{"an image that is no release", other([]byte("{}")), nil, `release:1: its image for linux/arm64: release-manifests/image-references: is kind "" of "", want ImageStream of image.openshift.io/v1`},
		{"versions", other(references("4.14.4", component("etcd", byDigest("e")), component("cli", byDigest("c")))), nil, differ + "version 4.14.3 and 4.14.4"},
		{"components", other(references("4.14.3", component("etcd", byDigest("e")), component("oc", byDigest("c")))), nil,
			differ + "cli is in the first one only\n" + differ + "oc is in the second one only"},
		{"digests", other(references("4.14.3", component("etcd", byDigest("f")), component("cli", byDigest("c")))), nil,
			differ + "etcd is " + byDigest("e") + " and " + byDigest("f")},
		{"everything", other(references("4.14.3", many...)), nil, "release:1: and in 5 more ways"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			content, index := multi(t, c.children...)
			_, err := Read(t.Context(), content, "release:1", oci.Root{Descriptor: index, Platforms: c.platforms})
			if err == nil || !strings.HasPrefix(err.Error(), "release:1") || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestReadMultiRefusesWhatHasNoPlatform(t *testing.T) {
	doc := references("4.14.3", component("etcd", byDigest("e")))
	content, index := multi(t, child{"linux/amd64", "amd64", doc}, child{"", "arm64", doc})
	_, err := Read(t.Context(), content, "release:1", oci.Root{Descriptor: index})
	if err == nil || !strings.HasSuffix(err.Error(), " has no platform") {
		t.Errorf("got %v", err)
	}
}
