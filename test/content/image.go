package content

import (
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Content is what a reference can lead to: a v1.Image or a v1.ImageIndex.
type Content interface {
	Digest() (v1.Hash, error)
	RawManifest() ([]byte, error)
}

// ImageOptions says what an image is like besides its layers.
type ImageOptions struct {
	// OCI takes OCI's media types; docker's otherwise.
	OCI bool
	// Arch is the architecture as Go names it, amd64 if empty. The system is linux.
	Arch            string
	Labels          map[string]string
	Entrypoint, Cmd []string
}

// Image makes an image of these layers, the lowest first. Layers may be shared
// between images. The seed is told by a label, so images of other seeds have
// other digests even if their layers are the same.
func Image(seed string, o ImageOptions, layers ...*Layer) (v1.Image, error) {
	var adds []mutate.Addendum
	for i, l := range layers {
		adds = append(adds, mutate.Addendum{
			Layer:     l,
			MediaType: pick(o.OCI, types.OCILayer, types.DockerLayer),
			History:   v1.History{CreatedBy: fmt.Sprintf("/bin/sh -c #(nop) ADD layer %d of %s", i, seed)},
		})
	}
	img, err := mutate.Append(empty.Image, adds...)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", seed, err)
	}
	c, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", seed, err)
	}
	c = c.DeepCopy()
	c.OS, c.Architecture = "linux", arch(o.Arch)
	c.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	c.Config.Entrypoint, c.Config.Cmd = o.Entrypoint, o.Cmd
	c.Config.Labels = map[string]string{"architecture": c.Architecture, "vcs-ref": hexSum(seed)[:40]}
	for k, v := range o.Labels {
		c.Config.Labels[k] = v
	}
	if img, err = mutate.ConfigFile(img, c); err != nil {
		return nil, fmt.Errorf("image %s: %w", seed, err)
	}
	img = mutate.MediaType(img, pick(o.OCI, types.OCIManifestSchema1, types.DockerManifestSchema2))
	return mutate.ConfigMediaType(img, pick(o.OCI, types.OCIConfigJSON, types.DockerConfigJSON)), nil
}

// Index makes a multi-arch index (a manifest list in docker's words) of images,
// each with the platform of its config. Indexes may be among them.
func Index(oci bool, children ...Content) (v1.ImageIndex, error) {
	var adds []mutate.IndexAddendum
	for _, c := range children {
		a := mutate.IndexAddendum{}
		switch c := c.(type) {
		case v1.Image:
			f, err := c.ConfigFile()
			if err != nil {
				return nil, fmt.Errorf("index: %w", err)
			}
			a.Add, a.Platform = c, &v1.Platform{OS: f.OS, Architecture: f.Architecture}
		case v1.ImageIndex:
			a.Add = c
		default:
			return nil, fmt.Errorf("index: child of type %T", c)
		}
		adds = append(adds, a)
	}
	return index(oci, adds...), nil
}

func index(oci bool, adds ...mutate.IndexAddendum) v1.ImageIndex {
	x := mutate.IndexMediaType(empty.Index, pick(oci, types.OCIImageIndex, types.DockerManifestList))
	return mutate.AppendManifests(x, adds...)
}

// MultiArch makes one image for each architecture and an index of them; of one
// architecture it makes just the image. What layers gives may differ or not.
func MultiArch(seed string, o ImageOptions, arches []string, layers func(arch string) []*Layer) (Content, error) {
	var children []Content
	for _, a := range arches {
		o.Arch = a
		img, err := Image(seed, o, layers(a)...)
		if err != nil {
			return nil, err
		}
		children = append(children, img)
	}
	if len(children) == 1 {
		return children[0], nil
	}
	return Index(o.OCI, children...)
}

// attested adds to an index what docker's build adds: for each image a manifest
// of platform unknown/unknown, whose one layer is no tar.
func attested(x v1.ImageIndex) (v1.ImageIndex, error) {
	m, err := x.IndexManifest()
	if err != nil {
		return nil, err
	}
	var adds []mutate.IndexAddendum
	for _, d := range m.Manifests {
		statement := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v0.1","subject":[{"digest":{"sha256":%q}}]}`, d.Digest.Hex)
		img, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), mutate.Addendum{
			Layer: static.NewLayer([]byte(statement), "application/vnd.in-toto+json"),
		})
		if err != nil {
			return nil, err
		}
		adds = append(adds, mutate.IndexAddendum{
			Add: mutate.ConfigMediaType(img, types.OCIConfigJSON),
			Descriptor: v1.Descriptor{
				Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"},
				Annotations: map[string]string{
					"vnd.docker.reference.digest": d.Digest.String(),
					"vnd.docker.reference.type":   "attestation-manifest",
				},
			},
		})
	}
	return mutate.AppendManifests(x, adds...), nil
}

// appended is an image with one layer more and other labels besides its own.
func appended(base v1.Image, labels map[string]string, l *Layer) (v1.Image, error) {
	m, err := base.MediaType()
	if err != nil {
		return nil, err
	}
	img, err := mutate.Append(base, mutate.Addendum{
		Layer:     l,
		MediaType: pick(m == types.OCIManifestSchema1, types.OCILayer, types.DockerLayer),
		History:   v1.History{Comment: "Release image"},
	})
	if err != nil {
		return nil, err
	}
	c, err := partial.ConfigFile(img)
	if err != nil {
		return nil, err
	}
	c = c.DeepCopy()
	for k, v := range labels {
		c.Config.Labels[k] = v
	}
	return mutate.ConfigFile(img, c)
}

func arch(a string) string {
	if a == "" {
		return "amd64"
	}
	return a
}

// tagArch is an architecture as the tags of releases name it.
func tagArch(goArch string) string {
	return strings.NewReplacer("amd64", "x86_64", "arm64", "aarch64").Replace(goArch)
}

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}
