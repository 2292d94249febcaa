package manifest

import (
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
)

// graphRepository is where the image with the update graph would be if it came
// from a registry. Names below .invalid belong to nobody (RFC 2606), so it is
// no other image's.
const graphRepository = "drayage.invalid/graph-data"

// UpdateGraph records how the image with the update graph was made. The same
// base and the same data give the same image.
type UpdateGraph struct {
	// Base is the full reference of the image that the data was put on.
	Base string `json:"base"`
	// BaseDigest is what Base resolved to, an image or an index.
	BaseDigest digest.Digest `json:"baseDigest"`
	// Platforms are those that were read and rebuilt, as os/arch[/variant],
	// sorted. For several the image is an index.
	Platforms []string `json:"platforms"`
	// Data is the digest of the data: that of the image's last layer, uncompressed.
	Data digest.Digest `json:"data"`
}

// Name is the full reference under which the image travels: a made-up repository
// and as its tag the first 12 digits of the data's digest.
func (g UpdateGraph) Name() string {
	hex := g.Data.Encoded()
	return Ref{Repository: graphRepository, Tag: hex[:min(12, len(hex))]}.String()
}

// GraphImage is the image with the update graph, if there is one.
func (m *Manifest) GraphImage() (Image, bool) {
	for _, i := range m.Images {
		if i.Role == RoleGraph {
			return i, true
		}
	}
	return Image{}, false
}

// checkGraph compares the record with the one image that it is about.
func (m *Manifest) checkGraph() []error {
	var errs []error
	add := func(format string, a ...any) { errs = append(errs, fmt.Errorf("packing list: "+format, a...)) }
	if m.Graph != nil {
		if err := m.Graph.check(); err != nil {
			add("graph: %w", err)
			return errs
		}
	}
	there := false
	for _, i := range m.Images {
		switch {
		case i.Role != RoleGraph:
			continue
		case m.Graph == nil:
			add("image %s: graph does not say how it was made", shown(i.Name))
		case i.Name != m.Graph.Name():
			add("image %s: the update graph is called %s", shown(i.Name), m.Graph.Name())
		}
		there = true
	}
	if m.Graph != nil && !there {
		add("graph: no image with this role")
	}
	return errs
}

func (g UpdateGraph) check() error {
	ref, err := ParseRef(g.Base)
	if err != nil {
		return err
	}
	if ref.String() != g.Base {
		return fmt.Errorf("base %s: name is not in full, want %s", g.Base, ref)
	}
	if err := checkDigest(g.BaseDigest); err != nil {
		return fmt.Errorf("base digest %s: %w", shown(g.BaseDigest.String()), err)
	}
	if ref.Digest != "" && ref.Digest != g.BaseDigest {
		return errors.New("base and its digest differ")
	}
	if err := checkDigest(g.Data); err != nil {
		return fmt.Errorf("data %s: %w", shown(g.Data.String()), err)
	}
	if len(g.Platforms) == 0 {
		return errors.New("is for no platform")
	}
	return checkPlatforms(g.Platforms)
}
