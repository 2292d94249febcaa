package content

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"drayage/pkg/manifest"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"
)

// Named is something made and the reference under which it is found upstream.
type Named struct {
	// Ref is the full reference: by tag, or by digest if it has no tag.
	Ref string
	// Digest is sha256:... of the image manifest or index.
	Digest  string
	Content Content
}

// ByDigest is the reference by digest: repository@sha256:...
func (n Named) ByDigest() string { return repository(n.Ref) + "@" + n.Digest }

// tagged names content repo:tag.
func tagged(repo, tag string, c Content) (Named, error) {
	d, err := c.Digest()
	if err != nil {
		return Named{}, fmt.Errorf("%s: %w", repo, err)
	}
	return Named{Ref: repo + ":" + tag, Digest: d.String(), Content: c}, nil
}

// untagged names content by its digest.
func untagged(repo string, c Content) (Named, error) {
	n, err := tagged(repo, "", c)
	n.Ref = repo + "@" + n.Digest
	return n, err
}

func repository(ref string) string {
	r, err := manifest.ParseRef(ref)
	if err != nil {
		return ref
	}
	return r.Repository
}

// unique sorts by reference and drops what is there twice.
func unique(all []Named) []Named {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Named) int { return cmp.Compare(a.Ref, b.Ref) })
	return slices.CompactFunc(all, func(a, b Named) bool { return a.Ref == b.Ref })
}

// PushOptions says how to reach the registry that is pushed to.
type PushOptions struct {
	// User and Password are needed if the registry asks for them.
	User, Password string
}

// pushes is how many images are pushed at once.
const pushes = 4

// Push pushes images to the registry at addr (host:port, plain HTTP), each under
// its own reference: quay.io/a/b:t goes to addr/quay.io/a/b:t. A blob goes to
// each repository once.
func Push(ctx context.Context, addr string, o PushOptions, images ...Named) error {
	auth := authn.Anonymous
	if o.User != "" {
		auth = &authn.Basic{Username: o.User, Password: o.Password}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(pushes)
	p, err := remote.NewPusher(remote.WithContext(ctx), remote.WithAuth(auth))
	if err != nil {
		return fmt.Errorf("%s: %w", addr, err)
	}
	for _, n := range images {
		g.Go(func() error {
			ref, err := name.ParseReference(addr+"/"+n.Ref, name.Insecure)
			if err != nil {
				return err
			}
			if err := p.Push(ctx, ref, n.Content); err != nil {
				return fmt.Errorf("%s: %w", ref, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// hosts are the upstream hosts that made-up content lies under.
var hosts = []string{"docker.io", "quay.io", "registry.access.redhat.com", "registry.redhat.io"}

// RegistriesConf is a registries.conf (version 2) that leads every reference of
// the upstream hosts to the registry at addr, as Push lays them out: docker.io,
// quay.io, registry.access.redhat.com, registry.redhat.io and the others named.
func RegistriesConf(addr string, others ...string) []byte {
	all := slices.Sorted(slices.Values(slices.Concat(hosts, others)))
	var b strings.Builder
	b.WriteString("unqualified-search-registries = []\n")
	for _, host := range slices.Compact(all) {
		fmt.Fprintf(&b, "\n[[registry]]\nprefix = %q\nlocation = %q\ninsecure = true\n", host, addr+"/"+host)
	}
	return []byte(b.String())
}

// hostsOf are the upstream hosts of images, sorted, each once.
func hostsOf(images []Named) []string {
	var all []string
	for _, n := range images {
		host, _, _ := strings.Cut(n.Ref, "/")
		all = append(all, host)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
