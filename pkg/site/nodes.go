package site

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Host is host:port of the node's registry: 10.0.0.1:5000.
func (n Node) Host(r Registry) string {
	if strings.Contains(n.Address, ":") {
		return n.Address
	}
	return n.Address + ":" + strconv.Itoa(r.Port)
}

// localhost is host:port of a node's own registry, as seen from the node.
func (r Registry) localhost() string {
	return "localhost:" + strconv.Itoa(r.Port)
}

// MirrorHosts lists the registries, host:port each, in the order in which the
// cluster should ask them: localhost first if the site says so, then the nodes.
func (s *Site) MirrorHosts() []string {
	var hosts []string
	if s.Registry.LocalhostFirst {
		hosts = append(hosts, s.Registry.localhost())
	}
	for _, n := range s.Nodes {
		hosts = append(hosts, n.Host(s.Registry))
	}
	return hosts
}

// Version is the cluster's version as two numbers, 4 and 12 of 4.12.3; 0 and 0
// if the site has none that Decode would accept.
func (s *Site) Version() (major, minor int) {
	m := openshiftVersion.FindStringSubmatch(s.OpenShift)
	if m == nil {
		return 0, 0
	}
	major, _ = strconv.Atoi(m[1]) // at most five digits
	minor, _ = strconv.Atoi(m[2])
	return major, minor
}

// Select returns the nodes of these names, each once, in the order of the site;
// all nodes when no names are given. An error names each unknown one and lists
// those that there are.
func (s *Site) Select(names []string) ([]Node, error) {
	if len(names) == 0 {
		return slices.Clone(s.Nodes), nil
	}
	var known []string
	var selected []Node
	for _, n := range s.Nodes {
		known = append(known, n.Name)
		if slices.Contains(names, n.Name) {
			selected = append(selected, n)
		}
	}
	var errs []error
	for _, name := range names {
		if !slices.Contains(known, name) {
			errs = append(errs, fmt.Errorf("node %q: not in the site, which has %s", name, strings.Join(known, ", ")))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return selected, nil
}
