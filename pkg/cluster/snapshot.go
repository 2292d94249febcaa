package cluster

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// manyAtOnce is how many requests one step makes at a time.
const manyAtOnce = 8

// snapshot is all that is judged before anything is written. What could not be
// read is a finding already.
type snapshot struct {
	info       Info
	now        time.Time
	ahead      time.Duration
	aheadKnown bool
	serverCert time.Time
	clientCert time.Time
	pool       *Pool // nil when there is none
	workers    int64 // machines of the pool worker
	nodes      []Node
	stats      []nodeSpace
	mirrors    []*unstructured.Unstructured
	image      *unstructured.Unstructured
	hub        *unstructured.Unstructured
	pending    int // signing requests
	findings   []Finding
}

// nodeSpace is a node's answer, or why there is none.
type nodeSpace struct {
	node  string
	stats *NodeStats
	err   error
}

// look reads everything. Its error is one of the connection; a right that is
// missing is a finding.
func (c *Cluster) look(ctx context.Context) (*snapshot, error) {
	s := &snapshot{info: c.Info, now: time.Now(), clientCert: c.clientCert}
	for _, step := range []func(context.Context, *snapshot) error{c.lookAtPool, c.lookAtMirrors, c.lookAtConfig, c.lookAtRequests, c.lookAtSpace} {
		if err := step(ctx, s); err != nil {
			return nil, err
		}
	}
	s.ahead, s.aheadKnown, s.serverCert = c.traffic.read()
	return s, nil
}

// tolerate makes a finding of an answer that says no.
func (s *snapshot) tolerate(what string, err error) error {
	var status apierrors.APIStatus
	if err == nil || apierrors.IsNotFound(err) {
		return nil
	}
	if !errors.As(err, &status) {
		return err
	}
	f := Finding{Object: what, Found: "cannot be read: " + status.Status().Message, Do: "use an account that may read it"}
	s.findings = append(s.findings, f)
	return nil
}

func (c *Cluster) lookAtPool(ctx context.Context, s *snapshot) error {
	p, err := c.pool(ctx, MasterPool)
	if err != nil {
		return s.tolerate("MachineConfigPool/"+MasterPool, err)
	}
	s.pool = &p
	if w, err := c.pool(ctx, "worker"); err == nil {
		s.workers = w.Machines
	}
	s.nodes, err = c.nodes(ctx, p)
	return s.tolerate("Node", err)
}

func (c *Cluster) lookAtMirrors(ctx context.Context, s *snapshot) error {
	for _, name := range []string{"ImageContentSourcePolicy", "ImageDigestMirrorSet", "ImageTagMirrorSet"} {
		found, err := c.list(ctx, kinds[name].gvr)
		if err := s.tolerate(name, err); err != nil {
			return err
		}
		s.mirrors = append(s.mirrors, found...)
	}
	return nil
}

func (c *Cluster) list(ctx context.Context, gvr schema.GroupVersionResource) ([]*unstructured.Unstructured, error) {
	list, err := c.dynamic.Resource(gvr).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var found []*unstructured.Unstructured
	for i := range list.Items {
		found = append(found, &list.Items[i])
	}
	return found, nil
}

func (c *Cluster) lookAtConfig(ctx context.Context, s *snapshot) error {
	for _, what := range []struct {
		object Object
		into   **unstructured.Unstructured
	}{{Object{Kind: "Image", Name: "cluster"}, &s.image}, {Object{Kind: "OperatorHub", Name: "cluster"}, &s.hub}} {
		u, err := c.read(ctx, what.object)
		if err := s.tolerate(what.object.String(), err); err != nil {
			return err
		}
		if err == nil {
			*what.into = u
		}
	}
	return nil
}

// lookAtRequests counts the certificates that nodes wait for. Who may not see
// them is not told of them.
func (c *Cluster) lookAtRequests(ctx context.Context, s *snapshot) error {
	requests, err := c.list(ctx, signingRequests)
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return nil
	}
	for _, r := range requests {
		conditions, _, _ := unstructured.NestedSlice(r.Object, "status", "conditions")
		signer, _, _ := unstructured.NestedString(r.Object, "spec", "signerName")
		if len(conditions) == 0 && strings.HasPrefix(signer, "kubernetes.io/") {
			s.pending++
		}
	}
	return err
}

func (c *Cluster) lookAtSpace(ctx context.Context, s *snapshot) error {
	s.stats = make([]nodeSpace, len(s.nodes))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(manyAtOnce)
	for i, n := range s.nodes {
		g.Go(func() error {
			stats, err := c.NodeStats(ctx, n.Name)
			s.stats[i] = nodeSpace{n.Name, stats, err}
			return ctx.Err()
		})
	}
	return g.Wait()
}
