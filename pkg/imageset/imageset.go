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
// # What is accepted
//
//	platform.release        one release image, by tag or digest; or
//	platform.channels       several, each name once: minVersion and maxVersion, either
//	                        of which may be left out; type is ocp or left out
//	...shortestPath, full   not together; full has no minVersion or maxVersion
//	platform.architectures  amd64 (which is meant when there is none), arm64,
//	                        ppc64le, s390x and multi, each once; a release image is
//	                        for one of them
//	platform.platforms      those that travel of multi-architecture releases, by os
//	                        and architecture; only with multi
//	platform.graph          true: the data of the update graph travels too
//	operators[].catalog     a catalog image, by tag or digest; each catalog once
//	...targetCatalog        the repository where it stands, without a host
//	...targetTag            the tag there; no two catalogs have the same of both
//	operators[].packages    what to keep of it; each name once
//	...packages[]           minVersion and maxVersion, of the package or of its
//	                        channels, not of both, and not with full; channels,
//	                        each name once; defaultChannel, one of the channels
//	                        where these are given
//	operators[].full        true: keep every bundle of these packages, not only the
//	                        heads of their channels; without packages, the whole catalog
//	operators[].platforms   those for which the catalog is pruned, and that travel
//	                        of its images
//	additionalImages[].name an image, by tag or digest; each image once
//	...targetRepo,          where it stands, as targetCatalog and targetTag of
//	...targetTag            catalogs
//	...platforms            those that travel of it
//	blockedImages[].name    a regular expression, see [Blocklist]; each once
//
// An image without a registry is one of docker.io, and two spellings of one
// reference are the same image. There has to be something: an image set that
// asks for nothing is an error.
//
// The versions of releases are full ones (4.12.0, 4.12.0-rc.1) in the order of
// semantic versions. Those of operators may be partial, 4.17 or 4, and may be
// builds of one version, 4.17.0-202412170235. A bound means all that begins with
// it: no version is below minVersion 4.17.0 or above maxVersion 4.17.0 that is a
// build of 4.17.0.
//
// # What is not accepted
//
// One table, in unsupported.go, lists what oc-mirror v2 has and this program does
// not do: fields, and what fields may not hold (channels of OKD, say). What is in
// the table is "not supported yet", with its path and line. The zero value of such
// a field (false, 0, "", an empty list or mapping) asks for nothing more than
// leaving the field out does; it is accepted, so that "archiveSize: 0" need not be
// deleted. What oc-mirror does not know either is an unknown key. Files for
// oc-mirror v1 (v1alpha2) have to be converted first.
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
	Platform         Platform       `yaml:"platform"`
	Operators        []Operator     `yaml:"operators"`
	AdditionalImages []Image        `yaml:"additionalImages"`
	BlockedImages    []BlockedImage `yaml:"blockedImages"`
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
	return decode(file, data, unsupported)
}

// decode is Decode for a program that does not support just what is in a table.
func decode(file string, data []byte, notYet table) (*Config, error) {
	c := &Config{}
	doc := notYet.decode(file, data, c)
	checker{doc, notYet}.config(c)
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return c, nil
}
