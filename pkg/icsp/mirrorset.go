package icsp

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"drayage/pkg/mirror"
	"drayage/pkg/site"
)

// MaxSize bounds a mirror set's YAML, in bytes, as oc bounds its own: the
// annotation in which "oc apply" keeps an object holds 262144.
const MaxSize = 250000

// maxHead is room for what stands before the entries: kind, label, and a name
// of at most 253 bytes.
const maxHead = 1000

type metadata struct {
	Labels    map[string]string `json:"labels,omitempty"`
	Name      string            `json:"name"`
	Namespace string            `json:"namespace,omitempty"`
}

type mirrorSet struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   metadata `json:"metadata"`
	Spec       struct {
		RepositoryDigestMirrors []entry `json:"repositoryDigestMirrors,omitempty"` // ImageContentSourcePolicy
		ImageDigestMirrors      []entry `json:"imageDigestMirrors,omitempty"`      // ImageDigestMirrorSet
	} `json:"spec"`
}

type entry struct {
	Mirrors []string `json:"mirrors"`
	Source  string   `json:"source"`
}

// renderGroup makes a group's objects: one, or more when it is too big for one.
func renderGroup(g mirror.Group, s *site.Site) ([]Object, error) {
	k := kindFor(s)
	entries := groupEntries(g, s.MirrorHosts())
	parts, err := split(entries)
	if err := errors.Join(checkEntries(entries), err); err != nil {
		return nil, fmt.Errorf("%s %s: %w", strings.ToLower(k.kind), objectName(g, 0, s), err)
	}
	var objects []Object
	for i, part := range parts {
		o, err := renderSet(k, metadata{Labels: labels(g), Name: objectName(g, i, s)}, part)
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return objects, nil
}

func renderSet(k kind, m metadata, entries []entry) (Object, error) {
	set := mirrorSet{APIVersion: k.apiVersion, Kind: k.kind, Metadata: m}
	if k == contentSourcePolicy {
		set.Spec.RepositoryDigestMirrors = entries
	} else {
		set.Spec.ImageDigestMirrors = entries
	}
	b, err := yaml.Marshal(set)
	if err != nil {
		return Object{}, fmt.Errorf("%s %s: %w", strings.ToLower(k.kind), m.Name, err)
	}
	return Object{Kind: k.kind, Name: m.Name, YAML: b}, nil
}

// groupEntries tries a source's repositories in order, each on every host, and
// a mirror once: the cluster refuses a list that has one twice.
func groupEntries(g mirror.Group, hosts []string) []entry {
	var entries []entry
	for _, r := range g.Rules {
		e := entry{Source: r.Source}
		for _, repo := range r.Repositories {
			for _, host := range hosts {
				if m := host + "/" + repo; !slices.Contains(e.Mirrors, m) {
					e.Mirrors = append(e.Mirrors, m)
				}
			}
		}
		entries = append(entries, e)
	}
	return entries
}

// split cuts entries into parts that fit into an object each.
func split(entries []entry) ([][]entry, error) {
	var parts [][]entry
	var size int
	for _, e := range entries {
		n, err := entrySize(e)
		if err != nil {
			return nil, err
		}
		if maxHead+n > MaxSize {
			return nil, fmt.Errorf("source %s: %d mirrors need %d bytes, an object holds %d", e.Source, len(e.Mirrors), n, MaxSize-maxHead)
		}
		if len(parts) == 0 || size+n > MaxSize {
			parts = append(parts, nil)
			size = maxHead
		}
		last := len(parts) - 1
		parts[last] = append(parts[last], e)
		size += n
	}
	return parts, nil
}

// entrySize is what an entry adds to an object's YAML, in bytes.
func entrySize(e entry) (int, error) {
	const indent = 2 // the list stands below spec
	b, err := yaml.Marshal([]entry{e})
	if err != nil {
		return 0, fmt.Errorf("source %s: %w", e.Source, err)
	}
	return len(b) + indent*bytes.Count(b, []byte("\n")), nil
}

// The names that do not depend on the site or the bundle.
const (
	nameRelease    = "example"
	nameRegistry   = "registry"
	nameGraph      = "update-service"
	nameAdditional = "additional"
)

// objectName is the name of part i of a group's object.
func objectName(g mirror.Group, i int, s *site.Site) string {
	var name string
	switch g.Concern {
	case mirror.ConcernRelease:
		name = nameRelease
	case mirror.ConcernRegistry:
		name = nameRegistry
	case mirror.ConcernGraph:
		name = nameGraph
	case mirror.ConcernAdditional:
		name = nameAdditional
	case mirror.ConcernCatalog:
		name = catalogSetName(s.CatalogHost)
	case mirror.ConcernOperators:
		return fmt.Sprintf("%s-%d", g.Name, i)
	}
	if i > 0 {
		return fmt.Sprintf("%s-%d", name, i)
	}
	return name
}

func catalogSetName(host string) string {
	host, _, _ = strings.Cut(host, ":")
	name, _, _ := strings.Cut(strings.ToLower(host), ".")
	if name == nameRelease || name == nameRegistry || name == nameGraph || name == nameAdditional {
		name += "-catalog"
	}
	return name
}

func labels(g mirror.Group) map[string]string {
	if g.Concern == mirror.ConcernOperators || g.Concern == mirror.ConcernCatalog {
		return map[string]string{"operators.openshift.org/catalog": "true"}
	}
	return nil
}

// checkEntries reports every source and mirror that the cluster would refuse.
func checkEntries(entries []entry) error {
	var errs []error
	for _, e := range entries {
		if !sourceRegexp.MatchString(e.Source) {
			errs = append(errs, fmt.Errorf("source %q: not host[:port][/path] as the cluster reads it", e.Source))
		}
		if len(e.Mirrors) == 0 {
			errs = append(errs, fmt.Errorf("source %q: the site names no host that holds it", e.Source))
		}
		for _, m := range e.Mirrors {
			if !mirrorRegexp.MatchString(m) {
				errs = append(errs, fmt.Errorf("mirror %q: not host[:port][/path] as the cluster reads it", m))
			}
		}
	}
	return errors.Join(errs...)
}
