package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Omission is an image that was asked for and does not travel, because a registry
// said that it does not give it and a person said to go on without.
type Omission struct {
	// Name is the full source reference, as [Ref.String] writes it. With
	// [ReasonNoReference] it is what stands in its place, at most
	// [MaxOmittedName] bytes.
	Name string `json:"name"`
	// Role is RoleOperator or RoleAdditional: without any other image nothing
	// of the bundle could be used.
	Role Role `json:"role"`
	// Catalog is the Name of the catalog that names an operator image.
	Catalog string `json:"catalog,omitempty"`
	// Bundles are the kept versions of operators that need the image, sorted.
	Bundles []string `json:"bundles,omitempty"`
	// Reason is what the registry said, in the words of this program: one line
	// of at most [MaxReason] bytes, the same for the same answer.
	Reason string `json:"reason"`
}

// ReasonNoReference is the Reason of a name that is no image reference.
const ReasonNoReference = "is no image reference"

// Limits of omissions, in bytes.
const (
	MaxOmittedName = 512
	MaxReason      = 200
)

// omittable are the roles of which an image may be left out.
var omittable = []Role{RoleOperator, RoleAdditional}

// Omittable says that a bundle is of use without an image of the role.
func (r Role) Omittable() bool { return slices.Contains(omittable, r) }

func compareOmissions(a, b Omission) int {
	return cmp.Or(
		cmp.Compare(slices.Index(Roles, a.Role), slices.Index(Roles, b.Role)),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Catalog, b.Catalog),
	)
}

func (m *Manifest) checkOmissions() []error {
	var errs []error
	travels, catalogs := map[string]bool{}, map[string]bool{}
	for _, i := range m.Images {
		travels[i.Name] = true
		catalogs[i.Name] = catalogs[i.Name] || i.Role == RoleCatalog
	}
	for i, o := range m.Omitted {
		err := o.check()
		switch {
		case err != nil:
		case travels[o.Name]:
			err = errors.New("travels, and is listed as omitted")
		case o.Catalog != "" && !catalogs[o.Catalog]:
			err = fmt.Errorf("names the catalog %s, which is not there", shown(o.Catalog))
		case i > 0 && compareOmissions(m.Omitted[i-1], o) == 0:
			err = errors.New("listed twice")
		case i > 0 && compareOmissions(m.Omitted[i-1], o) > 0:
			err = errors.New("out of order")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("packing list: omitted image %s: %w", shown(o.Name), err))
		}
	}
	return errs
}

func (o Omission) check() error {
	for _, s := range append([]string{o.Name, o.Reason}, o.Bundles...) {
		if s == "" || !printable(s) {
			return fmt.Errorf("%q cannot be printed", s)
		}
	}
	switch {
	case len(o.Name) > MaxOmittedName || len(o.Reason) > MaxReason:
		return fmt.Errorf("name and reason have %d and %d bytes, want at most %d and %d", len(o.Name), len(o.Reason), MaxOmittedName, MaxReason)
	case !o.Role.Omittable():
		return fmt.Errorf("has the role %s, and only %s and %s images can be left out", shown(string(o.Role)), RoleOperator, RoleAdditional)
	case (o.Role == RoleOperator) != (o.Catalog != ""):
		return errors.New("an operator image says through which catalog it came, nothing else does")
	case o.Role != RoleOperator && len(o.Bundles) > 0:
		return errors.New("an operator image says which versions need it, nothing else does")
	case !slices.IsSorted(o.Bundles):
		return errors.New("the versions that need it are out of order")
	case o.Reason == ReasonNoReference:
		return nil
	}
	ref, err := ParseRef(o.Name)
	if err == nil && ref.String() != o.Name {
		err = fmt.Errorf("name is not in full, want %s", ref)
	}
	return err
}
