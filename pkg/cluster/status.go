package cluster

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"drayage/internal/progress"
)

// Status is how a cluster is, read and not judged.
type Status struct {
	Info
	Pool  Pool   `json:"pool"`
	Nodes []Node `json:"nodes"`
	// Mirrors are the rules that all nodes have: those of the configuration that
	// the whole pool had last. Policy is what they come to.
	Mirrors  []MirrorRule `json:"mirrors"`
	Catalogs []Catalog    `json:"catalogs"`
	// TightBudgets are the PodDisruptionBudgets that let no pod go, namespace/name.
	// They are asked for only while a node is being drained.
	TightBudgets []string `json:"tightBudgets,omitempty"`
}

// Status reads how the cluster is. A server that is away is asked again for a
// while.
func (c *Cluster) Status(ctx context.Context, p progress.Func) (*Status, error) {
	s := &Status{Info: c.Info, Nodes: []Node{}, Mirrors: []MirrorRule{}, Catalogs: []Catalog{}}
	return s, c.persist(ctx, p, func(ctx context.Context) error { return c.readStatus(ctx, s) })
}

func (c *Cluster) readStatus(ctx context.Context, s *Status) (err error) {
	if s.Pool, err = c.pool(ctx, MasterPool); err != nil {
		return fmt.Errorf("machineconfigpool %s: %w", MasterPool, err)
	}
	if s.Nodes, err = c.nodes(ctx, s.Pool); err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	if slices.ContainsFunc(s.Nodes, func(n Node) bool { return n.Draining }) {
		s.TightBudgets = c.tightBudgets(ctx)
	}
	rendered, err := c.rendered(ctx, s.Pool.Current)
	if err != nil {
		return fmt.Errorf("machineconfig %s: %w", s.Pool.Current, err)
	}
	if rendered != nil {
		if s.Mirrors, err = mirrorsInForce(rendered); err != nil {
			return fmt.Errorf("machineconfig %s: %w", s.Pool.Current, err)
		}
	}
	s.Catalogs = []Catalog{}
	for _, kind := range []string{"CatalogSource", "ClusterCatalog"} {
		found, err := c.list(ctx, kinds[kind].gvr)
		if err != nil && !isUnknownResource(err) {
			return fmt.Errorf("%s: %w", kind, err)
		}
		for _, u := range found {
			s.Catalogs = append(s.Catalogs, catalogOf(u))
		}
	}
	return nil
}

func mirrorsInForce(rendered *unstructured.Unstructured) ([]MirrorRule, error) {
	rules := []MirrorRule{}
	files, _, err := ignition(rendered)
	if err != nil {
		return nil, err
	}
	registries, err := parseRegistries(files[registriesPath])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", registriesPath, err)
	}
	for _, r := range registries {
		rules = append(rules, r.rules()...)
	}
	return rules, nil
}

// rules are one for digests and one for tags: a registry's entry has the mirrors
// of both, and a rule for tags leads no digest anywhere.
func (r registry) rules() []MirrorRule {
	digests := MirrorRule{Source: r.source(), Policy: allowContactingSource}
	if r.Blocked {
		digests.Policy = neverContactSource
	}
	tags := digests
	tags.Tags = true
	for _, m := range r.Mirror {
		if m.PullFromMirror == "tag-only" {
			tags.Mirrors = append(tags.Mirrors, m.Location)
		} else {
			digests.Mirrors = append(digests.Mirrors, m.Location)
		}
	}
	return slices.DeleteFunc([]MirrorRule{digests, tags}, func(r MirrorRule) bool { return len(r.Mirrors) == 0 })
}
