package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/blang/semver/v4"
	"github.com/distribution/reference"
)

// The properties of bundles that have a meaning here or for opm.
const (
	propertyPackage         = "olm.package"
	propertyPackageRequired = "olm.package.required"
	propertyGVK             = "olm.gvk"
	propertyGVKRequired     = "olm.gvk.required"
	propertyObject          = "olm.bundle.object"
	propertyCSV             = "olm.csv.metadata"
	propertyChannel         = "olm.channel"
)

// maxRelease is the longest release that OLM takes, in characters.
const maxRelease = 20

// Bundle is an olm.bundle document: one version of an operator.
type Bundle struct {
	Document
	// Image is the operator bundle image, as it is written.
	Image string
	// Version is nil when the document gives none, or none that can be read.
	Version *semver.Version
	// Release tells bundles of one Version apart. Few bundles have it.
	Release string

	// displayName is known of bundles that a lister read, where it is plain.
	displayName string
	// provides and requires are what the bundle says of other bundles.
	provides []API
	requires []constraint
	// problems are what opm would find wrong with the document by itself.
	problems []error
}

// versionString is what has to be unique in a package.
func (b Bundle) versionString() string {
	if b.Release == "" {
		return b.Version.String()
	}
	return b.Version.String() + "-" + b.Release
}

type bundleText struct {
	Image         string     `json:"image"`
	Properties    []property `json:"properties"`
	RelatedImages []struct {
		Image string `json:"image"`
	} `json:"relatedImages"`
}

type property struct {
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

type packageValue struct {
	PackageName string `json:"packageName"`
	Version     string `json:"version"`
	Release     string `json:"release"`
}

func newBundle(d Document) (Bundle, error) {
	var text bundleText
	if err := json.Unmarshal(d.Raw, &text); err != nil {
		return Bundle{}, err
	}
	b := Bundle{Document: d, Image: text.Image}
	for i, p := range text.Properties {
		if err := p.check(); err != nil {
			b.add("property %d (%s): %w", i+1, p.Type, err)
			continue
		}
		b.relate(p)
	}
	b.readPackage(text.Properties)
	b.checkImages(text)
	return b, nil
}

func (b *Bundle) add(format string, a ...any) {
	b.problems = append(b.problems, fmt.Errorf(format, a...))
}

// check decodes a value of a known type, as opm does.
func (p property) check() error {
	if p.Value == nil {
		return errors.New("has no value")
	}
	var into any
	switch p.Type {
	case propertyPackage:
		into = &packageValue{}
	case propertyPackageRequired:
		into = &struct{ PackageName, VersionRange string }{}
	case propertyGVK, propertyGVKRequired:
		into = &struct{ Group, Kind, Version string }{}
	case propertyObject:
		into = &struct{ Data []byte }{}
	case propertyCSV, propertyChannel:
		into = &struct{}{}
	default:
		return nil
	}
	return json.Unmarshal(p.Value, into)
}

func (b *Bundle) readPackage(all []property) {
	var packages []property
	for _, p := range all {
		if p.Type == propertyPackage {
			packages = append(packages, p)
		}
	}
	if len(packages) != 1 {
		b.add("%d properties of the type %s, want 1", len(packages), propertyPackage)
		return
	}
	var v packageValue
	if json.Unmarshal(packages[0].Value, &v) != nil {
		return // check has said so
	}
	if v.PackageName != b.Package {
		b.add("its property %s says that it belongs to %q", propertyPackage, v.PackageName)
	}
	version, err := semver.Parse(v.Version)
	if err != nil {
		b.add("version %q: %w", v.Version, err)
		return
	}
	b.Version, b.Release = &version, v.Release
	b.checkRelease()
}

func (b *Bundle) checkRelease() {
	if b.Release == "" {
		return
	}
	if len(b.Release) > maxRelease {
		b.add("release %q: is longer than %d characters", b.Release, maxRelease)
	}
	for part := range strings.SplitSeq(b.Release, ".") {
		if _, err := semver.NewPRVersion(part); err != nil {
			b.add("release %q: %w", b.Release, err)
		}
	}
	if len(b.Version.Build) > 0 {
		b.add("version %s has build metadata and a release, want one of them", b.Version)
	}
	if want := b.Package + "-v" + b.versionString(); b.Name != want {
		b.add("a bundle with a release is named after it, want %s", want)
	}
}

func (b *Bundle) checkImages(text bundleText) {
	isObject := func(p property) bool { return p.Type == propertyObject }
	if b.Image == "" && !slices.ContainsFunc(text.Properties, isObject) {
		b.add("has no image")
	}
	images := []string{b.Image}
	for _, r := range text.RelatedImages {
		images = append(images, r.Image)
	}
	for _, image := range images {
		if image == "" { // opm lets it pass
			continue
		}
		if _, err := reference.ParseNormalizedNamed(image); err != nil {
			b.add("image %q: %w", image, err)
		}
	}
}
