package site

import (
	"fmt"
	"regexp"
	"strings"

	"drayage/internal/strictyaml"
)

// check reports everything that is wrong with what the site says.
func (s *Site) check(d *strictyaml.Document) {
	checkIs(d, "apiVersion", s.APIVersion, APIVersion)
	checkIs(d, "kind", s.Kind, Kind)
	checkVersion(d, s.OpenShift)
	if len(s.Nodes) == 0 {
		d.Missingf("nodes", "missing, want at least one")
	}
	checkNames(d, s.Nodes)
	checkAddresses(d, s.Nodes, s.Registry)
	if s.Registry.Port < 1 || s.Registry.Port > 65535 {
		d.Wrongf("registry.port", "%d, want 1 to 65535", s.Registry.Port)
	}
	checkRepositories(d, s.Repositories)
	checkCatalogHost(d, s)
	checkRegistry(d, s.Registry)
	checkObjects(d, s)
}

func checkIs(d *strictyaml.Document, path, got, want string) {
	switch got {
	case want:
	case "":
		d.Missingf(path, "missing, want %s", want)
	default:
		d.Wrongf(path, "%.64q, want %s", got, want)
	}
}

// openshiftVersion is major.minor or a full version: 4.9, 4.12.0, 4.17.0-rc.1.
var openshiftVersion = regexp.MustCompile(`^(0|[1-9][0-9]{0,4})\.(0|[1-9][0-9]{0,4})(?:\.(?:0|[1-9][0-9]{0,4})(?:[-+][0-9A-Za-z.+-]+)?)?$`)

func checkVersion(d *strictyaml.Document, v string) {
	switch {
	case v == "":
		d.Missingf("openshift", `missing, want the cluster's version, "4.12" for example`)
	case !openshiftVersion.MatchString(v):
		d.Wrongf("openshift", "%.64q is no version like 4.12 or 4.12.0", v)
	}
}

func checkNames(d *strictyaml.Document, nodes []Node) {
	seen := map[string]int{}
	for i, n := range nodes {
		path := fmt.Sprintf("nodes[%d].name", i)
		first, twice := seen[n.Name]
		switch {
		case n.Name == "":
			d.Missingf(path, "missing")
		case !isDNSName(n.Name):
			d.Wrongf(path, "%.64q is no DNS name in lower case", n.Name)
		case twice:
			d.Wrongf(path, "%q is the name of nodes[%d] too", n.Name, first)
		default:
			seen[n.Name] = i
		}
	}
}

func checkAddresses(d *strictyaml.Document, nodes []Node, r Registry) {
	seen := map[string]int{}
	for i, n := range nodes {
		path := fmt.Sprintf("nodes[%d].address", i)
		if n.Address == "" {
			d.Missingf(path, "missing, want host or host:port")
			continue
		}
		if !checkHost(d, path, n.Address) {
			continue
		}
		host := n.Host(r)
		if first, twice := seen[host]; twice {
			d.Wrongf(path, "%s is the address of nodes[%d] too", host, first)
			continue
		}
		seen[host] = i
		if r.LocalhostFirst && host == r.localhost() {
			d.Wrongf(path, "%s is what registry.localhostFirst puts before every node", host)
		}
	}
}

func checkHost(d *strictyaml.Document, path, host string) bool {
	errs := hostErrors(host)
	for _, err := range errs {
		d.Wrongf(path, "%w", err)
	}
	return len(errs) == 0
}

// repositoryPath is the syntax of a repository in the OCI distribution
// specification.
var repositoryPath = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

// maxRepository bounds a repository, in bytes: clients take at most 255 for host
// and path together, and the names of operator images follow the prefix.
const maxRepository = 128

func checkRepositories(d *strictyaml.Document, r Repositories) {
	seen := map[string]string{}
	for _, f := range []struct{ field, repo string }{
		{"release", r.Release}, {"registry", r.Registry}, {"operators", r.Operators},
		{"graph", r.Graph}, {"updates", r.Updates},
	} {
		path := "repositories." + f.field
		first, twice := seen[f.repo]
		switch {
		case len(f.repo) > maxRepository:
			d.Wrongf(path, "%d bytes, want at most %d", len(f.repo), maxRepository)
		case !repositoryPath.MatchString(f.repo):
			d.Wrongf(path, "%q is no repository path in lower case, like ocp4/openshift", f.repo)
		case twice:
			d.Wrongf(path, "%s is repositories.%s too", f.repo, first)
		default:
			seen[f.repo] = f.field
		}
	}
}

func checkCatalogHost(d *strictyaml.Document, s *Site) {
	const path = "catalogHost"
	if !checkHost(d, path, s.CatalogHost) {
		return
	}
	if !strings.ContainsAny(s.CatalogHost, ".:") {
		d.Wrongf(path, "%q would be read as a repository of docker.io, want a dot or a port in it", s.CatalogHost)
	}
	if s.CatalogHost == s.Registry.localhost() {
		d.Wrongf(path, "%s is a node's own registry, want a host that does not exist", s.CatalogHost)
	}
	for _, n := range s.Nodes {
		if n.Address != "" && n.Host(s.Registry) == s.CatalogHost {
			d.Wrongf(path, "%s is the address of %.64q, want a host that does not exist", s.CatalogHost, n.Name)
		}
	}
}
