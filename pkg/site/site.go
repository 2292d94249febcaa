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
//	registry.managed         import render sets the registries up; default true
//	registry.tls             ca, certificate, key: files; default tls/ca.crt,
//	                         tls/registry.crt, tls/registry.key
//	registry.auth            user, password, htpasswd: a name and two files; default
//	                         no user, auth/password, auth/htpasswd
//	registry.image           which image of the bundle the nodes run: its name or its
//	                         digest; default the one that is there for it
//	registry.distribution    2 or 3, CNCF distribution's major version in this image;
//	                         default by its tag, or 3
//	registry.storage         a folder of a node; default /var/local-registry
//	registry.memory          512M or 2G, what the registry may take; default 1G
//	registry.readOnly        the registries take nothing in; default false
//	repositories.release     default ocp4/openshift
//	repositories.registry    default registry
//	repositories.operators   default olm-mirror
//	repositories.graph       default ocp4/graph-data
//	repositories.updates     default ocp4/updates; all of them are different
//	catalogHost              host or host:port, not a node's; default dummyregistry.io:5000
//	pool                     the MachineConfigPool of the nodes; default master
//	mirrors                  icsp or idms; default by the version, idms from 4.13 on
//	catalogs.defaultSources  the cluster keeps its own catalogs; default false
//	catalogs.clusterCatalogs render ClusterCatalogs too, from 4.18 on; default true
//	kubeletConfig            autoSizing, or systemReserved with cpu, memory and
//	                         ephemeralStorage; default nothing
//	pinnedImages             render PinnedImageSets, from 4.20 on; default false
//
// Names of files are relative to the folder of the site's file.
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
	// Pool is the MachineConfigPool that the nodes are in.
	Pool string `yaml:"pool"`
	// Mirrors is icsp or idms, whatever the version says; empty leaves it to that.
	Mirrors       string        `yaml:"mirrors"`
	Catalogs      Catalogs      `yaml:"catalogs"`
	KubeletConfig KubeletConfig `yaml:"kubeletConfig"`
	// PinnedImages asks for objects that keep a release's images on the nodes.
	PinnedImages bool `yaml:"pinnedImages"`

	folder string // where the site's file lies, "" for the working folder
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
	// Managed says that the registries are set up by what is rendered. Otherwise
	// they are somebody else's, and only filled.
	Managed bool `yaml:"managed"`
	// TLS is empty when PlainHTTP is set.
	TLS  TLS  `yaml:"tls"`
	Auth Auth `yaml:"auth"`
	// Image is the name or digest of the image that the nodes run, one that the
	// bundle has for it; empty means the only one.
	Image string `yaml:"image"`
	// Distribution is the major version of CNCF distribution in that image, 2
	// or 3; 0 leaves it to the image's tag.
	Distribution int `yaml:"distribution"`
	// Storage is the folder on a node in which everything lies.
	Storage string `yaml:"storage"`
	// Memory bounds the registry, a number with M or G (MiB, GiB) behind it.
	Memory string `yaml:"memory"`
	// ReadOnly makes registries that take nothing in.
	ReadOnly bool `yaml:"readOnly"`
}

// TLS names files, relative to the site's own; see [Site.Path].
type TLS struct {
	CA          string `yaml:"ca"`          // PEM, one or more certificates
	Certificate string `yaml:"certificate"` // PEM, the server's own first
	Key         string `yaml:"key"`         // PEM
}

// Auth is who the registries let in. Nobody has to say who he is when User is
// empty. Password and HTPasswd name files; see [Site.Path].
type Auth struct {
	User     string `yaml:"user"`
	Password string `yaml:"password"` // the password, and a line end perhaps
	HTPasswd string `yaml:"htpasswd"` // user and bcrypt hash, for the nodes
}

// Catalogs is what becomes of operator catalogs on the cluster.
type Catalogs struct {
	// DefaultSources lets the cluster keep the catalogs that it came with.
	DefaultSources bool `yaml:"defaultSources"`
	// ClusterCatalogs are for the second Operator Lifecycle Manager.
	ClusterCatalogs bool `yaml:"clusterCatalogs"`
}

// KubeletConfig is what a node keeps for itself, the registry among it.
type KubeletConfig struct {
	// AutoSizing lets the cluster compute it.
	AutoSizing     bool     `yaml:"autoSizing"`
	SystemReserved Reserved `yaml:"systemReserved"`
}

// Reserved are Kubernetes quantities; empty ones are left to the cluster.
type Reserved struct {
	CPU              string `yaml:"cpu"`
	Memory           string `yaml:"memory"`
	EphemeralStorage string `yaml:"ephemeralStorage"`
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
