// Package release reads OpenShift releases: which images a release consists of.
//
// A release image is the image of the cluster version operator with one layer
// more, which holds the folder release-manifests. In it, image-references (an
// ImageStream, as JSON) names every component image by digest. Layers are read
// from the top down until that file is found.
//
// A multi-architecture release is an index of such images, one for each
// architecture. All of them name the same components, at the same digests, which
// are indexes too. It is signed, and asked for, by the digest of the index.
//
// # Channels
//
// Which releases there are and which lead to which is the update graph, one for
// each channel and architecture ([FetchGraph], [ReadGraph]). [Select] answers
// what an image set's channels ask for: the head, all between two versions, or
// the shortest path of upgrades, across channels too.
package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

const (
	manifestsFolder = "release-manifests"
	referencesFile  = "image-references"
	// maxReferences bounds image-references, in bytes. That of 4.12.0 has 119 KB.
	maxReferences = 16 << 20
)

// Release is what a release image says of itself.
type Release struct {
	// Version is the release's name: 4.12.0.
	Version string
	// Architecture is the name that tags use: x86_64, aarch64, ppc64le, s390x, or
	// multi when the release is for several.
	Architecture string
	// Platforms are those of its images that were read, as os/arch, sorted.
	Platforms []string
	// Components are the images of the release, in the order of its list.
	Components []Component
}

// Component is one image of a release.
type Component struct {
	Name string
	// Ref has a digest and no tag.
	Ref manifest.Ref
}

// Name is "<version>-<architecture>", as tags and packing lists have it.
func (r *Release) Name() string { return r.Version + "-" + r.Architecture }

// Read reads a release whose manifests are in c: one image, or those of an index
// that belong to root. name is only for errors. An image that is no release is an
// error that says what is missing.
func Read(ctx context.Context, c *oci.Content, name string, root oci.Root) (*Release, error) {
	if kind, _ := oci.KindOf(root.Descriptor.MediaType); kind == oci.KindIndex {
		return readMulti(ctx, c, name, root)
	}
	return readImage(ctx, c, name, root.Descriptor)
}

func readImage(ctx context.Context, c *oci.Content, name string, desc ocispec.Descriptor) (*Release, error) {
	img, err := c.ReadImage(ctx, desc)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	raw, err := readReferences(ctx, c, img)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %s/%s: %w", name, manifestsFolder, referencesFile, err)
	}
	r.Architecture = TagArchitecture(img.Config.Architecture)
	if !tagPart.MatchString(r.Architecture) || r.Architecture == MultiArchitecture {
		return nil, fmt.Errorf("%s: its config names the architecture %q", name, r.Architecture)
	}
	r.Platforms = []string{"linux/" + img.Config.Architecture}
	return r, nil
}

// tagPart is what the parts of a release's tags consist of. What no tag can
// hold has to be found here: beyond the air gap nobody can mend it.
var tagPart = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)

func readReferences(ctx context.Context, c *oci.Content, img *oci.Image) ([]byte, error) {
	var raw []byte
	_, err := c.Files(ctx, img, manifestsFolder, func(name string, r io.Reader) (err error) {
		if name != referencesFile {
			return nil
		}
		raw, err = io.ReadAll(io.LimitReader(r, maxReferences+1))
		if err == nil && len(raw) > maxReferences {
			err = fmt.Errorf("more than %d bytes", maxReferences)
		}
		if err != nil {
			return err
		}
		return oci.Stop
	})
	if err == nil && raw == nil {
		err = fmt.Errorf("is no release image: no layer has %s/%s", manifestsFolder, referencesFile)
	}
	return raw, err
}

// TagArchitecture is the name of an architecture in a release's tag, given
// Go's name for it: amd64 and arm64 are called otherwise, all else the same.
func TagArchitecture(goarch string) string {
	switch goarch {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	}
	return goarch
}

// Parse reads image-references. Every component must be named by digest; all
// that is wrong is reported.
func Parse(raw []byte) (*Release, error) {
	var doc struct {
		Kind       string `json:"kind"`
		APIVersion string `json:"apiVersion"`
		Metadata   struct {
			Name string `json:"name"`
		} `json:"metadata"`
		Spec struct {
			Tags []tag `json:"tags"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	if doc.Kind != "ImageStream" || doc.APIVersion != "image.openshift.io/v1" {
		return nil, fmt.Errorf("is kind %q of %q, want ImageStream of image.openshift.io/v1", doc.Kind, doc.APIVersion)
	}
	r := &Release{Version: doc.Metadata.Name}
	var errs []error
	if !tagPart.MatchString(r.Version) {
		errs = append(errs, fmt.Errorf("version %q", r.Version))
	}
	seen := map[string]bool{}
	for _, t := range doc.Spec.Tags {
		// Other kinds are hints for builds; oc passes over them too.
		if t.From == nil || t.From.Kind != "DockerImage" {
			continue
		}
		c, err := t.component()
		if err == nil && seen[c.Name] {
			err = fmt.Errorf("component %s: named twice", c.Name)
		}
		seen[c.Name] = true
		errs = append(errs, err)
		r.Components = append(r.Components, c)
	}
	if len(r.Components) == 0 {
		errs = append(errs, errors.New("names no component"))
	}
	return r, errors.Join(errs...)
}

type tag struct {
	Name string `json:"name"`
	From *struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"from"`
}

func (t tag) component() (Component, error) {
	if !tagPart.MatchString(t.Name) {
		return Component{}, fmt.Errorf("component name %q", t.Name)
	}
	ref, err := manifest.ParseRef(t.From.Name)
	if err != nil {
		return Component{}, fmt.Errorf("component %s: %w", t.Name, err)
	}
	if ref.Digest == "" || ref.Tag != "" {
		return Component{}, fmt.Errorf("component %s: %q is not by digest alone", t.Name, t.From.Name)
	}
	return Component{Name: t.Name, Ref: ref}, nil
}
