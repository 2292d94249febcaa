package mirror

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
)

// typed is an image with a media type, which says whether it can have children.
func typed(mediaType string, i manifest.Image) manifest.Image {
	i.Descriptor.MediaType = mediaType
	return i
}

func attachment(repository string, signed digest.Digest) manifest.Image {
	return image(manifest.RoleSignature, manifest.Attachment(repository, signed).String(), digestB)
}

func TestAttachmentStandsBesideWhatItSigns(t *testing.T) {
	const (
		oci   = ocispec.MediaTypeImageManifest
		index = ocispec.MediaTypeImageIndex
		tool  = "quay.io/acme/tool"
	)
	tag := ":sha256-" + digest.Digest(digestA).Encoded() + ".sig"
	moved := image(manifest.RoleAdditional, tool+":v2", digestA)
	moved.TargetRepository, moved.TargetTag = "apps/tool", "stable"
	parent := moved
	parent.Descriptor.Digest = digestB
	for name, c := range map[string]struct {
		signature manifest.Image
		images    []manifest.Image
		want      []string
	}{
		"a component": {attachment(ocpArt, digestA), []manifest.Image{
			typed(dockerManifest, component(ocpArt+"@"+digestA, "4.9.0-x86_64", "etcd")),
			typed(dockerManifest, component(ocpArt+"@"+digestA, "4.9.0-x86_64", "also-etcd")),
			typed(dockerManifest, component(ocpArt+"@"+digestB, "4.9.0-x86_64", "cli")),
		}, []string{"ocp4/openshift"}},
		"an operator's and an additional one": {attachment(tool, digestA), []manifest.Image{
			typed(oci, operator(tool+"@"+digestA, redhatIndex)),
			typed(oci, image(manifest.RoleAdditional, tool+":v1", digestA)),
		}, []string{"acme/tool", "olm-mirror/acme-tool"}},
		"where the image set says": {attachment(tool, digestA), []manifest.Image{
			typed(oci, moved),
			typed(oci, image(manifest.RoleAdditional, tool+":v1", digestB)),
		}, []string{"apps/tool"}},
		"a child of an index": {attachment(tool, digestA), []manifest.Image{
			typed(index, parent),
			typed(oci, operator(tool+"@"+digestB, redhatIndex)),
		}, []string{"apps/tool"}},
		"an image, and maybe a child too": {attachment(tool, digestA), []manifest.Image{
			typed(index, image(manifest.RoleAdditional, tool+":v1", digestB)),
			typed(oci, operator(tool+"@"+digestA, redhatIndex)),
		}, []string{"acme/tool", "olm-mirror/acme-tool"}},
		"nobody knows where": {attachment(tool, digestA), []manifest.Image{
			typed(oci, image(manifest.RoleAdditional, tool+":v1", digestB)),
			typed(oci, operator(tool+"@"+digestB, redhatIndex)),
		}, []string{"acme/tool", "olm-mirror/acme-tool"}},
		"not where another source has the digest": {attachment(tool, digestA), []manifest.Image{
			typed(oci, image(manifest.RoleAdditional, tool+":v1", digestA)),
			typed(oci, image(manifest.RoleAdditional, "quay.io/other/tool:v1", digestA)),
		}, []string{"acme/tool"}},
		"not in a catalog's repository": {attachment("registry.redhat.io/redhat/redhat-operator-index", digestA), []manifest.Image{
			typed(index, image(manifest.RoleCatalog, redhatIndex, digestA)),
			typed(oci, image(manifest.RoleAdditional, "registry.redhat.io/redhat/redhat-operator-index@"+digestA, "")),
		}, []string{"redhat/redhat-operator-index"}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				got, err := Placements(&manifest.Manifest{Images: append(slices.Clone(c.images), c.signature)}, blogRepositories)
				if err != nil {
					t.Fatal(err)
				}
				var places []string
				for _, p := range got {
					if p.Image.Role == manifest.RoleSignature {
						places = append(places, p.name())
					}
				}
				var want []string
				for _, repository := range c.want {
					want = append(want, repository+tag)
				}
				if !slices.Equal(places, want) {
					t.Errorf("stands at %v, want %v", places, want)
				}
				slices.Reverse(c.images)
			}
		})
	}
}

// Two sources that share a repository on the node may have signed one digest
// each for itself; one tag cannot hold both.
func TestAttachmentsThatWantOnePlace(t *testing.T) {
	one, other := attachment("quay.io/acme/tool", digestA), attachment("registry.redhat.io/acme/tool", digestA)
	images := []manifest.Image{
		image(manifest.RoleAdditional, "quay.io/acme/tool:v1", digestA),
		image(manifest.RoleAdditional, "registry.redhat.io/acme/tool:v2", digestA),
		one, other,
	}
	if _, err := Placements(&manifest.Manifest{Images: images}, blogRepositories); err != nil {
		t.Errorf("the same bytes: %v", err)
	}
	images[3].Descriptor.Digest = digestA
	_, err := Placements(&manifest.Manifest{Images: images}, blogRepositories)
	if err == nil || !strings.Contains(err.Error(), ".sig: two images want this place: ") {
		t.Errorf("got %v", err)
	}
}

func TestAttachmentOfNothing(t *testing.T) {
	_, err := Placements(&manifest.Manifest{Images: []manifest.Image{
		attachment("quay.io/acme/gone", digestA),
		image(manifest.RoleSignature, "quay.io/acme/tool:v1", digestA),
	}}, blogRepositories)
	if err == nil || !strings.Contains(err.Error(), ".sig: no image of quay.io/acme/gone stands on a node") ||
		!strings.Contains(err.Error(), `quay.io/acme/tool:v1: tag "v1" is not sha256-<hex>.sig`) {
		t.Errorf("got %v", err)
	}
}

func TestAttachmentsHaveNoRuleOfTheirOwn(t *testing.T) {
	images := []manifest.Image{image(manifest.RoleAdditional, "quay.io/foo/bar@"+digestA, "")}
	signed := append(slices.Clone(images), attachment("quay.io/foo/bar", digestA))
	checkRules(t, blogSite, images, "additional: quay.io/foo/bar -> foo/bar")
	checkRules(t, blogSite, signed, "additional: quay.io/foo/bar -> foo/bar")
	if got := TagOnly(&manifest.Manifest{Images: signed}); len(got) > 0 {
		t.Errorf("TagOnly lists %v", got)
	}
}
