package signature

import (
	"errors"
	"fmt"
	"time"

	"drayage/pkg/manifest"
)

// CheckManifest checks every signature that a packing list carries, on the far
// side of the air gap, with the keys that this side trusts. Each error names a
// release and one of its signatures. Releases in Unsigned have none to check.
func (k Keyring) CheckManifest(m *manifest.Manifest, now time.Time) error {
	var errs []error
	about := map[string]Release{}
	for _, i := range m.Releases() {
		ref, err := manifest.ParseRef(i.Name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		about[i.Release] = Release{Digest: i.Descriptor.Digest, Repository: ref.Repository, Name: i.Release}
	}
	number := map[string]int{}
	for _, s := range m.Signatures {
		number[s.Release]++
		if err := k.Check(s.Data, about[s.Release], now); err != nil {
			errs = append(errs, fmt.Errorf("release %s: signature-%d: %w", s.Release, number[s.Release], err))
		}
	}
	return errors.Join(errs...)
}
