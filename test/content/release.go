package content

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Repositories of a release.
const (
	ReleaseRepository   = "quay.io/openshift-release-dev/ocp-release"
	ComponentRepository = "quay.io/openshift-release-dev/ocp-v4.0-art-dev"
)

// operatorComponent is the component whose image the release image is built on.
const operatorComponent = "cluster-version-operator"

// groups is how many layers between the base and their own the components of a
// release share: each component has one of them.
const groups = 3

// ReleaseOptions says what a release is like. The zero value is 4.9.0 for amd64
// with [DefaultComponents].
type ReleaseOptions struct {
	// Version is 4.9.0 if empty, or with References the one that they say.
	Version string
	// Arch is the architecture as Go names it, amd64 if empty.
	Arch string
	// Components are the names of the components.
	Components []string
	// References is a whole image-references document. Its components are made
	// instead of Components, and each digest in it is replaced by that of the
	// image made; the rest stays as it is, byte for byte.
	References []byte
	// Metadata is the release-metadata document; one is made if empty.
	Metadata []byte
	// Manifests are more files for release-manifests/, their paths relative to it.
	Manifests []File
	// Size is the bytes of all layers together, 2 MiB if zero.
	Size int64
	// Incompressible makes layers that do not compress.
	Incompressible bool
}

// DefaultComponents are the components of a release of which nothing else is said.
var DefaultComponents = []string{
	"cli", operatorComponent, "etcd", "hyperkube", "machine-config-operator",
	"machine-os-content", "oauth-proxy", "pod",
}

// Release is a release that was made.
type Release struct {
	Version string
	Arch    string // as Go names it
	// Image is the release image, by tag: ReleaseRepository:<version>-<x86_64|aarch64|...>.
	Image Named
	// Components in the order of the image-references document.
	Components []Component
}

// Component is an image that a release names.
type Component struct {
	// Name is the name that the release gives to it.
	Name string
	Named
}

// Images are the release image and its components, sorted, each reference once.
func (r *Release) Images() []Named {
	all := []Named{r.Image}
	for _, c := range r.Components {
		all = append(all, c.Named)
	}
	return unique(all)
}

// MakeRelease makes the images of a release.
func MakeRelease(o ReleaseOptions) (*Release, error) {
	if len(o.References) == 0 {
		o = o.withDefaults()
	}
	refs, err := parseReferences(o.References)
	if err != nil {
		return nil, err
	}
	r := &Release{Version: refs.Metadata.Name, Arch: arch(o.Arch)}
	if o.Version != "" && o.Version != r.Version {
		return nil, fmt.Errorf("image-references: version %s, want %s", r.Version, o.Version)
	}
	o.Version, o.Size = r.Version, or(o.Size, 2<<20)
	tags := refs.images()
	m := releaseMaker{o, map[string]v1.Image{}, newFillers(o.Incompressible), o.Size / 2 / int64(max(1, len(tags)))}
	document := string(o.References)
	for _, tag := range tags {
		c, err := m.component(tag)
		if err != nil {
			return nil, err
		}
		r.Components = append(r.Components, c)
		_, old, _ := strings.Cut(tag.From.Name, "@")
		document = strings.ReplaceAll(document, old, c.Digest)
	}
	r.Image, err = m.release(r, []byte(document))
	return r, err
}

// withDefaults makes the image-references document that was not given.
func (o ReleaseOptions) withDefaults() ReleaseOptions {
	if o.Version == "" {
		o.Version = "4.9.0"
	}
	if o.Components == nil {
		o.Components = DefaultComponents
	}
	refs := references{Kind: "ImageStream", APIVersion: "image.openshift.io/v1"}
	refs.Metadata.Name = o.Version
	refs.Metadata.CreationTimestamp = "2021-10-01T00:00:00Z"
	for _, name := range slices.Sorted(slices.Values(o.Components)) {
		from := ComponentRepository + "@sha256:" + hexSum("component "+name)
		refs.Spec.Tags = append(refs.Spec.Tags, referenceTag{
			Name:        name,
			Annotations: map[string]string{"io.openshift.build.source-location": "https://github.com/openshift/" + name},
			From:        &referenceFrom{Kind: "DockerImage", Name: from},
		})
	}
	o.References, _ = json.MarshalIndent(refs, "", "  ") // strings only: it cannot go wrong
	return o
}

