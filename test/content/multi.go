package content

import "strings"

// MultiArches are the architectures of a real multi-architecture release.
var MultiArches = []string{"amd64", "arm64", "ppc64le", "s390x"}

// MakeMultiRelease makes a release for several architectures, as Go names them:
// an index, tagged <version>-multi, of one release image for each. All of them
// have the same image-references, whose components are indexes too. Size is
// that of each architecture's layers.
func MakeMultiRelease(o ReleaseOptions, arches ...string) (*Release, error) {
	if len(o.References) == 0 {
		o = o.withDefaults()
	}
	refs, err := parseReferences(o.References)
	if err != nil {
		return nil, err
	}
	o.Version, o.Size = refs.Metadata.Name, or(o.Size, 2<<20)
	m := multiMaker{r: &Release{Version: o.Version, Arch: "multi"}, document: string(o.References)}
	fill := newFillers(o.Incompressible)
	for _, a := range arches {
		o.Arch = a
		m.each = append(m.each, releaseMaker{o, nil, fill, o.Size / 2 / int64(max(1, len(refs.images())))})
	}
	for _, tag := range refs.images() {
		if err := m.component(tag); err != nil {
			return nil, err
		}
	}
	return m.r, m.release()
}

// multiMaker makes each image once for each architecture.
type multiMaker struct {
	r        *Release
	each     []releaseMaker
	document string
}

func (m *multiMaker) component(tag referenceTag) error {
	var children []Content
	for _, one := range m.each {
		img, err := one.image(tag.Name)
		if err != nil {
			return err
		}
		children = append(children, img)
	}
	index, err := Index(false, children...)
	if err != nil {
		return err
	}
	named, err := untagged(repository(tag.From.Name), index)
	_, old, _ := strings.Cut(tag.From.Name, "@")
	m.document = strings.ReplaceAll(m.document, old, named.Digest)
	m.r.Components = append(m.r.Components, Component{Name: tag.Name, Named: named})
	return err
}

func (m *multiMaker) release() error {
	var children []Content
	for _, one := range m.each {
		// Its operator is an index here, so each image is built on one of its own.
		image, err := one.release(&Release{Version: m.r.Version, Arch: one.o.Arch}, []byte(m.document))
		if err != nil {
			return err
		}
		children = append(children, image.Content)
	}
	index, err := Index(false, children...)
	if err != nil {
		return err
	}
	m.r.Image, err = tagged(ReleaseRepository, m.r.Version+"-multi", index)
	return err
}
