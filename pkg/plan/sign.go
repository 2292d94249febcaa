package plan

import (
	"context"
	"fmt"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"drayage/pkg/manifest"
	"drayage/pkg/release"
	"drayage/pkg/signature"
)

// SignatureOptions say how releases are proven. The zero value proves nothing
// and so lets no release pass.
type SignatureOptions struct {
	// Keyring is who is trusted.
	Keyring signature.Keyring
	// Stores are asked one after the other; see [signature.Stores].
	Stores []string
	// Skip lets releases travel unproven. The packing list records it.
	Skip bool
	// Now is for signatures that expire.
	Now time.Time
}

// sign fetches and checks the signatures of a release and adds them to the
// packing list. A release without a good one goes no further.
func (p *planner) sign(ctx context.Context, ref manifest.Ref, desc ocispec.Descriptor, r *release.Release) error {
	o := p.Signatures
	if o.Skip {
		p.list.Unsigned = append(p.list.Unsigned, r.Name())
		return nil
	}
	get := func(ctx context.Context, url string, most int64) ([]byte, bool, error) {
		return p.source.Document(ctx, url, "*/*", most)
	}
	about := signature.Release{Digest: desc.Digest, Repository: ref.Repository, Name: r.Name()}
	good, err := signature.Fetch(ctx, get, o.Stores, o.Keyring, about, o.Now)
	if err != nil {
		return err
	}
	for _, raw := range good {
		p.list.Signatures = append(p.list.Signatures, manifest.Signature{Release: r.Name(), Data: raw})
	}
	p.Progress.Note("", fmt.Sprintf("release %s: signatures: %d good", r.Name(), len(good)))
	return nil
}