// references is as much of an image-references document as is needed here.
type references struct {
	Kind       string `json:"kind"`
	APIVersion string `json:"apiVersion"`
	Metadata   struct {
		Name              string `json:"name"`
		CreationTimestamp string `json:"creationTimestamp"`
	} `json:"metadata"`
	Spec struct {
		LookupPolicy struct {
			Local bool `json:"local"`
		} `json:"lookupPolicy"`
		Tags []referenceTag `json:"tags"`
	} `json:"spec"`
}

type referenceTag struct {
	Name        string            `json:"name"`
	Annotations map[string]string `json:"annotations"`
	From        *referenceFrom    `json:"from"`
}

type referenceFrom struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

func parseReferences(b []byte) (references, error) {
	var refs references
	if err := json.Unmarshal(b, &refs); err != nil {
		return refs, fmt.Errorf("image-references: %w", err)
	}
	var errs []error
	if refs.Metadata.Name == "" {
		errs = append(errs, errors.New("image-references: no version"))
	}
	for _, tag := range refs.images() {
		if !strings.Contains(tag.From.Name, "@sha256:") {
			errs = append(errs, fmt.Errorf("image-references: %s: %q has no digest", tag.Name, tag.From.Name))
		}
	}
	return refs, errors.Join(errs...)
}

// images are the tags that name an image.
func (r references) images() []referenceTag {
	return slices.DeleteFunc(slices.Clone(r.Spec.Tags), func(t referenceTag) bool {
		return t.From == nil || t.From.Kind != "DockerImage"
	})
}

// releaseMaker makes each image of a release once.
type releaseMaker struct {
	o    ReleaseOptions
	made map[string]v1.Image // by the digest in the document that was given
	fillers
	own int64 // size of a component's own layer
}

func (m releaseMaker) component(tag referenceTag) (Component, error) {
	_, old, _ := strings.Cut(tag.From.Name, "@")
	img, ok := m.made[old]
	if !ok {
		var err error
		if img, err = m.image(tag.Name); err != nil {
			return Component{}, err
		}
		m.made[old] = img
	}
	named, err := untagged(repository(tag.From.Name), img)
	return Component{Name: tag.Name, Named: named}, err
}

func (m releaseMaker) image(name string) (v1.Image, error) {
	labels := map[string]string{"name": "openshift/ose-" + name, "version": "v" + m.o.Version}
	return Image("component "+name, ImageOptions{Arch: m.o.Arch, Labels: labels}, m.layers(name)...)
}

// layers are a base that all share, one of a few that some share, and an own
// one: a quarter of the bytes, a quarter, a half.
func (m releaseMaker) layers(name string) []*Layer {
	base := "base/" + arch(m.o.Arch)
	group := fmt.Sprintf("%s/group-%d", base, name[0]%groups)
	return []*Layer{
		m.layer(base, m.o.Size/4),
		m.layer(group, m.o.Size/4/groups),
		m.layer("component/"+arch(m.o.Arch)+"/"+m.o.Version+"/"+name, m.own),
	}
}

// release puts the documents on top of the operator's own image.
func (m releaseMaker) release(r *Release, document []byte) (Named, error) {
	base, err := m.operator(r)
	if err != nil {
		return Named{}, err
	}
	digest, err := base.Digest()
	if err != nil {
		return Named{}, err
	}
	metadata := m.o.Metadata
	if len(metadata) == 0 {
		metadata = fmt.Appendf(nil, "{\n  \"kind\": \"cincinnati-metadata-v0\",\n  \"version\": %q,\n  \"previous\": []\n}", r.Version)
	}
	files := []File{
		{Path: "release-manifests/image-references", Content: document},
		{Path: "release-manifests/release-metadata", Content: metadata},
	}
	for _, f := range m.o.Manifests {
		f.Path = "release-manifests/" + f.Path
		files = append(files, f)
	}
	img, err := appended(base, map[string]string{
		"io.openshift.release":                   r.Version,
		"io.openshift.release.base-image-digest": digest.String(),
	}, Files(files...))
	if err != nil {
		return Named{}, err
	}
	return tagged(ReleaseRepository, r.Version+"-"+tagArch(r.Arch), img)
}

// operator is the image of the component that a release image is built on; a
// release that does not name one gets one all the same.
func (m releaseMaker) operator(r *Release) (v1.Image, error) {
	for _, c := range r.Components {
		if img, ok := c.Content.(v1.Image); ok && c.Name == operatorComponent {
			return img, nil
		}
	}
	return m.image(operatorComponent)
}

func or(a, b int64) int64 {
	if a == 0 {
		return b
	}
	return a
}
