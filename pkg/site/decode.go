package site

import "drayage/internal/strictyaml"

// Read reads the site in a file of at most [strictyaml.MaxSize] bytes. Its errors
// are those of the file system, which name the file, and those of Decode.
func Read(path string) (*Site, error) {
	data, err := strictyaml.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Decode(path, data)
}

// Decode reads a site and fills in the defaults; the file is only named, in
// errors. An error holds all findings, each a [*strictyaml.Finding] with the line
// where there is one.
func Decode(file string, data []byte) (*Site, error) {
	s := defaults()
	doc := strictyaml.Decode(file, data, s, nil)
	s.check(doc)
	if err := doc.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// DefaultRepositories are those of a site that names none.
func DefaultRepositories() Repositories {
	return Repositories{
		Release: "ocp4/openshift", Registry: "registry", Operators: "olm-mirror",
		Graph: "ocp4/graph-data", Updates: "ocp4/updates",
	}
}

// defaults is what holds for every field that the file leaves out.
func defaults() *Site {
	return &Site{
		Registry:     Registry{Port: 5000, LocalhostFirst: true},
		Repositories: DefaultRepositories(),
		CatalogHost:  "dummyregistry.io:5000",
	}
}
