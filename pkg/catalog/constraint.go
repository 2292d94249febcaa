package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/blang/semver/v4"
)

// The properties by which a bundle says what it needs, besides those that
// [property.check] knows.
const (
	propertyConstraint    = "olm.constraint"
	propertyLabelRequired = "olm.label.required"
)

// maxConstraint bounds one constraint, in bytes, as OLM does.
const maxConstraint = 128 << 10

// isRelation says that a property tells what a bundle is, needs or provides.
func isRelation(propertyType string) bool {
	switch propertyType {
	case propertyPackage, propertyGVK, propertyGVKRequired, propertyPackageRequired, propertyConstraint, propertyLabelRequired:
		return true
	}
	return false
}

// API is a kind of Kubernetes objects that an operator serves.
type API struct {
	Group   string `json:"group"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
}

// String is kind.version.group, as in NodeFeature.v1.nfd.openshift.io.
func (a API) String() string { return a.Kind + "." + a.Version + "." + a.Group }

// constraint is what a bundle needs of one other bundle: one of its fields is
// set. It is the value of olm.constraint; the older properties are made into it.
type constraint struct {
	Message string        `json:"failureMessage,omitempty"`
	GVK     *API          `json:"gvk,omitempty"`
	Package *packageRange `json:"package,omitempty"`
	All     *compound     `json:"all,omitempty"`
	Any     *compound     `json:"any,omitempty"`
	Not     *compound     `json:"not,omitempty"`
	Cel     *celRule      `json:"cel,omitempty"`
	// problem is why the constraint cannot be judged here.
	problem string
}

type packageRange struct {
	PackageName  string `json:"packageName"`
	VersionRange string `json:"versionRange"`
}

type compound struct {
	Constraints []constraint `json:"constraints"`
}

type celRule struct {
	Rule string `json:"rule"`
}

// relate takes in a property that tells what the bundle needs or provides.
func (b *Bundle) relate(p property) {
	switch p.Type {
	case propertyGVK:
		var a API
		if json.Unmarshal(p.Value, &a) == nil {
			b.provides = append(b.provides, a)
		}
	case propertyGVKRequired:
		c := constraint{GVK: &API{}}
		c.decode(p.Value, c.GVK)
		b.requires = append(b.requires, c)
	case propertyPackageRequired:
		c := constraint{Package: &packageRange{}}
		c.decode(p.Value, c.Package)
		b.requires = append(b.requires, c)
	case propertyConstraint:
		b.requires = append(b.requires, parseConstraint(p.Value))
	case propertyLabelRequired:
		b.requires = append(b.requires, constraint{problem: "a property of the type " + p.Type})
	}
}

func (c *constraint) decode(value []byte, into any) {
	if err := json.Unmarshal(value, into); err != nil {
		*c = constraint{problem: err.Error()}
	}
}

func parseConstraint(value []byte) constraint {
	if len(value) > maxConstraint {
		return constraint{problem: fmt.Sprintf("a constraint longer than %d bytes", maxConstraint)}
	}
	var c constraint
	d := json.NewDecoder(bytes.NewReader(value))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return constraint{problem: err.Error()}
	}
	return c
}

// verdict is whether a bundle is what a constraint asks for.
type verdict int

const (
	unmet verdict = iota
	unclear
	met
)

// predicate judges a bundle. A constraint is always about one bundle: "all" asks
// for a single one that is everything.
type predicate func(*Bundle) verdict

func verdictOf(ok bool) verdict {
	if ok {
		return met
	}
	return unmet
}

func unjudged(*Bundle) verdict { return unclear }

// predicate judges as OLM does. What of the constraint cannot be judged here is
// unclear of every bundle, and listed.
func (c constraint) predicate() (predicate, []string) {
	switch {
	case c.problem != "":
		return unjudged, []string{c.problem}
	case c.GVK != nil:
		return func(b *Bundle) verdict { return verdictOf(slices.Contains(b.provides, *c.GVK)) }, nil
	case c.Package != nil:
		return c.Package.predicate()
	case c.All != nil:
		return c.All.predicate(func(v []verdict) verdict { return slices.Min(append(v, met)) })
	case c.Any != nil:
		return c.Any.predicate(func(v []verdict) verdict { return slices.Max(append(v, unmet)) })
	case c.Not != nil:
		return c.Not.predicate(func(v []verdict) verdict { return met - slices.Max(append(v, unmet)) })
	case c.Cel != nil:
		return unjudged, []string{"a CEL rule"}
	}
	return unjudged, []string{"an empty constraint"}
}

func (r packageRange) predicate() (predicate, []string) {
	in, err := semver.ParseRange(r.VersionRange)
	if err != nil {
		return unjudged, []string{fmt.Sprintf("the range %q", r.VersionRange)}
	}
	return func(b *Bundle) verdict {
		return verdictOf(b.Package == r.PackageName && b.Version != nil && in(*b.Version))
	}, nil
}

// predicate puts the verdicts of the parts together.
func (c compound) predicate(together func([]verdict) verdict) (predicate, []string) {
	var parts []predicate
	var unclear []string
	for _, part := range c.Constraints {
		p, reasons := part.predicate()
		parts, unclear = append(parts, p), append(unclear, reasons...)
	}
	return func(b *Bundle) verdict {
		var all []verdict
		for _, p := range parts {
			all = append(all, p(b))
		}
		return together(all)
	}, unclear
}

// String says what is required: "package bar >=1.0.0", "API Bar.v1.example.com",
// "all of (..., ...)". It is the same for constraints that ask for the same.
func (c constraint) String() string {
	switch {
	case c.GVK != nil:
		return "API " + c.GVK.String()
	case c.Package != nil:
		return "package " + c.Package.PackageName + " " + c.Package.VersionRange
	case c.All != nil:
		return c.All.list("all of")
	case c.Any != nil:
		return c.Any.list("one of")
	case c.Not != nil:
		return c.Not.list("none of")
	case c.Cel != nil:
		return fmt.Sprintf("CEL %q", c.Cel.Rule)
	}
	return "something that is not understood (" + c.problem + ")"
}

func (c compound) list(word string) string {
	var all []string
	for _, part := range c.Constraints {
		all = append(all, part.String())
	}
	return word + " (" + strings.Join(all, ", ") + ")"
}
