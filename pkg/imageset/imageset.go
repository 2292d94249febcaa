// Package imageset reads what the user asks for: an ImageSetConfiguration, in the
// format of oc-mirror v2 (mirror.openshift.io/v2alpha1). It ignores nothing: a
// field of that format which this program does not do yet is refused by name and
// line, never skipped.
//
//	apiVersion: mirror.openshift.io/v2alpha1
//	kind: ImageSetConfiguration
//	mirror:
//	  platform:
//	    architectures: [amd64]
//	    channels:
//	    - {name: stable-4.12, minVersion: 4.12.0, maxVersion: 4.12.0}
//	  operators:
//	  - catalog: registry.redhat.io/redhat/redhat-operator-index:v4.12
//	    packages:
//	    - name: local-storage-operator
//	  additionalImages:
//	  - name: docker.io/library/registry:2
//
// # What is read
//
//	platform.release        one release image, by tag or digest; or
//	platform.channels       one channel with one version: minVersion and maxVersion
//	                        are the same; type is ocp or left out
//	platform.architectures  at most one: amd64 (which is meant when there is none),
//	                        arm64, ppc64le, s390x or multi
//	operators[].catalog     a catalog image, by tag or digest; each catalog once
//	operators[].packages    what to keep of it; each name once
//	operators[].full        true: keep every bundle of these packages, not only the
//	                        heads of their channels; without packages, the whole catalog
//	additionalImages[].name an image, by tag or digest; each image once
//
// An image without a registry is one of docker.io, and two spellings of one
// reference are the same image. There has to be something: an image set that
// asks for nothing is an error.
//
// # What is not read
//
// Every other field of oc-mirror v2 is "not supported yet", with its path and
// line. The zero value of such a field (false, 0, "", an empty list or mapping)
// asks for nothing more than leaving the field out does; it is accepted, so that
// "graph: false" need not be deleted. What oc-mirror does not know either is an
// unknown key. Files for oc-mirror v1 (v1alpha2) have to be converted first.
//
// The package reads no registry: whether an image exists is found out later. It
// knows pkg/manifest for one thing, the syntax of references, so that a name that
// is accepted here is a name that a packing list can hold.
package imageset

import (
	"drayage/internal/strictyaml"
)

// APIVersion and Kind are the only ones that are read.
const (
	APIVersion = "mirror.openshift.io/v2alpha1"
	Kind       = "ImageSetConfiguration"
)

// Config is an ImageSetConfiguration.
type Config struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Mirror     Mirror `yaml:"mirror"`
}

// Mirror is what the image set asks for.
type Mirror struct {
	Platform         Platform   `yaml:"platform"`
	Operators        []Operator `yaml:"operators"`
	AdditionalImages []Image    `yaml:"additionalImages"`
}

// Platform asks for an OpenShift release, by Release or by Channels.
type Platform struct {
	// Architectures holds at most one of amd64, arm64, ppc64le, s390x and multi.
	Architectures []string `yaml:"architectures"`
	// Channels holds at most one, with one version.
	Channels []Channel `yaml:"channels"`
	// Release is the reference of a release image, with a tag or a digest.
	Release string `yaml:"release"`
}

// Channel asks for releases of an update channel.
type Channel struct {
	// Name is stable-4.12, for example.
	Name string `yaml:"name"`
	// MinVersion and MaxVersion are the same full version: 4.12.0.
	MinVersion string `yaml:"minVersion"`
	MaxVersion string `yaml:"maxVersion"`
	// Type is ocp or empty, which means the same.
	Type string `yaml:"type"`
}

// Operator asks for operators of one catalog.
type Operator struct {
	// Catalog is the reference of a catalog image, with a tag or a digest.
	Catalog string `yaml:"catalog"`
	// Full keeps every bundle of the packages, or the whole catalog when there
	// are no Packages. Otherwise the heads of the packages' channels are kept.
	Full     bool      `yaml:"full"`
	Packages []Package `yaml:"packages"`
}

// Package is an operator package to keep.
type Package struct {
	Name string `yaml:"name"`
}

// Image is one image that is asked for by itself.
type Image struct {
	// Name is its reference, with a tag or a digest.
	Name string `yaml:"name"`
}

// Read reads the image set in a file of at most [strictyaml.MaxSize] bytes. Its
// errors are those of the file system, which name the file, and those of Decode.
func Read(path string) (*Config, error) {
	data, err := strictyaml.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Decode(path, data)
}

// Decode reads an image set; the file is only named, in errors. An error holds
// all findings, each a [*strictyaml.Finding] with the line where there is one.
func Decode(file string, data []byte) (*Config, error) {
	c := &Config{}
	doc := strictyaml.Decode(file, data, c, unsupported)
	c.check(doc)
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return c, nil
}
