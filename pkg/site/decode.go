package site

import (
	"cmp"
	"path/filepath"

	"drayage/internal/strictyaml"
)

// Read reads the site in a file of at most [strictyaml.MaxSize] bytes. Its errors
// are those of the file system, which name the file, and those of Decode.
func Read(path string) (*Site, error) {
	data, err := strictyaml.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, err := Decode(path, data)
	if err != nil {
		return nil, err
	}
	s.folder = filepath.Dir(path)
	return s, nil
}

// Path is where a file lies that the site names: beside the site's file, unless
// its name begins at the root.
func (s *Site) Path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.folder, name)
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
	s.nameFiles()
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
		Registry: Registry{
			Port: 5000, LocalhostFirst: true, Managed: true,
			Storage: "/var/local-registry", Memory: "1G",
		},
		Repositories: DefaultRepositories(),
		CatalogHost:  "dummyregistry.io:5000",
		Pool:         "master",
		Catalogs:     Catalogs{ClusterCatalogs: true},
	}
}

// nameFiles fills in the files' names. It comes after the checks, which have to
// know what the file itself says.
func (s *Site) nameFiles() {
	r := &s.Registry
	if !r.PlainHTTP {
		r.TLS.CA = cmp.Or(r.TLS.CA, "tls/ca.crt")
		r.TLS.Certificate = cmp.Or(r.TLS.Certificate, "tls/registry.crt")
		r.TLS.Key = cmp.Or(r.TLS.Key, "tls/registry.key")
	}
	if r.Auth.User != "" {
		r.Auth.Password = cmp.Or(r.Auth.Password, "auth/password")
		r.Auth.HTPasswd = cmp.Or(r.Auth.HTPasswd, "auth/htpasswd")
	}
}
