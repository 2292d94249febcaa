package site

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"drayage/internal/strictyaml"
)

// head is three lines long: what follows it begins in line 4.
const head = "apiVersion: drayage/v1alpha1\nkind: Site\nopenshift: \"4.12\"\n"

const oneNode = "nodes: [{name: node1, address: 10.0.0.1}]\n"

func TestTheExampleOfThePackageCommentIsRead(t *testing.T) {
	source, err := os.ReadFile("site.go")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(source), "small YAML file:\n//\n")
	example, _, found := strings.Cut(example, "//\n// # The fields")
	if !found {
		t.Fatal("the package comment has no example")
	}
	got, err := Decode("site.yaml", []byte(strings.ReplaceAll(example, "//\t", "")))
	if err != nil {
		t.Fatal(err)
	}
	want := &Site{
		APIVersion: APIVersion, Kind: Kind, OpenShift: "4.9",
		Nodes: []Node{{"node1", "10.10.21.174"}, {"node2", "10.10.21.175"}, {"node3", "10.10.21.176"}},
		Registry: Registry{Port: 5000, PlainHTTP: true, LocalhostFirst: true, Managed: true,
			Storage: "/var/local-registry", Memory: "1G"},
		Repositories: Repositories{Release: "ocp4/openshift", Registry: "registry", Operators: "olm-mirror", Graph: "ocp4/graph-data", Updates: "ocp4/updates"},
		CatalogHost:  "dummyregistry.io:5000",
		Pool:         "master",
		Catalogs:     Catalogs{ClusterCatalogs: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDefaults(t *testing.T) {
	got, err := Decode("site.yaml", []byte(head+oneNode))
	if err != nil {
		t.Fatal(err)
	}
	want := &Site{
		APIVersion: APIVersion, Kind: Kind, OpenShift: "4.12",
		Nodes: []Node{{"node1", "10.0.0.1"}},
		Registry: Registry{Port: 5000, PlainHTTP: false, LocalhostFirst: true, Managed: true,
			TLS:     TLS{"tls/ca.crt", "tls/registry.crt", "tls/registry.key"},
			Storage: "/var/local-registry", Memory: "1G"},
		Repositories: Repositories{Release: "ocp4/openshift", Registry: "registry", Operators: "olm-mirror", Graph: "ocp4/graph-data", Updates: "ocp4/updates"},
		CatalogHost:  "dummyregistry.io:5000",
		Pool:         "master",
		Catalogs:     Catalogs{ClusterCatalogs: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestWhatIsGivenReplacesItsDefaultAlone(t *testing.T) {
	got, err := Decode("site.yaml", []byte(head+oneNode+
		"registry: {localhostFirst: false, plainHTTP: true, managed: false, memory: 512M}\nrepositories: {operators: a/b_c-d.e}\ncatalogHost: catalogs.example\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Registry{Port: 5000, PlainHTTP: true, Storage: "/var/local-registry", Memory: "512M"}); got.Registry != want {
		t.Errorf("registry is %+v, want %+v", got.Registry, want)
	}
	if want := (Repositories{Release: "ocp4/openshift", Registry: "registry", Operators: "a/b_c-d.e", Graph: "ocp4/graph-data", Updates: "ocp4/updates"}); got.Repositories != want {
		t.Errorf("repositories are %+v, want %+v", got.Repositories, want)
	}
	if got.CatalogHost != "catalogs.example" {
		t.Errorf("catalogHost is %s", got.CatalogHost)
	}
}

func TestGoodAddressesAndNames(t *testing.T) {
	for _, s := range []string{"10.0.0.1", "10.0.0.1:1", "node1", "node1:65535", "node-1.site.example.com:5000", "4u.example", "127.0.0.1:5812"} {
		text := head + "nodes: [{name: node1, address: '" + s + "'}]\n"
		if _, err := Decode("site.yaml", []byte(text)); err != nil {
			t.Errorf("address: %v", err)
		}
	}
	for _, s := range []string{"a", "7", "node-1", "master-0.cluster.example.com", "10.0.0.1", strings.Repeat("a", 63)} {
		text := head + "nodes: [{name: '" + s + "', address: 10.0.0.1}]\n"
		if _, err := Decode("site.yaml", []byte(text)); err != nil {
			t.Errorf("name: %v", err)
		}
	}
}

const noVersion = "apiVersion: drayage/v1alpha1\nkind: Site\n"

// at is a site with one node; its address is in line 6.
func at(address string) string {
	return head + "nodes:\n- name: a\n  address: '" + address + "'\n"
}

// badSites holds, for each bad site, all that there is to say about it.
var badSites = map[string]struct{ text, want string }{
	"empty": {"", "x.yaml: document is empty"},
	"no header": {"registry: {}\n", "x.yaml: apiVersion: missing, want drayage/v1alpha1\n" +
		"x.yaml: kind: missing, want Site\n" +
		`x.yaml: openshift: missing, want the cluster's version, "4.12" for example` + "\n" +
		"x.yaml: nodes: missing, want at least one"},
	"another format": {"apiVersion: drayage/v2\nkind: Place\nopenshift: '4.9'\n" + oneNode,
		`x.yaml:1: apiVersion: "drayage/v2", want drayage/v1alpha1` + "\n" + `x.yaml:2: kind: "Place", want Site`},
	"unknown key": {head + oneNode + "registry:\n  plainHttp: true\n",
		"x.yaml:6: registry.plainHttp: unknown key (did you mean plainHTTP?)"},

	"version as a number": {noVersion + "openshift: 4.10\n" + oneNode,
		`x.yaml:3: openshift: want a string, found the number 4.10: put it in quotes, "4.10"`},
	"version as a whole number": {noVersion + "openshift: 4\n" + oneNode,
		`x.yaml:3: openshift: want a string, found the number 4: put it in quotes, "4"`},
	"version without a minor": {noVersion + "openshift: '4'\n" + oneNode,
		`x.yaml:3: openshift: "4" is no version like 4.12 or 4.12.0`},
	"version with a letter": {noVersion + "openshift: v4.12\n" + oneNode,
		`x.yaml:3: openshift: "v4.12" is no version like 4.12 or 4.12.0`},
	"version that is too large": {noVersion + "openshift: '4.999999'\n" + oneNode,
		`x.yaml:3: openshift: "4.999999" is no version like 4.12 or 4.12.0`},
	"version that goes on": {noVersion + "openshift: \"4.12\\n\"\n" + oneNode,
		`x.yaml:3: openshift: "4.12\n" is no version like 4.12 or 4.12.0`},

	"no nodes":      {head + "nodes: []\n", "x.yaml:4: nodes: missing, want at least one"},
	"nodes missing": {head, "x.yaml: nodes: missing, want at least one"},
	"node without anything": {head + "nodes:\n- {}\n",
		"x.yaml:5: nodes[0].name: missing\nx.yaml:5: nodes[0].address: missing, want host or host:port"},
	"name twice": {head + "nodes:\n- {name: a, address: 10.0.0.1}\n- {name: b, address: 10.0.0.2}\n- {name: a, address: 10.0.0.3}\n",
		`x.yaml:7: nodes[2].name: "a" is the name of nodes[0] too`},
	"name in upper case": {head + "nodes: [{name: Node1, address: 10.0.0.1}]\n",
		`x.yaml:4: nodes[0].name: "Node1" is no DNS name in lower case`},
	"name with a dash at its end": {head + "nodes: [{name: node-, address: 10.0.0.1}]\n",
		`x.yaml:4: nodes[0].name: "node-" is no DNS name in lower case`},
	"name that is too long": {head + "nodes: [{name: " + strings.Repeat("a", 64) + ", address: 10.0.0.1}]\n",
		`x.yaml:4: nodes[0].name: "` + strings.Repeat("a", 64) + `" is no DNS name in lower case`},

	"address twice": {head + "nodes:\n- {name: a, address: 10.0.0.1}\n- {name: b, address: '10.0.0.1:5000'}\n",
		"x.yaml:6: nodes[1].address: 10.0.0.1:5000 is the address of nodes[0] too"},
	"IPv6 in brackets": {at("[fd00::1]:5000"),
		`x.yaml:6: nodes[0].address: "[fd00::1]:5000": the cluster's mirror rules take no IPv6 literal`},
	"IPv6 without brackets": {at("fd00::1"),
		`x.yaml:6: nodes[0].address: "fd00::1": the cluster's mirror rules take no IPv6 literal`},
	"IPv6 that holds IPv4": {at("::ffff:10.0.0.1"),
		`x.yaml:6: nodes[0].address: "::ffff:10.0.0.1": the cluster's mirror rules take no IPv6 literal`},
	"two ports": {at("10.0.0.1:5000:5000"),
		`x.yaml:6: nodes[0].address: "10.0.0.1:5000:5000": want host or host:port`},
	"scheme": {at("http://10.0.0.1:5000"),
		`x.yaml:6: nodes[0].address: "http://10.0.0.1:5000": want host or host:port, without a scheme or a path`},
	"path": {at("10.0.0.1:5000/olm"),
		`x.yaml:6: nodes[0].address: "10.0.0.1:5000/olm": want host or host:port, without a scheme or a path`},
	"port zero": {at("10.0.0.1:0"),
		`x.yaml:6: nodes[0].address: "10.0.0.1:0": the port is not one of 1 to 65535`},
	"port too large": {at("10.0.0.1:65536"),
		`x.yaml:6: nodes[0].address: "10.0.0.1:65536": the port is not one of 1 to 65535`},
	"no port after the colon": {at("10.0.0.1:"),
		`x.yaml:6: nodes[0].address: "10.0.0.1:": the port is not one of 1 to 65535`},
	"port with a leading zero": {at("10.0.0.1:05000"),
		`x.yaml:6: nodes[0].address: "10.0.0.1:05000": the port is not one of 1 to 65535`},
	"host and port wrong": {at("10.0.0.256:x"),
		`x.yaml:6: nodes[0].address: "10.0.0.256:x": the port is not one of 1 to 65535` + "\n" +
			`x.yaml:6: nodes[0].address: "10.0.0.256:x": the host is neither an IPv4 address nor a DNS name in lower case`},
	"mistyped IPv4": {at("10.0.1"),
		`x.yaml:6: nodes[0].address: "10.0.1": the host is neither an IPv4 address nor a DNS name in lower case`},
	"host in upper case": {at("Node1"),
		`x.yaml:6: nodes[0].address: "Node1": the host is neither an IPv4 address nor a DNS name in lower case`},
	"host with an underscore": {at("node_1"),
		`x.yaml:6: nodes[0].address: "node_1": the host is neither an IPv4 address nor a DNS name in lower case`},
	"host with a last dot": {at("node1."),
		`x.yaml:6: nodes[0].address: "node1.": the host is neither an IPv4 address nor a DNS name in lower case`},
	"no host before the colon": {at(":5000"),
		`x.yaml:6: nodes[0].address: ":5000": the host is neither an IPv4 address nor a DNS name in lower case`},
	"localhost, which is first already": {at("localhost"),
		"x.yaml:6: nodes[0].address: localhost:5000 is what registry.localhostFirst puts before every node"},

	"registry port zero": {head + oneNode + "registry: {port: 0}\n",
		"x.yaml:5: registry.port: 0, want 1 to 65535"},
	"registry port too large": {head + oneNode + "registry: {port: 65536}\n",
		"x.yaml:5: registry.port: 65536, want 1 to 65535"},
	"registry port as a word": {head + oneNode + "registry: {port: '5000'}\n",
		`x.yaml:5: registry.port: want a whole number in decimal, found "5000"`},

	"repositories in upper case, empty, with a tag": {head + oneNode + "repositories:\n  release: OCP\n  registry: ''\n  operators: olm:v1\n",
		`x.yaml:6: repositories.release: "OCP" is no repository path in lower case, like ocp4/openshift` + "\n" +
			`x.yaml:7: repositories.registry: "" is no repository path in lower case, like ocp4/openshift` + "\n" +
			`x.yaml:8: repositories.operators: "olm:v1" is no repository path in lower case, like ocp4/openshift`},
	"repository with a slash too many": {head + oneNode + "repositories: {release: /ocp4}\n",
		`x.yaml:5: repositories.release: "/ocp4" is no repository path in lower case, like ocp4/openshift`},
	"repository that is too long": {head + oneNode + "repositories: {release: " + strings.Repeat("a", 129) + "}\n",
		"x.yaml:5: repositories.release: 129 bytes, want at most 128"},
	"repository twice": {head + oneNode + "repositories:\n  release: a\n  operators: a\n",
		"x.yaml:7: repositories.operators: a is repositories.release too"},
	"repositories of the update graph": {head + oneNode + "repositories:\n  graph: Graph\n  updates: ocp4/openshift\n",
		`x.yaml:6: repositories.graph: "Graph" is no repository path in lower case, like ocp4/openshift` + "\n" +
			"x.yaml:7: repositories.updates: ocp4/openshift is repositories.release too"},
	"repository that is another's default": {head + oneNode + "repositories:\n  operators: registry\n",
		"x.yaml:6: repositories.operators: registry is repositories.registry too"},

	"catalog host that is empty": {head + oneNode + "catalogHost: ''\n",
		`x.yaml:5: catalogHost: "": the host is neither an IPv4 address nor a DNS name in lower case`},
	"catalog host with a path": {head + oneNode + "catalogHost: a.io/b\n",
		`x.yaml:5: catalogHost: "a.io/b": want host or host:port, without a scheme or a path`},
	"catalog host that is one word": {head + oneNode + "catalogHost: catalogs\n",
		`x.yaml:5: catalogHost: "catalogs" would be read as a repository of docker.io, want a dot or a port in it`},
	"catalog host that is localhost": {head + oneNode + "catalogHost: localhost:5000\n",
		"x.yaml:5: catalogHost: localhost:5000 is a node's own registry, want a host that does not exist"},
	"catalog host that is a node": {head + oneNode + "catalogHost: 10.0.0.1:5000\n",
		`x.yaml:5: catalogHost: 10.0.0.1:5000 is the address of "node1", want a host that does not exist`},

	"everything at once": {"apiVersion: v1\nkind: Site\nopenshift: 4.10\nnodes:\n- {name: A, address: '[::1]'}\n- {nme: b, address: 10.0.0.1}\nregistry: {port: -1}\nextra: 1\n",
		`x.yaml:1: apiVersion: "v1", want drayage/v1alpha1` + "\n" +
			`x.yaml:3: openshift: want a string, found the number 4.10: put it in quotes, "4.10"` + "\n" +
			`x.yaml:5: nodes[0].name: "A" is no DNS name in lower case` + "\n" +
			`x.yaml:5: nodes[0].address: "[::1]": the cluster's mirror rules take no IPv6 literal` + "\n" +
			"x.yaml:6: nodes[1].nme: unknown key (did you mean name?)\n" +
			"x.yaml:7: registry.port: -1, want 1 to 65535\n" +
			"x.yaml:8: extra: unknown key"},
}

func TestBadSites(t *testing.T) {
	for name, c := range badSites {
		t.Run(name, func(t *testing.T) {
			s, err := Decode("x.yaml", []byte(c.text))
			if got := fmt.Sprint(err); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if s != nil {
				t.Errorf("there is a site beside the error: %+v", s)
			}
		})
	}
}

func TestLocalhostIsANodeLikeAnyWhenItIsNotFirst(t *testing.T) {
	text := head + "nodes: [{name: a, address: localhost}, {name: b, address: 'localhost:5001'}]\nregistry: {localhostFirst: false}\n"
	s, err := Decode("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.MirrorHosts(), []string{"localhost:5000", "localhost:5001"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestReadNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	for path, text := range map[string]string{good: head + oneNode, bad: head + "nodes: 1\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := Read(good); err != nil || len(s.Nodes) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	_, err := Read(bad)
	var f *strictyaml.Finding
	if !errors.As(err, &f) || f.File != bad || f.Line != 4 {
		t.Errorf("finding is %+v of %v", f, err)
	}
	if _, err := Read(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want that the file does not exist", err)
	}
}

func TestHostAndMirrorHosts(t *testing.T) {
	s := &Site{
		Nodes:    []Node{{"b", "10.0.0.2"}, {"a", "node1.example.com:5001"}},
		Registry: Registry{Port: 8443, LocalhostFirst: true},
	}
	if got := s.Nodes[0].Host(s.Registry); got != "10.0.0.2:8443" {
		t.Errorf("a node without a port is %s", got)
	}
	if got := s.Nodes[1].Host(s.Registry); got != "node1.example.com:5001" {
		t.Errorf("a node with a port is %s", got)
	}
	if got, want := s.MirrorHosts(), []string{"localhost:8443", "10.0.0.2:8443", "node1.example.com:5001"}; !slices.Equal(got, want) {
		t.Errorf("with localhost first: %v, want %v", got, want)
	}
	s.Registry.LocalhostFirst = false
	if got, want := s.MirrorHosts(), []string{"10.0.0.2:8443", "node1.example.com:5001"}; !slices.Equal(got, want) {
		t.Errorf("without localhost: %v, want %v", got, want)
	}
}

func TestVersion(t *testing.T) {
	for _, c := range []struct {
		openshift    string
		major, minor int
	}{
		{"4.9", 4, 9},
		{"4.10", 4, 10},
		{"4.12.3", 4, 12},
		{"4.17.0-rc.1", 4, 17},
		{"4.17.0-202412170235+x", 4, 17},
		{"", 0, 0},
		{"4", 0, 0},
		{"4.12.", 0, 0},
		{"4.012", 0, 0},
	} {
		if major, minor := (&Site{OpenShift: c.openshift}).Version(); major != c.major || minor != c.minor {
			t.Errorf("%q: %d, %d; want %d, %d", c.openshift, major, minor, c.major, c.minor)
		}
	}
}

func TestSelect(t *testing.T) {
	s := &Site{Nodes: []Node{{"a", "10.0.0.1"}, {"b", "10.0.0.2"}, {"c", "10.0.0.3"}}}
	for _, c := range []struct {
		names []string
		want  []Node
		err   string
	}{
		{nil, s.Nodes, "<nil>"},
		{[]string{"b"}, s.Nodes[1:2], "<nil>"},
		{[]string{"b", "a", "b"}, s.Nodes[:2], "<nil>"},
		{[]string{"a", "x", "10.0.0.1"}, nil, "node \"x\": not in the site, which has a, b, c\nnode \"10.0.0.1\": not in the site, which has a, b, c"},
		{[]string{""}, nil, `node "": not in the site, which has a, b, c`},
	} {
		got, err := s.Select(c.names)
		if !slices.Equal(got, c.want) || fmt.Sprint(err) != c.err {
			t.Errorf("%q: %v, %v; want %v, %s", c.names, got, err, c.want, c.err)
		}
	}
}

func TestSelectingAllGivesACopy(t *testing.T) {
	s := &Site{Nodes: []Node{{"a", "10.0.0.1"}}}
	all, err := s.Select(nil)
	if err != nil {
		t.Fatal(err)
	}
	all[0].Name = "x"
	if s.Nodes[0].Name != "a" {
		t.Error("what Select returned is the site's own list")
	}
}
