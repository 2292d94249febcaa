package plan

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"drayage/pkg/manifest"
	"drayage/pkg/oci"
)

// signable is an index or image manifest that travels, and may have a sigstore
// attachment beside it.
type signable struct {
	repository string
	digest     digest.Digest
}

// attach asks the source for the sigstore attachments of all that travels, and
// adds those that are there. Most images have none. The manifests of the images
// are known by now: a cluster asks for the signature of the image manifest that
// it pulls, so the children of an index are asked for too.
func (p *planner) attach(ctx context.Context) error {
	if p.SkipSigstore {
		return nil
	}
	asked, subjects, err := p.signables()
	if err != nil {
		return err
	}
	p.Progress.Note("", fmt.Sprintf("asking for the sigstore attachments of %d image manifests", len(asked)))
	var mu sync.Mutex
	var errs []error
	var g errgroup.Group
	g.SetLimit(p.Jobs)
	for _, s := range asked {
		g.Go(func() error {
			mu.Lock()
			enough := len(errs) >= mostErrors
			mu.Unlock()
			if enough || ctx.Err() != nil {
				return nil // a registry that is ill is not asked hundreds of times
			}
			img, found, err := p.attachment(ctx, s)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				errs = append(errs, &manifest.AttachmentError{Image: subjects[s], Err: err})
			case found:
				p.add(img)
			}
			return nil
		})
	}
	_ = g.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(errs) >= mostErrors {
		return errors.Join(summary(errs[:mostErrors]), errors.New("sigstore attachments: no more were asked for"))
	}
	return summary(errs)
}

// signables lists the indexes and image manifests of all images that travel as
// they are upstream, each once, but those whose attachment the image set
// blocks. subjects are what a person calls the images that they belong to.
func (p *planner) signables() (all []signable, subjects map[signable]string, err error) {
	subjects = map[signable]string{}
	for _, img := range p.list.Images {
		if img.Role.Ours() {
			continue
		}
		ref, err := manifest.ParseRef(img.Name)
		if err != nil {
			return nil, nil, err
		}
		err = oci.Walk(root(img), p.content.Manifest, func(l oci.Link) {
			s := signable{ref.Repository, l.Descriptor.Digest}
			if l.Kind != oci.KindIndex && l.Kind != oci.KindManifest || subjects[s] != "" {
				return
			}
			subjects[s] = strings.TrimSuffix(label(img), ", ")
			if subjects[s] == "" {
				subjects[s] = img.Name
			}
			if !p.blocksAttachment(s) {
				all = append(all, s)
			}
		})
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", img.Name, err)
		}
	}
	return all, subjects, nil
}

// blocksAttachment lets an image set leave one attachment out and keep its image.
func (p *planner) blocksAttachment(s signable) bool {
	name := manifest.Attachment(s.repository, s.digest).String()
	expression, blocked := p.blocklist.Match(name)
	if blocked {
		p.warnings = append(p.warnings, fmt.Sprintf("%s is not asked for: blocked by %q", name, expression))
	}
	return blocked
}

// attachment fetches the manifest of one attachment, if there is one.
func (p *planner) attachment(ctx context.Context, s signable) (img manifest.Image, found bool, err error) {
	ref := manifest.Attachment(s.repository, s.digest)
	desc, found, err := p.content.Lookup(ctx, ref.String())
	if err != nil || !found {
		return img, false, err
	}
	if err := p.checkAttachment(desc); err != nil {
		return img, false, fmt.Errorf("%s: %w", ref, err)
	}
	if err := p.content.AddImage(ctx, ref.Repository, oci.Root{Descriptor: desc}); err != nil {
		return img, false, err
	}
	return manifest.Image{Name: ref.String(), Role: manifest.RoleSignature, Descriptor: desc}, true, nil
}

// checkAttachment refuses what is no signature before more of it is asked for.
func (p *planner) checkAttachment(desc ocispec.Descriptor) error {
	if err := manifest.CheckAttachmentType(desc.MediaType); err != nil {
		return err
	}
	raw, err := p.content.Manifest(desc)
	if err != nil {
		return err
	}
	links, err := oci.Links(desc.MediaType, raw)
	if err != nil {
		return err
	}
	left := manifest.MaxAttachment - desc.Size
	for _, l := range links {
		if l.Descriptor.Size > left {
			return fmt.Errorf("more than %d bytes, which no signature has", int64(manifest.MaxAttachment))
		}
		left -= l.Descriptor.Size
	}
	return nil
}

// productRepositories are those whose images OpenShift's own policy wants signed.
const productRepositories = "quay.io/openshift-release-dev/"

// unattached warns of releases that a cluster will refuse, since its policy
// wants a sigstore signature and none travels. A mirror that was filled by
// `oc adm release mirror` has none.
func unattached(m *manifest.Manifest) (warnings []string) {
	names, product := map[string]bool{}, map[string]bool{}
	for _, i := range m.Images {
		names[i.Name] = true
		product[i.Release] = product[i.Release] || strings.HasPrefix(i.Name, productRepositories)
	}
	for _, r := range m.Releases() {
		ref, err := manifest.ParseRef(r.Name)
		if err != nil || !product[r.Release] || !wantsSigstore(r.Release) {
			continue
		}
		if !names[manifest.Attachment(ref.Repository, r.Descriptor.Digest).String()] {
			warnings = append(warnings, "release "+r.Release+" travels without a sigstore attachment: clusters refuse it from 4.21 on")
		}
	}
	return warnings
}

// wantsSigstore tells the releases whose own policy asks for sigstore signatures.
func wantsSigstore(release string) bool {
	major, rest, _ := strings.Cut(release, ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, errX := strconv.Atoi(major)
	y, errY := strconv.Atoi(minor)
	return errX == nil && errY == nil && (x > 4 || x == 4 && y >= 21)
}
