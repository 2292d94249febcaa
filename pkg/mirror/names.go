package mirror

import (
	"fmt"
	"hash/fnv"
	"io"
	"strings"

	"drayage/pkg/manifest"
	"drayage/pkg/site"
)

// maxComponents is how many components the repository of an operator image has
// on a node: what "oc adm catalog mirror" takes when nobody says otherwise.
const maxComponents = 2

// Tag is the tag under which an image stands on a node when its role does not
// say otherwise, the one that "oc adm catalog mirror" gives: the source's own
// tag, also beside a digest; for a digest alone the FNV-1a sum (32 bits, in
// hexadecimal without leading zeros) of the full pull spec; with neither, latest.
func Tag(ref manifest.Ref) string {
	switch {
	case ref.Tag != "":
		return ref.Tag
	case ref.Digest != "":
		h := fnv.New32a()
		io.WriteString(h, ref.String())
		return fmt.Sprintf("%x", h.Sum32())
	}
	return "latest"
}

// repository is where an image stands on a node.
func repository(img manifest.Image, ref manifest.Ref, r site.Repositories) (string, error) {
	if img.TargetRepository != "" {
		return img.TargetRepository, nil
	}
	switch img.Role {
	case manifest.RoleRelease, manifest.RoleComponent:
		return r.Release, nil
	case manifest.RoleRegistry:
		return r.Registry, nil
	case manifest.RoleGraph:
		return r.Graph, nil
	case manifest.RoleCatalog:
		return r.Operators + "/" + indexName(ref), nil
	case manifest.RoleOperator:
		return flatten(r.Operators+"/"+ref.Path(), maxComponents), nil
	case manifest.RoleAdditional:
		return ref.Path(), nil
	}
	return "", fmt.Errorf("unknown role %q", img.Role)
}

// indexName is the last component of a catalog's path: redhat-operator-index.
func indexName(ref manifest.Ref) string { return lastComponent(ref.Path()) }

func lastComponent(path string) string { return path[strings.LastIndex(path, "/")+1:] }

// flatten joins the last components of path by dashes, so that at most limit
// are left. A limit of 0 leaves the path as it is.
func flatten(path string, limit int) string {
	parts := strings.Split(path, "/")
	if limit == 0 || len(parts) <= limit {
		return path
	}
	last := strings.Join(parts[limit-1:], "-")
	return strings.Join(append(parts[:limit-1], last), "/")
}
