// Package site holds what is true of one place: the nodes and their registries,
// the repositories on them, the OpenShift version of the cluster. These facts
// exist only on the far side of the air gap; no bundle knows any of them.
//
// A site is described by a small YAML file:
//
//	apiVersion: drayage/v1alpha1
//	kind: Site
//	openshift: "4.9"
//	nodes:
//	- {name: node1, address: 10.10.21.174}
//	- {name: node2, address: 10.10.21.175}
//	- {name: node3, address: 10.10.21.176}
//	registry: {port: 5000, plainHTTP: true, localhostFirst: true}
//	repositories: {release: ocp4/openshift, registry: registry, operators: olm-mirror}
//	catalogHost: dummyregistry.io:5000
//
// # The fields
//
// Those that have a default may be left out:
//
//	apiVersion, kind         as above
//	openshift                major.minor or a full version, in quotes (YAML reads a
//	                         bare 4.10 as the number 4.1)
//	nodes                    at least one
//	nodes[].name             a DNS name or label; each is different
//	nodes[].address          host or host:port; each is different. The host is an
//	                         IPv4 address or a DNS name
//	registry.port            the port of localhost, and of every node whose address
//	                         has none; default 5000
//	registry.plainHTTP       the registries do not speak TLS; default false
//	registry.localhostFirst  a node asks its own registry first; default true
//	repositories.release     default ocp4/openshift
//	repositories.registry    default registry
//	repositories.operators   default olm-mirror
//	repositories.graph       default ocp4/graph-data
//	repositories.updates     default ocp4/updates; all of them are different
//	catalogHost              host or host:port, not a node's; default dummyregistry.io:5000
//
// Names, hosts and repositories are in lower case. IPv6 literals are refused: the
// pattern by which the cluster checks its mirror rules has no room for one. Any
// other key is an error.
package site

// APIVersion and Kind are the only ones that are read.
const (
	APIVersion = "drayage/v1alpha1"
	Kind       = "Site"
)

// Site is one place: three nodes, usually, and the cluster that they are.
type Site struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	// OpenShift is the cluster's version, major.minor or in full: it decides
	// which kinds of objects the cluster understands.
	OpenShift string `yaml:"openshift"`
	// Nodes are the registries, in the order in which mirrors are written.
	Nodes        []Node       `yaml:"nodes"`
	Registry     Registry     `yaml:"registry"`
	Repositories Repositories `yaml:"repositories"`
	// CatalogHost is the made-up host (with a port, or without) under which the
	// cluster knows the pruned catalogs. Nothing listens there: a mirror rule
	// sends the cluster to the nodes.
	CatalogHost string `yaml:"catalogHost"`
}

// Node is one of the site's registries.
type Node struct {
	Name string `yaml:"name"`
	// Address is host or host:port; without a port, Registry.Port counts.
	Address string `yaml:"address"`
}

// Registry is what the nodes' registries have in common.
type Registry struct {
	Port int `yaml:"port"`
	// PlainHTTP says that the registries do not speak TLS.
	PlainHTTP bool `yaml:"plainHTTP"`
	// LocalhostFirst puts localhost before the nodes in every mirror list, so
	// that each node asks its own registry first.
	LocalhostFirst bool `yaml:"localhostFirst"`
}

// Repositories are the places on a node's registry, as in the blog.
type Repositories struct {
	Release   string `yaml:"release"`   // release images and their components
	Registry  string `yaml:"registry"`  // the registry's own image
	Operators string `yaml:"operators"` // prefix of everything that catalogs name
	Graph     string `yaml:"graph"`     // the image with the update graph
	// Updates holds the release images once more, and nothing else, where an
	// update graph travels: the update service reads every image that has a tag
	// in the repository that it is given.
	Updates string `yaml:"updates"`
}
