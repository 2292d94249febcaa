package node

import (
	"fmt"
	"regexp"
	"strings"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

// The names on a node.
const (
	Unit   = "drayage-registry.service"
	Folder = "/etc/drayage-registry"
	Script = "/usr/local/bin/drayage-registry"
)

// Input is what the registries are made of.
type Input struct {
	Site *site.Site
	// Image is the one that the nodes run, as the packing list has it.
	Image manifest.Image
	// Certificate and Key are PEM, empty over plain HTTP.
	Certificate, Key []byte
	// HTPasswd is empty when everybody is let in.
	HTPasswd []byte
}

// File is a file on a node.
type File struct {
	Path    string
	Mode    int // permission bits
	Content []byte
}

// ChooseImage returns the image that a site's nodes run: the one that
// registry.image names, by name or digest, or the only one that the bundle has
// for it. ok is false when the bundle has none and none is named.
func ChooseImage(m *manifest.Manifest, s *site.Site) (image manifest.Image, ok bool, err error) {
	var names []string
	var found []manifest.Image
	for _, i := range m.Images {
		if i.Role != manifest.RoleRegistry {
			continue
		}
		names = append(names, i.Name)
		if want := s.Registry.Image; want == "" || named(i, want) {
			found = append(found, i)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], true, nil
	case len(found) > 1:
		return image, false, fmt.Errorf("registry.image: which one? the bundle has %s", strings.Join(names, ", "))
	case s.Registry.Image == "":
		return image, false, nil
	case len(names) == 0:
		return image, false, fmt.Errorf("registry.image: %s: the bundle has no registry image", s.Registry.Image)
	}
	return image, false, fmt.Errorf("registry.image: %s: not in the bundle, which has %s", s.Registry.Image, strings.Join(names, ", "))
}

func named(i manifest.Image, want string) bool {
	if i.Descriptor.Digest.String() == want || i.Name == want {
		return true
	}
	ref, err := manifest.ParseRef(want)
	return err == nil && ref.String() == i.Name
}

// distributionTag is a tag that begins with a major version: 2, 2.8.3, v3, 3-alpine.
var distributionTag = regexp.MustCompile(`^v?([23])($|[.-])`)

// Distribution is the major version of CNCF distribution in an image, 2 or 3:
// what the site says, or else the image's tag, or else 3.
func Distribution(s *site.Site, image manifest.Image) int {
	if s.Registry.Distribution != 0 {
		return s.Registry.Distribution
	}
	ref, err := manifest.ParseRef(image.Name)
	if err != nil {
		return 3
	}
	if m := distributionTag.FindStringSubmatch(ref.Tag); m != nil && m[1] == "2" {
		return 2
	}
	return 3
}

// reference is how podman knows the image: repository@digest.
func (in Input) reference() (repository, byDigest string, err error) {
	ref, err := manifest.ParseRef(in.Image.Name)
	if err != nil {
		return "", "", err
	}
	return ref.Repository, ref.Repository + "@" + in.Image.Descriptor.Digest.String(), nil
}

// configFolder is where the registry's own configuration lies in the container.
func (in Input) configFolder() string {
	if Distribution(in.Site, in.Image) == 2 {
		return "/etc/docker/registry"
	}
	return "/etc/distribution"
}

// Files lists the files on a node, sorted by path.
func Files(in Input) ([]File, error) {
	script, err := in.script()
	if err != nil {
		return nil, err
	}
	files := []File{{Folder + "/config.yml", 0o644, in.config()}}
	if len(in.HTPasswd) > 0 {
		files = append(files, File{Folder + "/htpasswd", 0o600, in.HTPasswd})
	}
	if len(in.Certificate) > 0 {
		files = append(files, File{Folder + "/tls.crt", 0o644, in.Certificate}, File{Folder + "/tls.key", 0o600, in.Key})
	}
	return append(files, File{Script, 0o755, script}), nil
}
